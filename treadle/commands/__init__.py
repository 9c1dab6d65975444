"""The command line: every command is a module beside this one."""

import atexit
import gc
import io
import logging
import sys
from typing import Annotated

import typer

from treadle.commands import (
    audit,
    db,
    decide,
    demo,
    doctor,
    export,
    graph,
    insights,
    models,
    notices,
    reviews,
    rules,
    run,
    runs,
    ui,
    versions,
    worker,
)  # fmt: skip
from treadle.commands.mistakes import CODES, STOPPED, Guarded, stopped

app = typer.Typer(
    cls=Guarded,
    name="treadle",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog=CODES,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.add_typer(runs.app, name="runs")
app.add_typer(reviews.app, name="reviews")
app.command("decide")(decide.decide)
app.add_typer(rules.app, name="rules")
app.add_typer(audit.app, name="audit")
app.command("insights")(insights.insights)
app.command("export")(export.export)
app.command("worker")(worker.worker)
app.command("notices")(notices.notices)
app.command("ui")(ui.ui)
app.command("graph")(graph.graph)
app.add_typer(versions.app, name="versions")
app.add_typer(models.app, name="models")
app.add_typer(db.app, name="db")
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"treadle {version('treadle')}")
        raise typer.Exit


@app.callback()
def treadle(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Chains, fan-outs and human review as ordinary LangGraph graphs, with a desk for reviewers.

    Begin with `treadle demo`: it reviews a contract, with no account and no network.
    """


def main() -> None:
    """Run the command line."""
    gc.set_threshold(50_000)  # what is loaded stays: to look through it for waste, again and again, is a third of a
    atexit.register(gc.freeze)  # command's time, the last look at its end
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries remark on is not for this reader
    for stream in (sys.stdout, sys.stderr):  # a model's answer may hold what is no character here, such as half of one
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="treadle")
    except KeyboardInterrupt:  # outside of any command, such as while the help is printed
        stopped()
        sys.exit(STOPPED)
