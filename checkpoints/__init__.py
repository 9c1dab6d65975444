"""What outlives a process: the saver, the review queue, decisions, the run ledger, the worker."""

from treadle.checkpoints.caches import SqliteCache
from treadle.checkpoints.decisions import Decision, decide, decisions, verify
from treadle.checkpoints.leases import Lease, lease
from treadle.checkpoints.reviews import Review, count, pending, review
from treadle.checkpoints.runs import Run, run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import traces
from treadle.checkpoints.workers import Worker, aadvance, advance

__all__ = [
    "Decision",
    "Lease",
    "Review",
    "Run",
    "SqliteCache",
    "SqliteSaver",
    "Worker",
    "aadvance",
    "advance",
    "count",
    "decide",
    "decisions",
    "lease",
    "pending",
    "review",
    "run",
    "runs",
    "traces",
    "verify",
]
