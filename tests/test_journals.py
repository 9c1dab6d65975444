"""The journal: what was remembered stays remembered."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import program, programmed

from treadle.checkpoints import SqliteSaver
from treadle.checkpoints.disks import scribes
from treadle.checkpoints.layouts.journals import FEW, MANY, MOMENT
from treadle.errors import StoreError, StoreReadOnly


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
    code = (
        "import sys, threading; from treadle.checkpoints import SqliteSaver\n"
        "saver = SqliteSaver(sys.argv[1]); lock = threading.Lock()\n"
        "def go(n):\n"
        "    for i in range(100000):\n"
        "        saver.remember('t', f'{n}-{i}', i)\n"
        "        with lock: print(f'{n}-{i}', flush=True)\n"
        "[threading.Thread(target=go, args=(n,)).start() for n in range(4)]\n"
    )
    with programmed(code, tmp_path / "x.db") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(delay)
        process.kill()
        told = [first.strip(), *process.stdout.read().split("\n")[:-1]]  # a torn last line was not told
    with SqliteSaver(tmp_path / "x.db") as saver:
        assert [key for key in told if saver.recall("t", key) != (int(key.split("-")[1]),)] == []
        assert saver.database.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"


class Disk:
    """A disk that takes as long as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ready, self.asked = threading.Event(), threading.Event()
        monkeypatch.setattr(scribes, "_sync", self.sync)

    def sync(self, log: int) -> None:
        self.asked.set()
        assert self.ready.wait(20)
        os.fsync(log)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_an_entry_is_written_before_the_disk_has_it_and_told_after(tmp_path: Path, slow: Disk) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver, SqliteSaver(tmp_path / "x.db") as other:
        caller = threading.Thread(target=saver.remember, args=("t", "k", 1))
        caller.start()
        assert slow.asked.wait(20)
        assert other.recall("t", "k") == (1,)
        assert caller.is_alive()
        slow.ready.set()
        caller.join()


@pytest.mark.parametrize(("pause", "most"), [(MOMENT, FEW), (0.0, MANY)])
def test_of_a_loops_entries_all_but_a_few_are_written_when_the_next_one_comes(
    tmp_path: Path, slow: Disk, pause: float, most: int
) -> None:
    async def end(saver: SqliteSaver, n: int) -> None:
        time.sleep(pause)
        await saver.aremember("t", str(n), n)

    async def main(saver: SqliteSaver, other: SqliteSaver) -> list[int]:
        missing = []
        callers = []
        for n in range(60):
            callers.append(asyncio.ensure_future(end(saver, n)))
            if n % 20 == 19:
                await asyncio.sleep(0)  # twenty branches end in one pass of the loop
                missing.append(n + 1 - len(other.kept("t")))
        assert not any(caller.done() for caller in callers)
        slow.ready.set()
        await asyncio.gather(*callers)
        return missing

    with SqliteSaver(tmp_path / "x.db") as saver, SqliteSaver(tmp_path / "x.db") as other:
        assert max(asyncio.run(main(saver, other))) < most
        assert len(other.kept("t")) == 60


@pytest.mark.parametrize("ahead", [False, True])
def test_while_another_process_writes_entries_wait_for_it(tmp_path: Path, ahead: bool) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver:
        lock = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, lock.execute, ["COMMIT"]).start()
        if ahead:
            asyncio.run(saver.aremember("t", "k", 1))
        else:
            saver.remember("t", "k", 1)
        assert saver.recall("t", "k") == (1,)
        lock.close()


def test_a_disk_that_fails_is_told_to_whoever_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(log: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(scribes, "_sync", fail)
    with SqliteSaver(tmp_path / "x.db") as saver:
        with pytest.raises(StoreError, match="cannot be brought to the disk"):
            saver.remember("t", "k", 1)
        with pytest.raises(StoreError, match="cannot be brought to the disk"):
            asyncio.run(saver.aremember("t", "l", 1))


def test_nothing_is_remembered_by_a_saver_that_is_closed_or_only_reads(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver:
        saver.remember("t", "k", 1)
    with pytest.raises(StoreError, match="was closed"):
        saver.remember("t", "l", 1)
    with SqliteSaver(tmp_path / "x.db", readonly=True) as reader, pytest.raises(StoreReadOnly):
        reader.remember("t", "l", 1)


def test_a_long_run_does_not_let_the_log_grow(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="NORMAL") as saver:
        for n in range(3000):
            saver.remember("t", str(n), "word " * 100)
        assert (tmp_path / "x.db-wal").stat().st_size < 20_000_000
        assert len(saver.kept("t")) == 3000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_by_itself(tmp_path: Path) -> None:
    code = (
        "import os, sys; from treadle.checkpoints import SqliteSaver\n"
        "saver = SqliteSaver(sys.argv[1]); saver.remember('t', 'parent', 1); child = os.fork()\n"
        "saver.remember('t', 'child' if child == 0 else 'again', 1)\n"
        "if child == 0: os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0; print(sorted(saver.kept('t')))\n"
    )
    told = program(code, tmp_path / "x.db")
    assert told.stdout.strip() == "['again', 'child', 'parent']", told.stderr


def test_what_was_said_while_somebody_else_wrote_is_kept_though_the_loop_ends(saver: SqliteSaver) -> None:
    saver.remember("t", "before", 0)
    other = sqlite3.connect(saver.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    async def fail() -> None:
        callers = [asyncio.ensure_future(saver.aremember("t", "first", 1))]
        await asyncio.sleep(0.05)  # it waits for the other's lock
        callers.append(asyncio.ensure_future(saver.aremember("t", "second", 2)))
        await asyncio.sleep(0.05)
        assert not any(caller.done() for caller in callers)
        threading.Timer(0.2, other.rollback).start()
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(fail())
    assert [saver.recall("t", key) for key in ("first", "second")] == [(1,), (2,)]
    other.close()
