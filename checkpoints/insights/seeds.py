"""Questions whose right answer is known beforehand, to see how carefully people look."""

import json
import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.desks.answers import UNSET, plain
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.reviews import find
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewClosed


@dataclass(frozen=True)
class Seed:
    """A question whose right answer is known."""

    thread_id: str
    interrupt_id: str
    action: str
    value: Any
    """What a right edit gives; UNSET where any will do, or where the right action is no edit."""
    by: str
    at: float

    def right(self, action: str, answer: Any) -> bool:
        """Whether a decision is the right one."""
        if action != self.action:
            return False
        return self.value is UNSET or (isinstance(answer, dict) and answer.get("value") == self.value)


def seed(
    saver: SqliteSaver,
    review_id: str,
    action: str,
    *,
    by: str,
    roles: Collection[str] = (),
    value: Any = UNSET,
    thread: str | None = None,
) -> Seed:
    """Put on record what the right answer to a question is that waits; who reviews it sees nothing of that.

    Start a run with an input whose right answer you know, and say it here. Its decision takes effect like any other, so
    use an input that does no harm. Raises ReviewNotFound, ReviewClosed, NotAllowed (it takes the role of
    operators, where one is named).
    """
    operate(by, roles)
    known = None if value is UNSET else json.dumps(plain(value, what="The right value"), sort_keys=True)

    def work(connection: sqlite3.Connection) -> Seed:
        row = find(connection, review_id, thread)
        if row["status"] != "pending":
            raise ReviewClosed(f"Review {row['interrupt_id']} is decided: say what is right before that.")
        key = {"thread_id": row["thread_id"], "interrupt_id": row["interrupt_id"]}
        at = time.time()
        connection.execute(
            "INSERT OR REPLACE INTO seeds VALUES (:thread_id, :interrupt_id, :action, :value, :by, :at)",
            key | {"action": action, "value": known, "by": by, "at": at},
        )
        note(connection, "seed", by=by, **key)
        return Seed(**key, action=action, value=value, by=by, at=at)

    return saver.database.write(work)


def seeds(saver: SqliteSaver) -> dict[tuple[str, str], Seed]:
    """All questions whose right answer is known, by run and id."""
    return saver.database.read(sown)


def sown(connection: sqlite3.Connection) -> dict[tuple[str, str], Seed]:
    """The same, within a transaction."""
    rows = connection.execute("SELECT * FROM seeds")
    return {(row["thread_id"], row["interrupt_id"]): _seed(row) for row in rows}


def _seed(row: sqlite3.Row) -> Seed:
    value = UNSET if row["value"] is None else json.loads(row["value"])
    return Seed(**{name: row[name] for name in ("thread_id", "interrupt_id", "action", "by", "at")}, value=value)
