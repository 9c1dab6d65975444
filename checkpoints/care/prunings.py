"""Pruning: history that is old or long goes, what is pending or held stays."""

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from treadle.checkpoints.layouts.readings import Readings
from treadle.checkpoints.layouts.threads import Metadata, delete, needed, remove, tidy
from treadle.checkpoints.ledgers.leases import free
from treadle.checkpoints.ledgers.owners import gone
from treadle.checkpoints.savers import SqliteSaver


@dataclass(frozen=True)
class Pruning:
    """What was removed, or would be."""

    runs: tuple[str, ...]
    """Runs removed whole."""
    checkpoints: int
    """Checkpoints removed of other runs."""
    held: tuple[str, ...]
    """Runs left alone because a process is at work on them."""


def prune(
    saver: SqliteSaver,
    *,
    keep: int | None = None,
    older: float | None = None,
    whole: bool = False,
    threads: Sequence[str] | None = None,
    dry: bool = False,
) -> Pruning:
    """Remove history of all runs, or of those that ``threads`` names.

    A checkpoint goes if it is not among the newest ``keep`` of its namespace, and was stored more than ``older``
    seconds ago; give one or both. The newest of each namespace stays, and so does every checkpoint at which a question
    is open, with all that these are rebuilt from; namespaces of subgraph calls go with the steps they belong to. With
    ``whole``, runs that changed last more than ``older`` seconds ago go altogether, unless they have open questions or
    still have to go on; decisions always stay on record.

    Each run is pruned in a transaction of its own; one that a process holds is left alone. ``dry`` changes nothing and
    says what would be done.
    """
    if keep is None and older is None:
        raise ValueError("Say what is to go: give keep (a number of checkpoints), older (seconds), or both.")
    if (keep is not None and keep < 1) or (older is not None and older < 0) or (whole and older is None):
        raise ValueError("keep is at least 1, older at least 0, and whole goes with older.")
    rule = _Rule(keep, None if older is None else time.time() - older, whole, Readings(saver.serde).metadata)
    chosen = threads if threads is not None else saver.database.read(_threads)
    found = [_outcome(saver, rule, thread_id, dry=dry) for thread_id in chosen]
    return Pruning(
        tuple(one.thread_id for one in found if one.removed),
        sum(one.checkpoints for one in found),
        tuple(one.thread_id for one in found if one.held),
    )


@dataclass(frozen=True)
class _Outcome:
    thread_id: str
    removed: bool = False
    held: bool = False
    checkpoints: int = 0


class _Dry(Exception):
    """Ends a transaction that was only tried."""

    def __init__(self, outcome: _Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def _outcome(saver: SqliteSaver, rule: "_Rule", thread_id: str, *, dry: bool) -> _Outcome:
    def tried(connection: sqlite3.Connection) -> None:
        raise _Dry(rule.apply(connection, thread_id))

    if not dry:
        return saver.database.write(partial(rule.apply, thread_id=thread_id))
    try:
        saver.database.write(tried)
    except _Dry as end:
        return end.outcome
    raise AssertionError("a trial ends with its outcome")


def _threads(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT DISTINCT thread_id FROM spaces ORDER BY thread_id")]


@dataclass(frozen=True)
class _Rule:
    keep: int | None
    before: float | None
    """Epoch seconds."""
    whole: bool
    metadata: Metadata

    def apply(self, connection: sqlite3.Connection, thread_id: str) -> _Outcome:
        """Prune one run, inside a transaction."""
        run = connection.execute("SELECT * FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
        if run is not None and not free(run):
            return _Outcome(thread_id, held=True)
        if self.whole and run is not None and run["updated_at"] < (self.before or 0) and _over(connection, run):
            delete(connection, thread_id)
            return _Outcome(thread_id, removed=True)
        keys = self._spent(connection, thread_id)
        remove(connection, keys)
        if keys:
            tidy(connection, thread_id)
        return _Outcome(thread_id, checkpoints=len(keys))

    def _spent(self, connection: sqlite3.Connection, thread_id: str) -> list[int]:
        """The keys of the checkpoints that are to go."""
        spaces = connection.execute("SELECT key, ns FROM spaces WHERE thread_id = ? ORDER BY ns", (thread_id,))
        oldest, spent = "", []
        for key, ns in spaces.fetchall():
            rows = connection.execute(_CHECKPOINTS, (key,)).fetchall()
            waits = {row[0] for row in connection.execute(_WAITS, (thread_id, ns))}
            if _call(ns) and rows and rows[0]["id"] < oldest and not waits:
                spent += [row["key"] for row in rows]  # the step that called the subgraph has gone
                continue
            kept = self._kept(connection, rows, waits)
            spent += [row["key"] for row in rows if row["id"] not in kept and row["id"] < max(kept, default="")]
            oldest = min(kept, default="") if not ns else oldest
        return spent

    def _kept(self, connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], waits: Collection[str]) -> set[str]:
        """The ids of the checkpoints of a namespace that stay, given newest first."""
        known: Mapping[str, sqlite3.Row] = {row["id"]: row for row in rows if row["body"]}
        wanted = {id_ for position, id_ in enumerate(known) if not self._goes(position, known[id_])} | set(waits)
        return {
            row["id"] for id_ in wanted & known.keys() for row in needed(connection, known, id_, self.metadata)
        } | set(waits)

    def _goes(self, position: int, row: sqlite3.Row) -> bool:
        if position == 0:
            return False
        return (self.keep is None or position >= self.keep) and (self.before is None or row["at"] < self.before)


_CHECKPOINTS = (
    "SELECT key, id, parent_id, at, body, base, ordinal, refs FROM checkpoints WHERE space = ? ORDER BY id DESC"
)
_WAITS = "SELECT checkpoint_id FROM waits WHERE thread_id = ? AND ns = ?"


def _call(ns: str) -> bool:
    """Whether a namespace belongs to a task of one step of the outermost graph."""
    return ":" in ns.partition("|")[0]


def _over(connection: sqlite3.Connection, run: sqlite3.Row) -> bool:
    """Whether nothing is left to be asked or done, as far as the ledger knows."""
    open_ = connection.execute(
        "SELECT 1 FROM reviews WHERE thread_id = ? AND status <> 'closed' LIMIT 1", (run["thread_id"],)
    ).fetchone()
    return open_ is None and run["status"] not in ("running", "waiting", "decided", "failed") and not _busy(run)


def _busy(run: sqlite3.Row) -> bool:
    """Whether the process that invoked the run without a lease may still be at work on it."""
    return run["status"] == "direct" and not gone(run["owner"]) and run["updated_at"] > time.time() - 60
