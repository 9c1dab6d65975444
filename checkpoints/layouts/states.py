"""Checkpoints as rows: each holds what the serializer made of it, without the values, and pointers to those."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

from treadle.checkpoints.disks import clocks
from treadle.checkpoints.layouts import spaces, spots
from treadle.checkpoints.layouts.bodies import (
    EVERY,
    RADIX,
    Bodies,
    Body,
    Line,
    Sealed,
    Versions,
    joined,
    release,
    seal,
)
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.spaces import Place
from treadle.checkpoints.layouts.spots import Spot
from treadle.checkpoints.layouts.tails import Tails, Typed, rest
from treadle.checkpoints.layouts.values import Pointer, Storage, load
from treadle.checkpoints.layouts.writes import Write, gathered, sources, written


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


def put(connection: sqlite3.Connection, draft: Draft, memory: Memory) -> "Stored":
    """Store a checkpoint: what it shares with its parent by pointer, the rest by value.

    One that is put again gets another key, since processes remember what lies under the one that it had.
    """
    spot = spots.enter(connection, draft.place, draft.parent_id)
    parent = spot.parent
    if parent is not None:
        clocks.admit(draft.place.thread_id, draft.parent_id or "", draft.place.id)
    storage = Storage(connection, spot.space.home, memory.tails)
    line = Line(draft.versions, _point(draft, parent, storage, memory))
    raw, refs = joined(draft.head, line)
    on, ordinal = _rest_on(connection, parent, memory) if parent and "+" not in draft.head[0] else (None, 0)
    if on is not None and on.steps[0].key == spot.key:  # that row is about to go
        on, ordinal = None, 0
    sealed = seal(raw, refs, on=on, ordinal=ordinal)
    row = _row(draft, _parent_id(connection, draft, spot), sealed)
    if spot.stored and spot.key is not None:
        release(connection, spot.space.key, [spot.key])
        connection.execute("DELETE FROM checkpoints WHERE key = ?", (spot.key,))
        key = spots.fill(connection, spot._replace(key=None), row)
        connection.execute("UPDATE writes SET checkpoint = ? WHERE checkpoint = ?", (key, spot.key))
    else:
        key = spots.fill(connection, spot, row)
    return Stored(key, line, sealed.at(key), storage, spot)


def _parent_id(connection: sqlite3.Connection, draft: Draft, spot: Spot) -> str | None:
    """The checkpoint that one follows: not itself, where it is put again under the config that names it."""
    if draft.parent_id != draft.place.id:
        return draft.parent_id
    row = connection.execute("SELECT parent_id FROM checkpoints WHERE key = ?", (spot.key,)).fetchone()
    return row["parent_id"] if row is not None else None


def _row(draft: Draft, parent_id: str | None, sealed: Sealed) -> tuple[object, ...]:
    return (
        *(draft.place.id, parent_id, draft.run_id, draft.source, draft.step, time.time()),
        *(sealed.body, sealed.base, sealed.ordinal, sealed.refs),
    )


class Stored(NamedTuple):
    """What ``put`` did, to be remembered after the commit."""

    key: int
    line: Line
    body: Body
    storage: Storage
    spot: Spot

    @property
    def late(self) -> bool:
        """Whether something that belongs to the checkpoint came before it."""
        return self.spot.key is not None and not self.spot.stored

    def remember(self, memory: Memory) -> None:
        """Keep what the next checkpoint of the thread will need."""
        memory.keep(self.key, self.line, self.body)
        self.storage.remember()


def _rest_on(connection: sqlite3.Connection, parent: int, memory: Memory) -> tuple[Body | None, int]:
    """The body that the next one after a parent's rests on, and how many come before it in that line."""
    known = memory.body(parent)
    before = known or Bodies(connection).find(parent)
    if before is None:
        return None, 0
    ordinal = before.steps[0].ordinal + 1
    if ordinal >= EVERY:
        return None, 0
    steps = tuple(step for step in before.steps if step.ordinal <= rest(ordinal, RADIX))
    base = steps[0].key
    if base == parent:
        return before, ordinal
    row = connection.execute("SELECT 1 FROM checkpoints WHERE key = ? AND body IS NOT NULL", (base,)).fetchone()
    found = memory.body(base) if row is not None else None
    if found is None and row is not None:
        found = Bodies(connection).find(base)
    return (found, ordinal) if found is not None else (None, 0)


def line(connection: sqlite3.Connection, key: int, memory: Memory) -> Line:
    """The pointers of a checkpoint; none if it is gone or was not put yet."""
    found = memory.line(key)
    if found is None:
        body = memory.body(key) or Bodies(connection).find(key)
        found = body.open()[1] if body is not None else Line({}, {})
    return found


