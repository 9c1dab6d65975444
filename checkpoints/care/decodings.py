"""Every stored value read back once: those that cannot be are named by their thread and field."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints.layouts.bodies import Bodies
from treadle.checkpoints.layouts.packs import unpack
from treadle.checkpoints.layouts.sources import unfold
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import load
from treadle.checkpoints.layouts.writes import unpacked
from treadle.checkpoints.traces import entry

Found = Iterator[tuple[str | None, str]]
"""Thread id and words."""


def undecodable(connection: sqlite3.Connection, serde: SerializerProtocol) -> Found:
    """What cannot be decoded, in words, with the thread that it belongs to."""
    if garbled := list(_garbled(connection)):
        yield from garbled  # whatever reads such a row fails, what follows here too
        return
    for thread_id, home in connection.execute("SELECT thread_id, home FROM spaces WHERE key = home ORDER BY key"):
        yield from ((thread_id, words) for words in _thread(connection, serde, thread_id, home))
    for thread_id, name, attempt in _rest(connection, serde):
        problem = _tried(attempt)
        if problem:
            yield thread_id, f"{name} of run {thread_id} cannot be read: {problem}"


def _garbled(connection: sqlite3.Connection) -> Found:
    """Texts that are not UTF-8."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
    connection.text_factory = bytes
    try:
        for (table,) in tables.fetchall():
            yield from _garbled_of(connection, table.decode())
    finally:
        connection.text_factory = str


_SELECT = 'SELECT "{}" FROM {}'


def _garbled_of(connection: sqlite3.Connection, table: str) -> Found:
    columns = connection.execute("SELECT name FROM pragma_table_info(?) WHERE type = 'TEXT'", (table,)).fetchall()
    names = [name.decode() for (name,) in columns]
    for row in connection.execute(_SELECT.format('", "'.join(names), table)) if names else ():
        texts = {name: text for name, text in zip(names, row, strict=True) if isinstance(text, bytes)}
        for name, text in texts.items():
            if problem := _tried(text.decode):
                thread = texts.get("thread_id", b"").decode(errors="replace") or None
                yield thread, f"The column {name} of a row of {table} cannot be read: {problem}"


def _thread(connection: sqlite3.Connection, serde: SerializerProtocol, thread_id: str, home: int) -> Iterator[str]:
    """Checkpoints, channels and writes of one thread."""
    users: dict[int, str] = {}
    for row in connection.execute(
        "SELECT s.ns, c.id, c.key, c.body, c.base, c.ordinal, c.refs FROM spaces s"
        " JOIN checkpoints c ON c.space = s.key WHERE s.thread_id = ? AND c.body IS NOT NULL ORDER BY c.key",
        (thread_id,),
    ):
        place = f"checkpoint {row['id']}{' in ' + row['ns'] if row['ns'] else ''} of run {thread_id}"
        try:
            head, line = Bodies(connection).read(row).open()
            serde.loads_typed(head)
        except Exception as error:
            yield f"The {place} cannot be read: {_words(error)}"
            continue
        for name, at in line.pointers.items():
            if isinstance(at, int):
                users.setdefault(at, f"The field {name!r} at {place}")
            elif problem := _decoded(serde, at):
                yield f"The field {name!r} at {place} cannot be read: {problem}"
    yield from _writes(connection, serde, thread_id, users)
    yield from _blobs(connection, serde, home, users)


def _writes(
    connection: sqlite3.Connection, serde: SerializerProtocol, thread_id: str, users: dict[int, str]
) -> Iterator[str]:
    rows = connection.execute(
        "SELECT c.id, w.* FROM spaces s JOIN checkpoints c ON c.space = s.key JOIN writes w ON w.checkpoint = c.key"
        " WHERE s.thread_id = ?",
        (thread_id,),
    )
    for row in rows:
        name = f"at checkpoint {row['id']} of run {thread_id}"
        try:
            refs, found = unfold(row["refs"]), list(unpacked(row))
        except sqlite3.DatabaseError as error:
            yield f"The write to a channel {name} cannot be read: {_words(error)}"
            continue
        for _, _, _, channel, type_, at in found:
            if not isinstance(at, bytes):
                users.setdefault(refs[at if isinstance(at, int) else at[0]], f"The write to {channel!r} {name}")
            elif problem := _decoded(serde, (type_, at)):
                yield f"The write to {channel!r} {name} cannot be read: {problem}"


def _blobs(
    connection: sqlite3.Connection, serde: SerializerProtocol, home: int, users: dict[int, str]
) -> Iterator[str]:
    """Values that no other grew from: to decode these is to read every row."""
    for (id_,) in connection.execute(
        "SELECT id FROM blobs WHERE home = ? AND id NOT IN"
        " (SELECT base FROM blobs WHERE home = ? AND base IS NOT NULL) ORDER BY id",
        (home, home),
    ):
        if id_ not in users:
            continue
        problem = _tried(partial(_blob, connection, serde, id_))
        if problem:
            yield f"{users[id_]} cannot be read: {problem}"


def _rest(connection: sqlite3.Connection, serde: SerializerProtocol) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    for row in connection.execute("SELECT thread_id, interrupt_id, value, ifnull(schema, '{}') FROM reviews"):
        yield row["thread_id"], f"The review {row['interrupt_id']}", partial(_texts, row[2:])
    for row in connection.execute("SELECT thread_id, seq, answer FROM decisions"):
        yield row["thread_id"], f"The answer of decision {row['seq']}", partial(_texts, row[2:])
    for row in connection.execute("SELECT thread_id, config FROM runs"):
        yield row["thread_id"], "The configuration", partial(_texts, row[1:])
    for row in connection.execute("SELECT thread_id, key, type, codec, body FROM journal"):
        yield row["thread_id"], f"The journal's entry {row['key']!r}", partial(_stored, serde, row)
    for row in connection.execute("SELECT thread_id, seq, codec, entry FROM traces"):
        yield row["thread_id"], f"The trace's record {row['seq']}", partial(entry, row, serde)


def _stored(serde: SerializerProtocol, row: sqlite3.Row) -> Any:
    return serde.loads_typed((row["type"], unpack(row["codec"], row["body"])))


def _blob(connection: sqlite3.Connection, serde: SerializerProtocol, id_: int) -> Any:
    value = load(connection, [id_])[id_]
    return serde.loads_typed(value) if value[0] else None  # what has no type holds stretches of several


def _texts(texts: Iterable[str]) -> Any:
    return [json.loads(text) for text in texts]


def _decoded(serde: SerializerProtocol, value: Typed) -> str | None:
    return _tried(partial(serde.loads_typed, value))


def _tried(attempt: Callable[[], Any]) -> str | None:
    """What is wrong, or None."""
    try:
        attempt()
    except Exception as error:
        return _words(error)
    return None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
