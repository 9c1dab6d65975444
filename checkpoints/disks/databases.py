"""One SQLite file, used by many threads and processes: one writer with group commit, readers beside it."""

import asyncio
import atexit
import contextlib
import logging
import os
import sqlite3
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, TypeVar, cast

from treadle.checkpoints.disks import files, forks, mounts
from treadle.checkpoints.disks.commits import Commits
from treadle.checkpoints.disks.connections import UNREADABLE, explain
from treadle.checkpoints.disks.crowds import LINGER, Crowd
from treadle.checkpoints.disks.debts import Debts, Owing
from treadle.checkpoints.disks.jobs import Job
from treadle.checkpoints.disks.pools import Pool
from treadle.errors import StoreError, StoreReadOnly

_log = logging.getLogger(__name__)

T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL", "OFF"]

LONGEST = 1.0
"""Seconds that results may linger at most."""

_NOTHING = contextlib.nullcontext()

_open: "weakref.WeakSet[Database]" = weakref.WeakSet()


class Database:
    """A treadle database: every module of this room reads and writes through one of these.

    ``synchronous`` is SQLite's: with FULL a write that returned survives a power cut; with NORMAL and OFF it survives
    the end of the process, however violent, and NORMAL keeps the file sound after a power cut too.
    Work given to ``write`` may be run again, after a Ctrl-C or when other work in its transaction failed, so it changes
    the database only. What nobody waits for may ``linger`` so many seconds, in memory; whatever comes commits it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "FULL",
        linger: float = 0.0,
        readonly: bool = False,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL", "OFF"):
            raise ValueError(f"synchronous is {synchronous!r}: it must be FULL, NORMAL or OFF.")
        if not 0 <= linger <= LONGEST:
            raise ValueError(f"linger is {linger!r}: it is a number of seconds, from 0 (never) to {LONGEST:g}.")
        self.path = files.place(path, readonly=readonly)
        self.synchronous = synchronous
        self.linger = linger
        self.readonly = readonly
        self._closed = False
        if not readonly:
            mounts.admit(self.path)
        self._pool = Pool(self.path, synchronous=None if readonly else synchronous)
        self.begin()
        self._pool.open()
        _open.add(self)
        forks.heed(self)

    def begin(self) -> None:
        """Make everything that belongs to one process; anew in a forked child."""
        self._commits = Commits(self._transact, Crowd(self.linger or LINGER))
        self._debts = Debts()
        self._pool = self._pool.renewed()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="treadle-reads")

    def write(self, work: Callable[[sqlite3.Connection], T], *, patient: bool = False, of: Sequence[str] = ()) -> T:
        """Run ``work`` in the one write transaction; return its result once that, and all before it, is committed.

        An exception in ``work`` undoes that work alone and is raised here. Inside another write of the same thread,
        the work joins that one's transaction. A ``patient`` work waits some milliseconds for those of other threads, if
        some have just come at once. Where work ``of`` some runs lingered and was lost, that is raised.
        """
        self._writable()
        if self._commits.mine:
            return work(self._pool.writer)
        with self._told(of):
            return cast(T, self._commits.write(work, patient=patient))

    async def awrite(
        self, work: Callable[[sqlite3.Connection], T], *, patient: bool = False, of: Sequence[str] = ()
    ) -> T:
        """As ``write``, without blocking the event loop.

        A ``patient`` work waits up to 20 ms for others, if many of its kind have just come at once.
        """
        self._writable()
        with self._told(of):
            # where results linger, who waits does not wait along with them
            return cast(T, await self._commits.awrite(work, patient=patient and not self.linger))

    def _told(self, of: Sequence[str]) -> contextlib.AbstractContextManager[None]:
        """Around a call: where nothing may linger, nothing of it is lost."""
        return self._debts.told(of) if self.linger else _NOTHING

    def owe(self, work: Owing[T], then: Callable[[T], object] | None = None) -> bool:
        """Let ``work`` linger, if it may and there is room for it: it is committed with whatever comes.

        ``then`` is given its result after that. What goes wrong is raised to the next call ``of`` its run, such as
        this one, or by ``settle`` and ``close``.
        """
        debt = work.debt if self.linger and not self._commits.mine else None
        if debt is None:
            return False
        self._writable()
        self._debts.tell([debt.thread])
        if not self._debts.take(debt):
            return False

        def tell(job: Job) -> None:
            self._debts.settle(debt, job.error)
            if then is not None and job.error is None:
                then(job.result)

        self._commits.post(work, tell)
        return True

    def post(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Let ``work`` ride with the next transaction, some 20 ms or ``linger`` later; its errors are logged."""
        self._writable()
        self._commits.post(work)

    @property
    def barred(self) -> bool:
        """Whether steps of runs linger, after which what these remember is to be stored."""
        return self._debts.barred

    def flush(self) -> None:
        """Return once everything posted so far is committed."""
        if not self.readonly:
            self.write(lambda connection: None)

    def settle(self) -> None:
        """As ``flush``, and raise what lingered and was lost, unless somebody was told before."""
        with self._debts.told():
            self.flush()

    def read(self, work: Callable[[sqlite3.Connection], T], *, of: Sequence[str] = ()) -> T:
        """Run ``work`` on a reader's connection, which sees one moment of the database.

        What lingers is committed first; where work ``of`` some runs lingered and was lost, that is raised.
        """
        self._catch_up()
        self._debts.tell(of)
        return self._pool.read(work)

    def changes(self) -> int:
        """A number that is another one once anybody, in any process, has committed anything to the file."""
        return self._pool.changes()

    def _catch_up(self) -> None:
        """Have what lingers committed, or noted as lost."""
        if self._debts.open and not self._commits.mine:
            with contextlib.suppress(StoreError, sqlite3.Error):
                self.flush()

    async def aread(self, work: Callable[[sqlite3.Connection], T], *, of: Sequence[str] = ()) -> T:
        """As ``read``, in a thread of the database's own."""
        self._opened()
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(self.read, work, of=of))

    def close(self) -> None:
        """Commit what is posted and let the file go, then raise what was lost of it; closing twice is harmless."""
        if self._closed:
            return
        try:
            if not self._commits.idle:
                self.flush()
        finally:
            self._closed = True
            self._commits.stop()
            self._threads.shutdown(wait=False)
            self._pool.close()
            self._debts.tell()

    def pause(self) -> bool:
        """Let connections go before a fork, once the transaction that runs is over; not if it is the caller's own."""
        if self._commits.mine:
            return False
        self._pool.pause()
        return True

    def go_on(self) -> None:
        """Go on after a fork."""
        self._pool.go_on()

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r})"

    def _writable(self) -> None:
        if self.readonly:
            raise StoreReadOnly(f"The database {self.path} was opened for reading only: open it without readonly=True.")
        self._opened()

    def _opened(self) -> None:
        if self._closed:
            raise StoreError(f"The database {self.path} was closed: open it again.")

    def _transact(self, jobs: list[Job]) -> None:
        """Run the jobs in one transaction; each is marked done only after the commit."""
        self._pool.write(jobs)
        for job in jobs:
            if isinstance(job.error, UNREADABLE):
                job.error = explain(job.error, self.path)
            job.done = True


@atexit.register
def _close_all() -> None:
    """What was posted in the last moments is not lost when the interpreter ends."""
    for database in list(_open):
        try:
            database.close()
        except Exception as error:
            _log.error("What was still to be stored when the process ended is not: %s", error)
