"""The worker inside the page's process: it takes runs on once their reviews are decided."""

import os
import threading

from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.workers import Worker
from treadle.ui.stores import known

VARIABLE = "TREADLE_WORKER"
"""The environment variable that keeps the page from advancing runs by itself, when it is ``0``."""

_workers: dict[str, Worker] = {}
_mutex = threading.Lock()


def wanted() -> bool:
    """Whether this process advances runs."""
    return os.environ.get(VARIABLE) != "0"


def work(saver: SqliteSaver) -> Worker | None:
    """Start the worker for a saver, once a process and database; None if it is not wanted here."""
    if not wanted():
        return None
    with _mutex:
        worker = _workers.get(str(saver.path))
        if worker is None or worker.saver is not saver:
            if worker is not None:
                worker.stop()
            worker = _workers[str(saver.path)] = Worker(saver, lambda name: known().served(name, saver))
        worker.start()
        return worker


def rest() -> None:
    """Stop every worker of this process, each after the step that it is at."""
    with _mutex:
        for worker in _workers.values():
            worker.stop()
        _workers.clear()
