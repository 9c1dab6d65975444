"""The rows of the review queue, written in the transactions that store what LangGraph does.

An interrupt is written by the task that asked, and again by each task around it. The innermost one makes the row of
``reviews``; every one makes a row of ``waits``. A question is over when a task that waits for it writes a result, asks
something else instead, or when a later checkpoint is put in a namespace where one waits.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from treadle.checkpoints.desks import confirmations, deadlines, gatherings, outboxes
from treadle.checkpoints.desks.chains import last
from treadle.checkpoints.desks.panels import number, panel
from treadle.checkpoints.desks.plains import plain, words
from treadle.checkpoints.layouts.spaces import Place
from treadle.dialects import own
from treadle.digests import digest

CHANGED = "The state was changed after this had been decided on: please decide again."
"""Why an answer is not carried out that was given before somebody changed the state."""

CONTROL = frozenset(("__interrupt__", "__resume__", "__error__", "__error_source_node__", "__scheduled__"))
"""Channels that tell what happened to a task, not what it produced."""


def ask(
    connection: sqlite3.Connection,
    place: Place,
    interrupts: Iterable[Any],
    task_id: str,
    node: str,
    answers: int,
    *,
    missing: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A task waits for these interrupts: queue those that it is the innermost to wait for.

    ``answers`` counts the answers that the task has had already, as far as they are stored: LangGraph may store an
    answer after the question that followed it. ``missing``: the checkpoints, by namespace, without which nobody is to
    be asked yet.
    """
    asked = list(interrupts)
    answers = max(answers, _drop_others(connection, place, task_id, {one.id for one in asked}))
    for one in asked:
        connection.execute(
            "INSERT INTO waits (thread_id, ns, task_id, interrupt_id, checkpoint_id) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET checkpoint_id = excluded.checkpoint_id",
            (place.thread_id, place.ns, task_id, one.id, place.id),
        )
        _queue(connection, place, one, task_id, node, answers, missing)
    # Somebody invoked the graph once more, beside the runner: what is decided is to be taken up by a worker again.
    again = "UPDATE runs SET status = 'direct', finished_at = NULL WHERE thread_id = ? AND status = 'done'"
    connection.execute(again, (place.thread_id,))


def inquire(connection: sqlite3.Connection, place: Place, question: Any, task_id: str, node: str) -> None:
    """A task asks and goes on: queue its question, once however often the task is run."""
    key = (place.thread_id, question.id)
    if connection.execute("SELECT 1 FROM reviews WHERE thread_id = ? AND interrupt_id = ?", key).fetchone() is None:
        _queue(connection, place, question, task_id, node, 0, {})
        connection.execute("UPDATE reviews SET holds = 0 WHERE thread_id = ? AND interrupt_id = ?", key)


def _drop_others(connection: sqlite3.Connection, place: Place, task_id: str, ids: set[str]) -> int:
    """What the task asked before and asks no more is answered; returns how many answers that makes."""
    gone = [id_ for id_ in _waited(connection, place, task_id) if id_ not in ids]
    before = [
        connection.execute(
            "SELECT max(answers) FROM reviews WHERE thread_id = ? AND interrupt_id = ?", (place.thread_id, id_)
        ).fetchone()[0]
        for id_ in gone
    ]
    close(connection, place.thread_id, gone)
    return max((count + 1 for count in before if count is not None), default=0)


def _queue(
    connection: sqlite3.Connection,
    place: Place,
    interrupt: Any,
    task_id: str,
    node: str,
    answers: int,
    missing: Mapping[str, str],
) -> None:
    row = connection.execute(
        "SELECT seq, thread_id, interrupt_id, ns, digest, status FROM reviews WHERE thread_id = ? AND interrupt_id = ?",
        (place.thread_id, interrupt.id),
    ).fetchone()
    if row is not None and row["ns"] != place.ns and inside(row["ns"], place.ns):
        return
    columns = _columns(interrupt) | {
        "ns": place.ns,
        "path": _path(place.ns),
        "node": node,
        "checkpoint_id": place.id,
        "task_id": task_id,
        "status": "closed" if missing else "pending",
        "rests": json.dumps(missing) if missing else None,
    }
    columns["closed_at"] = columns["asked_at"] if missing else None
    if row is None:
        columns |= {"thread_id": place.thread_id, "interrupt_id": interrupt.id, "answers": answers}
        columns |= {"problem": _overtaken(connection, columns)}
        _insert(connection, columns)
    else:
        _again(connection, row, columns | {"answers": answers})