def _point(draft: Draft, parent: int | None, storage: Storage, memory: Memory) -> dict[str, Pointer]:
    """Where each channel's value is to be found. A version alone says nothing: forks use versions again."""
    before = line(storage.connection, parent, memory) if parent else Line({}, {})
    written = cache(lambda: sources(storage.connection, parent) if parent else {})
    moved = set(draft.changed)
    if {**before.versions, **{name: draft.versions.get(name) for name in moved}} != draft.versions:
        moved |= {name for name, version in draft.versions.items() if before.versions.get(name) != version}
    pointers = {name: at for name, at in before.pointers.items() if name in draft.versions and name not in moved}
    for name in draft.versions:
        if name not in moved:
            continue
        value = draft.changed[name] if name in draft.changed else draft.spare(name)
        if value is not None:
            pointers[name] = storage.place(value, before.pointers.get(name), partial(_written, written, name))
    return pointers


def _written(found: Callable[[], Mapping[str, Sequence[int]]], channel: str, raw: bytes) -> Sequence[int]:
    """What tasks wrote to a channel: its value may be made of that."""
    return found().get(channel, ())


_COLUMNS = "s.thread_id, s.ns, c.key, c.id, c.parent_id, c.body, c.base, c.ordinal, c.refs"


def fetch(connection: sqlite3.Connection, place: Place, memory: Memory) -> Record | None:
    """The checkpoint at a place, or the newest there if no id is named; on a connection that only reads."""
    which = "AND c.id = ?" if place.id else "ORDER BY c.id DESC LIMIT 1"
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM spaces s JOIN checkpoints c ON c.space = s.key"
        f" WHERE s.thread_id = ? AND s.ns = ? AND c.body IS NOT NULL {which}",
        place if place.id else place[:2],
    ).fetchone()
    if row is None:
        return None
    bodies = Bodies(connection, memory.body)
    body = bodies.read(row)
    memory.note(bodies.found)
    return read(connection, [(row, *body.open())], memory.tails)[0]


Page = Sequence[tuple[sqlite3.Row, Typed, Line]]
"""Rows of checkpoints, each with what the serializer made of it and where its values are."""


def read(connection: sqlite3.Connection, page: Page, tails: Tails | None = None) -> list[Record]:
    """The records of rows, with their values and writes; what they share is read once."""
    found = gathered(connection, [row["key"] for row, _, _ in page])
    pointers = (at for _, _, line in page for at in line.pointers.values() if isinstance(at, int))
    blobs = load(connection, (*found.ids, *pointers), tails)
    writes = found.resolved(blobs)
    return [
        Record(
            Place(row["thread_id"], row["ns"], row["id"]),
            row["key"],
            row["parent_id"],
            head,
            {name: blobs[at] if isinstance(at, int) else at for name, at in line.pointers.items()},
            writes.get(row["key"], ()),
        )
        for row, head, line in page
    ]


RECENT = "substr(c.id, 1, 13)"
"""What the index of all checkpoints sorts by: the beginning of an id, half a millisecond, for a third of the room."""


def page(
    connection: sqlite3.Connection, where: Sequence[str], values: Sequence[Any], limit: int, *, everywhere: bool = False
) -> Page:
    """Rows of checkpoints that meet conditions, newest first; along the index of all, if of ``everywhere``."""
    order = f"{RECENT} DESC, c.id DESC, c.key DESC" if everywhere else "c.id DESC, c.key DESC"
    conditions = " AND ".join(("c.body IS NOT NULL", *where))
    rows = connection.execute(
        # Chosen first, then fetched: bodies would be carried through the sorting of all that meet the conditions.
        f"WITH chosen AS MATERIALIZED (SELECT c.key FROM checkpoints c JOIN spaces s ON s.key = c.space"
        f" WHERE {conditions} ORDER BY {order} LIMIT ?)"
        f" SELECT {_COLUMNS} FROM chosen JOIN checkpoints c ON c.key = chosen.key JOIN spaces s ON s.key = c.space"
        " ORDER BY c.id DESC, c.key DESC",
        (*values, limit),
    ).fetchall()
    bodies = Bodies(connection)
    return [(row, *bodies.read(row).open()) for row in rows]


def history(
    connection: sqlite3.Connection, place: Place, channels: Sequence[str]
) -> dict[str, tuple[list[Write], Typed | None]]:
    """For each channel: the writes on the way to a checkpoint, oldest first, and the value they started from."""
    found: dict[str, tuple[list[Write], Typed | None]] = {name: ([], None) for name in channels}
    remaining = set(channels)
    space = spaces.find(connection, place.thread_id, place.ns)
    target = _step(connection, space.key, place.id) if space else None
    id_ = target["parent_id"] if target else None
    bodies = Bodies(connection)
    while space and id_ and remaining and (row := _step(connection, space.key, id_)) and row["body"]:
        pointers = bodies.read(row).open()[1].pointers
        some = written(connection, [row["key"]], channels=sorted(remaining)).get(row["key"], [])
        for write in reversed(some):
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
        f"SELECT key, parent_id, body, base, ordinal, refs FROM checkpoints WHERE space = ? {which}",
        (space, id_) if id_ else (space,),
    ).fetchone()
    return row
