"""Group commit: callers that arrive while a transaction runs share the next one.

The first caller leads: it runs the transaction for all who queue, in its own thread, then hands the lead on. No thread
is woken for a lone write. What cannot lead (a coroutine, a posted write) is led by a thread that starts when needed.

Where very many threads write for one run, as at the end of a wide fan-out, they write in relay: who comes takes over
from who waits, and only the last one waits for the commit. So when no call of the run is under way, all of it is
committed; and a handful of threads does not set the pace.
"""

import asyncio
import logging
import sqlite3
import threading
import time
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

THRONG = 8
"""Writes of a relay in the last SPELL seconds, from which on they are taken to be many."""

SPELL = 0.05

QUIET = 0.01
"""Seconds without another write of a relay after which those that there are get committed."""

RELAY = 0.25
"""Seconds after which they get committed in any case."""

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
    relay: str | None = None
    inherited: BaseException | None = None
    """What went wrong with those that this one took over from."""
    heir: "Job | None" = None


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
    _last: dict[str, Job] = field(default_factory=dict)
    """By relay, the job that waits for all before it."""
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=THRONG))
    _owed: int = 0

    @property
    def mine(self) -> bool:
        """Whether the calling thread is running a transaction right now."""
        return self._leader == threading.get_ident()

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be committed."""
        with self._mutex:
            return not self._queue and not self._busy

    @property
    def owes(self) -> bool:
        """Whether a call returned whose work a later call of its relay has yet to see committed."""
        return self._owed > 0

    def write(self, work: Work, *, relay: str | None = None) -> Any:
        """Run work in a transaction and return its result after the commit.

        Work that has no result may be of a ``relay``: it may return as soon as a later call of that has taken over.
        """
        turn = threading.Lock()
        turn.acquire()
        job = Job(work, self._wake, turn)
        with self._mutex:
            if relay is not None and (self._many() or relay in self._last):
                self._take_over(job, relay)
            self._queue.append(job)
            if job.relay is None:
                job.leads = not self._busy
                self._busy = True
            else:
                self._summon()
        if job.relay is not None:
            self._bell.set()
        if not job.leads:
            self._wait(job, turn)
        if job.heir is not None and not job.done:
            return None
        if not job.done:
            self._lead()
        error = job.error or job.inherited
        if error is not None:
            raise error
        return job.result

    def _many(self) -> bool:
        """Whether very many writes of relays come; called with the mutex held."""
        now = time.monotonic()
        self._recent.append(now)
        return len(self._recent) == THRONG and now - self._recent[0] < SPELL

    def _take_over(self, job: Job, relay: str) -> None:
        """Let the job that waited so far go, and wait in its place; called with the mutex held."""
        before = self._last.get(relay)
        job.relay, self._last[relay] = relay, job
        if before is not None and before.turn is not None:
            before.heir, self._owed = job, self._owed + 1
            before.turn.release()
            before.turn = None

    def _wake(self, job: Job) -> None:
        """Let a job's caller go on, or who took over from it know how it ended."""
        with self._mutex:
            if job.relay is not None and self._last.get(job.relay) is job:
                del self._last[job.relay]
            if job.heir is not None:
                job.heir.inherited = job.heir.inherited or job.error or job.inherited
                self._owed -= 1
            elif job.turn is not None:
                job.turn.release()
                job.turn = None

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

    def _wait(self, job: Job, turn: threading.Lock) -> None:
        try:
            turn.acquire()
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
            heir = next((job for job in self._queue if job.turn is not None and job.relay is None), None)
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

    def _gather(self) -> None:
        """Wait until those who write in relay have come, or somebody is in a hurry."""
        until = time.monotonic() + RELAY
        while not self._hurry.is_set() and not self._busy and time.monotonic() < until:
            count = len(self._queue)
            if self._hurry.wait(QUIET) or len(self._queue) == count:
                return

    def _background(self) -> None:
        """Lead for those who cannot, until there has been nothing to do for a while."""
        while True:
            rung = self._bell.wait(IDLE)
            with self._mutex:
                if not self._queue and (self._stopped or not rung):
                    self._thread = None
                    return
            self._bell.clear()
            jobs = tuple(self._queue)
            if jobs and all(job.relay is not None or job.posted for job in jobs):
                self._gather()
            else:
                self._hurry.wait(self._patience(jobs))
            self._hurry.clear()
            with self._mutex:
                if self._busy or not self._queue:
                    continue
                self._busy = True
            self._lead()
