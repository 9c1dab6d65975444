"""Questions that are in the queue and not in the run, or the reverse, or that a bad answer wedged."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from treadle.checkpoints.care.findings import Ailment, named
from treadle.checkpoints.desks import queues
from treadle.checkpoints.layouts.spaces import Place
from treadle.checkpoints.layouts.writes import written
from treadle.checkpoints.ledgers import forks
from treadle.checkpoints.reviews import find
from treadle.checkpoints.savers import SqliteSaver


def wedged(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    """Answers of a wrong shape to questions without a schema: stored before the node failed on them."""
    rows = connection.execute(
        "SELECT r.*, runs.error FROM runs JOIN reviews r ON r.thread_id = runs.thread_id"
        # waiting, direct: those that were answered from outside, by a plain Command(resume=...).
        " WHERE runs.status IN ('failed', 'parked', 'waiting', 'direct') AND r.status = 'closed' AND r.schema IS NULL"
        " AND r.checkpoint_id = (SELECT max(c.id) FROM spaces s JOIN checkpoints c ON c.space = s.key"
        " WHERE s.thread_id = r.thread_id AND s.ns = r.ns AND c.body IS NOT NULL) LIMIT ?",
        (limit,),
    ).fetchall()
    for row in rows:
        if _stuck(connection, row):
            yield Ailment(
                "wedged", row["thread_id"],
                f"{named(row)} was answered, and the node fails on the answer each time{_because(row['error'])}",
                "LangGraph stored the answer before the node took it, and hands it to the node for ever.",
                "The answer is forgotten by the run (it stays on record) and the question waits again.",
                row["interrupt_id"], partial(_ask_again, saver=saver, row=row),
            )  # fmt: skip


def _stuck(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether the task that asked has an answer and an error, and no result, where its graph stands now."""
    found = connection.execute(
        "SELECT c.key FROM spaces s JOIN checkpoints c ON c.space = s.key WHERE s.thread_id = ? AND s.ns = ?"
        " AND c.id = ?",
        (row["thread_id"], row["ns"], row["checkpoint_id"]),
    ).fetchone()
    wrote = written(connection, [found["key"]], task_id=row["task_id"]).get(found["key"], ())
    return {channel for task, channel, *_ in wrote if task == row["task_id"]} >= _STUCK


_STUCK = frozenset(("__resume__", "__error__"))
"""What LangGraph keeps of a task that has its answer and fails on it."""


def _because(error: str | None) -> str:
    return f": {error}" if error else "."


def _ask_again(connection: sqlite3.Connection, saver: SqliteSaver, row: sqlite3.Row) -> None:
    forks.reopen(connection, saver, find(connection, row["interrupt_id"], row["thread_id"]), row["error"])


def orphans(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    """Questions that are open, and no task of their runs waits for them."""
    rows = connection.execute(
        "SELECT r.* FROM reviews r WHERE r.status <> 'closed' AND (NOT EXISTS (SELECT 1 FROM waits w"
        " WHERE w.thread_id = r.thread_id AND w.interrupt_id = r.interrupt_id) OR NOT EXISTS (SELECT 1 FROM spaces s"
        " JOIN checkpoints c ON c.space = s.key WHERE s.thread_id = r.thread_id AND s.ns = r.ns"
        " AND c.id = r.checkpoint_id AND c.body IS NOT NULL)) LIMIT ?",
        (limit,),
    )
    for row in rows.fetchall():
        yield Ailment(
            "orphan", row["thread_id"], f"{named(row)} is open, and no task of its run waits for it.",
            "The run went on, or its state was removed, in a way that the queue was not told of.",
            "The question is closed; an answer that was recorded stays on record.",
            row["interrupt_id"], partial(_close, thread_id=row["thread_id"], interrupt_id=row["interrupt_id"]),
        )  # fmt: skip


def _close(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> None:
    queues.close(connection, thread_id, [interrupt_id])


def missing(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    """Runs that wait for a person, and nothing of them is in the queue."""
    rows = connection.execute(
        "SELECT thread_id FROM runs WHERE status = 'waiting' AND NOT EXISTS (SELECT 1 FROM reviews r"
        " WHERE r.thread_id = runs.thread_id AND r.status <> 'closed') LIMIT ?",
        (limit,),
    )
    for (thread_id,) in rows.fetchall():
        if asked := list(_asked(connection, thread_id)):
            yield Ailment(
                "missing", thread_id,
                f"Run {thread_id} waits for {len(asked)} answers, and the queue does not have the questions.",
                "Rows of the queue were removed; nobody would ever be asked.",
                "The questions are put back from the state of the run.",
                repair=partial(_queue, saver=saver, thread_id=thread_id),
            )  # fmt: skip


def _asked(connection: sqlite3.Connection, thread_id: str) -> Iterator[tuple[Place, str, str, Any]]:
    """Every interrupt without an answer at the newest checkpoint of a namespace: place, task, its path, its value."""
    for space in connection.execute("SELECT key, ns FROM spaces WHERE thread_id = ?", (thread_id,)).fetchall():
        newest = connection.execute(
            "SELECT key, id FROM checkpoints WHERE space = ? AND body IS NOT NULL ORDER BY id DESC LIMIT 1",
            (space["key"],),
        ).fetchone()
        wrote = written(connection, [newest["key"]]).get(newest["key"], []) if newest else []
        told: defaultdict[str, set[str]] = defaultdict(set)
        for task, channel, *_ in wrote:
            told[task].add(channel)
        for task, channel, path, value in wrote:
            if channel == "__interrupt__" and told[task] <= queues.CONTROL and not told[task] >= _STUCK:
                yield Place(thread_id, space["ns"], newest["id"]), task, path, value


def _queue(connection: sqlite3.Connection, saver: SqliteSaver, thread_id: str) -> None:
    """The innermost first, as LangGraph tells of them."""
    asked = sorted(_asked(connection, thread_id), key=lambda one: -one[0].ns.count("|") - bool(one[0].ns))
    for place, task, path, value in asked:
        found = saver.serde.loads_typed(value)
        interrupts = [one for one in (found if isinstance(found, list | tuple) else [found]) if hasattr(one, "id")]
        queues.ask(connection, place, interrupts, task, path.rpartition(", ")[2], 0)
