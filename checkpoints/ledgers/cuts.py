"""Taking a copy of a run back to an earlier step: what came after it is gone, what stood beside it stays."""

import sqlite3
from collections.abc import Callable, Collection

from treadle.checkpoints.desks.queues import CONTROL
from treadle.checkpoints.layouts import spaces, threads
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.sources import nowhere
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import Storage
from treadle.checkpoints.layouts.writes import Task, Write, put, unpacked, written

NOBODY = "00000000-0000-0000-0000-000000000000"
"""LangGraph's task id for what no task wrote."""


def owner(ns: str) -> tuple[str, str]:
    """The namespace and the task in which a namespace lies; a number after a task counts the graphs that it called.

    >>> owner("findings:1|__work__:2"), owner("findings:1|__work__:2|1")
    (('findings:1', '2'), ('findings:1', '2'))
    """
    parts = ns.split("|")
    while parts[-1].isdigit():
        parts.pop()
    return "|".join(parts[:-1]), parts[-1].rpartition(":")[2]


def shorten(connection: sqlite3.Connection, checkpoint: int, id_: str) -> None:
    """Remove what came after a checkpoint in its namespace."""
    later = connection.execute(
        "SELECT key FROM checkpoints WHERE id > ? AND space = (SELECT space FROM checkpoints WHERE key = ?)",
        (id_, checkpoint),
    ).fetchall()
    threads.remove(connection, [row["key"] for row in later])


def rewrite(
    connection: sqlite3.Connection, thread_id: str, ns: str, checkpoint: int, change: Callable[[Write], Typed | None]
) -> None:
    """Store anew what tasks wrote beside a checkpoint: of each write what is to stay of it, or nothing."""
    kept: dict[tuple[str, str, str], list[tuple[str, Typed]]] = {}
    for write in written(connection, [checkpoint]).get(checkpoint, ()):
        task_id, channel, path, _ = write
        if (value := change(write)) is not None:
            told = channel if channel in CONTROL else ""
            kept.setdefault((task_id, path, told), []).append((channel, value))
    connection.execute("DELETE FROM writes WHERE checkpoint = ?", (checkpoint,))
    space = spaces.find(connection, thread_id, ns)
    assert space is not None
    storage = Storage(connection, space.home, Memory().tails)
    for (task_id, path, _), values in kept.items():
        put(checkpoint, storage, [Task(task_id, path, values)], nowhere)


def drop_others(connection: sqlite3.Connection, thread_id: str, kept: Collection[str]) -> None:
    """Remove the namespaces of tasks that are no more: those of steps that came after."""
    query = "SELECT ns, key FROM spaces WHERE thread_id = ? ORDER BY length(ns)"
    keys = dict(tuple(row) for row in connection.execute(query, (thread_id,)))
    tasks = {ns: _tasks(connection, keys[ns]) for ns in kept}
    for ns, key in keys.items():
        outer, task_id = owner(ns)
        if ns in kept:
            continue
        if task_id in tasks.get(outer, ()):
            tasks[ns] = _tasks(connection, key)
            continue
        found = connection.execute("SELECT key FROM checkpoints WHERE space = ?", (key,)).fetchall()
        threads.remove(connection, [row["key"] for row in found])
        connection.execute("DELETE FROM spaces WHERE key = ?", (key,))


def _tasks(connection: sqlite3.Connection, space: int) -> set[str]:
    """The tasks that wrote beside any checkpoint of a space."""
    query = "SELECT w.codec, w.body FROM writes w JOIN checkpoints c ON c.key = w.checkpoint WHERE c.space = ?"
    return {write[0] for row in connection.execute(query, (space,)) for write in unpacked(row)}
