"""What was done to the record besides deciding: rules made and revoked, parts removed; chained like the decisions."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from treadle.checkpoints.desks.chains import gaps, last
from treadle.checkpoints.desks.panels import signed
from treadle.checkpoints.desks.plains import legible
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest


@dataclass(frozen=True)
class Event:
    """Something that was done, by whom and when (seconds since 1970, UTC)."""

    seq: int
    kind: str
    by: str
    at: float
    thread_id: str | None
    interrupt_id: str | None
    content: Mapping[str, Any]
    """What there is to say of it; ``decisions`` is the number and hash of the last decision at that time."""
    previous: str
    hash: str


_COLUMNS = tuple(field.name for field in fields(Event))


def note(
    connection: sqlite3.Connection,
    kind: str,
    *,
    by: str,
    thread_id: str | None = None,
    interrupt_id: str | None = None,
    **content: Any,
) -> Event:
    """Append an event, within the caller's transaction.

    Raises NotAllowed where nobody is named, AnswerInvalid for a text that is none.
    """
    signed(by)
    for name, part in {"by": by, **content}.items():
        if isinstance(part, str):
            legible(name, part)
    seq, before = last(connection, "events")
    told = json.dumps({**content, "decisions": list(last(connection, "decisions"))}, sort_keys=True)
    row = dict(zip(_COLUMNS, (seq + 1, kind, by, time.time(), thread_id, interrupt_id, told, before), strict=False))
    row["hash"] = _hash(row)
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(f"INSERT INTO events ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    return _event(row)


def events(
    saver: SqliteSaver, *, kind: str | None = None, thread: str | None = None, limit: int = 100, offset: int = 0
) -> list[Event]:
    """What was done, newest first; of one kind or one run if those are given."""
    wanted = {"kind": kind, "thread_id": thread}
    where = " AND ".join(f"{name} = :{name}" for name, value in wanted.items() if value is not None) or "1"
    query = f"SELECT * FROM events WHERE {where} ORDER BY seq DESC LIMIT :limit OFFSET :offset"
    values = wanted | {"limit": limit, "offset": offset}
    return saver.database.read(lambda connection: [_event(row) for row in connection.execute(query, values)])


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the chain of events, in words and in its order."""
    seq, before = 0, ""
    for row in connection.execute("SELECT * FROM events ORDER BY seq"):
        yield from gaps("Event", seq, row["seq"])
        if row["hash"] != _hash(row):
            yield f"Event {row['seq']} ({row['kind']} by {row['by']}) was changed after it was recorded."
        elif row["previous"] != before and row["seq"] == seq + 1:
            yield f"Event {row['seq']} ({row['kind']} by {row['by']}) does not follow on from event {seq}."
        yield from _forgotten(connection, row)
        seq, before = row["seq"], row["hash"]
    yield from gaps("Event", seq, last(connection, "events")[0] + 1)


def _forgotten(connection: sqlite3.Connection, row: sqlite3.Row) -> Iterator[str]:
    """An event names the last decision of its time: one that has another hash now was replaced with all that follow."""
    seq, hash_ = json.loads(row["content"]).get("decisions", (0, ""))
    found = connection.execute("SELECT hash FROM decisions WHERE seq = ?", (seq,)).fetchone()
    if found is not None and found["hash"] != hash_:
        yield f"Decision {seq} is not the one that event {row['seq']} ({row['kind']} by {row['by']}) names."


def _hash(row: Mapping[str, Any]) -> str:
    return digest({name: row[name] for name in _COLUMNS if name != "hash" and row[name] is not None})


def _event(row: Mapping[str, Any]) -> Event:
    return Event(**{name: row[name] for name in _COLUMNS} | {"content": json.loads(row["content"])})
