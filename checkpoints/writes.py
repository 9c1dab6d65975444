"""What tasks wrote before their step ended, as rows beside the checkpoint that they started from."""

import sqlite3
from collections.abc import Sequence

from langgraph.checkpoint.base import WRITES_IDX_MAP

from treadle.checkpoints import spaces
from treadle.checkpoints.spaces import Place
from treadle.checkpoints.values import SHARED, Storage, Tails, Typed, pack


def put(
    connection: sqlite3.Connection,
    place: Place,
    writes: Sequence[tuple[str, Typed]],
    task_id: str,
    task_path: str,
    tails: Tails,
) -> int:
    """Store a task's writes and return the key of the checkpoint; the checkpoint itself may come later.

    Of a regular write the first stays, of a special one (an interrupt, an error) the last.
    """
    space = spaces.enter(connection, place.thread_id, place.ns)
    key = _key(connection, space.key, place.id)
    storage = Storage(connection, space.home, tails)
    rows = []
    for position, (channel, value) in enumerate(writes):
        idx = WRITES_IDX_MAP.get(channel, position)
        rows.append((key, task_id, idx, channel, task_path, *_body(storage, value)))
    connection.executemany(
        "INSERT INTO writes (checkpoint, task_id, idx, channel, task_path, type, codec, body, blob)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET channel = excluded.channel,"
        " task_path = excluded.task_path, type = excluded.type, codec = excluded.codec, body = excluded.body,"
        " blob = excluded.blob WHERE excluded.idx < 0",
        rows,
    )
    return key


def _key(connection: sqlite3.Connection, space: int, id_: str) -> int:
    """The key of a checkpoint; one that was not put yet gets a row without a body."""
    row = connection.execute("SELECT key FROM checkpoints WHERE space = ? AND id = ?", (space, id_)).fetchone()
    if row is not None:
        return int(row[0])
    return connection.execute("INSERT INTO checkpoints (space, id) VALUES (?, ?)", (space, id_)).lastrowid or 0


def _body(storage: Storage, value: Typed) -> tuple[str | None, int | None, bytes | None, int | None]:
    """Type, codec and body of a value that lies in the row, or the id of a blob that a channel is likely to share."""
    type_, raw = value
    if len(raw) >= SHARED and "+" not in type_:
        return None, None, None, storage.share(value)
    codec, body = pack(raw) if "+" not in type_ else (0, raw)
    return type_, codec, body, None
