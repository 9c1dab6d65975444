"""What tasks wrote before their step ended, as rows beside the checkpoint that they started from.

Rows are only ever added: one for all the ordinary results that a transaction stores of a step, one for each call that
tells of a question, an answer or an error, which has its task's id so that it is found among very many. Large values
are blobs of their own; those of middle size lie together in one blob a channel, so that they are packed together, and
so that the value which the channel makes of them can be packed against it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ormsgpack
from langgraph.checkpoint.base import WRITES_IDX_MAP

from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.sources import Near, among, fold, unfold, whole
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import LARGE, Storage, load

GATHERED = 512
"""Bytes from which a value lies with others in a blob, not in its row."""

Write = tuple[str, str, str, Typed]
"""A stored write: task id, channel, task path, value."""

Place = bytes | int | tuple[int, int, int]
"""Where a value is: here; a blob, by its position in the row's refs; a stretch of one: position, start, end."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one task wrote, in one call."""

    id: str
    path: str
    writes: Sequence[tuple[str, Typed]]

    @property
    def ordinary(self) -> bool:
        """Whether it wrote results only, so that it may share a row with others."""
        return not any(channel in WRITES_IDX_MAP for channel, _ in self.writes)


def put(key: int, storage: Storage, tasks: Sequence[Task], near: Near) -> None:
    """Store what tasks wrote beside a checkpoint, in one row. ``near``: what large values may have been made of."""
    outside = _Outside(storage, near)
    body = [(task.id, task.path, [outside.entry(*one) for one in _numbered(task)]) for task in tasks]
    alone = tasks[0].id if len(tasks) == 1 and not tasks[0].ordinary else None
    refs = fold(outside.settle())
    storage.connection.execute(
        "INSERT INTO writes (checkpoint, task_id, refs, codec, body) VALUES (?, ?, ?, ?, ?)",
        (key, alone, refs, *pack(ormsgpack.packb(body))),
    )


def _numbered(task: Task) -> Iterator[tuple[int, str, Typed]]:
    for position, (channel, value) in enumerate(task.writes):
        yield WRITES_IDX_MAP.get(channel, position), channel, value


@dataclass(eq=False)
class _Outside:
    """The values of one row that do not lie in it."""

    storage: Storage
    near: Near
    _ids: list[int] = field(default_factory=list)
    _together: dict[str, tuple[int, list[bytes]]] = field(default_factory=dict)
    _ends: dict[str, int] = field(default_factory=dict)

    def entry(self, idx: int, channel: str, value: Typed) -> tuple[int, str, str, Place]:
        """A write as it stands in the row."""
        type_, raw = value
        return idx, channel, type_, self._place(channel, value) if "+" not in type_ else raw

    def _place(self, channel: str, value: Typed) -> Place:
        raw = value[1]
        if len(raw) < GATHERED:
            return raw
        if len(raw) >= LARGE:
            return self._add(self.storage.share(value, self.near))
        if channel not in self._together:
            self._together[channel] = (self._add(0), [])
        position, parts = self._together[channel]
        start = self._ends.get(channel, 0)
        end = self._ends[channel] = start + len(raw)
        parts.append(raw)
        return position, start, end

    def _add(self, id_: int) -> int:
        self._ids.append(id_)
        return len(self._ids) - 1

    def settle(self) -> list[int]:
        """Store what lies together; the ids of all blobs, in the order of their positions."""
        for position, parts in self._together.values():
            self._ids[position] = self.storage.gather(b"".join(parts))
        return self._ids


Row = Mapping[str, Any] | sqlite3.Row


def unpacked(row: Row) -> Iterator[tuple[str, str, int, str, str, Place]]:
    """The writes of a row, values not looked up yet: task id, path, number, channel, type, where the value is."""
    try:
        for task_id, path, entries in ormsgpack.unpackb(unpack(row["codec"], row["body"])):
            for idx, channel, type_, at in entries:
                yield task_id, path, idx, channel, type_, at
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"stored writes are damaged: {error}") from error


def written(
    connection: sqlite3.Connection, keys: Iterable[int], *, channels: Sequence[str] = (), task_id: str | None = None
) -> dict[int, list[Write]]:
    """The writes of checkpoints, in the order in which a step applies them; only some channels' or one task's.

    Of an ordinary write the first stays, of a special one the last. One task's are found quickly if they are special.
    """
    found = gathered(connection, keys, task_id=task_id)
    return found.resolved(load(connection, found.ids), channels)


@dataclass(frozen=True)
class Gathered:
    """The rows of the writes of checkpoints, values not looked up yet."""

    rows: Sequence[tuple[sqlite3.Row, list[int]]]
    """Each with the ids of its values."""

    @property
    def ids(self) -> Iterator[int]:
        """The values that lie elsewhere."""
        return (id_ for _, refs in self.rows for id_ in refs)

    def resolved(self, blobs: Mapping[int, Typed], channels: Sequence[str] = ()) -> dict[int, list[Write]]:
        """What ``written`` returns, by the values that were looked up."""
        merged: dict[int, dict[tuple[str, int], tuple[str, str, int, str, str, Place, list[int]]]] = {}
        for row, refs in self.rows:
            known = merged.setdefault(row["checkpoint"], {})
            for task, path, idx, channel, type_, at in unpacked(row):
                if idx < 0 or (task, idx) not in known:
                    known[task, idx] = (path, task, idx, channel, type_, at, refs)
        return {
            key: [
                (task, channel, path, (type_, at) if isinstance(at, bytes) else _value(type_, at, refs, blobs))
                for path, task, _, channel, type_, at, refs in sorted(known.values())
                if not channels or channel in channels
            ]
            for key, known in merged.items()
        }


def gathered(connection: sqlite3.Connection, keys: Iterable[int], *, task_id: str | None = None) -> Gathered:
    """The rows of the writes of checkpoints, or of one task's."""
    is_one, wanted = among(list(keys))
    one = (" AND task_id = ?", [task_id]) if task_id is not None else ("", [])
    query = f"SELECT checkpoint, refs, codec, body FROM writes WHERE checkpoint {is_one}{one[0]} ORDER BY key"
    return Gathered([(row, unfold(row["refs"])) for row in connection.execute(query, (wanted, *one[1]))])


def _value(type_: str, at: int | tuple[int, int, int], refs: Sequence[int], blobs: Mapping[int, Typed]) -> Typed:
    try:
        if isinstance(at, int):
            return blobs[refs[at]]
        position, start, end = at
        return type_, blobs[refs[position]][1][start:end]
    except (IndexError, ValueError) as error:
        raise sqlite3.DatabaseError(f"stored writes are damaged: {error}") from error


def sources(connection: sqlite3.Connection, key: int) -> dict[str, list[int]]:
    """By channel, the blobs with what was written to it beside a checkpoint, as far as they rest on no other."""
    found: dict[str, dict[int, None]] = {}
    for row in connection.execute(
        "SELECT refs, codec, body FROM writes WHERE checkpoint = ? AND refs IS NOT NULL ORDER BY key", (key,)
    ):
        refs = unfold(row["refs"])
        for _, _, _, channel, _, at in unpacked(row):
            if not isinstance(at, bytes):
                found.setdefault(channel, {})[refs[at if isinstance(at, int) else at[0]]] = None
    return {channel: whole(connection, ids) for channel, ids in found.items()}