def inside(ns: str, outer: str) -> bool:
    """Whether a namespace is another one or lies in it.

    >>> inside("a:1|b:2", "a:1"), inside("a:12", "a:1"), inside("a:1", "")
    (True, False, True)
    """
    return not outer or ns == outer or ns.startswith(outer + "|")


def _insert(connection: sqlite3.Connection, columns: dict[str, Any]) -> None:
    connection.execute(
        f"INSERT INTO reviews ({', '.join(columns)}, since, graph, fingerprint)"
        f" SELECT {', '.join('?' * len(columns))}, ?, max(graph), max(fingerprint) FROM runs WHERE thread_id = ?",
        (*columns.values(), last(connection, "decisions")[0], columns["thread_id"]),
    )
    if columns["rests"] is None:
        opened(connection, columns["thread_id"], columns["interrupt_id"])


def opened(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> None:
    """A question has come, or come in other words: its times begin, and whoever is to be told is told."""
    row = connection.execute(
        "SELECT * FROM reviews WHERE thread_id = ? AND interrupt_id = ?", (thread_id, interrupt_id)
    ).fetchone()
    deadlines.plan(connection, row)
    outboxes.post(connection, "asked", row)


def _again(connection: sqlite3.Connection, row: sqlite3.Row, columns: dict[str, Any]) -> None:
    """The question is asked once more: a decision holds if it was made on what is shown now, and is not used up."""
    same = row["digest"] == columns["digest"] and row["status"] != "closed"
    if same:
        kept = ("due", "asked_at", "value", "text", "schema", "assign", "veiled", "status", "rests", "closed_at")
        columns = {name: value for name, value in columns.items() if name not in kept}
    else:
        columns |= {"problem": None, "since": last(connection, "decisions")[0]}
        columns |= {"escalations": 0, "held_until": None, "taken_at": None}
    connection.execute(
        f"UPDATE reviews SET {', '.join(f'{name} = ?' for name in columns)} WHERE seq = ?",
        (*columns.values(), row["seq"]),
    )
    if not same and columns["rests"] is None:
        opened(connection, row["thread_id"], row["interrupt_id"])


def confirm(connection: sqlite3.Connection, place: Place) -> None:
    """A checkpoint came after questions that rest on it: those that lack nothing more are in the queue now."""
    for interrupt_id in confirmations.confirm(connection, place):
        opened(connection, place.thread_id, interrupt_id)


def _columns(interrupt: Any) -> dict[str, Any]:
    """What the queue shows of an interrupt; more of one whose value is a question of treadle's."""
    given, now = plain(interrupt.value), time.time()
    value = own(given)
    schema = getattr(interrupt, "response_schema", None)
    return _question(value, now) | {
        "value": json.dumps(value, ensure_ascii=False),
        "schema": json.dumps(plain(schema), ensure_ascii=False) if isinstance(schema, Mapping) else None,
        "digest": digest(value),
        "text": words(value),
        "together": gatherings.kept(given),
        "asked_at": now,
    }


def _question(value: Any, now: float) -> dict[str, Any]:
    """The columns that a dict names itself, whoever made it."""
    asked = value if isinstance(value, dict) else {}
    due, due_in = asked.get("due"), asked.get("due_in")
    if not number(due) and number(due_in):
        due = now + float(due_in or 0)
    return {
        **{name: text if isinstance(text := asked.get(name), str) else None for name in _TEXTS},
        "priority": float(asked["priority"]) if number(asked.get("priority")) else 0,
        "due": float(due or 0) if number(due) else None,
        "veiled": panel(asked).blind and panel(asked).many,
    }


_TEXTS = ("gate", "title", "why", "assign")


def close(connection: sqlite3.Connection, thread_id: str, ids: Sequence[str]) -> None:
    """These questions are over, and nothing waits for them; what was decided about them is applied."""
    now = time.time()
    for id_ in ids:
        row = connection.execute(
            "SELECT seq, status, rests FROM reviews WHERE thread_id = ? AND interrupt_id = ?", (thread_id, id_)
        ).fetchone()
        for table in ("waits", "claims", "deadlines"):
            connection.execute(f"DELETE FROM {table} WHERE thread_id = ? AND interrupt_id = ?", (thread_id, id_))
        if row is None or (row["status"] == "closed" and row["rests"] is None):
            continue
        query = "UPDATE reviews SET status = 'closed', closed_at = ?, rests = NULL WHERE seq = ?"
        connection.execute(query, (now, row["seq"]))
        if row["status"] == "decided":
            connection.execute(
                "UPDATE decisions SET applied_at = ? WHERE seq ="  # an earlier one was refused by the graph
                " (SELECT max(seq) FROM decisions WHERE thread_id = ? AND interrupt_id = ? AND kind IS NULL)",
                (now, thread_id, id_),
            )


def finish(connection: sqlite3.Connection, place: Place, task_id: str) -> None:
    """A task wrote a result: what it waited for is over."""
    close(connection, place.thread_id, _waited(connection, place, task_id))


def fail(connection: sqlite3.Connection, place: Place, task_id: str, answers: int) -> None:
    """A task failed: what it had its answer for is over, what it failed to ask again still stands."""
    for id_ in _waited(connection, place, task_id):
        row = connection.execute(
            "SELECT answers, task_id FROM reviews WHERE thread_id = ? AND interrupt_id = ?", (place.thread_id, id_)
        ).fetchone()
        if row is not None and row["task_id"] == task_id and answers > row["answers"]:
            close(connection, place.thread_id, [id_])


def advance(connection: sqlite3.Connection, place: Place, *, changed: bool = False) -> None:
    """A checkpoint was put: what waited at an earlier one of its namespace, or inside of that, is over.

    Where somebody `changed` the state from outside, what was decided before is not carried out: it is asked anew.

    An earlier one, not another one: the put of a checkpoint may come after the interrupts of the next. Inside as well:
    a subgraph may have asked in a process that was killed before it stored the step that called the subgraph.
    """
    thread_id, ns, id_ = place
    start, end = confirmations.inside(ns)
    rows = connection.execute(
        "SELECT interrupt_id FROM waits WHERE thread_id = ? AND ns = ? AND checkpoint_id < ?"
        " UNION SELECT interrupt_id FROM waits WHERE thread_id = ? AND ns >= ? AND ns < ? AND checkpoint_id < ?",
        (thread_id, ns, id_, thread_id, start, end, id_),
    ).fetchall()
    ids = [row[0] for row in rows]
    if changed:
        from treadle.checkpoints.ledgers.settlements import refuse  # the record knows the saver, which knows the queue

        refuse(connection, thread_id, _decided(connection, thread_id, ids), CHANGED, status="closed")
    close(connection, thread_id, ids)


def _decided(connection: sqlite3.Connection, thread_id: str, ids: Sequence[str]) -> list[str]:
    query = "SELECT 1 FROM reviews WHERE thread_id = ? AND interrupt_id = ? AND status = 'decided'"
    return [id_ for id_ in ids if connection.execute(query, (thread_id, id_)).fetchone()]


def _overtaken(connection: sqlite3.Connection, columns: Mapping[str, Any]) -> str | None:
    """Why a question is asked again that the same gate had asked before the state was changed under its answer.

    Each such question is asked again once, so the one before no longer says so.
    """
    row = connection.execute(
        "UPDATE reviews SET problem = NULL WHERE seq = (SELECT max(seq) FROM reviews WHERE thread_id = :thread_id"
        " AND status = 'closed' AND problem IS NOT NULL AND problem = :changed"
        " AND path = :path AND gate IS :gate AND node = :node) RETURNING seq",
        {**columns, "changed": CHANGED},
    ).fetchone()
    return CHANGED if row is not None else None


def waiting(connection: sqlite3.Connection, place: Place) -> bool:
    """Whether any task of a namespace waits."""
    found = connection.execute("SELECT 1 FROM waits WHERE thread_id = ? AND ns = ? LIMIT 1", place[:2]).fetchone()
    return found is not None


def _waited(connection: sqlite3.Connection, place: Place, task_id: str) -> list[str]:
    rows = connection.execute(
        "SELECT interrupt_id FROM waits WHERE thread_id = ? AND ns = ? AND task_id = ?",
        (place.thread_id, place.ns, task_id),
    )
    return [row[0] for row in rows]


def _path(ns: str) -> str:
    """The names of a namespace without ids; those with two underscores before them are wiring, and left out."""
    names = (part.partition(":")[0] for part in ns.split("|"))
    return "|".join(name for name in names if not name.startswith("__"))
