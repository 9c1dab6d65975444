"""Checkpoints as rows: each holds what the serializer made of it, without the values, and pointers to those."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import ormsgpack

from treadle.checkpoints import clocks, spaces
from treadle.checkpoints.memories import Line, Memory, Versions
from treadle.checkpoints.spaces import Place
from treadle.checkpoints.tails import Tails
from treadle.checkpoints.values import Pointer, Storage, Typed, load, pack, unpack

Write = tuple[str, str, str, Typed]
"""A stored write: task id, channel, task path, value."""


@dataclass(frozen=True)
class Draft:
    """A checkpoint made ready to be stored: everything that does not need the database."""

    place: Place
    parent_id: str | None
    head: Typed
    """The checkpoint without its values, and its metadata."""
    versions: Versions
    changed: Mapping[str, Typed | None]
    """The values of channels that changed; None for one that is empty now."""
    spare: Callable[[str], Typed | None]
    """The value of any other channel, for when the parent does not hold it."""
    run_id: str | None
    source: str | None
    step: int | None


@dataclass(frozen=True)
class Record:
    """A checkpoint as it was read: nothing in it is decoded yet."""

    place: Place
    key: int
    parent_id: str | None
    head: Typed
    values: Mapping[str, Typed]
    writes: Sequence[Write]


def seal(head: Typed, versions: Versions, pointers: Mapping[str, Pointer]) -> bytes:
    """The body of a row: one byte for the codec, then all of it packed together."""
    body = ormsgpack.packb((head, {name: (versions[name], pointer) for name, pointer in pointers.items()}))
    codec, packed = pack(body)
    return bytes((codec,)) + packed


def unseal(body: bytes) -> tuple[Typed, Line]:
    """What was sealed."""
    try:
        head, channels = ormsgpack.unpackb(unpack(body[0], body[1:]))
    except ValueError as error:
        raise sqlite3.DatabaseError(f"a stored checkpoint is damaged: {error}") from error
    pointers = {name: at if isinstance(at, int) else (at[0], at[1]) for name, (_, at) in channels.items()}
    return (head[0], head[1]), Line({name: version for name, (version, _) in channels.items()}, pointers)


def put(connection: sqlite3.Connection, draft: Draft, memory: Memory) -> "Stored":
    """Store a checkpoint: what it shares with its parent by pointer, the rest by value."""
    space = spaces.enter(connection, draft.place.thread_id, draft.place.ns)
    clocks.admit(connection, draft.place.thread_id, space.key, draft.parent_id, draft.place.id)
    storage = Storage(connection, space.home, memory.tails)
    before = _parent(connection, space.key, draft.parent_id, memory)
    pointers = _point(draft, before, storage)
    line = Line(draft.versions, pointers)
    row = connection.execute(
        "INSERT INTO checkpoints (space, id, parent_id, run_id, source, step, at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (space, id) DO UPDATE SET parent_id = excluded.parent_id, run_id = excluded.run_id,"
        " source = excluded.source, step = excluded.step, at = excluded.at, body = excluded.body RETURNING key",
        (
            space.key,
            draft.place.id,
            draft.parent_id,
            draft.run_id,
            draft.source,
            draft.step,
            time.time(),
            seal(draft.head, draft.versions, pointers),
        ),
    ).fetchone()
    return Stored(row[0], line, storage)


class Stored(NamedTuple):
    """What ``put`` did, to be remembered after the commit."""

    key: int
    line: Line
    storage: Storage

    def remember(self, memory: Memory) -> None:
        """Keep what the next checkpoint of the thread will need."""
        memory.keep(self.key, self.line)
        self.storage.remember()


def _parent(connection: sqlite3.Connection, space: int, id_: str | None, memory: Memory) -> Line:
    """The pointers of the parent, which still is there: another process may have removed it."""
    row = (
        connection.execute("SELECT key FROM checkpoints WHERE space = ? AND id = ?", (space, id_)).fetchone()
        if id_
        else None
    )
    if row is None:
        return Line({}, {})
    return memory.line(row[0]) or _line(connection, row[0])


def _line(connection: sqlite3.Connection, key: int) -> Line:
    body = connection.execute("SELECT body FROM checkpoints WHERE key = ?", (key,)).fetchone()[0]
    return unseal(body)[1] if body else Line({}, {})


def _point(draft: Draft, before: Line, storage: Storage) -> dict[str, Pointer]:
    """Where each channel's value is to be found. A version alone says nothing: forks use versions again."""
    pointers: dict[str, Pointer] = {}
    for name, version in draft.versions.items():
        old = before.pointers.get(name)
        if name not in draft.changed and before.versions.get(name) == version:
            if old is not None:
                pointers[name] = old
            continue
        value = draft.changed[name] if name in draft.changed else draft.spare(name)
        if value is not None:
            pointers[name] = storage.place(value, old)
    return pointers


