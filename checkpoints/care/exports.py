"""One run as a text file of JSON lines, and back: to keep, to read, to move to another database.

The first line says what the file is and, where it can be decoded, the newest state in plain words. Every other line is
a row: its table and its columns, bytes as base64. Reading it back gives the same run: states, history, open questions,
decisions (sealed anew, since they join another record), journal and trace.
"""

import base64
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from treadle.checkpoints.desks.audits import append
from treadle.checkpoints.desks.chains import last
from treadle.checkpoints.desks.plains import plain
from treadle.checkpoints.desks.seals import CONTENT, FIXED, OPENING, content
from treadle.checkpoints.disks.connections import explain
from treadle.checkpoints.disks.schemas import VERSION
from treadle.checkpoints.layouts import spaces
from treadle.checkpoints.layouts.formats import WRITES, body_of, write_of
from treadle.checkpoints.layouts.spaces import configured
from treadle.checkpoints.layouts.threads import rebase, redirect
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import RunNotFound, StoreCorrupt, StoreError, StoreNewer

FORMAT = "treadle.run"

_OF_CHECKPOINT = "IN (SELECT c.key FROM checkpoints c JOIN spaces s ON s.key = c.space WHERE s.thread_id = ?)"
_OF_SPACE = "IN (SELECT key FROM spaces WHERE thread_id = ?)"
_QUERIES = {
    "runs": "SELECT * FROM runs WHERE thread_id = ?",
    "spaces": "SELECT key, ns FROM spaces WHERE thread_id = ? ORDER BY key",
    "blobs": f"SELECT * FROM blobs WHERE home {_OF_SPACE} ORDER BY id",
    "checkpoints": f"SELECT * FROM checkpoints WHERE space {_OF_SPACE} ORDER BY key",
    "writes": f"SELECT * FROM writes WHERE checkpoint {_OF_CHECKPOINT} ORDER BY key",
    "decisions": "SELECT * FROM decisions WHERE thread_id = ? ORDER BY seq",
    "reviews": "SELECT * FROM reviews WHERE thread_id = ? ORDER BY seq",
    "waits": "SELECT * FROM waits WHERE thread_id = ?",
    "deadlines": "SELECT * FROM deadlines WHERE thread_id = ?",
    "journal": "SELECT * FROM journal WHERE thread_id = ?",
    "traces": "SELECT * FROM traces WHERE thread_id = ? ORDER BY seq",
}


@dataclass(frozen=True)
class Exported:
    """What a file of one run holds."""

    thread_id: str
    lines: int


def export(saver: SqliteSaver, thread_id: str, file: TextIO) -> Exported:
    """Write a run to a text file, as it is at one moment. RunNotFound if there is none.

    Values of an encrypted database stay encrypted: it takes the same key to read them back.
    """
    if not saver.database.readonly:
        saver.database.flush()

    def work(connection: sqlite3.Connection) -> int:
        lines = 0
        for line in _lines(connection, saver, thread_id):
            file.write(json.dumps(line, ensure_ascii=False, default=_bytes) + "\n")
            lines += 1
        return lines

    return Exported(thread_id, saver.database.read(work))


def _lines(connection: sqlite3.Connection, saver: SqliteSaver, thread_id: str) -> Iterator[Any]:
    if not any(connection.execute(_QUERIES[table], (thread_id,)).fetchone() for table in ("runs", "spaces")):
        raise RunNotFound(f"No run has the thread id {thread_id!r}: `treadle runs` lists those that there are.")
    count = " + ".join(f"(SELECT count(*) FROM ({query}))" for query in _QUERIES.values())
    lines = 1 + connection.execute(f"SELECT {count}", (thread_id,) * len(_QUERIES)).fetchone()[0]
    header = {"format": FORMAT, "version": VERSION, "thread_id": thread_id, "lines": lines}
    yield header | {"state": _state(saver, thread_id)}
    for table, query in _QUERIES.items():
        for row in connection.execute(query, (thread_id,)):
            yield {"table": table, "row": {name: row[name] for name in row.keys()}}  # noqa: SIM118


def _state(saver: SqliteSaver, thread_id: str) -> Any:
    """The newest state for a reader; None if there is none, or if it is encrypted or of types unknown here."""
    with suppress(Exception):
        found = saver.get_tuple({"configurable": configured(thread_id, "", "")["configurable"]})
        return plain(found.checkpoint["channel_values"]) if found and not _encrypted(saver) else None
    return None


def _encrypted(saver: SqliteSaver) -> bool:
    return "+" in saver.serde.dumps_typed(None)[0]


def _bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"A column holds a {type(value).__name__}, which has no form in JSON.")


def restore(saver: SqliteSaver, file: TextIO, *, thread_id: str | None = None) -> Exported:
    """Read a run back from an exported file, under its own thread id or another; whole or not at all.

    Raises StoreError if there is such a run here already, StoreCorrupt (with the line) if the file is none of ours or
    damaged, StoreNewer if a later treadle wrote it.
    """
    file = file if file.seekable() else StringIO(file.read())
    start = file.tell()
    header = _header(next(_read(file), (1, None))[1])
    target = header["thread_id"] if thread_id is None else thread_id

    def work(connection: sqlite3.Connection) -> int:
        if any(connection.execute(_QUERIES[table], (target,)).fetchone() for table in ("runs", "spaces")):
            raise StoreError(f"The run {target!r} is here already: give it another thread id (--thread).")
        file.seek(start)  # this may be run again
        coming, lines = _Coming(connection, target, header["version"]), 0
        for lines, line in _read(file):
            if lines > 1:
                with _blamed(lines, saver.path):
                    coming.add(line["table"], _plain(line["row"]))
        if lines < header.get("lines", 0):
            raise StoreCorrupt(f"The file ends with line {lines} of {header['lines']}: nothing was read back.")
        rebase(connection, coming.checkpoints)
        return lines

    return Exported(target, saver.database.write(work))


