"""Jobs: pieces of work that wait for a transaction, and the threads that wait for them."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

Work = Callable[[sqlite3.Connection], Any]

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One piece of work in the queue, and how its caller hears of the end."""

    work: Work
    tell: Callable[["Job"], None]
    turn: "threading.Lock | None" = None
    """What a thread that waits for it waits at."""
    result: Any = None
    error: BaseException | None = None
    done: bool = False
    leads: bool = False
    posted: bool = False
    patient: bool = False

    @property
    def blocking(self) -> bool:
        """Whether a thread waits for it."""
        return self.turn is not None


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


def wake(job: Job) -> None:
    """Let the thread that waits for it go on."""
    if job.turn is not None:
        job.turn.release()


def report(job: Job) -> None:
    """Log what went wrong."""
    if job.error is not None:
        _log.error("A write that nobody waited for was not stored: %s", job.error)


def tell(jobs: Iterable[Job]) -> None:
    """Let those hear that are done."""
    for job in jobs:
        if job.done:
            job.tell(job)
