"""``treadle notices``: what the channels have not taken."""

from typing import Annotated

import typer

from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, Database, Json, Limit, existing
from treadle.commands.printing import as_json, many, say, table, told, when


def notices(
    dead: Annotated[bool, typer.Option("--dead", help="Only the dead letters, which are not sent any more.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send the dead letters again.")] = False,
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="CHANNEL", help="Tell a channel nothing any more.")
    ] = None,
    limit: Limit = 50,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """List the notices that wait for their channel, and those that it never took.

    A channel is made by `treadle worker --notify`, and stays until it is forgotten.

    Example: `treadle notices --dead --resend`
    """
    from treadle.checkpoints.desks import letters

    if resend and forget is not None:
        raise Mistake("Say --resend or --forget, not both.")
    if resend or forget is not None:
        with existing(db, readonly=False) as saver:
            done = letters.resend(saver) if forget is None else letters.forget(saver, forget)
        say(f"{many(done, 'notice')} {'sent again from now on' if resend else 'dropped'}.")
        return
    with existing(db) as saver:
        found = letters.letters(saver, dead=dead or None, limit=limit)
    if json:
        as_json(found)
        return
    if found:
        columns = ("id", "channel", "event", "run", "at", "attempts", "next", "error")
        table(
            columns,
            [
                (one.id, one.channel, one.event, one.thread_id, when(one.at), one.attempts,
                 "dead" if one.dead_at else when(one.next_at), one.error)
                for one in found
            ],
        )  # fmt: skip
    told("A worker sends them: treadle worker --notify" if found else "Nothing is on its way.")
