"""The bodies of checkpoints: everything but the values, each stored as what differs from an earlier one of its line.

A body is what the serializer made of the checkpoint and its metadata, and where the values are. Its row rests on the
row of an ancestor, chosen as growing values choose theirs (see ``treadle/checkpoints/layouts/values.py``), and holds
what zstd makes of it against that one. Now and then one rests on none, so that reading any takes a few rows, however
long the run. The ids of the values lie beside it, so that nobody who follows them has to unpack it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ormsgpack

from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.sources import fold, unfold
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import Pointer

Versions = Mapping[str, str | int | float]

EVERY, RADIX = 32, 2
"""Of so many of a line one rests on none, the n-th on one RADIX ** k before it: a reader needs six at most."""


class Line(NamedTuple):
    """Where the values of one checkpoint are, and of what version each is."""

    versions: Versions
    pointers: Mapping[str, Pointer]


class Step(NamedTuple):
    """A row that others rest on."""

    key: int
    ordinal: int


@dataclass(frozen=True)
class Body:
    """A body unpacked, with the row that it is in and those that this one rests on, newest first."""

    raw: bytes
    refs: bytes | None
    steps: tuple[Step, ...]

    def open(self) -> tuple[Typed, Line]:
        """What the serializer made of the checkpoint, and where its values are."""
        return opened(self.raw, self.refs)


@dataclass(frozen=True)
class Sealed:
    """The columns of a body that is ready to be stored."""

    body: bytes
    refs: bytes | None
    base: int | None
    ordinal: int
    raw: bytes
    steps: tuple[Step, ...]
    """What it rests on."""

    def at(self, key: int) -> Body:
        """The body in its row."""
        return Body(self.raw, self.refs, (Step(key, self.ordinal), *self.steps))


def joined(head: Typed, line: Line) -> tuple[bytes, bytes | None]:
    """A body, not packed yet, and the ids of its values."""
    known: list[int] = []
    channels: dict[str, Any] = {}
    for name, at in line.pointers.items():
        channels[name] = (line.versions[name], len(known) if isinstance(at, int) else at)
        if isinstance(at, int):
            known.append(at)
    return ormsgpack.packb((head, channels)), fold(known)


def opened(raw: bytes, refs: bytes | None) -> tuple[Typed, Line]:
    """What was joined."""
    known = unfold(refs)
    try:
        head, channels = ormsgpack.unpackb(raw)
        pointers: dict[str, Pointer] = {
            name: known[at] if isinstance(at, int) else (at[0], at[1]) for name, (_, at) in channels.items()
        }
    except (IndexError, TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"a stored checkpoint is damaged: {error}") from error
    return (head[0], head[1]), Line({name: version for name, (version, _) in channels.items()}, pointers)


def seal(raw: bytes, refs: bytes | None, *, on: Body | None = None, ordinal: int = 0) -> Sealed:
    """The columns of a body: with the row that it rests on, if there is one, as what differs from that."""
    codec, packed = pack(raw, on.raw if on else b"")
    if on is None or codec != 2:
        return Sealed(bytes((codec,)) + packed, refs, None, 0, raw, ())
    return Sealed(bytes((codec,)) + packed, refs, on.steps[0].key, ordinal, raw, on.steps)


def _nothing(key: int) -> None:
    """Where nothing is remembered."""


@dataclass(eq=False)
class Bodies:
    """Reads bodies, each once."""

    connection: sqlite3.Connection
    remembered: Callable[[int], Body | None] = _nothing
    """Bodies that were read before, by key."""
    found: dict[int, Body] = field(default_factory=dict)
    """What was read, by key."""

    def read(self, row: sqlite3.Row) -> Body:
        """The body of a row of ``checkpoints``, which has ``key``, ``body``, ``base``, ``ordinal``, ``refs``."""
        rows: list[sqlite3.Row] = []
        body, next_ = self._known(row["key"]), row
        while body is None:
            rows.append(next_)
            base = next_["base"]
            if base is None:
                break
            if any(base == one["key"] for one in rows):
                raise sqlite3.DatabaseError(f"checkpoint {base} rests on itself")
            body = self._known(base)
            next_ = next_ if body is not None else self._row(base)
        for one in reversed(rows):
            raw = unpack(one["body"][0], one["body"][1:], body.raw if body else b"")
            steps = (Step(one["key"], one["ordinal"]), *(body.steps if body else ()))
            body = self.found[one["key"]] = Body(raw, one["refs"], steps)
        assert body is not None
        return body

    def _known(self, key: int) -> Body | None:
        return self.found.get(key) or self.remembered(key)

    def find(self, key: int) -> Body | None:
        """The body of the checkpoint with that key; None if it is gone or has none yet."""
        row = self.connection.execute(f"{_SELECT} WHERE key = ? AND body IS NOT NULL", (key,)).fetchone()
        return self.read(row) if row is not None else None

    def _row(self, key: int) -> sqlite3.Row:
        row: sqlite3.Row | None = self.connection.execute(f"{_SELECT} WHERE key = ?", (key,)).fetchone()
        if row is None or not row["body"]:
            raise sqlite3.DatabaseError(f"checkpoint {key}, on which others rest, is missing")
        return row


_SELECT = "SELECT key, body, base, ordinal, refs FROM checkpoints"


def release(connection: sqlite3.Connection, space: int, keys: Iterable[int]) -> None:
    """Before checkpoints of a space are removed: those that rest on them, and stay, are stored by themselves."""
    going = set(keys)
    rows = connection.execute(f"{_SELECT} WHERE space = ? AND base IS NOT NULL", (space,)).fetchall()
    bodies = Bodies(connection)
    for row in rows:
        if row["base"] in going and row["key"] not in going:
            body = bodies.read(row)
            alone = seal(body.raw, body.refs)
            connection.execute(
                "UPDATE checkpoints SET body = ?, base = NULL, ordinal = 0 WHERE key = ?", (alone.body, row["key"])
            )
