"""``treadle reviews``: what waits for a person."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, Database, Json, Limit, existing
from treadle.commands.printing import age, as_json, many, say, table, told, when

if TYPE_CHECKING:
    from treadle.checkpoints.reviews import Review

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@app.callback()
def reviews(
    ctx: typer.Context,
    search: Annotated[
        str | None, typer.Option("--search", metavar="WORDS", help="Only with these words, or beginnings of them.")
    ] = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="ID", help="Only of this run.")] = None,
    graph: Annotated[str | None, typer.Option("--graph", metavar="NAME", help="Only of this graph.")] = None,
    gate: Annotated[
        str | None, typer.Option("--gate", metavar="NAME", help="Only of this review in the graph.")
    ] = None,
    assign: Annotated[
        str | None, typer.Option("--assign", metavar="WHO", help="Only those assigned to this role.")
    ] = None,
    status: Annotated[str, typer.Option("--status", help="pending, decided, closed, or all.")] = "pending",
    limit: Limit = 50,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """List what waits for a person, most urgent first; `treadle reviews show ID` shows one question whole.

    Example: `treadle reviews --search "liability" --json`
    """
    ctx.default_map = {"show": {"db": db, "json": json}}
    if ctx.invoked_subcommand is not None:
        return
    wanted: dict[str, Any] = {"thread": thread, "graph": graph, "gate": gate, "assign": assign, "search": search}
    found, total = _found(db, wanted | {"status": None if status == "all" else status}, limit)
    if json:
        as_json(found)
        return
    if found:
        _print(found)
    if len(found) < total:
        told(f"{len(found)} of {total}; --limit shows more.")
    told("Decide with `treadle decide ID approve`, or in the page: treadle ui" if found else "Nothing waits.")


def _found(db: Any, wanted: dict[str, Any], limit: int) -> "tuple[list[Review], int]":
    from treadle.checkpoints.reviews import count, pending

    with existing(db) as saver:
        try:
            return pending(saver, **wanted, limit=limit), count(saver, **wanted)
        except ValueError as error:
            raise Mistake(f"{error} Or say --status all.") from None


def _print(found: "list[Review]") -> None:
    now = time.time()
    columns = ("id", "title", "why", "status", "run", "asked", "due")
    table(columns, [_row(review, now) for review in found])


def _row(review: "Review", now: float) -> tuple[Any, ...]:
    title = review.title or review.node
    asked = f"{age(review.asked_at, now)} ago"
    return (review.id[:12], title, review.why, review.status, review.thread_id, asked, when(review.due))


@app.command("show")
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The review's id, or the beginning of it.")],  # noqa: A002
    thread: Annotated[
        str | None, typer.Option("--thread", metavar="ID", help="The run, where several share the id.")
    ] = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Show one question whole: the proposal, its context, and what each answer leads to.

    Example: `treadle reviews show 3f2a`
    """
    from treadle.checkpoints.reviews import review

    with existing(db) as saver:
        found = review(saver, id, thread=thread)
    if json:
        as_json(found)
        return
    from treadle.commands.desks import ask

    ask(found)
    if found.status == "pending":
        told(f"Decide with: treadle decide {found.id[:12]} {_actions(found)}")
    elif found.decision:
        made = found.decision
        say(f"Decided: {made.action} by {made.by}, {when(made.at)}{': ' + made.words if made.words else ''}")
    told(f"Run {found.thread_id}: treadle runs show {found.thread_id}")


def _actions(review: "Review") -> str:
    actions = review.value.get("actions") if isinstance(review.value, dict) else None
    return "|".join(map(str, actions)) if isinstance(actions, list) else "--answer JSON"


def waiting(count: int) -> str:
    """How many wait, as a sentence.

    >>> waiting(1), waiting(3)
    ('1 review waits.', '3 reviews wait.')
    """
    return f"{many(count, 'review')} wait{'s' if count == 1 else ''}."
