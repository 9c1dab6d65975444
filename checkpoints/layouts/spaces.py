"""Where a checkpoint belongs: its thread and namespace, and the integer that stands for both in the tables."""

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A thread, a namespace in it, and a checkpoint there ("": none named)."""

    thread_id: str
    ns: str
    id: str


def place(config: Mapping[str, Any]) -> Place:
    """The place that a config names."""
    configurable = config["configurable"]
    return Place(
        str(configurable["thread_id"]),
        configurable.get("checkpoint_ns") or "",
        str(configurable.get("checkpoint_id") or ""),
    )


def configured(thread_id: str, ns: str, id_: str) -> dict[str, Any]:
    """The config that names a place."""
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": id_}}


class Space(NamedTuple):
    """A row of ``spaces``."""

    key: int
    home: int


def find(connection: sqlite3.Connection, thread_id: str, ns: str) -> Space | None:
    """The space, if anything was ever stored there."""
    row = connection.execute("SELECT key, home FROM spaces WHERE thread_id = ? AND ns = ?", (thread_id, ns)).fetchone()
    return Space(row[0], row[1]) if row is not None else None


def enter(connection: sqlite3.Connection, thread_id: str, ns: str) -> Space:
    """The space, made if need be."""
    return find(connection, thread_id, ns) or make(connection, thread_id, ns)


def make(connection: sqlite3.Connection, thread_id: str, ns: str) -> Space:
    """A new space; the first of a thread is the home of all of them."""
    key, home = connection.execute(
        "INSERT INTO spaces (thread_id, ns, home)"
        " VALUES (?, ?, ifnull((SELECT home FROM spaces WHERE thread_id = ? LIMIT 1), 0)) RETURNING key, home",
        (thread_id, ns, thread_id),
    ).fetchone()
    if not home:
        connection.execute("UPDATE spaces SET home = key WHERE key = ?", (key,))
    return Space(key, home or key)
