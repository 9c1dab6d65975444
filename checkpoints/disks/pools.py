"""The connections of one process to a database: one that writes, one that watches, some that read."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from treadle.checkpoints.disks import files
from treadle.checkpoints.disks.connections import connect, damage, explain, explained, guard, tune
from treadle.checkpoints.disks.jobs import Job
from treadle.checkpoints.disks.schemas import prepare, readable, ready
from treadle.checkpoints.disks.transactions import perform
from treadle.errors import StoreError

T = TypeVar("T")

MOST = 8
"""Connections that are kept for the next reader."""


class Pool:
    """Opens connections as they are needed, and keeps them.

    ``synchronous`` is SQLite's; None: nothing is ever written. Each use makes sure that the file is still the one that
    was opened: SQLite would go on with a file that was removed.
    """

    def __init__(self, path: Path, *, synchronous: str | None) -> None:
        self.path = path
        self._synchronous = synchronous
        self._file = files.mark(path)
        self._writer: sqlite3.Connection | None = None
        self._watcher: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._mutex = threading.Lock()
        self._turn = threading.RLock()
        """Held by who uses the writing connection."""

    def renewed(self) -> "Pool":
        """A pool for the same file that has no connections: a forked child must not use its parent's."""
        pool = Pool(self.path, synchronous=self._synchronous)
        pool._file = self._file
        return pool

    def open(self) -> None:
        """Open a file, with the tables that it is to have."""
        if self._synchronous is None:
            self.read(lambda connection: readable(connection, self.path))
            return
        with explained(self.path):
            self._idle.append(self._prepared())  # who only reads needs no second one
        self._file = files.mark(self.path)

    @property
    def writer(self) -> sqlite3.Connection:
        """The connection that writes: one that read until now, if there is one, since to open another takes long."""
        if self._writer is None:
            with self._mutex:
                connection = self._idle.pop() if self._idle else None
            self._writer = connection or self._prepared()
            guard(self._writer, writes=True)
        return self._writer

    def write(self, jobs: list[Job]) -> None:
        """Run jobs in one transaction, which is committed on return; what went wrong is theirs."""
        with self._turn:
            try:
                self._opened()
                perform(self.writer, jobs)
                files.same(self.path, self._file)  # before the commit: what goes to a removed file is not stored
                self.writer.execute("COMMIT")
            except (sqlite3.Error, StoreError) as error:
                self._undo()
                for job in jobs:
                    job.error = explain(error, self.path) if isinstance(error, sqlite3.Error) else error
            except BaseException:
                self._undo()
                raise

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work on a connection that sees one moment of the database; raises SQLite's errors as ours."""
        with explained(self.path):
            files.same(self.path, self._file)
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                result = work(connection)
                connection.execute("COMMIT")
            except TypeError as error:  # in a damaged row there may be nothing where something has to be
                with closing(connection):
                    if found := damage(connection):
                        raise sqlite3.DatabaseError(found) from error
                    raise
            except BaseException:
                connection.close()
                raise
            self._return(connection)
        return result

    def changes(self) -> int:
        """A number that is another one once anybody, in any process, has committed anything to the file."""
        with explained(self.path), self._mutex:
            files.same(self.path, self._file)
            self._opened()
            if self._watcher is None:  # the number is a connection's own: it must be the same one each time
                self._watcher = self._reader()
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let the file go, for good, once the transaction of another thread is over that runs just then."""
        with self._turn, self._mutex:  # to close a connection while a thread uses it would end the process
            self._closed = True
            self._release()

    def pause(self) -> None:
        """Let connections go that are not in use, once the transaction that runs is over, and open none."""
        self._turn.acquire()
        self._mutex.acquire()
        self._release()

    def go_on(self) -> None:
        """Open connections again when they are needed."""
        self._mutex.release()
        self._turn.release()

    def __del__(self) -> None:
        if hasattr(self, "_turn"):
            self._release()

    def _release(self) -> None:
        for connection in (*self._idle, self._writer, self._watcher):
            if connection is not None:
                connection.close()
        self._idle.clear()
        self._writer = self._watcher = None

    def _undo(self) -> None:
        if self._writer is not None and self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _opened(self) -> None:
        if self._closed:
            raise StoreError(f"The database {self.path} was closed: open it again.")

    def _borrow(self) -> sqlite3.Connection:
        self._opened()
        with self._mutex:
            if self._idle:
                return self._idle.pop()
        return self._reader()

    def _return(self, connection: sqlite3.Connection) -> None:
        with self._mutex:
            if len(self._idle) < MOST and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _reader(self) -> sqlite3.Connection:
        """A new connection that only reads, for now."""
        connection = connect(self.path, readonly=self._synchronous is None)
        tune(connection, synchronous=self._synchronous)
        guard(connection, writes=False)
        return connection

    def _prepared(self) -> sqlite3.Connection:
        """A new connection to a file that has its tables."""
        connection = connect(self.path)
        try:
            tune(connection, synchronous=self._synchronous)
            if not ready(connection, self.path):
                prepare(connection, self.path)
            guard(connection, writes=False)
        except BaseException:
            connection.close()
            raise
        return connection
