"""Taking over the runs of another file: one of langgraph-checkpoint-sqlite."""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from treadle.checkpoints.desks import queues
from treadle.checkpoints.disks.connections import connect, explained
from treadle.checkpoints.disks.schemas import APPLICATION
from treadle.checkpoints.layouts.drafts import Drafts
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.spaces import configured
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import StoreCorrupt


@dataclass(frozen=True)
class Import:
    """What was taken over."""

    runs: tuple[str, ...]
    skipped: tuple[str, ...]
    """Runs that were here already and were left alone."""
    checkpoints: int
    writes: int
    questions: int
    """Open questions that are in the queue now."""


def load(saver: SqliteSaver, path: str | os.PathLike[str], *, threads: Sequence[str] | None = None) -> Import:
    """Take over every run (or those that ``threads`` names) of a langgraph-checkpoint-sqlite file.

    States, histories and pending writes are equal afterwards, and what waits for a person is in the queue. The file is
    only read. Each run is taken over whole or not at all; one that is here already is skipped. Raises StoreError if the
    file cannot be read, StoreCorrupt if it is none of that kind or if a value of it cannot be decoded.
    """
    place = Path(path).expanduser().absolute()
    done, skipped = [], []
    with explained(place), closing(_opened(place)) as source:
        source.execute("BEGIN")  # who still writes to the file changes nothing of what is taken over
        known = [row[0] for row in source.execute("SELECT DISTINCT thread_id FROM checkpoints ORDER BY thread_id")]
        for thread_id in known if threads is None else [one for one in known if one in threads]:
            taken = saver.database.write(
                partial(_take, source=_Source(source, place), thread_id=thread_id, saver=saver)
            )
            done.append(taken) if taken else skipped.append(thread_id)
    return Import(
        tuple(one.thread_id for one in done),
        tuple(skipped),
        sum(one.checkpoints for one in done),
        sum(one.writes for one in done),
        sum(one.questions for one in done),
    )


def _opened(path: Path) -> sqlite3.Connection:
    source = connect(path, readonly=True)
    try:
        if source.execute("PRAGMA application_id").fetchone()[0] == APPLICATION:
            raise StoreCorrupt(
                f"The file {path} is a treadle database: take a run of it over with `treadle db export THREAD FILE"
                f" --db {path}` and `treadle db import FILE`, or use it as it is."
            )
        if any(not columns <= _columns(source, table) for table, columns in _TABLES.items()):
            raise StoreCorrupt(f"The file {path} was not written by langgraph-checkpoint-sqlite: name another file.")
    except BaseException:
        source.close()
        raise
    return source


_OF_BOTH = {"thread_id", "checkpoint_ns", "checkpoint_id", "type"}
_TABLES = {
    "checkpoints": _OF_BOTH | {"parent_checkpoint_id", "checkpoint", "metadata"},
    "writes": _OF_BOTH | {"task_id", "idx", "channel", "value"},
}


def _columns(source: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in source.execute("SELECT name FROM pragma_table_info(?)", (table,))}


@dataclass(frozen=True)
class _Source:
    """The file that is read: an error of it is not one of the database that is written meanwhile."""

    connection: sqlite3.Connection
    path: Path

    def rows(self, query: str, *values: str) -> Iterator[sqlite3.Row]:
        with explained(self.path):
            yield from self.connection.execute(query, values)


@dataclass
class _Taken:
    thread_id: str
    checkpoints: int = 0
    writes: int = 0
    questions: int = 0


def _take(connection: sqlite3.Connection, *, source: _Source, thread_id: str, saver: SqliteSaver) -> _Taken | None:
    """Take one run over, inside a transaction; None if it is here already."""
    if connection.execute("SELECT 1 FROM spaces WHERE thread_id = ?", (thread_id,)).fetchone():
        return None
    moving = _Moving(connection, source, thread_id, Drafts(saver.serde, Memory()), _Taken(thread_id))
    for row in source.rows(_CHECKPOINTS, thread_id):
        moving.checkpoint(row)
    if not moving.times:
        raise StoreCorrupt(
            f"The file {source.path} is damaged: it names the run {thread_id}, and has no checkpoint of it."
        )
    moving.settle("")
    moving.rest()
    moving.ledger()
    return moving.taken


_CHECKPOINTS = (
    "SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints"
    " WHERE thread_id = ? ORDER BY checkpoint_id, checkpoint_ns"
)