@contextmanager
def _blamed(number: int, path: Path) -> Iterator[None]:
    """Around a line that is stored: what goes wrong is its fault, unless the database cannot be written."""
    try:
        yield
    except Exception as error:
        meaning = explain(error, path)
        if isinstance(meaning, StoreError) and not isinstance(meaning, StoreCorrupt):
            raise
        raise StoreCorrupt(f"Line {number} of the file is damaged ({error}): nothing was read back.") from error


def _read(file: TextIO) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, 1):
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StoreCorrupt(f"Line {number} of the file is not JSON ({error}): nothing was read back.") from error


def _header(line: Any) -> Mapping[str, Any]:
    kinds = {"format": str, "version": int, "thread_id": str}
    if not isinstance(line, dict) or any(not isinstance(line.get(name), kind) for name, kind in kinds.items()):
        raise StoreCorrupt("The file is no exported run: `treadle db export` writes such a file.")
    if line["format"] != FORMAT:
        raise StoreCorrupt("The file is no exported run: `treadle db export` writes such a file.")
    if line["version"] > VERSION:
        raise StoreNewer("The file was written by a later treadle than this one: upgrade treadle.")
    return line


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it was: base64 is bytes again."""
    return {
        name: base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
        for name, value in row.items()
    }


class _Coming:
    """A run on its way in: keys are given anew, and what points to them follows."""

    def __init__(self, connection: sqlite3.Connection, thread_id: str, version: int) -> None:
        self.connection = connection
        self.version = version
        self.thread_id = thread_id
        self.spaces: dict[int, spaces.Space] = {}
        self.blobs: dict[int, int] = {}
        self.checkpoints: dict[int, int] = {}
        self.seqs: dict[int, int] = {}
        """Numbers in the record: here, by those in the file."""

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Store one row."""
        if table not in _QUERIES:
            raise ValueError(f"there is no table {table!r}")
        getattr(self, f"_{table}", self._other)(row, table)

    def _spaces(self, row: dict[str, Any], _: str) -> None:
        self.spaces[row["key"]] = spaces.enter(self.connection, self.thread_id, row["ns"])

    def _blobs(self, row: dict[str, Any], table: str) -> None:
        home = next(iter(self.spaces.values())).home
        base = self.blobs[row["base"]] if row["base"] is not None else None
        id_, refs = row.pop("id"), redirect(row.get("refs"), self.blobs)
        self.blobs[id_] = self._insert(table, row | {"home": home, "base": base, "refs": refs})

    def _checkpoints(self, row: dict[str, Any], table: str) -> None:
        if row["body"] and self.version < WRITES:
            row["body"], row["refs"] = body_of(row["body"])
        key, refs = row.pop("key"), redirect(row.get("refs"), self.blobs)
        self.checkpoints[key] = self._insert(table, row | {"space": self.spaces[row["space"]].key, "refs": refs})

    def _writes(self, row: dict[str, Any], table: str) -> None:
        if self.version < WRITES:
            row = write_of(row)
        row.pop("key", None)
        refs = redirect(row["refs"], self.blobs)
        self._insert(table, row | {"checkpoint": self.checkpoints[row["checkpoint"]], "refs": refs})

    def _decisions(self, row: dict[str, Any], _: str) -> None:
        """Appended to this database's record, unless it is there: decisions outlive a run that is removed."""
        row = dict.fromkeys((*FIXED, *CONTENT, *OPENING)) | row | {"thread_id": self.thread_id}
        known = self.connection.execute(
            "SELECT seq FROM decisions WHERE thread_id = ? AND interrupt_id = ? AND at = ? AND action IS ?",
            (self.thread_id, row["interrupt_id"], row["at"], row["action"]),
        ).fetchone()
        kept = {name: row[name] for name in (*FIXED, "applied_at")}
        self.seqs[row["seq"]] = known["seq"] if known else append(self.connection, **kept | content(row)).seq

    def _reviews(self, row: dict[str, Any], table: str) -> None:
        """Votes that came after the question was asked count here too."""
        before = [here for there, here in self.seqs.items() if there <= row.get("since", 0)]
        first = min(self.seqs.values(), default=last(self.connection, "decisions")[0] + 1)
        self._other(row | {"since": max(before, default=first - 1)}, table)

    def _runs(self, row: dict[str, Any], table: str) -> None:
        """Nobody here is at work on it."""
        self._insert(table, row | {"thread_id": self.thread_id, "owner": None, "expires_at": None})

    def _other(self, row: dict[str, Any], table: str) -> None:
        row.pop("seq", None)
        self._insert(table, row | {"thread_id": self.thread_id})

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        columns = ", ".join(f'"{name}"' for name in row if name.isidentifier())
        places = ", ".join("?" * len(row))
        return (
            self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(row.values())).lastrowid
            or 0
        )
