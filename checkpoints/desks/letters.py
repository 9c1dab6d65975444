"""What is in the outbox: notices that wait for their channel, and the dead letters, which no worker sends any more."""

import sqlite3
import time
from dataclasses import dataclass, fields

from treadle.checkpoints.savers import SqliteSaver


@dataclass(frozen=True)
class Letter:
    """A notice that its channel has not taken; times are seconds since 1970, UTC."""

    id: int
    channel: str
    event: str
    thread_id: str
    interrupt_id: str
    at: float
    """When it happened."""
    attempts: int
    next_at: float
    error: str | None
    """Why the last attempt failed."""
    dead_at: float | None
    """Since when it is not sent any more; None while it is."""


_COLUMNS = ", ".join(field.name for field in fields(Letter))


def letters(saver: SqliteSaver, *, dead: bool | None = None, limit: int = 100) -> list[Letter]:
    """The notices that are on their way (``dead=False``), the dead letters (True), or both; the oldest first."""
    where = {None: "1", True: "dead_at IS NOT NULL", False: "dead_at IS NULL"}[dead]
    query = f"SELECT {_COLUMNS} FROM outbox WHERE {where} ORDER BY id LIMIT ?"
    return saver.database.read(lambda connection: [Letter(**row) for row in connection.execute(query, (limit,))])


def resend(saver: SqliteSaver, id: int | None = None) -> int:  # noqa: A002
    """Send a dead letter, or all of them, again from now on; how many."""

    def work(connection: sqlite3.Connection) -> int:
        return connection.execute(
            "UPDATE outbox SET dead_at = NULL, attempts = 0, next_at = ?"
            " WHERE dead_at IS NOT NULL AND id = ifnull(?, id)",
            (time.time(), id),
        ).rowcount

    return saver.database.write(work)


def forget(saver: SqliteSaver, channel: str) -> int:
    """Tell a channel nothing any more, and drop what was on its way to it; how many notices those were."""

    def work(connection: sqlite3.Connection) -> int:
        connection.execute("DELETE FROM channels WHERE name = ?", (channel,))
        return connection.execute("DELETE FROM outbox WHERE channel = ?", (channel,)).rowcount

    return saver.database.write(work)
