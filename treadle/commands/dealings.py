"""What a reviewer does with a question besides deciding on it, as commands of ``treadle reviews``."""

from typing import Annotated

import typer

from treadle.commands.options import DEFAULT, By, Database, Id, Json, Roles, Thread, existing, person
from treadle.commands.printing import as_json, say, when


def claim(
    id: Id,  # noqa: A002
    by: By = None,
    role: Roles = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="For how long.")] = 900,
    take: Annotated[bool, typer.Option("--take", help="Take it over from who has it; that is put on record.")] = False,
    thread: Thread = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Have a question for yourself for some time; claiming it again renews that.

    Example: `treadle reviews claim 3f2a --take`
    """
    from treadle.checkpoints import claim as have

    with existing(db, readonly=False) as saver:
        made = have(saver, id, by=person(by), roles=role or (), thread=thread, seconds=seconds, take=take)
    as_json(made) if json else say(f"{made.by} has review {made.interrupt_id[:12]} until {when(made.expires_at)}.")


def release(id: Id, by: By = None, thread: Thread = None, db: Database = DEFAULT, json: Json = False) -> None:  # noqa: A002
    """Give a claim back.

    Example: `treadle reviews release 3f2a`
    """
    from treadle.checkpoints import release as leave

    with existing(db, readonly=False) as saver:
        done = leave(saver, id, by=person(by), thread=thread)
    as_json(done) if json else say("Given back." if done else "You do not have it.")


def comment(
    id: Id,  # noqa: A002
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What you say; empty only with --to.")] = "",
    to: Annotated[
        str | None, typer.Option("--to", metavar="WHO", help="Hand it over to this role or person, on record.")
    ] = None,
    by: By = None,
    role: Roles = None,
    thread: Thread = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Say something about a question to whoever looks at it next, or hand it over.

    Example: `treadle reviews comment 3f2a "The cap is in 9.1" --to finance`
    """
    from treadle.checkpoints.desks.comments import comment as tell

    with existing(db, readonly=False) as saver:
        made = tell(saver, id, words, by=person(by), to=to, roles=role or (), thread=thread)
    as_json(made) if json else say(f"Recorded: a comment by {made.by}{f', handed over to {to}' if to else ''}.")


def withdraw(
    id: Id,  # noqa: A002
    by: By = None,
    role: Roles = None,
    words: Annotated[str | None, typer.Option("--words", help="Why.")] = None,
    thread: Thread = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Take a decision of yours back, as long as the question allows and the run has not gone on.

    Example: `treadle reviews withdraw 3f2a --words "wrong contract"`
    """
    from treadle.checkpoints import withdraw as undo

    with existing(db, readonly=False) as saver:
        made = undo(saver, id, by=person(by), roles=role or (), words=words, thread=thread)
    as_json(made) if json else say(f"Taken back: {made.content['action']}. The question waits again.")


def again(
    id: Id,  # noqa: A002
    why: Annotated[str, typer.Option("--why", help="Why it is looked at again; goes on record.")],
    by: By = None,
    role: Roles = None,
    thread: Thread = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Ask a question again whose answer the run has gone on with: in a run of its own, the old one stays as it is.

    Example: `treadle reviews again 3f2a --why "The cap was raised since"`
    """
    from treadle.checkpoints.ledgers.forks import second_look

    with existing(db, readonly=False) as saver:
        made = second_look(saver, id, by=person(by), roles=role or (), why=why, thread=thread)
    as_json(made) if json else say(f"It waits again: review {made.id[:12]} of the new run {made.thread_id}.")
