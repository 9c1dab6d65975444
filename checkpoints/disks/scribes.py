"""The scribe: writes entries of the journal the moment they come, ahead of the database's own writer.

What is written survives the death of the process, what is synced a power cut as well. To write takes SQLite 0.1 ms, to
sync a disk some milliseconds. So a finished branch is written before anything else happens, by whoever finished it, and
its caller goes on when it is synced, with all that were written meanwhile.
"""

import os
import sqlite3
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from treadle.checkpoints.disks import files, forks
from treadle.checkpoints.disks.connections import connect, explained, tune
from treadle.errors import StoreError

Row = tuple[str, str, str, int, bytes, float]

MOST = 50
"""Entries a statement."""

OFTEN = 250
"""Statements after which the database's own writer gets its turn: it also moves the log into the file."""

_INSERT = "INSERT INTO journal (thread_id, key, type, codec, body, at) VALUES "
_PLACES = "(?, ?, ?, ?, ?, ?)"

_sync = getattr(os, "fdatasync", os.fsync)


class Scribe:
    """A second connection to a database that is open: it never waits for a lock, nor for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = files.mark(path)
        self._closed = False
        self._process = os.getpid()
        self.begin()
        forks.heed(self)

    def begin(self) -> None:
        """Have no connection yet."""
        self._connection: sqlite3.Connection | None = None
        self._mutex = threading.Lock()
        self._count = 0

    def write(self, rows: Sequence[Row], *, wait: bool = True) -> bool:
        """Write entries in one statement; False, and nothing written, where the database's own writer must.

        That is when somebody else is writing, or now and then. Without `wait` other threads' entries are no reason to
        wait either.
        """
        if len(rows) > MOST or not self._mutex.acquire(blocking=wait):
            return False
        try:
            self._count += 1
            return not self._closed and self._count % OFTEN != 0 and self._written(rows)
        finally:
            self._mutex.release()

    def _written(self, rows: Sequence[Row]) -> bool:
        with explained(self.path):
            try:
                if self._connection is None:
                    self._connection = self._open()
                self._connection.execute(_statement(len(rows)), [value for row in rows for value in row])
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    return False
                raise
        return True

    def _open(self) -> sqlite3.Connection:
        connection = connect(self.path, timeout=0)
        tune(connection, synchronous="NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection

    def sync(self, *, power: bool = True) -> None:
        """Return when all that was written is in the database's file, which may have been removed, or in SQLite's log.

        With `power` it is also on the disk. This is no part of writing: each call of the system lets other threads run
        first, and where many branches end that is what takes long.
        """
        files.same(self.path, self._file)
        if not power:
            return
        try:
            log = os.open(f"{self.path}-wal", os.O_RDWR)
        except FileNotFoundError:
            return
        try:
            _sync(log)
        except OSError as error:
            raise StoreError(f"The database {self.path} cannot be brought to the disk: {error}") from error
        finally:
            os.close(log)

    def close(self) -> None:
        """Let the file go, for good."""
        with self._mutex:
            self._closed = True
            self._release()

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def pause(self) -> bool:
        """Let the connection go before a fork."""
        self._mutex.acquire()
        self._release()
        return True

    def go_on(self) -> None:
        """Go on after a fork."""
        self._mutex.release()

    def __del__(self) -> None:
        if self._process == os.getpid():  # a connection of a parent process is that one's to close
            self.close()


@cache
def _statement(count: int) -> str:
    return _INSERT + ", ".join([_PLACES] * count) + " ON CONFLICT DO NOTHING"
