"""Group commit: calls share transactions, and each returns only after the one that holds its work."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from processes import programmed

from treadle.checkpoints import SqliteSaver
from treadle.checkpoints.disks import commits
from treadle.checkpoints.disks.commits import Commits
from treadle.checkpoints.disks.jobs import Job
from treadle.checkpoints.disks.transactions import perform

THREADS = 6
"""What LangGraph's pool has on two processors."""


class Slow:
    """A database that takes its time, and counts its transactions."""

    def __init__(self) -> None:
        self.committed: set[Any] = set()
        self.transactions = 0

    def run(self, jobs: list[Job]) -> None:
        done = []
        for job in jobs:
            try:
                job.result = job.work(None)  # type: ignore[arg-type]
                done.append(job.result)
            except ValueError as error:
                job.error = error
        time.sleep(0.002)
        self.transactions += 1
        self.committed.update(done)
        for job in jobs:
            job.done = True


def fails(_: Any) -> None:
    raise ValueError("on purpose")


def at_once(calls: "list[Callable[[], Any]]") -> list[BaseException | None]:
    with ThreadPoolExecutor(THREADS) as pool:
        made = [pool.submit(call) for call in calls]
        wait(made)
    return [call.exception() for call in made]


def test_each_call_returns_after_its_own_commit_and_a_pool_of_threads_shares_them() -> None:
    slow = Slow()
    made = Commits(slow.run)

    def write(number: int) -> None:
        assert made.write(lambda _: number, patient=True) == number
        assert number in slow.committed

    assert not any(at_once([lambda n=n: write(n) for n in range(500)]))  # type: ignore[misc]
    assert len(slow.committed) == 500
    assert 500 / THREADS <= slow.transactions < 500 / 2


def test_an_error_reaches_its_own_caller_alone() -> None:
    slow = Slow()
    made = Commits(slow.run)
    works = [*([lambda _: 1] * 100), fails, *([lambda _: 1] * 100)]
    errors = at_once([lambda work=work: made.write(work, patient=True) for work in works])  # type: ignore[misc]
    assert [number for number, error in enumerate(errors) if error is not None] == [100]


