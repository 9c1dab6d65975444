"""Writing in relay: threads that write for one run at once need not all wait, and nothing that returned is lost."""

import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from treadle.checkpoints import SqliteSaver
from treadle.checkpoints.disks.commits import Commits, Job
from treadle.checkpoints.layouts.writes import written


class Slow:
    """A database that takes its time, and counts its transactions."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.transactions = 0

    def run(self, jobs: list[Job]) -> None:
        time.sleep(0.002)
        self.transactions += 1
        for job in jobs:
            try:
                job.result = job.work(None)  # type: ignore[arg-type]
                self.done.append(job.result)
            except ValueError as error:
                job.error = error
            job.done = True


def all_at_once(commits: Commits, works: list[Any], relay: str = "run") -> list[BaseException | None]:
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(commits.write, work, relay=relay) for work in works]
        wait(calls)
    return [call.exception() for call in calls]


def test_once_no_call_is_under_way_everything_is_done_and_in_order() -> None:
    slow = Slow()
    commits = Commits(slow.run)
    assert not any(all_at_once(commits, [lambda _, n=n: n for n in range(500)]))
    assert sorted(slow.done) == list(range(500))
    assert not commits.owes
    assert slow.transactions < 500 / 6  # as many as threads could share if each waited for its own


def test_an_error_reaches_a_caller_though_the_one_that_it_struck_has_returned() -> None:
    def fails(_: Any) -> None:
        raise ValueError("on purpose")

    slow = Slow()
    errors = all_at_once(Commits(slow.run), [*([lambda _: 1] * 100), fails, *([lambda _: 1] * 100)])
    assert [str(error) for error in errors if error is not None][:1] == ["on purpose"]
    assert len(slow.done) == 200


def test_runs_do_not_take_over_from_each_other() -> None:
    commits = Commits(Slow().run)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(all_at_once, commits, [lambda _: 1] * 200, relay=name) for name in ("one", "other")]
        assert [any(call.result()) for call in both] == [False, False]
    assert not commits.owes


def start(saver: SqliteSaver) -> Any:
    at: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    return saver.put(at, empty_checkpoint(), {"source": "loop", "step": 0}, {})


def test_branches_of_a_sync_run_share_transactions_and_are_in_the_file_when_the_last_call_returns(
    tmp_path: Path,
) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver, ThreadPoolExecutor(6) as pool:
        config = start(saver)
        wait([pool.submit(saver.put_writes, config, [("x", number)], f"task {number}") for number in range(400)])
        with SqliteSaver(saver.path, readonly=True) as other:
            keys = other.database.read(lambda c: [row[0] for row in c.execute("SELECT key FROM checkpoints")])
            found = other.database.read(lambda c: written(c, keys))
        assert sorted(write[0] for write in found[keys[0]]) == sorted(f"task {number}" for number in range(400))


def test_a_process_reads_at_once_what_its_threads_wrote(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        config, seen = start(saver), list[bool]()

        def write(number: int) -> None:
            saver.put_writes(config, [("x", number)], f"task {number}")
            found = saver.get_tuple(config) if number % 40 == 0 else None
            if found is not None:
                seen.append((f"task {number}", "x", number) in (found.pending_writes or []))

        with ThreadPoolExecutor(6) as pool:
            wait([pool.submit(write, number) for number in range(400)])
        assert seen == [True] * 10


def test_a_lone_thread_waits_for_each_of_its_writes(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        config = start(saver)
        for number in range(60):
            saver.put_writes(config, [("x", number)], f"task {number}")
            with sqlite3.connect(saver.path) as connection:
                assert connection.execute("SELECT count(*) FROM writes").fetchone()[0] == number + 1
            connection.close()


def test_a_fault_of_the_disk_reaches_the_run_whose_calls_have_returned(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        config = start(saver)
        saver.database.write(lambda c: c.execute("PRAGMA max_page_count=120").fetchone())
        errors: list[BaseException] = []

        def write(number: int) -> None:
            try:
                saver.put_writes(config, [("x", os.urandom(8000).hex())], f"task {number}")
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors
        found = saver.get_tuple(config)
        assert found is not None
        assert len(found.pending_writes or []) < 200
