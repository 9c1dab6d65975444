"""Group commit: callers that arrive while a transaction runs share the next one.

The first caller leads: it runs the transaction for all who queue, in its own thread, then hands the lead on. No thread
is woken for a lone write. Who waits for company leaves the lead to the one that completes it, since that is awake. What
cannot lead (a coroutine, a posted write) is led by a thread that starts when needed. A call returns after the commit
that holds its work, and that of all who came before it; a posted write is no such call.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from treadle.checkpoints.disks.crowds import LONGEST, QUIET, Crowd
from treadle.checkpoints.disks.jobs import Host, Job, Work, bell, report, tell

IDLE = 2.0
"""Seconds without work after which the background thread ends, so that a forgotten store can be collected."""


@dataclass(eq=False)
class Commits:
    """The one writer of a database: a queue of jobs and whoever leads it."""

    run: Callable[[list[Job]], None]
    """Runs jobs in one transaction; when it returns each is done, with a result or an error. Raises only what stopped
    the leader itself (Ctrl-C): nothing was stored then."""

    crowd: Crowd = field(default_factory=Crowd)
    """How long whoever waits, or is not waited for, waits for others."""

    _queue: deque[Job] = field(default_factory=deque)
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _busy: bool = False
    _host: Host | None = None
    _leader: int | None = None
    _thread: threading.Thread | None = None
    _bell: threading.Event = field(default_factory=threading.Event)
    _hurry: threading.Event = field(default_factory=threading.Event)
    _stopped: bool = False

    @property
    def mine(self) -> bool:
        """Whether the calling thread is running a transaction right now."""
        return self._leader == threading.get_ident()

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be committed."""
        with self._mutex:
            return not self._queue and not self._busy

    def write(self, work: Work, *, patient: bool = False) -> Any:
        """Run work in a transaction and return its result after the commit.

        Who is patient waits some milliseconds for other threads, if as many have just come at once.
        """
        job = Job(work, bell(), patient=patient)
        try:
            self._take_part(job)
        except BaseException:
            self._abandon(job)
            raise
        finally:
            job.led.clear()
        if job.error is not None:
            raise job.error
        return job.result

    def _take_part(self, job: Job) -> None:
        """Queue a thread's job, and lead if it comes to that, until it is done."""
        assert job.turn is not None
        host = Host(job.turn, job)
        with self._mutex:
            self._queue.append(job)
            complete = self._complete(by=job)
            job.leads = complete or not self._busy
            self._busy = True
        if complete:
            self._lead(job)
        elif not job.leads:
            host.bell.acquire()
        while not job.done:
            if self._gather(host):
                self._lead(job)

    async def awrite(self, work: Work, *, patient: bool = False) -> Any:
        """As write, while the event loop goes on; who is patient waits for company where there is a crowd."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._enqueue(Job(work, future=future, patient=patient), hurry=not patient or not self.crowd.many)
        return await future

    def post(self, work: Work, heard: Callable[[Job], None] = report) -> None:
        """Let work ride with the next transaction, at most as much later as the crowd lets it linger.

        ``heard`` is told of the end before anybody does whose work came later; by default it logs an error.
        """
        self._enqueue(Job(work, heard=heard, posted=True), hurry=False)

    def stop(self) -> None:
        """Let the background thread end as soon as the queue is empty."""
        self._stopped = True
        self._hurry.set()
        self._bell.set()

    def _enqueue(self, job: Job, *, hurry: bool) -> None:
        with self._mutex:
            self._queue.append(job)
            self._complete()
            self._summon()
        if hurry:
            self._hurry.set()
        if not self._bell.is_set():  # to set it takes as long as all else here
            self._bell.set()

    def _summon(self) -> None:
        """Have a background thread; called with the mutex held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._background, name="treadle-commits", daemon=True)
            self._thread.start()

    def _abandon(self, job: Job) -> None:
        """The caller was interrupted, wherever: its work may still be done, and that of those it led for is."""
        with self._mutex:
            job.turn = None
            if self._host is not None and self._host.job is job:
                self._host = None
        self._give_back(one for one in job.led if one is not job)
        self._conclude(job.led, job)

    def _give_back(self, jobs: Iterable[Job]) -> None:
        """Leave what was drawn and not done to the next leader."""
        with self._mutex:
            left = [job for job in jobs if not job.done]
            if left:
                self._queue = deque(dict.fromkeys((*left, *self._queue)))

    def _complete(self, by: Job | None = None) -> bool:
        """Let who waits for company go on, if it need not wait any more; called with the mutex held.

        True if somebody who just came is to lead in its place.
        """
        host = self._host
        if host is None or not self.crowd.complete(self._queue):
            return False
        self._host = None
        if by is None or host.job is None:
            host.bell.release()
            return False
        by.leads, host.job.leads = True, False
        return True

    def _gather(self, host: Host) -> bool:
        """Wait for those who are likely to come; False if another led, and what the host came for is over or its turn.

        Nobody waits longer than for all of them, for some milliseconds in which no more come, or for one in a hurry.
        """
        with self._mutex:
            if not self.crowd.gathers(self._queue):
                return True
            self._host = host
        until = time.monotonic() + LONGEST
        while True:
            count = len(self._queue)
            if host.bell.acquire(timeout=QUIET):
                return host.leads
            with self._mutex:
                alone = self._host is host
                if alone and (len(self._queue) == count or time.monotonic() >= until):
                    self._host = None
                    return True
            if not alone:  # somebody leads, or has just rung
                host.bell.acquire()
                return host.leads

    def _lead(self, own: Job | None = None) -> None:
        """Run one transaction for all who queue, then hand the lead on; whose ``own`` work it is abandons on Ctrl-C."""
        jobs = own.led if own is not None else []
        try:
            self._draw(jobs)
            self.run(jobs)
            self._conclude(jobs, own)
        except BaseException:
            if own is None:
                self._give_back(jobs)
                self._conclude(jobs)
            raise

    def _draw(self, jobs: list[Job]) -> None:
        """Take all who queue."""
        with self._mutex:
            self._leader = threading.get_ident()
            jobs.extend(self._queue)
            self._queue = deque()

    def _conclude(self, jobs: list[Job], own: Job | None = None) -> None:
        """Hand the lead on, and let those hear that are done; again, as far as need be, after a Ctrl-C amid it."""
        if self.mine:
            self._leader = None
        tell(job for job in jobs if job.posted)
        if own is None or own.leads:
            self._hand_on(jobs, own)
        tell(job for job in jobs if not job.posted)

    def _hand_on(self, done: list[Job], own: Job | None) -> None:
        with self._mutex:
            if done:
                self.crowd.learn(done, self._queue)
            heir = next((job for job in self._queue if job.turn is not None), None)
            if heir is not None:
                assert heir.turn is not None
                heir.leads = True
                if own is not None:  # no Ctrl-C is raised in between: exactly one of them has the lead
                    own.leads = False
                heir.turn.release()
                return
            if self._queue:
                self._summon()
                self._bell.set()
            self._busy = False
            if own is not None:
                own.leads = False

    def _background(self) -> None:
        """Lead for those who cannot, until there has been nothing to do for a while."""
        while True:
            rung = self._bell.wait(IDLE)
            with self._mutex:
                if not self._queue and (self._stopped or not rung):
                    self._thread = None
                    return
            self._bell.clear()
            self._hurry.wait(self.crowd.patience(tuple(self._queue)))
            self._hurry.clear()
            with self._mutex:
                if self._busy or not self._queue:
                    continue
                self._busy = True
            if self._gather(Host(bell(), None)):
                self._lead()
