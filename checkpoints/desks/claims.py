"""Claims: one reviewer has a question before them, so that no other works on it at the same time."""

import sqlite3
import time
from collections.abc import Collection
from typing import Any

from treadle.checkpoints.desks import outboxes
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.panels import same
from treadle.checkpoints.disks.clocks import TOLERANCE, moment
from treadle.checkpoints.reviews import Claim, claimed, find, panel_of
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ClaimHeld, ReviewClosed

__all__ = ["Claim", "claim", "release"]

SECONDS = 120.0
"""How long a claim outlives the last sign of the page that made it."""


def claim(
    saver: SqliteSaver,
    review_id: str,
    *,
    by: str,
    roles: Collection[str] = (),
    thread: str | None = None,
    seconds: float = SECONDS,
    take: bool = False,
) -> Claim:
    """Have a question for oneself for so many seconds; claiming it again renews that.

    While a claim lasts nobody else can decide, but anyone who may decide can ``take`` it over, which is put on record
    and told to the channels. Where several people vote on a question a claim keeps nobody from voting.

    Raises ClaimHeld (who has it, until when), NotAllowed, ReviewClosed, ReviewNotFound.
    """

    def work(connection: sqlite3.Connection) -> Claim:
        row = find(connection, review_id, thread)
        if row["status"] != "pending":
            raise ReviewClosed(f"Review {row['interrupt_id']} waits for nobody any more: it is {row['status']}.")
        panel_of(row).admit(by, roles)
        now, held = time.time(), claimed(connection, row["thread_id"], row["interrupt_id"])
        other = held is not None and not same(held.by, by) and live(held)
        if held is not None and other:
            _over(connection, row, held, by, take=take)
        begun = held.at if held is not None and same(held.by, by) else now
        made = Claim(row["thread_id"], row["interrupt_id"], by, begun, now + seconds)
        connection.execute(
            'INSERT OR REPLACE INTO claims (thread_id, interrupt_id, "by", at, expires_at) VALUES (?, ?, ?, ?, ?)',
            (made.thread_id, made.interrupt_id, made.by, made.at, made.expires_at),
        )
        return made

    return saver.database.write(work)


def release(saver: SqliteSaver, review_id: str, *, by: str, thread: str | None = None) -> bool:
    """Give a claim back; False if it was not this person's (any more)."""

    def work(connection: sqlite3.Connection) -> bool:
        row = find(connection, review_id, thread)
        held = claimed(connection, row["thread_id"], row["interrupt_id"])
        if held is None or not same(held.by, by):
            return False
        drop(connection, row["thread_id"], row["interrupt_id"])
        return True

    return saver.database.write(work)


def drop(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> list[dict[str, Any]]:
    """Nobody has this question before them any more; who had it until now, as plain data."""
    rows = connection.execute(
        'DELETE FROM claims WHERE thread_id = ? AND interrupt_id = ? RETURNING "by", at, expires_at',
        (thread_id, interrupt_id),
    )
    return [dict(row) for row in rows]


def admit(connection: sqlite3.Connection, row: sqlite3.Row, by: str) -> None:
    """Raise ClaimHeld, inside the transaction of a decision, if somebody else has the question before them."""
    held = claimed(connection, row["thread_id"], row["interrupt_id"])
    if held is not None and not same(held.by, by) and live(held):
        raise ClaimHeld(_held(held))


def live(held: Claim) -> bool:
    """Whether the claim lasts, on whichever clock it was made."""
    return held.expires_at + TOLERANCE > time.time()


def _over(connection: sqlite3.Connection, row: sqlite3.Row, held: Claim, by: str, *, take: bool) -> None:
    """Take a claim that somebody else holds, on record; ClaimHeld if that was not asked for."""
    if not take:
        raise ClaimHeld(_held(held))
    key = {"thread_id": held.thread_id, "interrupt_id": held.interrupt_id}
    note(connection, "takeover", by=by, **key, before=held.by, until=held.expires_at)
    outboxes.post(connection, "taken_over", row, by=by, before=held.by)


def _held(held: Claim) -> str:
    return (
        f"{held.by} has claimed review {held.interrupt_id} of run {held.thread_id} until {moment(held.expires_at)}:"
        " leave it to them, or take the claim over, which is put on record. Nothing was stored."
    )
