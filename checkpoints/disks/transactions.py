"""What happens inside of one transaction: the jobs that share it, together, or apart where one of them fails."""

import sqlite3
from itertools import groupby

from treadle.checkpoints.disks.connections import begin, forget
from treadle.checkpoints.disks.jobs import Job
from treadle.errors import StoreError


def perform(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Begin a transaction and run the jobs in it; an error of one is its own, and undoes what it did."""
    ordered = _ordered(jobs)
    if not _together(connection, ordered):
        begin(connection)
        for job in ordered:
            _apart(connection, job)


def _ordered(jobs: list[Job]) -> list[Job]:
    """Jobs as they came, but each whose work ``follows`` what another one ``gives`` after that one.

    What a task wrote may come before the checkpoint that it started from, and takes less to store after it.
    """
    coming = {given for job in jobs if (given := getattr(job.work, "gives", None)) is not None}
    waiting: dict[object, list[Job]] = {}
    found: list[Job] = []
    for job in jobs:
        follows, given = getattr(job.work, "follows", None), getattr(job.work, "gives", None)
        if follows in coming:
            waiting.setdefault(follows, []).append(job)
            continue
        coming.discard(given)
        found += (job, *waiting.pop(given, ()))
    return found


def _together(connection: sqlite3.Connection, jobs: list[Job]) -> bool:
    """Run the jobs without savepoints, each of which costs two statements; False, and nothing done, if one fails.

    Those that follow each other and have the same ``join`` are done by one call of it.

    Every statement gives up the interpreter's lock, and where many branches run takes milliseconds to get it back.
    """
    begin(connection)
    try:
        for job in jobs:
            job.error = job.result = None
        for join, some in groupby(jobs, key=lambda job: getattr(job.work, "join", None)):
            if join is not None:
                join(connection, [job.work for job in some])
                continue
            for job in some:
                job.result = job.work(connection)
    except Exception:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return False
    if not connection.in_transaction:
        raise StoreError("A write ended the transaction that it shared: what was written with it may be lost.")
    return True


def _apart(connection: sqlite3.Connection, job: Job) -> None:
    """Run one job in a savepoint of its own; raises only if the whole transaction is gone."""
    job.error = None
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            if isinstance(error, sqlite3.Error):
                raise
            raise StoreError(f"A write ended the transaction that it shared, so nothing was stored: {error}") from error
        job.error = error
        connection.execute("ROLLBACK TO job")
        forget(connection)
    connection.execute("RELEASE job")
