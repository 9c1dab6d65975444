"""The sweep: enacts the deadlines that have passed, each exactly once, by whichever worker comes first.

Each is a compare-and-set on its own row, in the transaction of what follows from it; so neither two workers nor a
worker that is killed can enact one twice, or by half. Clocks may be apart: a sweep waits until a deadline has passed by
more than ``TOLERANCE``, so that no clock within it, of whoever asked or of the worker, lets a default come before the
time that a reviewer was shown. Until the default is recorded, a person's decision wins.
"""

import json
import sqlite3
import time
from functools import partial
from typing import Any

from treadle.checkpoints.desks import outboxes
from treadle.checkpoints.desks.answers import check, compose, sayable
from treadle.checkpoints.desks.deadlines import DUE, WARN
from treadle.checkpoints.desks.enactments import enact
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.feedbacks import changed, feedback
from treadle.checkpoints.desks.panels import chain
from treadle.checkpoints.disks.clocks import TOLERANCE
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import AnswerInvalid

DEFAULT = "deadline"
"""Who decided, where the safe default of a question was applied."""

BATCH = 200
"""Deadlines looked at in one sweep; each is enacted in a transaction of its own."""

_PASSED = (
    "SELECT d.thread_id, d.interrupt_id, d.step FROM deadlines d JOIN reviews r ON r.thread_id = d.thread_id"
    " AND r.interrupt_id = d.interrupt_id WHERE d.enacted_at IS NULL AND d.at <= ? AND r.status = 'pending'"
    f" ORDER BY d.at LIMIT {BATCH}"
)


async def sweep(saver: SqliteSaver, *, tolerance: float = TOLERANCE) -> int:
    """Enact what has passed by more than ``tolerance`` seconds; how many deadlines that were."""
    before = time.time() - tolerance
    passed = await saver.database.aread(lambda connection: connection.execute(_PASSED, (before,)).fetchall())
    return sum([await saver.database.awrite(partial(_enact, key=tuple(row))) for row in passed])


def _enact(connection: sqlite3.Connection, key: tuple[str, str, str]) -> bool:
    """One deadline, inside a transaction; False if another worker was first, or a person decided."""
    row = connection.execute(
        "SELECT * FROM reviews WHERE thread_id = ? AND interrupt_id = ? AND status = 'pending'", key[:2]
    ).fetchone()
    if row is None or not _mine(connection, key):
        return False
    if key[2] == WARN:
        outboxes.post(connection, "warned", row)
    elif key[2] == DUE:
        _due(connection, row)
    else:
        _escalate(connection, row)
    return True


def _mine(connection: sqlite3.Connection, key: tuple[str, str, str]) -> bool:
    """Whether this worker is the first to enact the deadline: a compare-and-set."""
    done = connection.execute(
        "UPDATE deadlines SET enacted_at = ? WHERE thread_id = ? AND interrupt_id = ? AND step = ?"
        " AND enacted_at IS NULL",
        (time.time(), *key),
    )
    return done.rowcount == 1


def _escalate(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    """The question goes to the next role of its chain, which may decide on it from now on."""
    to = chain(json.loads(row["value"]))[row["escalations"]]["to"]
    connection.execute("UPDATE reviews SET assign = ?, escalations = escalations + 1 WHERE seq = ?", (to, row["seq"]))
    key = {"thread_id": row["thread_id"], "interrupt_id": row["interrupt_id"]}
    note(connection, "escalation", by=DEFAULT, **key, before=row["assign"], to=to)
    outboxes.post(connection, "escalated", row, to=to)


def _due(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    """The due time has passed: the question's safe default is its answer, if it has one that fits."""
    question = json.loads(row["value"])
    default = question.get("default") if isinstance(question, dict) else None
    if not isinstance(default, dict):
        outboxes.post(connection, "due", row)
        return
    try:
        content = _content(row, question, default)
    except AnswerInvalid as error:
        problem = f"It is overdue, and its default could not be applied. {error}"
        connection.execute("UPDATE reviews SET problem = ? WHERE seq = ?", (problem, row["seq"]))
        outboxes.post(connection, "due", row, problem=problem)
        return
    enact(connection, row, content, "defaulted")


def _content(row: sqlite3.Row, question: Any, default: dict[str, Any]) -> dict[str, Any]:
    """The default as a decision's columns, checked as a person's answer is."""
    own = {"by": DEFAULT, "at": time.time()}
    schema = json.loads(row["schema"] or "null")
    answer = compose(question, schema, {**default, **own, "digest": row["digest"]})
    check(answer, schema)
    said = feedback(question, default) | {"words": default.get("words"), "edits": changed(question, answer)}
    content = {"action": default.get("action"), "answer": answer, **said, **own, "client": "worker"}
    sayable(content)
    return content
