"""The journal: what was remembered stays remembered."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from treadle.checkpoints import SqliteSaver


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


def test_a_value_is_recalled_by_thread_and_key(saver: SqliteSaver) -> None:
    saver.remember("t", "findings|branch:1", {"risk": "high", "n": [1, 2]})
    assert saver.recall("t", "findings|branch:1") == ({"risk": "high", "n": [1, 2]},)
    assert saver.recall("t", "findings|branch:2") is None
    assert saver.recall("other", "findings|branch:1") is None


def test_nothing_is_a_value_too(saver: SqliteSaver) -> None:
    saver.remember("t", "k", None)
    assert saver.recall("t", "k") == (None,)


def test_the_first_value_stays(saver: SqliteSaver) -> None:
    saver.remember("t", "k", "first")
    saver.remember("t", "k", "second")
    assert saver.recall("t", "k") == ("first",)


def test_a_large_value_takes_little_room(saver: SqliteSaver) -> None:
    saver.remember("t", "k", "the same words again and again " * 10_000)
    size = saver.database.read(lambda c: c.execute("SELECT length(body) FROM journal").fetchone()[0])
    assert size < 5_000
    assert saver.recall("t", "k") == ("the same words again and again " * 10_000,)


def test_of_threads_that_remember_at_once_one_is_first_for_all(saver: SqliteSaver) -> None:
    threads = [threading.Thread(target=saver.remember, args=("t", "k", n)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert saver.recall("t", "k") in [(n,) for n in range(20)]


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.5])
def test_a_kill_loses_nothing_that_was_remembered(tmp_path: Path, delay: float) -> None:
    program = (
        "import sys, threading; from treadle.checkpoints import SqliteSaver\n"
        "saver = SqliteSaver(sys.argv[1]); lock = threading.Lock()\n"
        "def go(n):\n"
        "    for i in range(100000):\n"
        "        saver.remember('t', f'{n}-{i}', i)\n"
        "        with lock: print(f'{n}-{i}', flush=True)\n"
        "[threading.Thread(target=go, args=(n,)).start() for n in range(4)]\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(delay)
        process.kill()
        told = [first.strip(), *process.stdout.read().split("\n")[:-1]]  # a torn last line was not told
    with SqliteSaver(tmp_path / "x.db") as saver:
        assert [key for key in told if saver.recall("t", key) != (int(key.split("-")[1]),)] == []
        assert saver.database.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
