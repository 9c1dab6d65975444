"""Channel values on disk: each large one once a thread, growing ones as what was added, compressed where it pays.

A value is what the serializer made of it: a type and bytes. Small ones lie in the checkpoint itself, the others are
rows of ``blobs``. A list, mapping or text that only grew since the version before is stored as what came after an
earlier version: the n-th version rests on version n - 4^k, where k is the number of trailing zeros of n in base 4. So
n versions take about n log n of what was added, and reading one takes a number of rows that grows with log n.
"""

import hashlib
import itertools
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.sources import Near, among, nowhere, related, together, unfold
from treadle.checkpoints.layouts.tails import Link, Tail, Tails, Typed, rest

SMALL = 128
"""Bytes up to which a value lies in its checkpoint."""

SHARED = 1000
"""Bytes from which a value is looked for among those stored already."""

LARGE = 4096
"""Bytes from which that is done before a value is compressed, not after."""

Pointer = int | Typed
"""Where a value is: the id of a blob, or the small value itself."""


def head(type_: str, raw: bytes) -> int:
    """Length of the msgpack header that says how long a list, mapping or text is; 0 for what cannot grow."""
    if type_ != "msgpack" or not raw:
        return 0
    first = raw[0]
    if 0x80 <= first <= 0xBF:  # fixmap, fixarray, fixstr
        return 1
    return {0xD9: 2, 0xDA: 3, 0xDB: 5, 0xDC: 3, 0xDD: 5, 0xDE: 3, 0xDF: 5}.get(first, 0)


def _kind(raw: bytes) -> str:
    """Whether a msgpack value is a list, a mapping or a text."""
    first = raw[0]
    if first <= 0x8F or first in (0xDE, 0xDF):
        return "map"
    return "list" if first <= 0x9F or first in (0xDC, 0xDD) else "text"


@dataclass(eq=False)
class Storage:
    """What one transaction needs to store values of one thread."""

    connection: sqlite3.Connection
    home: int
    """Key of the thread's first space: values are shared within a thread, never between threads."""
    tails: Tails
    grown: list[tuple[Tail, int | None]] = field(default_factory=list)
    """What to remember once the transaction is committed."""
    gathered: list[tuple[int, Typed]] = field(default_factory=list)
    """The same of values that lie together."""

    def place(self, value: Typed, before: Pointer | None = None, near: Near = nowhere) -> Pointer:
        """Store a value, whose version before lies at ``before``, and say where."""
        type_, raw = value
        if len(raw) <= SMALL:
            return value
        if isinstance(before, int) and head(type_, raw):
            grown = self._grow(type_, raw, before, near)
            if grown is not None:
                return grown
        return self.share(value, near)

    def share(self, value: Typed, near: Near = nowhere) -> int:
        """Store a value whole, unless the thread has it."""
        type_, raw = value
        digest = None
        if len(raw) >= SHARED and "+" not in type_:  # what is encrypted is never twice the same
            digest = hashlib.blake2b(raw, digest_size=16, person=type_.encode()[:16]).digest()
            found = self._find(digest) if len(raw) >= LARGE else None
            if found is not None:
                return found
        packed = related(self.connection, raw, near, self.tails) if "+" not in type_ else (None, 0, raw)
        id_ = self._insert(type_, digest, None, 0, len(raw), *packed) or self._find(digest)
        if id_ is None:
            raise sqlite3.DatabaseError("a value was not stored")
        if head(type_, raw):
            self.grown.append((Tail(type_, raw, (Link(id_, 0, len(raw) - head(type_, raw)),)), None))
        return id_

    def gather(self, raw: bytes) -> int:
        """Store bytes in which several values lie, one after the other."""
        id_ = self._insert("", None, None, 0, len(raw), None, *pack(raw))
        self.gathered.append((id_, ("", raw)))
        return id_

    def _grow(self, type_: str, raw: bytes, before: int, near: Near) -> int | None:
        """Store what was added since the version before, if that is all that happened."""
        tail = self.tails.find(before) or load_tail(self.connection, before)
        if tail is None or tail.type != type_:
            return None
        if tail.raw == raw:
            return before
        start, old = head(type_, raw), head(tail.type, tail.raw)
        if not old or _kind(raw) != _kind(tail.raw) or not raw.startswith(memoryview(tail.raw)[old:], start):
            return None
        ordinal = tail.links[0].ordinal + 1
        links = tuple(link for link in tail.links if link.ordinal <= rest(ordinal))
        added = bytes((start,)) + raw[:start] + raw[start + links[0].length :]
        id_ = self._insert(
            type_, None, links[0].id, ordinal, len(raw), *related(self.connection, added, near, self.tails)
        )
        self.grown.append((Tail(type_, raw, (Link(id_, ordinal, len(raw) - start), *links)), before))
        return id_

    def _find(self, digest: bytes | None) -> int | None:
        """The value with that digest, if the thread has it."""
        row = self.connection.execute(
            "SELECT id FROM blobs WHERE home = ? AND digest = ?", (self.home, digest)
        ).fetchone()
        return None if row is None else int(row[0])

    def _insert(self, *row: object) -> int:
        """The id of a new row; 0 if the thread has a value with that digest."""
        cursor = self.connection.execute(
            "INSERT INTO blobs (home, type, digest, base, ordinal, size, refs, codec, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (self.home, *row),
        )
        return (cursor.lastrowid or 0) if cursor.rowcount else 0

    def remember(self) -> None:
        """After the commit: keep what grew for the next version."""
        for tail, before in self.grown:
            self.tails.keep(tail, instead=before)
        for id_, value in self.gathered:
            self.tails.note(id_, value)


