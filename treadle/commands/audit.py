"""``treadle audit``: the record of what was decided, and whether it is whole."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from treadle.commands.mistakes import FAILED, Mistake
from treadle.commands.options import DEFAULT, By, Database, Json, Limit, Roles, existing, person
from treadle.commands.printing import as_json, many, say, table, told, when

if TYPE_CHECKING:
    from treadle.checkpoints.desks.audits import Decision
    from treadle.checkpoints.desks.events import Event

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="See and verify what was decided.")


@app.command("verify")
def verify(
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="N:HASH", help="A head that was noted earlier: it must still be in the record."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="N:HASH", help="A head up to which all was verified: read only what follows."),
    ] = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Verify the chain of hashes: a changed, removed or reordered row is named, and the exit code is 1.

    Prints the head of the chain: noted elsewhere and given as `--head` later, it shows that nobody wrote the whole
    record anew. Given as `--since` it saves reading again what was verified then, such as every night; what is changed
    in older rows from then on only a whole verification finds.

    Example: `treadle audit verify`
    """
    from treadle.checkpoints.desks.audits import anchored, tip
    from treadle.checkpoints.desks.audits import verify as problems

    with existing(db) as saver:
        noted = {name: _anchor(name, text) for name, text in (("--head", head), ("--since", since)) if text is not None}
        found = problems(saver, since=noted.get("--since", (0, ""))[0], limit=100)
        lost = {number: None for number, hash_ in noted.values() if not anchored(saver, number, hash_)}
        found += [f"Decision {number} is not the one whose hash was noted." for number in lost]
        seq, hash_ = tip(saver)
    if json:
        as_json({"problems": found, "head": f"{seq}:{hash_}"})
    else:
        for problem in found:
            say(problem)
        say(f"The record of {many(seq, 'decision')} {'is not whole' if found else 'is whole'}. Head: {seq}:{hash_}")
    raise typer.Exit(FAILED if found else 0)


def _anchor(option: str, head: str) -> tuple[int, str]:
    number, _, hash_ = head.partition(":")
    if not number.isdecimal() or not hash_:
        raise Mistake(
            f"{option}: {head!r} is no head: write it as `treadle audit verify` printed it, such as 12:5f3a..."
        )
    return int(number), hash_


@app.command("list")
def list_(
    thread: Annotated[str | None, typer.Option("--thread", metavar="ID", help="Only of this run.")] = None,
    events: Annotated[
        bool, typer.Option("--events", help="What else was done: rules made, second looks, parts removed.")
    ] = False,
    limit: Limit = 50,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """List who decided what and when, newest first.

    Example: `treadle audit list --thread c-17`
    """
    from treadle.checkpoints.desks.audits import decisions
    from treadle.checkpoints.desks.events import events as done

    with existing(db) as saver:
        if events:
            _print(done(saver, thread=thread, limit=limit), _EVENT, _event, json=json)
        else:
            _print(decisions(saver, thread=thread, limit=limit), _DECISION, _decision, json=json)


@app.command("look")
def look(
    id: Annotated[str, typer.Argument(metavar="ID", help="The review's id, or the beginning of it.")],  # noqa: A002
    why: Annotated[str, typer.Option("--why", help="Why it is looked at again.")],
    by: By = None,
    role: Roles = None,
    thread: Annotated[
        str | None, typer.Option("--thread", metavar="ID", help="The run, where several share the id.")
    ] = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Ask again what a run has gone on with: in a new run, from where the old one stood. Both histories stay.

    Example: `treadle audit look 3f2a --why "The cap was raised since"`
    """
    from treadle.checkpoints.ledgers.forks import second_look

    with existing(db, readonly=False) as saver:
        asked = second_look(saver, id, by=person(by), roles=role or (), why=why, thread=thread)
    if json:
        as_json(asked)
    else:
        say(f"{asked.title or asked.node} waits again, in run {asked.thread_id}.")
        told(f"Decide with: treadle decide {asked.id[:12]} --thread {asked.thread_id} ACTION")


@app.command("redact")
def redact(
    fields: Annotated[
        list[str], typer.Argument(metavar="FIELD...", help="Such as email, patient.name, /payload/context/email.")
    ],
    why: Annotated[str, typer.Option("--why", help="Why it is removed; stays on record.")],
    by: By = None,
    role: Roles = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="ID", help="Only of this run.")] = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Remove fields from decisions, questions and traces, for good; the chain stays whole and can be verified.

    Only what is over is touched. `treadle db prune` removes the states of runs, `treadle db compact` rewrites the file.

    Example: `treadle audit redact email --thread c-17 --why "asked for by the customer"`
    """
    from treadle.checkpoints.desks.erasures import redact as remove

    with existing(db, readonly=False) as saver:
        made = remove(saver, fields, by=person(by), roles=role or (), why=why, thread=thread)
    if json:
        as_json(made)
        return
    traces = f", and of {many(made.traces, 'record')} of traces" if made.traces else ""
    say(f"Removed {many(made.parts, 'part')} of {many(made.decisions, 'decision')}{traces}.")
    if made.open:
        told(f"Left alone, since their runs have yet to go on: {', '.join(map(str, made.open))}.")
    if made.bare:
        told(f"Left alone, since an earlier treadle recorded them whole: {', '.join(map(str, made.bare))}.")


@app.command("seed")
def seed(
    id: Annotated[str, typer.Argument(metavar="ID", help="The review's id, or the beginning of it.")],  # noqa: A002
    action: Annotated[str, typer.Argument(help="The right action.")],
    by: By = None,
    role: Roles = None,
    thread: Annotated[
        str | None, typer.Option("--thread", metavar="ID", help="The run, where several share the id.")
    ] = None,
    db: Database = DEFAULT,
) -> None:
    """Put on record what the right answer to a review is that waits, to see how carefully people look.

    Who reviews it sees nothing of that; `treadle insights` counts how often it was decided right. Its decision takes
    effect like any other.

    Example: `treadle audit seed 3f2a reject`
    """
    from treadle.checkpoints.insights import seed as plant

    with existing(db, readonly=False) as saver:
        made = plant(saver, id, action, by=person(by), roles=role or (), thread=thread)
    say(f"Kept: {made.action} is right for review {made.interrupt_id[:12]} of run {made.thread_id}.")


_DECISION = ("number", "when", "by", "action", "reason", "words", "run", "rule")
_EVENT = ("number", "when", "by", "what", "run", "of it")


def _print(found: Sequence[T], columns: Sequence[str], row: Callable[[T], Sequence[object]], *, json: bool) -> None:
    if json:
        as_json(found)
    else:
        table(columns, [row(one) for one in found])


def _decision(one: "Decision") -> tuple[object, ...]:
    return (one.seq, when(one.at), one.by, one.action, one.reason, one.words, one.thread_id, one.rule)


def _event(one: "Event") -> tuple[object, ...]:
    told = {name: part for name, part in one.content.items() if name != "decisions"}
    return (one.seq, when(one.at), one.by, one.kind, one.thread_id, told)
