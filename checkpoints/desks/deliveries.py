"""Delivering: notices leave the outbox when their channel has taken them, and are tried again until then.

A worker takes a notice by moving its next attempt into the future, in a transaction: so two workers do not send it at
once, and one that is killed leaves it to the next. What was delivered just before a kill is delivered again.
"""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from treadle.checkpoints.desks.notices import Notice, Notifier
from treadle.checkpoints.desks.outboxes import introduce
from treadle.checkpoints.savers import SqliteSaver

AT_ONCE = 8
"""Notices on their way at the same time."""

PATIENCE = 60.0
"""Seconds after which a notice that a worker took, and said nothing more of, is taken by another."""

ATTEMPTS = 12
"""Attempts after which a notice goes to the dead letters: with doubling delays about a day after the first."""

FIRST, LONGEST = 2.0, 6 * 3600.0
"""Seconds until the second attempt, and at most between any two."""


@dataclass(frozen=True)
class Courier:
    """Delivers what is in the outbox for these channels."""

    saver: SqliteSaver
    notifiers: Sequence[Notifier]
    attempts: int = ATTEMPTS
    first: float = FIRST

    @property
    def _by_name(self) -> Mapping[str, Notifier]:
        return {one.name: one for one in self.notifiers}

    async def open(self) -> int:
        """Make the channels known to every process on the database; a new one is told what waits already."""
        for name in self._by_name:
            await self.saver.database.awrite(partial(introduce, name=name))
        return len(self._by_name)

    async def go(self) -> int:
        """Send what is to be sent now, and return how many notices were taken by their channels."""
        by_name = self._by_name
        if not by_name or not await self.saver.database.aread(partial(_due, names=tuple(by_name))):
            return 0
        taken = await self.saver.database.awrite(partial(_take, names=tuple(by_name)))
        return sum(await asyncio.gather(*(self._send(one, by_name) for one in taken)))

    async def _send(self, row: sqlite3.Row, by_name: Mapping[str, Notifier]) -> bool:
        try:
            await asyncio.to_thread(by_name[row["channel"]].send, _notice(row))
        except Exception as error:
            told = f"{type(error).__name__}: {error}"[:500]
            await self.saver.database.awrite(partial(_failed, row=row, error=told, delay=self._delay(row)))
            return False
        await self.saver.database.awrite(partial(_delivered, row=row))
        return True

    def _delay(self, row: sqlite3.Row) -> float | None:
        """Seconds until the next attempt, with some chance in them; None if there shall be none."""
        if row["attempts"] >= self.attempts:
            return None
        doubled: float = self.first * 2.0 ** (row["attempts"] - 1)
        return min(doubled, LONGEST) * random.uniform(0.75, 1.25)


def _due(connection: sqlite3.Connection, names: Sequence[str]) -> list[int]:
    """What is to be sent now, the longest waiting first."""
    places = ", ".join("?" * len(names))
    rows = connection.execute(
        f"SELECT id FROM outbox WHERE channel IN ({places}) AND dead_at IS NULL AND next_at <= ?"
        " ORDER BY next_at, id LIMIT ?",
        (*names, time.time(), AT_ONCE),
    )
    return [row["id"] for row in rows]


def _take(connection: sqlite3.Connection, names: Sequence[str]) -> list[sqlite3.Row]:
    later = time.time() + PATIENCE
    taken = "UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE id = ? RETURNING *"
    return [connection.execute(taken, (later, id_)).fetchone() for id_ in _due(connection, names)]


def _delivered(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    connection.execute("DELETE FROM outbox WHERE id = ?", (row["id"],))


def _failed(connection: sqlite3.Connection, row: sqlite3.Row, error: str, delay: float | None) -> None:
    """It is tried again later, or goes to the dead letters; nothing, if another worker has taken it meanwhile."""
    now = time.time()
    connection.execute(
        "UPDATE outbox SET error = ?, next_at = ?, dead_at = ? WHERE id = ? AND attempts = ?",
        (error, now + (delay or 0), now if delay is None else None, row["id"], row["attempts"]),
    )


def _notice(row: sqlite3.Row) -> Notice:
    return Notice(
        id=f"notice_{row['id']}_{int(row['at'] * 1000)}",  # no dots, which separate the parts that are signed
        event=row["event"],
        review=row["interrupt_id"],
        thread_id=row["thread_id"],
        at=row["at"],
        about=json.loads(row["body"]),
    )
