"""``treadle reviews``: what waits for a person."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.dealings import again, claim, comment, release, withdraw
from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, By, Database, Id, Json, Limit, Thread, existing, person
from treadle.commands.printing import age, as_json, many, say, table, told, when

if TYPE_CHECKING:
    from treadle.checkpoints import Decision
    from treadle.checkpoints.reviews import Review

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")

NAMES = ("show", "votes", "claim", "release", "comment", "withdraw", "again")


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
    given = {"db": db, "json": json}
    ctx.default_map = dict.fromkeys(NAMES, given)
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
    status = f"{review.claim.by} has it" if review.claim and review.claim.expires_at > now else review.status
    return (review.id[:12], title, review.why, status, review.thread_id, asked, when(review.due))


@app.command("show")
def show(
    id: Id,  # noqa: A002
    thread: Thread = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Show one question whole: the proposal, its context, and what each answer leads to.

    Example: `treadle reviews show 3f2a`
    """
    from treadle.checkpoints.desks.comments import comments
    from treadle.checkpoints.reviews import review

    with existing(db) as saver:
        found = review(saver, id, thread=thread)
        said = comments(saver, found.id, thread=found.thread_id)
    if json:
        as_json(found)
        return
    from treadle.commands.desks import ask

    ask(found)
    for one in said:
        say(f"{one.by}{f', handing over to {one.to}' if one.to else ''}: {one.words}", style="dim")
    if found.status == "pending":
        told(f"Decide with: treadle decide {found.id[:12]} {_actions(found)}")
    elif found.decision:
        made = found.decision
        say(f"Decided: {made.action} by {made.by}, {when(made.at)}{': ' + made.words if made.words else ''}")
    told(f"Run {found.thread_id}: treadle runs show {found.thread_id}")


def _actions(review: "Review") -> str:
    from treadle.checkpoints.desks.askers import verbs

    actions = review.value.get("actions") if isinstance(review.value, dict) else None
    named = actions if isinstance(actions, list) else verbs(review.value, review.schema)
    return "|".join(map(str, named)) or "--answer JSON"


@app.command("votes")
def votes(id: Id, by: By = None, thread: Thread = None, db: Database = DEFAULT, json: Json = False) -> None:  # noqa: A002
    """Show the votes on a question that several must agree on; in a blind round only your own.

    Example: `treadle reviews votes 3f2a`
    """
    from treadle.checkpoints import votes as count

    with existing(db) as saver:
        tally = count(saver, id, by=person(by), thread=thread)
    if json:
        as_json(tally)
        return
    if tally.votes:
        table(("by", "action", "words", "at"), [_vote(vote) for vote in tally.votes])
    state = "one more person, who has not voted, must decide" if tally.adjudicating else f"{tally.quorum} must agree"
    told(f"{many(len(tally.votes), 'vote')}; {state}.")


def _vote(vote: "Decision") -> tuple[Any, ...]:
    hidden = vote.answer is None
    return vote.by, "(hidden)" if hidden else vote.action, vote.words, when(vote.at)


for _command in (claim, release, comment, withdraw, again):
    app.command(_command.__name__)(_command)


def waiting(count: int) -> str:
    """How many wait, as a sentence.

    >>> waiting(1), waiting(3)
    ('1 review waits.', '3 reviews wait.')
    """
    return f"{many(count, 'review')} wait{'s' if count == 1 else ''}."