def test_patient_and_hurried_calls_of_threads_and_posted_ones_are_all_done() -> None:
    slow = Slow()
    made = Commits(slow.run)

    def write(number: int) -> None:
        made.post(lambda _: -number - 1)
        made.write(lambda _: number, patient=number % 5 > 0)
        assert number in slow.committed

    assert not any(at_once([lambda n=n: write(n) for n in range(300)]))  # type: ignore[misc]
    made.write(lambda _: None)
    assert {*range(-300, 300)} < slow.committed


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for company waits as long as a test may take."""
    monkeypatch.setattr(commits, "QUIET", 60)
    monkeypatch.setattr(commits, "LONGEST", 60)


def waiting(made: Commits) -> None:
    while made._host is None:
        time.sleep(0.001)


@pytest.mark.usefixtures("patience")
def test_whoever_completes_the_company_leads_and_who_waited_hears_of_it() -> None:
    slow, leaders = Slow(), list[int]()

    def run(jobs: list[Job]) -> None:
        leaders.append(threading.get_ident())
        slow.run(jobs)

    made = Commits(run)
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(made.write, lambda _: "patient", patient=True)
        waiting(made)
        assert made.write(lambda _: "hurried") == "hurried"
        assert patient.result(60) == "patient"
    assert (slow.transactions, leaders) == (1, [threading.get_ident()])


@pytest.mark.usefixtures("patience")
async def test_a_thread_that_waits_for_company_leads_for_a_coroutine_in_a_hurry() -> None:
    slow = Slow()
    made = Commits(slow.run)
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(made.write, lambda _: "patient", patient=True)
        waiting(made)
        assert await made.awrite(lambda _: "hurried") == "hurried"
        assert patient.result(60) == "patient"
    assert slow.transactions == 1


@pytest.mark.usefixtures("patience")
def test_a_ctrl_c_while_it_waits_for_company_leaves_the_lead_to_others() -> None:
    slow = Slow()
    made = Commits(slow.run)

    def interrupt() -> None:
        waiting(made)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        made.write(lambda _: "patient", patient=True)
    helper.join()
    assert made.write(lambda _: "next") == "next"
    assert slow.committed == {"patient", "next"}


def test_a_ctrl_c_at_any_moment_leaves_the_lead_to_others() -> None:
    def run(jobs: list[Job]) -> None:
        for job in jobs:
            job.done = True

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def write() -> None:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.001, 0.003))
        while True:
            made.write(lambda _: None)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(100):
            made = Commits(run)
            with pytest.raises(KeyboardInterrupt):
                write()
            other = threading.Thread(target=made.write, args=(lambda _: None,), daemon=True)
            other.start()
            other.join(30)
            assert not other.is_alive()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_follows_from_another_work_of_its_transaction_is_done_after_it() -> None:
    done = list[str]()

    @dataclass
    class Named:
        name: str
        gives: object = None
        follows: object = None

        def __call__(self, connection: Any) -> None:
            done.append(self.name)

    works = [Named("b", follows=2), Named("a", follows=1), Named("plain"), Named("2", gives=2), Named("1", gives=1)]
    with sqlite3.connect(":memory:", isolation_level=None) as connection:
        perform(connection, [Job(work) for work in [*works, Named("c", follows=2)]])
    assert done == ["plain", "2", "b", "1", "a", "c"]


def start(saver: SqliteSaver) -> Any:
    at: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    return saver.put(at, empty_checkpoint(), {"source": "loop", "step": 0}, {})


def test_another_process_could_read_what_a_thread_wrote_as_soon_as_its_call_returned(tmp_path: Path) -> None:
    with (
        SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver,
        SqliteSaver(saver.path, readonly=True) as other,
    ):
        config, seen = start(saver), list[bool]()

        def write(number: int) -> None:
            saver.put_writes(config, [("x", number)], f"task {number}")
            found = other.get_tuple(config) if number % 10 == 0 else None
            if found is not None:
                seen.append((f"task {number}", "x", number) in (found.pending_writes or []))

        assert not any(at_once([lambda n=n: write(n) for n in range(400)]))  # type: ignore[misc]
        assert seen == [True] * 40


def test_a_lone_thread_waits_for_each_of_its_writes(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        config = start(saver)
        for number in range(60):
            saver.put_writes(config, [("x", number)], f"task {number}")
            with sqlite3.connect(saver.path) as connection:
                assert connection.execute("SELECT count(*) FROM writes").fetchone()[0] == number + 1
            connection.close()


def test_of_a_full_disk_exactly_those_hear_whose_writes_are_not_stored(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        config = start(saver)
        saver.database.write(lambda c: c.execute("PRAGMA max_page_count=250").fetchone())
        refused: set[str] = set()

        def write(number: int) -> None:
            try:
                saver.put_writes(config, [("x", os.urandom(8000).hex())], f"task {number}")
            except Exception:
                refused.add(f"task {number}")

        threads = [threading.Thread(target=write, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = saver.get_tuple(config)
        assert found is not None
        stored = {task for task, _, _ in found.pending_writes or []}
        assert refused
        assert stored
        assert stored == {f"task {number}" for number in range(200)} - refused


CHILD = """
import asyncio, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from langgraph.checkpoint.base import empty_checkpoint
from treadle.checkpoints import SqliteSaver

saver = SqliteSaver(sys.argv[1], synchronous="OFF")
at = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
config = saver.put(at, {**empty_checkpoint(), "id": "1"}, {"source": "loop", "step": 0}, {})

def write(number):
    saver.put_writes(config, [("x", number)], f"task {number}")
    os.write(1, f"{number}\\n".encode())

async def awrite(number):
    await saver.aput_writes(config, [("x", number)], f"task {number}")
    os.write(1, f"{number}\\n".encode())

async def writes():
    await asyncio.gather(*(awrite(-number - 1) for number in range(3_000)))

threading.Thread(target=asyncio.run, args=(writes(),), daemon=True).start()
with ThreadPoolExecutor(6) as pool:
    list(pool.map(write, range(20_000)))
"""


def test_a_process_that_is_killed_keeps_every_write_whose_call_returned(tmp_path: Path) -> None:
    with programmed(CHILD, tmp_path / "x.db") as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(500)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
    numbers = {int(line) for line in told if line.endswith("\n")}
    with SqliteSaver(tmp_path / "x.db", readonly=True) as saver:
        found = saver.get_tuple({"configurable": {"thread_id": "t", "checkpoint_ns": ""}})
    assert found is not None
    assert len(numbers) >= 500
    assert {number < 0 for number in numbers} == {True, False}  # of threads and of coroutines
    assert numbers <= {value for _, _, value in found.pending_writes or []}
