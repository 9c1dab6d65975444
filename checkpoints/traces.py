"""The trace of a run: one record a step and attempt, with prompt, response, tokens and seconds."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ormsgpack
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints.desks.plains import plain
from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.layouts.journals import Dump
from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.readings import decoded

if TYPE_CHECKING:
    from treadle.checkpoints.savers import SqliteSaver


SEALED = 2
"""The codec of a record that an encrypting serializer made: msgpack of its type and bytes."""


def trace(database: Database, thread_id: str, entry: Mapping[str, Any], dump: Dump) -> None:
    """Append a record; it is committed with the next transaction. Its tokens and cost are added to the run's.

    It is encrypted where the serializer (``dump``) encrypts.
    """
    data = plain({"at": time.time(), **entry})
    codec, body = packed(data, dump)
    columns = (thread_id, _text(data.get("path")), _text(data.get("step")), _number(data["at"]), codec, body)
    spent = tuple(_number(data.get(name)) for name in ("tokens_in", "tokens_out", "cost"))

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO traces (thread_id, path, step, at, codec, entry) VALUES (?, ?, ?, ?, ?, ?)", columns
        )
        if any(spent):
            connection.execute(
                "UPDATE runs SET tokens_in = tokens_in + ?, tokens_out = tokens_out + ?, cost = cost + ?"
                " WHERE thread_id = ?",
                (*spent, thread_id),
            )

    database.post(work)


def packed(data: Any, dump: Dump) -> tuple[int, bytes]:
    """A record as the table holds it: its codec and its bytes."""
    if "+" not in dump(None)[0]:
        return pack(json.dumps(data, ensure_ascii=False).encode())
    return SEALED, ormsgpack.packb(dump(data))


def entry(row: sqlite3.Row, serde: SerializerProtocol) -> dict[str, Any]:
    """A row of the table as the record it holds; StoreCorrupt for one that takes another key, or none."""
    if row["codec"] == SEALED:
        try:
            type_, raw = ormsgpack.unpackb(row["entry"])
        except (ValueError, TypeError) as error:
            raise sqlite3.DatabaseError(f"a record of the trace cannot be read ({error})") from error
        record: dict[str, Any] = decoded(serde, (type_, raw))
    else:
        record = json.loads(unpack(row["codec"], row["entry"]))
    return record


def traces(saver: "SqliteSaver", thread_id: str) -> list[dict[str, Any]]:
    """The records of a run, in the order in which they were made."""
    if not saver.database.readonly:
        saver.database.flush()

    def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        rows = connection.execute("SELECT codec, entry FROM traces WHERE thread_id = ? ORDER BY seq", (thread_id,))
        return [entry(row, saver.serde) for row in rows]

    return saver.database.read(work)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
