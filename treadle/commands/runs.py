"""``treadle runs``: what ran, what it did, what it cost."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.causes import cause
from treadle.commands.mistakes import Mistake, code
from treadle.commands.options import DEFAULT, By, Database, Graphs, Json, Limit, Roles, advanced, existing, person
from treadle.commands.printing import age, as_json, say, table, told

if TYPE_CHECKING:
    from treadle.checkpoints.runs import Run

FAILED = ("failed", "parked", "stalled")
"""Runs that are tried again where they are."""

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
    ctx.default_map = {name: {"db": db, "json": json} for name in ("show", "again")}
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


@app.command("again")
def again(
    thread: Annotated[str, typer.Argument(help="The run's thread id, or the beginning of it.")],
    why: Annotated[str | None, typer.Option("--why", help="Why; goes on record.")] = None,
    by: By = None,
    role: Roles = None,
    advance: Annotated[bool, typer.Option("--advance", help="Take the run on at once, here.")] = False,
    db: Database = DEFAULT,
    graphs: Graphs = None,
    json: Json = False,
) -> None:
    """Have what failed run again: a failed run where it stopped, the failed branches of one that went on in a new run.

    The new run keeps what the other branches gave; what comes after the fan-out is done again there, with its effects.

    Example: `treadle runs again contract_review-1f2e3d4c --why "The service is back"`
    """
    from treadle.checkpoints.ledgers.reruns import rerun
    from treadle.checkpoints.ledgers.retries import again as retry
    from treadle.checkpoints.runs import run as load

    who: dict[str, Any] = {"by": person(by), "roles": role or ()}
    with existing(db, readonly=False) as saver:
        found = load(saver, _thread(saver, thread))
        failed = found.status in FAILED
        made = retry(saver, found.thread_id, **who) if failed else rerun(saver, found.thread_id, why=why, **who)
        if advance:
            made = advanced(saver, graphs, made.thread_id)
    if json:
        as_json(made)
        return
    say(f"The run {made.thread_id} {'is tried again' if failed else 'has the failed branches run again'}.")
    told(f"It is {made.status}." if advance else "A worker takes it on (`treadle ui`, `treadle worker`), or --advance.")
    if advance:
        raise typer.Exit(code(made.status))


def _thread(saver: Any, start: str) -> str:
    """The one thread id that begins so."""
    from treadle.checkpoints.runs import runs as load

    found = [run.thread_id for run in load(saver, limit=-1) if run.thread_id.startswith(start)]
    if start in found or not found or not start:
        return start
    if len(found) > 1:
        raise Mistake(f"Several runs begin with {start!r}: {', '.join(found[:5])}. Give more of the thread id.")
    return found[0]
