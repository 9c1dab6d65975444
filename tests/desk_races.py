"""Processes that race at the desk: all decide on the same gates, each has a worker; and a worker killed anywhere.

python tests/desk_races.py --gates 1000 --processes 8
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gated import asked, graph, lines

from treadle.checkpoints import SqliteSaver, Worker, count, decide, decisions, pending, runs, verify
from treadle.errors import ReviewClosed

FORK = multiprocessing.get_context("fork")
BRANCHES = 50
"""Gates of one run."""


def begin(path: Path, gates: int) -> None:
    """Runs whose branches all wait."""
    with SqliteSaver(path, synchronous="NORMAL") as saver:
        for number in range(gates // BRANCHES):
            asked(saver, {}, thread=f"t{number}", items=BRANCHES)


def one(path: Path, who: str, told: Any) -> None:
    """A process that decides on everything it sees, in an order of its own, while its worker takes runs on."""
    rng, counts = random.Random(who), Counter[str]()
    with SqliteSaver(path, synchronous="NORMAL") as saver:
        worker = Worker(saver, lambda name: built(saver, path), poll=0.1, owner=None)
        worker.start()
        while count(saver):
            seen = pending(saver, limit=200)
            rng.shuffle(seen)
            for each in seen:
                counts[_try(saver, each, who)] += 1
        while any(run.status != "done" for run in runs(saver, limit=-1)):
            time.sleep(0.1)
        worker.stop()
    told.put(dict(counts))


def _try(saver: SqliteSaver, each: Any, who: str) -> str:
    try:
        decide(saver, each.id, "approve", by=who, thread=each.thread_id)
    except ReviewClosed:
        return "told"
    return "decided"


def built(saver: SqliteSaver, path: Path) -> Any:
    """The graph, whose effects go to a file beside the database, each with the run it is of."""
    return graph(saver, {}, log=path.with_name("effects"))


def race(folder: Path, *, gates: int, processes: int) -> dict[str, Any]:
    """Let them race; what was decided, what was refused, and what happened."""
    path = folder / "x.db"
    begin(path, gates)
    told: Any = FORK.Queue()
    crowd = [FORK.Process(target=one, args=(path, f"p{number}", told)) for number in range(processes)]
    for process in crowd:
        process.start()
    counts = sum((Counter(told.get(timeout=800)) for _ in crowd), Counter[str]())
    for process in crowd:
        process.join()
    with SqliteSaver(path) as saver:
        made = decisions(saver, limit=-1)
        assert verify(saver) == []
        assert len({(each.thread_id, each.interrupt_id) for each in made}) == len(made)
        assert all(each.applied_at is not None for each in made)
    effects = lines(path.with_name("effects"))
    by = Counter(each.by for each in made)
    assert Counter(line.split()[2] for line in effects) == by  # each effect is that of its decision
    return {"decisions": len(made), "effects": len(effects), "told": counts["told"], "decided": counts["decided"]}


def killed(folder: Path, statement: int) -> tuple[bool, list[str]]:
    """A worker killed before a statement of its writer: whether that came, and the effects there were by then."""
    path = folder / "x.db"
    with SqliteSaver(path, synchronous="NORMAL") as saver:
        id_ = asked(saver, {}, thread="t0")
        decide(saver, id_, "approve", by="ann")
    died = _forked(lambda: _doomed(path, statement)) == -signal.SIGKILL
    return died, lines(path.with_name("effects"))


def finished(folder: Path) -> tuple[list[str], list[Any]]:
    """What another worker makes of it: the effects there are in the end, and the decisions, whole."""
    path = folder / "x.db"
    with SqliteSaver(path) as saver:
        Worker(saver, lambda name: built(saver, path)).once()
        state = built(saver, path).get_state({"configurable": {"thread_id": "t0"}})
        assert not state.next
        assert [answer["by"] for answer in state.values["done"]] == ["ann"]
        assert [run.status for run in runs(saver)] == ["done"]
        assert verify(saver) == []
        made = decisions(saver)
    return lines(path.with_name("effects")), made


def _doomed(path: Path, statement: int) -> None:
    left = statement
    with SqliteSaver(path, synchronous="NORMAL") as saver:

        def count_down(_: str) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        saver.database.write(lambda connection: connection.set_trace_callback(count_down))
        Worker(saver, lambda name: built(saver, path)).once()


def _forked(action: Callable[[], None]) -> int:
    process = FORK.Process(target=action)
    process.start()
    process.join()
    return process.exitcode or 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(race(Path(folder), gates=given.gates, processes=given.processes)), flush=True)


if __name__ == "__main__":
    main()
