"""Where a checkpoint is to be stored and what is stored there already: one statement tells, for it and its writes."""

import sqlite3
from typing import NamedTuple

from treadle.checkpoints.layouts import spaces
from treadle.checkpoints.layouts.spaces import Place, Space


class Spot(NamedTuple):
    """What is stored where a checkpoint belongs: another process may have removed what one remembers."""

    space: Space
    key: int | None
    """Of the checkpoint's row, if there is one."""
    stored: bool
    """Whether that is the checkpoint; otherwise only writes of it are known."""
    parent: int | None
    """The key of the checkpoint that it follows, if that is stored."""
    waits: bool
    """Whether anything in its thread may wait for an answer."""


_FIND = """
SELECT s.key, s.home, c.key, c.body IS NOT NULL, p.key,
       EXISTS (SELECT 1 FROM waits w WHERE w.thread_id = s.thread_id)
FROM spaces s
LEFT JOIN checkpoints c ON c.space = s.key AND c.id = ?
LEFT JOIN checkpoints p ON p.space = s.key AND p.id = ? AND p.body IS NOT NULL
WHERE s.thread_id = ? AND s.ns = ?
"""


def enter(connection: sqlite3.Connection, place: Place, parent_id: str | None = None) -> Spot:
    """The spot of a checkpoint, in a space that is made if need be."""
    thread_id, ns, id_ = place
    row = connection.execute(_FIND, (id_, parent_id, thread_id, ns)).fetchone()
    if row is None:
        space = spaces.make(connection, thread_id, ns)
        return Spot(space, None, False, None, space.key != space.home)  # the first of a thread: nothing waits in it
    return Spot(Space(row[0], row[1]), row[2], bool(row[3]), row[4], bool(row[5]))


_INSERT = (
    "INSERT INTO checkpoints (space, id, parent_id, run_id, source, step, at, body, base, ordinal, refs)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (space, id) DO UPDATE SET parent_id = excluded.parent_id, run_id = excluded.run_id,"
    " source = excluded.source, step = excluded.step, at = excluded.at, body = excluded.body,"
    " base = excluded.base, ordinal = excluded.ordinal, refs = excluded.refs"
)


def fill(connection: sqlite3.Connection, spot: Spot, row: tuple[object, ...]) -> int:
    """Store a checkpoint's columns, ``id`` and on, in its spot; the key of the row."""
    cursor = connection.execute(_INSERT, (spot.space.key, *row))
    return cursor.lastrowid or 0 if spot.key is None else spot.key


def reserve(connection: sqlite3.Connection, spot: Spot, id_: str) -> int:
    """The key of a checkpoint's row; made without a body if only writes of it are known."""
    return spot.key if spot.key is not None else fill(connection, spot, (id_, *_EMPTY))


_EMPTY = (None, None, None, None, None, None, None, 0, None)