_COLUMNS = "s.thread_id, s.ns, c.key, c.id, c.parent_id, c.body"


def fetch(connection: sqlite3.Connection, place: Place, tails: Tails) -> Record | None:
    """The checkpoint at a place, or the newest there if no id is named."""
    which = "AND c.id = ?" if place.id else "ORDER BY c.id DESC LIMIT 1"
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM spaces s JOIN checkpoints c ON c.space = s.key"
        f" WHERE s.thread_id = ? AND s.ns = ? AND c.body IS NOT NULL {which}",
        place if place.id else place[:2],
    ).fetchone()
    return read(connection, [(row, *unseal(row["body"]))], tails)[0] if row is not None else None


Page = Sequence[tuple[sqlite3.Row, Typed, Line]]
"""Rows of checkpoints, each with what the serializer made of it and where its values are."""


def read(connection: sqlite3.Connection, page: Page, tails: Tails | None = None) -> list[Record]:
    """The records of rows, with their values and writes; what they share is read once."""
    blobs = load(connection, [at for _, _, line in page for at in line.pointers.values() if isinstance(at, int)], tails)
    return [
        Record(
            Place(row["thread_id"], row["ns"], row["id"]),
            row["key"],
            row["parent_id"],
            head,
            {name: blobs[at] if isinstance(at, int) else at for name, at in line.pointers.items()},
            written(connection, row["key"]),
        )
        for row, head, line in page
    ]


def written(
    connection: sqlite3.Connection, key: int, *, channels: Sequence[str] = (), task_id: str | None = None
) -> list[Write]:
    """The writes of a checkpoint in the order in which a step applies them; only some channels' or one task's."""
    some = f" AND channel IN ({','.join('?' * len(channels))})" if channels else ""
    some += " AND task_id = ?" if task_id is not None else ""
    rows = connection.execute(
        "SELECT task_id, channel, task_path, type, codec, body, blob FROM writes"
        f" WHERE checkpoint = ?{some} ORDER BY task_path, task_id, idx",
        (key, *channels, *([task_id] if task_id is not None else [])),
    ).fetchall()
    blobs = load(connection, [row["blob"] for row in rows if row["blob"] is not None])
    return [
        (
            row["task_id"],
            row["channel"],
            row["task_path"],
            blobs[row["blob"]] if row["blob"] is not None else (row["type"], unpack(row["codec"], row["body"])),
        )
        for row in rows
    ]


def page(connection: sqlite3.Connection, where: Sequence[str], values: Sequence[Any], limit: int) -> Page:
    """Rows of checkpoints that meet conditions, newest first."""
    conditions = " AND ".join(("c.body IS NOT NULL", *where))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM checkpoints c JOIN spaces s ON s.key = c.space WHERE {conditions}"
        " ORDER BY c.id DESC, c.key DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [(row, *unseal(row["body"])) for row in rows]


def history(
    connection: sqlite3.Connection, place: Place, channels: Sequence[str]
) -> dict[str, tuple[list[Write], Typed | None]]:
    """For each channel: the writes on the way to a checkpoint, oldest first, and the value they started from."""
    found: dict[str, tuple[list[Write], Typed | None]] = {name: ([], None) for name in channels}
    remaining = set(channels)
    space = spaces.find(connection, place.thread_id, place.ns)
    target = _step(connection, space.key, place.id) if space else None
    id_ = target["parent_id"] if target else None
    while space and id_ and remaining and (row := _step(connection, space.key, id_)) and row["body"]:
        pointers = unseal(row["body"])[1].pointers
        for write in reversed(written(connection, row["key"], channels=sorted(remaining))):
            found[write[1]][0].append(write)
        for name in remaining & pointers.keys():
            at = pointers[name]
            found[name] = (found[name][0], load(connection, [at])[at] if isinstance(at, int) else at)
        remaining -= pointers.keys()
        id_ = row["parent_id"]
    return {name: (writes[::-1], seed) for name, (writes, seed) in found.items()}


def _step(connection: sqlite3.Connection, space: int, id_: str) -> sqlite3.Row | None:
    which = "AND id = ?" if id_ else "AND body IS NOT NULL ORDER BY id DESC LIMIT 1"
    row: sqlite3.Row | None = connection.execute(
        f"SELECT key, parent_id, body FROM checkpoints WHERE space = ? {which}", (space, id_) if id_ else (space,)
    ).fetchone()
    return row
