"""What outlives a process: the saver, the review queue, decisions, the run ledger, the worker."""

from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import traces

__all__ = ["SqliteSaver", "traces"]
