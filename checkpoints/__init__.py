"""What outlives a process: the saver, the review queue, decisions, the run ledger, the worker."""

from treadle.checkpoints.caches import SqliteCache
from treadle.checkpoints.decisions import Decision, decide, decisions, verify
from treadle.checkpoints.desks.claims import Claim, claim, release
from treadle.checkpoints.desks.notices import Notice, Notifier
from treadle.checkpoints.desks.notifiers import LogFile, notifier
from treadle.checkpoints.desks.votes import Tally, votes
from treadle.checkpoints.desks.webhooks import Webhook
from treadle.checkpoints.desks.withdrawals import withdraw
from treadle.checkpoints.ledgers.leases import Lease, lease
from treadle.checkpoints.reviews import Review, count, pending, review
from treadle.checkpoints.runs import Run, run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import traces
from treadle.checkpoints.workers import Worker, aadvance, advance

__all__ = [
    "Claim",
    "Decision",
    "Lease",
    "LogFile",
    "Notice",
    "Notifier",
    "Review",
    "Run",
    "SqliteCache",
    "SqliteSaver",
    "Tally",
    "Webhook",
    "Worker",
    "aadvance",
    "advance",
    "claim",
    "count",
    "decide",
    "decisions",
    "lease",
    "notifier",
    "pending",
    "release",
    "review",
    "run",
    "runs",
    "traces",
    "verify",
    "votes",
    "withdraw",
]
