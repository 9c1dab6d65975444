"""The right to advance a run: held by one process at a time, renewed while it lives, taken over when it has gone."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.ledgers.fences import deleted
from treadle.checkpoints.ledgers.owners import gone, identity, words
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import LeaseHeld, TreadleError

SECONDS = 30.0
"""How long a lease outlives the last sign of life of its holder."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """A lease on one run."""

    thread_id: str
    owner: str
    token: int
    """The fencing token: grows with every lease on the run, so an older one shows a holder that came too late.

    The first one of a run is the time in milliseconds: it is above those of a run of the same name that was deleted.
    """
    seconds: float
    inherited: bool
    """Whether the one before it was not given back: its holder ended, or showed no life for too long."""


def free(row: sqlite3.Row | Mapping[str, Any]) -> bool:
    """Whether nobody holds the run's lease: never taken, given back, expired, or its process has ended."""
    expires, owner = row["expires_at"], row["owner"]
    return expires is None or expires <= time.time() or gone(owner)


def acquire(thread_id: str, *, owner: str | None = None, seconds: float = SECONDS) -> Callable[..., Lease]:
    """Work for the database that takes the lease, or raises LeaseHeld."""
    holder = owner or identity()

    def work(connection: sqlite3.Connection) -> Lease:
        now = time.time()
        connection.execute(
            "INSERT INTO runs (thread_id, status, created_at, updated_at) VALUES (?, 'direct', ?, ?)"
            " ON CONFLICT (thread_id) DO NOTHING",
            (thread_id, now, now),
        )
        row = connection.execute("SELECT * FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
        if not free(row):
            raise LeaseHeld(_held(row, now))
        token = (row["token"] or int(now * 1000)) + 1
        connection.execute(
            "UPDATE runs SET owner = ?, token = ?, heartbeat_at = ?, expires_at = ? WHERE thread_id = ?",
            (holder, token, now, now + seconds, thread_id),
        )
        return Lease(thread_id, holder, token, seconds, row["expires_at"] is not None)

    return work


def _held(row: sqlite3.Row, now: float) -> str:
    return (
        f"The run {row['thread_id']} is being advanced by {words(row['owner'])}, which showed life"
        f" {max(0.0, now - (row['heartbeat_at'] or now)):.0f} s ago: wait for it, or end that process."
    )


def renew(held: Lease) -> Callable[[sqlite3.Connection], bool]:
    """Work that prolongs the lease; False if somebody else has it now."""

    def work(connection: sqlite3.Connection) -> bool:
        now = time.time()
        done = connection.execute(
            "UPDATE runs SET heartbeat_at = ?, expires_at = ? WHERE thread_id = ? AND token = ? AND owner = ?",
            (now, now + held.seconds, held.thread_id, held.token, held.owner),
        )
        return done.rowcount == 1

    return work


def release(held: Lease) -> Callable[[sqlite3.Connection], bool]:
    """Work that gives the lease back; False if it had been lost."""

    def work(connection: sqlite3.Connection) -> bool:
        done = connection.execute(
            "UPDATE runs SET owner = NULL, expires_at = NULL WHERE thread_id = ? AND token = ? AND owner = ?",
            (held.thread_id, held.token, held.owner),
        )
        return done.rowcount == 1

    return work


def confirm(connection: sqlite3.Connection, held: Lease) -> None:
    """Raise LeaseHeld, inside the transaction of a write, if the lease has passed to somebody else."""
    row = connection.execute("SELECT token, owner FROM runs WHERE thread_id = ?", (held.thread_id,)).fetchone()
    if row is None:
        raise LeaseHeld(deleted(held.thread_id))
    if (row["token"], row["owner"]) != (held.token, held.owner):
        raise LeaseHeld(
            f"The lease on run {held.thread_id} was lost to {words(row['owner'])}: this process"
            " showed no life for too long. What it did since was not recorded; the new holder goes on."
        )


@contextmanager
def beating(saver: SqliteSaver, held: Lease, *, lost: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Renew the lease in a thread while the block runs; call ``lost`` there if somebody else took it."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(held.seconds / 3):
            try:
                if not saver.database.write(renew(held)):
                    lost()
                    return
            except TreadleError as error:
                _log.warning("The lease on run %s could not be renewed: %s", held.thread_id, error)

    thread = threading.Thread(target=beat, name=f"treadle-lease-{held.thread_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def lease(saver: SqliteSaver, thread_id: str, *, owner: str | None = None, seconds: float = SECONDS) -> Iterator[Lease]:
    """Hold the right to advance a run while the block runs; LeaseHeld says who has it instead.

    A lease whose process has ended is taken over at once, one that shows no life after ``seconds``.
    """
    held = saver.database.write(acquire(thread_id, owner=owner, seconds=seconds))
    try:
        with beating(saver, held):
            yield held
    finally:
        saver.database.flush()
        saver.database.write(release(held))
