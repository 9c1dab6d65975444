"""Jobs: pieces of work that wait for a transaction, and the threads that wait for them."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Work = Callable[[sqlite3.Connection], Any]

_log = logging.getLogger(__name__)


def report(job: "Job") -> None:
    """Log what went wrong."""
    if job.error is not None:
        _log.error("A write that nobody waited for was not stored: %s", job.error)


@dataclass(eq=False, slots=True)
class Job:
    """One piece of work in the queue, and who hears of the end: a thread, a coroutine, or whoever is told."""

    work: Work
    turn: "threading.Lock | None" = None
    """What a thread that waits for it waits at."""
    future: "asyncio.Future[Any] | None" = None
    """What a coroutine that waits for it awaits."""
    heard: "Callable[[Job], None]" = report
    """Who is told, if nobody waits for it."""
    posted: bool = False
    patient: bool = False
    result: Any = None
    error: BaseException | None = None
    done: bool = False
    leads: bool = False
    """Whether the thread that waits for it has the lead."""
    led: "list[Job]" = field(default_factory=list)
    """What that thread runs in one transaction."""
    told: bool = False
    """Whether whoever is to be told was."""

    @property
    def blocking(self) -> bool:
        """Whether a thread waits for it."""
        return self.turn is not None

    def settle(self) -> None:
        """Let the coroutine go on, on its event loop."""
        assert self.future is not None
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Host(NamedTuple):
    """Who leads, while it waits for company."""

    bell: threading.Lock
    """What it waits at."""
    job: Job | None
    """Its own work, if it has any: then somebody else may lead in its place."""

    @property
    def leads(self) -> bool:
        """Whether it is to lead now: nobody did in its place, or its turn has come again."""
        return self.job is None or (self.job.leads and not self.job.done)


def bell() -> threading.Lock:
    """A lock that is held, so that who acquires it waits until it is released."""
    lock = threading.Lock()
    lock.acquire()
    return lock


def tell(jobs: Iterable[Job]) -> None:
    """Let those hear that are done; an event loop is woken once for all who wait on it."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if not job.done:
            continue
        if job.future is not None:
            loops.setdefault(job.future.get_loop(), []).append(job)
        elif (turn := job.turn) is not None:
            if turn.locked():
                turn.release()
        elif job.posted and not job.told:
            job.told = True
            job.heard(job)
    for loop, some in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, some)
        except RuntimeError:
            _log.debug("The event loop closed before its write was committed.")


def _settle(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle()
