"""The ledger: one row a run, and how a run passes from one status to the next."""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from typing import Any, Literal, get_args

from treadle.checkpoints.desks.plains import plain
from treadle.checkpoints.disks.connections import named
from treadle.checkpoints.ledgers import settlements
from treadle.checkpoints.ledgers.leases import Lease, confirm, free
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import RunNotFound

Status = Literal["direct", "running", "waiting", "decided", "done", "failed", "stalled", "parked"]

PATIENCE = 3
"""Failures in a row after which a worker parks a run."""

DELAY = 2.0
"""Seconds before a worker tries a failed run again; doubled at each further failure."""


@dataclass(frozen=True)
class Run:
    """One thread of a graph; times are seconds since 1970, UTC."""

    thread_id: str
    graph: str | None
    """Name of its graph, where it is known."""
    fingerprint: str | None
    status: Status
    """``direct`` (invoked without the runner), ``running``, ``waiting`` (for a person), ``decided`` (an answer is
    recorded, the run has yet to go on), ``done``, ``failed``, ``stalled`` (its process ended in the middle),
    ``parked`` (no worker tries it again before somebody decides or advances it)."""
    created_at: float
    updated_at: float
    finished_at: float | None
    steps: int
    """Supersteps of the outermost graph."""
    tokens_in: int
    tokens_out: int
    cost: float
    error: str | None
    pending: int
    """Reviews that wait for a person."""
    decided: int
    """Answers that are recorded and not yet taken over."""
    owner: str | None
    """Who advances it now."""
    config: Mapping[str, Any]
    """Plain values of the configuration it was started with, to resume it with the same."""
    attempts: int
    """Failures in a row; the end of a process amid the run is one, if nothing was stored before it."""
    not_before: float | None
    """When a worker tries it again after a failure."""
    parent_thread: str | None
    """The run that it is a copy of, or a second look at."""
    forked_from: str | None
    """The checkpoint of that run at which a second look parts from it."""
    gather_until: float | None
    """Until when it waits, at the latest, for answers to the questions beside those that are decided."""
    quiet_at: float | None
    """When it goes on before that if nobody decides until then; None: nothing follows so far that is worth it."""

    @property
    def gathers(self) -> bool:
        """Whether it has answers, and waits for others before it goes on with all at once."""
        until = min(self.gather_until or 0.0, self.quiet_at or inf)
        return self.status == "decided" and self.pending > 0 and until > time.time()


_COUNTED = (
    "SELECT runs.*,"
    " max(steps, ifnull((SELECT step FROM spaces s JOIN checkpoints c ON c.space = s.key"
    " WHERE s.thread_id = runs.thread_id AND s.ns = '' AND c.body IS NOT NULL ORDER BY c.id DESC LIMIT 1), 0)) AS made,"
    " (SELECT count(*) FROM reviews r WHERE r.thread_id = runs.thread_id AND r.status <> 'closed'"
    " AND r.status = 'pending' AND r.holds) AS pending,"
    " (SELECT count(*) FROM reviews r WHERE r.thread_id = runs.thread_id AND r.status <> 'closed'"
    " AND r.status = 'decided') AS decided FROM "
)

_AS_STORED = tuple({field.name for field in fields(Run)} - {"status", "config", "owner", "steps"})


def _run(row: Mapping[str, Any]) -> Run:
    held = not free(row)
    stalled = row["status"] == "running" and not held
    return Run(
        status="stalled" if stalled else row["status"],
        config=json.loads(row["config"]),
        owner=row["owner"] if held else None,
        steps=row["made"],
        **{name: row[name] for name in _AS_STORED},
    )


def runs(
    saver: SqliteSaver, *, status: Status | None = None, graph: str | None = None, limit: int = 50, offset: int = 0
) -> list[Run]:
    """The runs on this database, those that changed last first."""
    if status is not None and status not in get_args(Status):
        raise ValueError(f"No run has the status {status!r}: it is one of {', '.join(get_args(Status))}.")
    if status in ("running", "stalled"):
        # Which of the two depends on whether the holder lives, which SQL cannot tell; such runs are few.
        alive = [run for run in _list(saver, "running", graph, -1, 0) if run.status == status]
        return alive[offset : offset + limit]
    return _list(saver, status, graph, limit, offset)


def _list(saver: SqliteSaver, status: str | None, graph: str | None, limit: int, offset: int) -> list[Run]:
    wanted = {"status": status, "graph": graph}
    where = " AND ".join(f"{column} = :{column}" for column, value in wanted.items() if value is not None) or "1"
    order = "ORDER BY updated_at DESC, thread_id"
    page = f"(SELECT * FROM runs WHERE {where} {order} LIMIT :limit OFFSET :offset)"
    query = f"{_COUNTED} {page} AS runs {order}"
    values = wanted | {"limit": limit, "offset": offset}
    return saver.database.read(lambda connection: [_run(row) for row in named(connection.execute(query, values))])


def run(saver: SqliteSaver, thread_id: str) -> Run:
    """One run; RunNotFound if the database knows no such thread."""
    return saver.database.read(lambda connection: load(connection, thread_id))


