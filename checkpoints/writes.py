"""What tasks wrote before their step ended, as rows beside the checkpoint that they started from."""

import sqlite3
from collections.abc import Sequence

from langgraph.checkpoint.base import WRITES_IDX_MAP

from treadle.checkpoints.values import SHARED, Storage, Typed, pack

ROWS = 100
"""Rows in one statement: every statement gives up the interpreter's lock."""


def put(
    connection: sqlite3.Connection,
    key: int,
    storage: Storage,
    writes: Sequence[tuple[str, Typed]],
    task_id: str,
    task_path: str,
) -> None:
    """Store a task's writes beside a checkpoint. Of a regular one the first stays, of a special one the last."""
    rows: dict[int, tuple[object, ...]] = {}
    for position, (channel, value) in enumerate(writes):
        idx = WRITES_IDX_MAP.get(channel, position)
        rows[idx] = (key, task_id, idx, channel, task_path, *_body(storage, value))
    some = list(rows.values())
    for start in range(0, len(some), ROWS):
        _insert(connection, some[start : start + ROWS])


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute(
        "INSERT INTO writes (checkpoint, task_id, idx, channel, task_path, type, codec, body, blob) VALUES "
        + ", ".join(("(?, ?, ?, ?, ?, ?, ?, ?, ?)",) * len(rows))
        + " ON CONFLICT DO UPDATE SET channel = excluded.channel, task_path = excluded.task_path,"
        " type = excluded.type, codec = excluded.codec, body = excluded.body, blob = excluded.blob"
        " WHERE excluded.idx < 0",
        [value for row in rows for value in row],
    )


def _body(storage: Storage, value: Typed) -> tuple[str | None, int | None, bytes | None, int | None]:
    """Type, codec and body of a value that lies in the row, or the id of a blob that a channel is likely to share."""
    type_, raw = value
    if len(raw) >= SHARED and "+" not in type_:
        return None, None, None, storage.share(value)
    codec, body = pack(raw) if "+" not in type_ else (0, raw)
    return type_, codec, body, None
