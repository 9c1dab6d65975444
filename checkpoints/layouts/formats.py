"""Rows as the first versions of the tables had them, in the form that they have since: for files and exported runs."""

from collections.abc import Mapping
from typing import Any

import ormsgpack

from treadle.checkpoints.layouts.packs import pack, unpack

WRITES = 4
"""The version of the tables from which on writes of many tasks lie in one row, and ids of values beside bodies."""


def body_of(body: bytes) -> tuple[bytes, bytes | None]:
    """The body of a checkpoint, and the ids that were in it."""
    head, channels = ormsgpack.unpackb(unpack(body[0], body[1:]))
    ids = [at for _, at in channels.values() if isinstance(at, int)]
    positions = iter(range(len(ids)))
    moved = {
        name: (version, next(positions) if isinstance(at, int) else at) for name, (version, at) in channels.items()
    }
    codec, packed = pack(ormsgpack.packb((head, moved)))
    return bytes((codec,)) + packed, ormsgpack.packb(ids) if ids else None


def write_of(row: Mapping[str, Any] | Any) -> dict[str, Any]:
    """The columns of a row that holds one write, whose value lay in a row of its own."""
    shared = row["blob"] is not None
    at = 0 if shared else unpack(row["codec"], row["body"])
    entry = (row["idx"], row["channel"], "" if shared else row["type"], at)
    codec, body = pack(ormsgpack.packb([(row["task_id"], row["task_path"], [entry])]))
    refs = ormsgpack.packb([row["blob"]]) if shared else None
    return {"checkpoint": row["checkpoint"], "task_id": row["task_id"], "refs": refs, "codec": codec, "body": body}
