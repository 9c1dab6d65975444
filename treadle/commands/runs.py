"""``treadle runs``: what ran, what it did, what it cost."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.causes import cause
from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, Database, Json, Limit, existing
from treadle.commands.printing import age, as_json, table, told

if TYPE_CHECKING:
    from treadle.checkpoints.runs import Run

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@app.callback()
def runs(
    ctx: typer.Context,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only these: running, waiting, decided, done, failed, stalled, parked, direct."),
    ] = None,
    graph: Annotated[str | None, typer.Option("--graph", metavar="NAME", help="Only runs of this graph.")] = None,
    limit: Limit = 50,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """List runs, those that changed last first; `treadle runs show THREAD` tells the story of one.

    Example: `treadle runs --status waiting`
    """
    ctx.default_map = {"show": {"db": db, "json": json}}
    if ctx.invoked_subcommand is not None:
        return
    found = _found(db, status, graph, limit)
    if json:
        as_json(found)
    elif not found:
        told("No runs." if status or graph else "No runs yet: `treadle demo` makes one.")
    else:
        _print(found)


def _found(db: Any, status: Any, graph: str | None, limit: int) -> "list[Run]":
    from treadle.checkpoints.runs import runs as load

    with existing(db) as saver:
        try:
            return load(saver, status=status, graph=graph, limit=limit)
        except ValueError as error:
            raise Mistake(str(error)) from None


def _print(found: "list[Run]") -> None:
    now = time.time()
    columns = ("thread", "graph", "status", "waiting", "steps", "tokens in", "out", "changed", "error")
    table(columns, [_row(run, now) for run in found])


def _row(run: "Run", now: float) -> tuple[Any, ...]:
    changed = f"{age(run.updated_at, now)} ago"
    error = cause(run.error).partition("\n")[0][:100]
    counts = (run.pending or "", run.steps, run.tokens_in, run.tokens_out)
    return (run.thread_id, run.graph or "", run.status, *counts, changed, error)


@app.command("show")
def show(
    thread: Annotated[str, typer.Argument(help="The run's thread id, or the beginning of it.")],
    full: Annotated[bool, typer.Option("--full", help="Print every prompt in full, repeated parts as well.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Tell the whole story of a run: prompts, responses, tokens, seconds, decisions, who and when.

    Example: `treadle runs show contract_review-1f2e3d4c`
    """
    from treadle.commands.stories import story, tell

    with existing(db) as saver:
        found = story(saver, _thread(saver, thread))
    if json:
        as_json(found)
    else:
        tell(found, full=full)


def _thread(saver: Any, start: str) -> str:
    """The one thread id that begins so."""
    from treadle.checkpoints.runs import runs as load

    found = [run.thread_id for run in load(saver, limit=-1) if run.thread_id.startswith(start)]
    if start in found or not found or not start:
        return start
    if len(found) > 1:
        raise Mistake(f"Several runs begin with {start!r}: {', '.join(found[:5])}. Give more of the thread id.")
    return found[0]