@dataclass
class _Moving:
    """One run on its way: its checkpoints in the order of time, what tasks wrote when it was written.

    A task writes after the checkpoint that it starts from and before the next of its namespace, and what calls a
    subgraph writes after that: so the queue sees the questions and answers in the order in which they came.
    """

    connection: sqlite3.Connection
    source: _Source
    thread_id: str
    drafts: Drafts
    taken: _Taken
    newest: dict[str, str] = field(default_factory=dict)
    """The newest checkpoint of each namespace, whose writes are still to come."""
    versions: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def checkpoint(self, row: sqlite3.Row) -> None:
        """Store a checkpoint, after what tasks of the one before it wrote."""
        ns, id_, parent_id = row["checkpoint_ns"], row["checkpoint_id"], row["parent_checkpoint_id"]
        self.settle(ns)
        before = self.versions.get((ns, parent_id or ""), {})
        config = configured(self.thread_id, ns, parent_id or "")
        with self._readable(f"checkpoint {id_}"):
            checkpoint = self.drafts.serde.loads_typed((row["type"], row["checkpoint"]))
            metadata = json.loads(row["metadata"]) if row["metadata"] is not None else {}
            versions = checkpoint["channel_versions"]
            new = {name: version for name, version in versions.items() if before.get(name) != version}
            draft = self.drafts.checkpoint(config, checkpoint, metadata, new)
        stored = draft(self.connection)
        stored.remember(self.drafts.memory)
        self.newest[ns], self.versions[ns, id_] = id_, versions
        self.times.append(_time(checkpoint.get("ts")))
        self.connection.execute("UPDATE checkpoints SET at = ? WHERE key = ?", (self.times[-1], stored.key))
        self.taken.checkpoints += 1

    def settle(self, ns: str) -> None:
        """Store what was written at the newest checkpoint of a namespace and of those inside, the innermost first."""
        inside = [one for one in self.newest if queues.inside(one, ns)]
        for one in sorted(inside, key=lambda one: one.count("|") + bool(one), reverse=True):
            self._writes(one, self.newest.pop(one))

    def _writes(self, ns: str, id_: str) -> None:
        rows = self.source.rows(
            "SELECT * FROM writes WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"
            " ORDER BY task_id, idx >= 0, idx",
            *(self.thread_id, ns, id_),
        )
        config = configured(self.thread_id, ns, id_)
        for (task_id, _), group in groupby(rows, key=lambda row: (row["task_id"], row["idx"] >= 0)):
            written = list(group)
            path = written[0]["task_path"] if "task_path" in written[0].keys() else ""  # noqa: SIM118
            values = [(row["channel"], self._value(row)) for row in written]
            self.drafts.writes(config, values, task_id, path)(self.connection)
            self.taken.writes += len(written)

    def _value(self, row: sqlite3.Row) -> Any:
        with self._readable(f"write to {row['channel']!r} at {row['checkpoint_id']}"):
            return self.drafts.serde.loads_typed((row["type"], row["value"]))

    @contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        """Around what is made of a row; whatever goes wrong there is told as a row that cannot be read."""
        try:
            yield
        except Exception as error:
            raise StoreCorrupt(
                f"The {what} of run {self.thread_id} cannot be read ({type(error).__name__}: {error}), so that nothing"
                " of this run was taken over: it is damaged, or was written with another serializer, with which the"
                " database is to be opened."
            ) from error

    def rest(self) -> None:
        """What was written at checkpoints that are not stored themselves."""
        known = set(self.versions)
        query = "SELECT DISTINCT checkpoint_ns, checkpoint_id FROM writes WHERE thread_id = ?"
        for ns, id_ in list(self.source.rows(query, self.thread_id)):
            if (ns, id_) not in known:
                self._writes(ns, id_)

    def ledger(self) -> None:
        """The run has the times it had, and nobody at work on it."""
        self.connection.execute(
            "UPDATE runs SET created_at = ?, updated_at = ?, owner = NULL WHERE thread_id = ?",
            (min(self.times), max(self.times), self.thread_id),
        )
        query = "SELECT count(*) FROM reviews WHERE thread_id = ? AND status <> 'closed'"
        self.taken.questions = self.connection.execute(query, (self.thread_id,)).fetchone()[0]


def _time(text: Any) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