def load(connection: sqlite3.Connection, thread_id: str) -> Run:
    """One run, within a transaction."""
    row = next(named(connection.execute(f"{_COUNTED} runs WHERE thread_id = ?", (thread_id,))), None)
    if row is None:
        raise RunNotFound(f"No run has the thread id {thread_id!r}: `treadle runs` lists those that there are.")
    return _run(row)


def begin(
    connection: sqlite3.Connection,
    held: Lease,
    *,
    graph: str | None,
    fingerprint: str | None,
    config: Mapping[str, Any],
) -> Run:
    """The holder of the lease goes on with the run; names and configuration once set stay."""
    confirm(connection, held)
    before = load(connection, held.thread_id)
    connection.execute(
        "UPDATE runs SET status = 'running', graph = coalesce(:graph, graph),"
        " fingerprint = coalesce(:fingerprint, fingerprint), config = :config, error = NULL, not_before = NULL,"
        " finished_at = NULL, gather_until = NULL, quiet_at = NULL, updated_at = :now, began_at = :now,"
        " began_after = (SELECT ifnull(max(key), 0) FROM writes) WHERE thread_id = :thread_id",
        {
            "graph": graph,
            "fingerprint": fingerprint,
            "config": json.dumps({**before.config, **config}),
            "now": time.time(),
            "thread_id": held.thread_id,
        },
    )
    return load(connection, held.thread_id)


def inherit(connection: sqlite3.Connection, held: Lease, *, patience: int | None = None) -> Run | None:
    """Take note that the process before ended amid the run; the run if that parks it, which gives the lease back.

    It is parked at the end that makes ``patience`` in a row between which nothing was stored: the run may be what ends
    them, by the memory that it takes or a crash in a library, and would end one worker after the other.
    """
    found = load(connection, held.thread_id)
    if not held.inherited or found.status != "running":
        return None
    stored = connection.execute(_STORED, (held.thread_id,)).fetchone()[0]
    attempts = 1 if stored else found.attempts + 1
    if patience is None or attempts < patience:
        connection.execute("UPDATE runs SET attempts = ? WHERE thread_id = ?", (attempts, held.thread_id))
        return None
    _close(connection, held, status="parked", error=_ENDED.format(attempts), attempts=attempts)
    return load(connection, held.thread_id)


_STORED = """
SELECT began_at IS NULL
    OR EXISTS (SELECT 1 FROM spaces s JOIN checkpoints c ON c.space = s.key
        WHERE s.thread_id = runs.thread_id AND c.at > began_at)
    OR EXISTS (SELECT 1 FROM journal j WHERE j.thread_id = runs.thread_id AND j.at > began_at)
    OR EXISTS (SELECT 1 FROM writes w JOIN checkpoints c ON c.key = w.checkpoint JOIN spaces s ON s.key = c.space
        WHERE w.key > began_after AND w.task_id IS NULL AND s.thread_id = runs.thread_id)
FROM runs WHERE thread_id = ?
"""

_ENDED = (
    "The processes that worked on this run ended {} times in a row, each before it had stored anything: the run may be"
    " what ends them, by the memory that it takes or a crash in a library. See to that, then try it again."
)


def end(connection: sqlite3.Connection, held: Lease, *, over: bool) -> Run:
    """The run stopped by itself: done if ``over`` and nothing waits; gives the lease back."""
    confirm(connection, held)
    now, found = time.time(), load(connection, held.thread_id)
    waiting = found.pending > 0 or not over
    status: Status = "decided" if found.decided else "waiting" if waiting else "done"
    finished, later = now if status == "done" else None, settlements.held(connection, held.thread_id)
    _close(connection, held, status=status, finished_at=finished, attempts=0, not_before=later)
    return load(connection, held.thread_id)


def fail(connection: sqlite3.Connection, held: Lease, error: str, *, patience: int | None = None) -> Run:
    """The run raised; parked at the failure that makes ``patience``; gives the lease back."""
    confirm(connection, held)
    attempts = load(connection, held.thread_id).attempts + 1
    status: Status = "parked" if patience is not None and attempts >= patience else "failed"
    later = time.time() + DELAY * 2 ** min(attempts - 1, 10)
    _close(connection, held, status=status, error=error, attempts=attempts, not_before=later)
    return load(connection, held.thread_id)


def interrupted(connection: sqlite3.Connection, held: Lease) -> Run:
    """The run was stopped from outside and can go on at once: it stays running, held by nobody."""
    confirm(connection, held)
    _close(connection, held, status="running")
    return load(connection, held.thread_id)


def park(connection: sqlite3.Connection, thread_id: str, error: str) -> None:
    """No worker is to try the run again before something changes; ``error`` says why and what to do."""
    row = connection.execute("SELECT owner, expires_at FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
    if row is not None and free(row):
        connection.execute(
            "UPDATE runs SET status = 'parked', error = ?, updated_at = ? WHERE thread_id = ?",
            (plain(error), time.time(), thread_id),
        )


def _close(connection: sqlite3.Connection, held: Lease, **changes: Any) -> None:
    """Write a transition and let the lease go; steps, tokens and cost are counted as they come."""
    changes |= {"updated_at": time.time(), "owner": None, "expires_at": None}
    places = ", ".join(f"{column} = :{column}" for column in changes)
    connection.execute(
        f"UPDATE runs SET {places} WHERE thread_id = :thread_id", changes | {"thread_id": held.thread_id}
    )