_SELECT = "SELECT id, type, base, ordinal, refs, codec, body FROM blobs WHERE id"


def _chain(
    connection: sqlite3.Connection, id_: int, found: Mapping[int, Typed], rows: Mapping[int, sqlite3.Row]
) -> list[sqlite3.Row]:
    """The row of a value and those it rests on, newest first, as far as they are not found yet; some are at hand."""
    chain: list[sqlite3.Row] = []
    next_: int | None = id_
    while next_ is not None and next_ not in found:
        row = rows.get(next_) or connection.execute(f"{_SELECT} = ?", (next_,)).fetchone()
        if row is None:
            raise sqlite3.DatabaseError(f"value {next_} is missing")
        chain.append(row)
        next_ = row["base"]
    return chain


def _join(
    connection: sqlite3.Connection, rows: list[sqlite3.Row], found: Mapping[int, Typed]
) -> tuple[bytes, list[int]]:
    """The value that the rows make up, and the length without header at each of them."""
    type_, oldest = rows[-1]["type"], rows[-1]["base"]
    added = [unpack(row["codec"], row["body"], _sources(connection, row, found)) for row in reversed(rows)]
    whole = added.pop(0) if oldest is None else found[oldest][1]
    if not added:
        return whole, [len(whole) - head(type_, whole)]
    parts = [memoryview(whole)[head(type_, whole) :]]
    parts.extend(memoryview(piece)[1 + piece[0] :] for piece in added)
    header = added[-1][1 : 1 + added[-1][0]]
    lengths = list(itertools.accumulate(map(len, parts)))
    return b"".join((header, *parts)), lengths[: -len(rows) - 1 : -1]


def _sources(connection: sqlite3.Connection, row: sqlite3.Row, found: Mapping[int, Typed]) -> bytes:
    return together(connection, unfold(row["refs"]), found.get) if row["refs"] else b""


def load(connection: sqlite3.Connection, ids: Iterable[int], tails: Tails | None = None) -> dict[int, Typed]:
    """Types and bytes of stored values, by id; older ones first, since newer ones rest on them or were made of them."""
    wanted = sorted(set(ids))
    found = {id_: value for id_ in wanted if tails is not None and (value := tails.known(id_))}
    missing = [id_ for id_ in wanted if id_ not in found]
    is_one, those = among(missing)
    rows = {row["id"]: row for row in connection.execute(f"{_SELECT} {is_one}", (those,))} if missing else {}
    for id_ in missing:
        chain = _chain(connection, id_, found, rows)
        found[id_] = (chain[0]["type"], _join(connection, chain, found)[0])
        if tails is not None:
            tails.note(id_, found[id_])
    return found


def load_tail(connection: sqlite3.Connection, id_: int) -> Tail | None:
    """A stored value with the versions it rests on; None if there is no such value."""
    if connection.execute("SELECT 1 FROM blobs WHERE id = ?", (id_,)).fetchone() is None:
        return None
    rows = _chain(connection, id_, {}, {})
    raw, lengths = _join(connection, rows, {})
    links = (Link(row["id"], row["ordinal"], length) for row, length in zip(rows, lengths, strict=True))
    return Tail(rows[0]["type"], raw, tuple(links))
