"""Group commit: callers that arrive while a transaction runs share the next one.

The first caller leads: it runs the transaction for all who queue, in its own thread, then hands the lead on. No thread
is woken for a lone write. What cannot lead (a coroutine, a posted write) is led by a thread that starts when needed.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Work = Callable[[sqlite3.Connection], Any]

LINGER = 0.02
"""Seconds that a posted write may wait for company."""

CROWD = 16
"""Writes in one transaction from which more of their kind are taken to be on their way: a wide fan-out is ending."""

LONGEST = 0.02
"""Seconds that an awaited write waits at most, in a crowd, for others to share its transaction."""

IDLE = 2.0
"""Seconds without work after which the background thread ends, so that a forgotten store can be collected."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One piece of work in the queue, and how its caller hears of the end."""

    work: Work
    tell: Callable[["Job"], None]
    turn: "threading.Lock | None" = None
    result: Any = None
    error: BaseException | None = None
    done: bool = False
    leads: bool = False
    posted: bool = False
    patient: bool = False


def _wake(job: Job) -> None:
    if job.turn is not None:
        job.turn.release()


def _report(job: Job) -> None:
    if job.error is not None:
        _log.error("A write that nobody waited for was not stored: %s", job.error)


@dataclass(eq=False)
class Commits:
    """The one writer of a database: a queue of jobs and whoever leads it."""

    run: Callable[[list[Job]], None]
    """Runs jobs in one transaction; when it returns each is done, with a result or an error. Raises only what stopped
    the leader itself (Ctrl-C): nothing was stored then."""

    _queue: deque[Job] = field(default_factory=deque)
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _busy: bool = False
    _leader: int | None = None
    _thread: threading.Thread | None = None
    _bell: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _stopped: bool = False
    _crowd: int = 0

    @property
    def mine(self) -> bool:
        """Whether the calling thread is running a transaction right now."""
        return self._leader == threading.get_ident()

    def write(self, work: Work) -> Any:
        """Run work in a transaction and return its result after the commit."""
        turn = threading.Lock()
        turn.acquire()
        job = Job(work, _wake, turn)
        with self._mutex:
            self._queue.append(job)
            job.leads = not self._busy
            self._busy = True
        if not job.leads:
            self._wait(job)
        if not job.done:
            self._lead()
        if job.error is not None:
            raise job.error
        return job.result

    async def awrite(self, work: Work, *, patient: bool = False) -> Any:
        """As write, while the event loop goes on; who is patient waits for company where there is a crowd."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(job: Job) -> None:
            if future.done():
                return
            if job.error is not None:
                future.set_exception(job.error)
            else:
                future.set_result(job.result)

        def tell(job: Job) -> None:
            try:
                loop.call_soon_threadsafe(settle, job)
            except RuntimeError:
                _log.debug("The event loop closed before its write was committed.")

        self._enqueue(Job(work, tell, patient=patient), hurry=not patient or self._crowd < CROWD)
        return await future

    def post(self, work: Work) -> None:
        """Let work ride with the next transaction, within LINGER seconds; an error is logged."""
        self._enqueue(Job(work, _report, posted=True), hurry=False)

    def stop(self) -> None:
        """Let the background thread end as soon as the queue is empty."""
        self._stopped = True
        self._bell.set()

    def _enqueue(self, job: Job, *, hurry: bool) -> None:
        with self._mutex:
            self._queue.append(job)
            self._summon()
        if hurry:
            self._hurry.set()
        self._bell.set()

    def _summon(self) -> None:
        """Have a background thread; called with the mutex held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._background, name="treadle-commits", daemon=True)
            self._thread.start()

    def _wait(self, job: Job) -> None:
        assert job.turn is not None
        try:
            job.turn.acquire()
        except BaseException:
            self._abandon(job)
            raise

    def _abandon(self, job: Job) -> None:
        """The caller was interrupted while waiting: the work may still be done, but the lead must not end with it."""
        with self._mutex:
            job.turn = None
            leads = job.leads and not job.done
        if leads:
            self._hand_on()

    def _lead(self) -> None:
        """Run one transaction for all who queue, then hand the lead on."""
        jobs: list[Job] = []
        try:
            with self._mutex:
                jobs.extend(self._queue)
                self._queue.clear()
                self._leader = threading.get_ident()
            self._crowd = sum(job.patient for job in jobs)
            self.run(jobs)
        except BaseException:
            # Ctrl-C: the leader's own caller hears of it, everybody else's work waits for the next leader.
            with self._mutex:
                self._queue.extendleft(reversed([job for job in jobs if not job.done and not job.leads]))
            raise
        finally:
            self._leader = None
            self._hand_on()
            for job in jobs:
                if job.done:
                    job.tell(job)

    def _hand_on(self) -> None:
        with self._mutex:
            heir = next((job for job in self._queue if job.turn is not None), None)
            if heir is not None:
                heir.leads = True
                assert heir.turn is not None
                heir.turn.release()
                return
            self._busy = False
            if self._queue:
                self._summon()
        self._bell.set()

    def _patience(self, jobs: tuple[Job, ...]) -> float:
        """Seconds for which these jobs may wait for others; each is told only after the commit all the same."""
        if all(job.posted for job in jobs):
            return LINGER if jobs else 0
        if self._crowd < CROWD or not all(job.posted or job.patient for job in jobs):
            return 0
        return min(LONGEST, LINGER * self._crowd / CROWD)

    def _background(self) -> None:
        """Lead for those who cannot, until there has been nothing to do for a while."""
        while True:
            rung = self._bell.wait(IDLE)
            with self._mutex:
                if not self._queue and (self._stopped or not rung):
                    self._thread = None
                    return
            self._bell.clear()
            self._hurry.wait(self._patience(tuple(self._queue)))
            self._hurry.clear()
            with self._mutex:
                if self._busy or not self._queue:
                    continue
                self._busy = True
            self._lead()
