"""A fan-out that is killed goes on where it was: what was stored is not run again, and nothing is lost."""

import multiprocessing
import random
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import crashing
import pytest

from treadle.checkpoints.savers import SqliteSaver

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["treadle.graphs.fanouts", "treadle.checkpoints.savers"])


def begun(folder: Path, count: int, manner: str) -> ForkServerProcess:
    process = CONTEXT.Process(target=crashing.run, args=(folder, count, manner))
    process.start()
    return process


def lines(folder: Path) -> list[int]:
    log = folder / "done.log"
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def killed_at(folder: Path, count: int, manner: str, done: int) -> set[int]:
    """Run a fan-out until so many items are done, and kill it; returns those that were done."""
    process = begun(folder, count, manner)
    while len(lines(folder)) < done and process.is_alive():
        time.sleep(0.002)
    process.kill()
    process.join()
    return set(lines(folder))


def stored(folder: Path) -> set[int]:
    with SqliteSaver(folder / "t.db") as saver:
        return {int(key.split("/")[-2]) for key in saver.kept("t") if key.endswith("/work")}


@pytest.mark.parametrize("manner", ["sync", "async"])
def test_after_a_kill_only_what_was_not_stored_runs_again(tmp_path: Path, manner: str) -> None:
    before = killed_at(tmp_path, 400, manner, 200)
    known = stored(tmp_path)
    assert known <= before
    done = crashing.run(tmp_path, 400, manner)
    times = Counter(lines(tmp_path))
    assert done["squares"] == [n * n for n in range(400)]
    assert {n for n in range(400) if times[n] == 1} >= known
    assert times.keys() == set(range(400))


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_complete_and_in_order(tmp_path: Path) -> None:
    count, rng = 2000, random.Random(11)
    before: Counter[int] = Counter()
    known: set[int] = set()
    for _ in range(50):
        process = begun(tmp_path, count, "async")
        time.sleep(rng.uniform(0.0, 0.25))
        held = len(lines(tmp_path))
        while process.is_alive() and len(lines(tmp_path)) < min(held + rng.randrange(1, 60), count):
            time.sleep(0.002)
        process.kill()
        process.join()
        kept = stored(tmp_path)
        now = Counter(lines(tmp_path))
        ran = {n for n in now if now[n] > before[n]}
        assert kept <= now.keys()
        assert not known & ran, "a stored result was run again"
        before, known = now, kept
    done = crashing.run(tmp_path, count, "async")
    assert done["squares"] == [n * n for n in range(count)]
    assert [outcome["index"] for outcome in done["squares_outcomes"]] == list(range(count))
