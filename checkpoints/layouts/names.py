"""Which node a task belongs to, from what LangGraph tells a saver of it: the task's path."""

import sqlite3
from collections.abc import Callable
from typing import Any

from treadle.checkpoints.layouts import states
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import load
from treadle.checkpoints.layouts.writes import unpacked

PULL = "~__pregel_pull, "
PUSH = "~__pregel_push, "
SENDS = "__pregel_tasks"
"""The channel that holds the branches to be started."""

Load = Callable[[Typed], Any]


def name(connection: sqlite3.Connection, key: int, task_path: str, memory: Memory, decode: Load) -> str:
    """The node of a task that started from a checkpoint; "" if it cannot be told (yet).

    A task made by an edge has its node in its path; one made by a ``Send`` only the position of that.
    """
    if task_path.startswith(PULL):
        return task_path.removeprefix(PULL)
    position = task_path.removeprefix(PUSH).partition(", ")[0]
    if not task_path.startswith(PUSH) or not position.isdecimal():
        return ""
    names = _sent(connection, key, memory, decode)
    return names[int(position)] if int(position) < len(names) else ""


def _sent(connection: sqlite3.Connection, key: int, memory: Memory, decode: Load) -> tuple[str, ...]:
    """The nodes of the branches that start from a checkpoint, in order."""
    known = memory.sent(key)
    if known is not None:
        return known
    pointer = states.line(connection, key, memory).pointers.get(SENDS)
    if pointer is None:
        return ()
    value = load(connection, [pointer])[pointer] if isinstance(pointer, int) else pointer
    names = tuple(str(getattr(send, "node", "")) for send in decode(value))
    if memory.body(key) is not None:  # only then it is committed: else another one may get the key
        memory.keep_sent(key, names)
    return names


def complete(connection: sqlite3.Connection, key: int, thread_id: str, memory: Memory, decode: Load) -> None:
    """A checkpoint came after questions that its branches asked: name their nodes now."""
    rows = connection.execute(
        "SELECT r.seq, w.codec, w.body FROM reviews r JOIN writes w ON w.checkpoint = ? AND w.task_id = r.task_id"
        " WHERE r.thread_id = ? AND r.status <> 'closed' AND r.node = ''",
        (key, thread_id),
    ).fetchall()
    for row in rows:
        for _, path, _, channel, _, _ in unpacked(row):
            if channel == "__interrupt__":
                node = name(connection, key, path, memory, decode)
                connection.execute("UPDATE reviews SET node = ? WHERE seq = ?", (node, row["seq"]))
