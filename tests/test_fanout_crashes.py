"""A fan-out that is killed goes on where it was: what was stored is not run again, and nothing is lost.

All kills: ``TREADLE_FULL=1``.
"""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import crashing
import pytest
from processes import programmed

from treadle.checkpoints.savers import SqliteSaver

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["treadle.graphs.fanouts", "treadle.checkpoints.savers"])
KILLS, TURNS = (50, 8) if "TREADLE_FULL" in os.environ else (20, 4)


def begun(folder: Path, count: int, manner: str, **ends: Any) -> ForkServerProcess:
    process = CONTEXT.Process(target=crashing.run, args=(folder, count, manner, ends))
    process.start()
    return process


def lines(folder: Path) -> list[int]:
    log = folder / "done.log"
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def killed_at(folder: Path, count: int, manner: str, done: int, **ends: Any) -> set[int]:
    """Run a fan-out until so many items are done, and kill it; returns those that were done."""
    process = begun(folder, count, manner, **ends)
    while len(lines(folder)) < done and process.is_alive():
        time.sleep(0.002)
    process.kill()
    process.join()
    return set(lines(folder))


def stored(folder: Path) -> set[int]:
    with SqliteSaver(folder / "t.db") as saver:
        return {int(key.split("/")[-2]) for key in saver.kept("t") if key.endswith("/work")}


def over(folder: Path, manner: str, **ends: Any) -> bool:
    """Whether the run was over when it was killed: what was stored while it ended came too late for it."""
    with SqliteSaver(folder / "t.db") as saver:
        graph = crashing.graph(folder, manner, **ends).compile(checkpointer=saver)
        state = graph.get_state({"configurable": {"thread_id": "t"}})
        return bool(state.values) and not state.next


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
@pytest.mark.parametrize("manner", ["sync", "async"])
def test_a_run_killed_again_and_again_ends_complete_and_in_order(tmp_path: Path, manner: str) -> None:
    count, rng = 2000, random.Random(11)
    before: Counter[int] = Counter()
    known: set[int] = set()
    for _ in range(KILLS):
        process = begun(tmp_path, count, manner)
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
    done = crashing.run(tmp_path, count, manner)
    assert done["squares"] == [n * n for n in range(count)]
    assert [outcome["index"] for outcome in done["squares_outcomes"]] == list(range(count))


def whole(done: Any, count: int, known: set[int]) -> set[int]:
    """The items that succeeded: outcomes are complete and in order, and what was stored before is among them."""
    outcomes = done["squares_outcomes"]
    assert [outcome["index"] for outcome in outcomes] == list(range(count))
    good = [outcome["index"] for outcome in outcomes if outcome["status"] == "success"]
    assert {outcome["status"] for outcome in outcomes} <= {"success", "cancelled"}
    assert done["squares"] == [n * n for n in good]
    assert known <= set(good)
    return set(good)


@pytest.mark.slow
@pytest.mark.parametrize("manner", ["sync", "async"])
def test_a_run_killed_when_it_had_just_enough_goes_on_with_no_more_than_it_lacks(tmp_path: Path, manner: str) -> None:
    count, need, sure = 2000, 300, 0
    for turn in range(TURNS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        killed_at(folder, count, manner, need + 4 * turn, need=need)
        known, before = stored(folder), Counter(lines(folder))
        late = over(folder, manner, need=need)
        done = crashing.run(folder, count, manner, {"need": need})
        ran = {n for n, times in Counter(lines(folder)).items() if times > before[n]}
        assert not known & ran, "a stored result was run again"
        assert len(whole(done, count, set() if late else known)) >= need
        if len(known) >= need:
            assert not ran
            sure += 1
    assert sure, "every kill came before enough was stored"


@pytest.mark.slow
@pytest.mark.parametrize("manner", ["sync", "async"])
def test_a_run_whose_time_ran_out_while_it_was_dead_goes_on_at_once_with_what_it_had(
    tmp_path: Path, manner: str
) -> None:
    count, within = 2000, 4.0
    begin = time.time()
    killed_at(tmp_path, count, manner, 500, within=within, need=0)
    known, before = stored(tmp_path), lines(tmp_path)
    assert known
    assert len(before) < count
    time.sleep(max(0.0, begin + within + 1 - time.time()))  # the deadline is at most so long after the beginning
    with SqliteSaver(tmp_path / "t.db") as saver:
        deadline = next(saver.recall("t", key) for key in saver.kept("t") if key.startswith("deadline:"))
        assert deadline is not None
        time.sleep(max(0.0, deadline[0] - time.time()))
    done = crashing.run(tmp_path, count, manner, {"within": within, "need": 0})
    assert lines(tmp_path) == before, "an item was run after its time"
    assert whole(done, count, known) == known


@pytest.mark.parametrize("manner", ["sync", "async"])
def test_a_run_that_is_interrupted_at_the_keyboard_ends_and_goes_on_where_it_was(tmp_path: Path, manner: str) -> None:
    code = (
        "import crashing, pathlib, sys; crashing.DELAY = 0.4;"  # it would take twelve seconds to end
        "crashing.run(pathlib.Path(sys.argv[1]), 2000, sys.argv[2])"
    )
    process = programmed(code, tmp_path, manner)
    while len(lines(tmp_path)) < 100:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert process.returncode not in (0, -signal.SIGKILL)
    known, before = stored(tmp_path), Counter(lines(tmp_path))
    assert len(known) < 2000
    done = crashing.run(tmp_path, 2000, manner)
    ran = {n for n, times in Counter(lines(tmp_path)).items() if times > before[n]}
    assert not known & ran
    assert whole(done, 2000, known) == set(range(2000))
