"""How one SQLite connection is opened, and what its errors mean in words."""

import errno
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from treadle.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly

VARIABLE = "TREADLE_PATIENCE"
"""Seconds to wait for another process's lock, if not `PATIENCE`."""

PATIENCE = 30.0
"""Seconds to wait for another process's lock: long, since SQLite's queue is not fair; transactions are short."""

LOG = 4000
"""Pages after which the log is moved into the file, by whoever writes then; it takes syncs of its own."""

_MEANINGS: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_IOERR: StoreError,
    sqlite3.SQLITE_CANTOPEN: StoreError,
    sqlite3.SQLITE_PERM: StoreReadOnly,
    sqlite3.SQLITE_TOOBIG: StoreError,
}

_WORDS: dict[type[StoreError], str] = {
    StoreBusy: "is kept locked by another process (waited {patience:g} s): end that process, or try again",
    StoreReadOnly: "cannot be written: check the permissions of the file and of its folder",
    StoreCorrupt: "is damaged or is no SQLite file ({error}): restore a copy, or name another file",
    StoreFull: "has no room left on its disk: nothing of this call was stored; free some space and try again",
    StoreError: "cannot be used: {error}",
}


class Connection(sqlite3.Connection):
    """A connection with room for what the transaction that runs on it has looked up so far."""

    known: object = None


def connect(path: Path, *, readonly: bool = False, timeout: float | None = None) -> sqlite3.Connection:
    """Open a connection that any thread may use (one at a time), transactions begun and ended by hand."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rwc'}"
    if readonly and _unchangeable(path):
        uri += "&immutable=1"
    waits = patience() if timeout is None else timeout
    connection = sqlite3.connect(
        uri, uri=True, timeout=waits, isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.row_factory = sqlite3.Row
    return connection


def named(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    """Rows by name, for who asks for many columns: SQLite's own look each name up among all, one after the other."""
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def patience() -> float:
    """Seconds to wait for another process's lock; raises StoreError for a variable that is no number."""
    given = os.environ.get(VARIABLE)
    try:
        return PATIENCE if given is None else float(given)
    except ValueError:
        raise StoreError(f"{VARIABLE} is {given!r}: it is a number of seconds, such as 30.") from None


def _unchangeable(path: Path) -> bool:
    """Whether SQLite could not make the files that reading a WAL database takes, and none are there to be read."""
    wal = path.with_name(path.name + "-wal")
    return not os.access(path.parent, os.W_OK) and not (wal.exists() and wal.stat().st_size)


def tune(connection: sqlite3.Connection, *, synchronous: str | None = None) -> None:
    """Set what a connection forgets when it closes; one that is told nothing of ``synchronous`` is never to write."""
    connection.executescript(_READS if synchronous is None else _WRITES.format(synchronous=synchronous))


def damage(connection: sqlite3.Connection) -> str | None:
    """The first thing that SQLite finds wrong with a file, without a look at its indexes; None if there is nothing."""
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if found == "ok" else found


def guard(connection: sqlite3.Connection, *, writes: bool) -> None:
    """Let a connection write, or only read."""
    connection.execute(f"PRAGMA query_only={not writes:d}")


_READS = "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000"
_WRITES = (
    _READS + "; PRAGMA synchronous={synchronous}; PRAGMA journal_size_limit=67108864;"
    f" PRAGMA wal_autocheckpoint={LOG}"
)


def journal(connection: sqlite3.Connection) -> str:
    """Switch the file to a write-ahead log; SQLite does not wait for this lock by itself, so we do."""
    until = time.monotonic() + patience()
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.02)


def begin(connection: sqlite3.Connection) -> None:
    """Begin to write; what was known of the last transaction may have changed since."""
    connection.execute("BEGIN IMMEDIATE")
    forget(connection)


def forget(connection: sqlite3.Connection) -> None:
    """Forget what was looked up: it was undone, or another process may have changed it."""
    if isinstance(connection, Connection):
        connection.known = None


UNREADABLE = (sqlite3.Error, UnicodeError, json.JSONDecodeError)
"""What reading a row raises: SQLite, and what takes texts for what they were when they were stored, or are to be."""


def explain(error: Exception, path: Path) -> Exception:
    """The error of ours that says what an SQLite error means, or the error itself if it tells of a mistake in SQL."""
    if isinstance(error, UnicodeEncodeError):
        half, text = error.object[error.start], error.object[:100]
        return StoreError(f"{text!r} can be neither stored nor found: it is no text in UTF-8, but has {half!r} in it.")
    code = getattr(error, "sqlite_errorcode", None)
    kind = _MEANINGS.get(code & 0xFF) if code is not None else None
    if code is None and _senseless(error):
        kind = StoreCorrupt
    if kind is None:
        return error
    if kind is StoreError:
        kind = _cause(path)
    words = _WORDS[kind].format(error=error, patience=patience())
    return kind(f"The database {path} {words}.")


def _senseless(error: Exception) -> bool:
    """Whether a row made no sense; ours for that is a plain DatabaseError, and Python has words for bad texts."""
    return (
        type(error) is sqlite3.DatabaseError
        or not isinstance(error, sqlite3.Error)
        or str(error).startswith("Could not decode to UTF-8")
    )


def _cause(path: Path) -> type[StoreError]:
    """What lies behind "disk I/O error" and "unable to open database file", as far as the file system tells."""
    folder = path.parent
    try:
        if folder.is_dir() and shutil.disk_usage(folder).free < 65536:
            return StoreFull
    except OSError as error:
        return StoreFull if error.errno == errno.ENOSPC else StoreError
    writable = os.access(path, os.W_OK) if path.exists() else os.access(folder, os.W_OK)
    return StoreError if writable or not folder.is_dir() or path.is_dir() else StoreReadOnly


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours."""
    try:
        yield
    except UNREADABLE as error:
        meaning = explain(error, path)
        if meaning is error:
            raise
        raise meaning from error
