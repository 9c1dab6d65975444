"""Leases: one holder at a time, renewed while it lives, taken over when it has gone."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from treadle.checkpoints.ledgers.leases import confirm, lease
from treadle.checkpoints.ledgers.owners import gone, identity
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import LeaseHeld


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def change(saver: SqliteSaver, columns: str) -> None:
    saver.database.write(lambda connection: connection.execute(f"UPDATE runs SET {columns}"))


def test_a_held_lease_is_refused_to_others_and_says_who_has_it(saver: SqliteSaver) -> None:
    with lease(saver, "a") as held:
        assert (held.thread_id, held.owner) == ("a", run(saver, "a").owner)
        assert run(saver, "a").owner == held.owner
        with pytest.raises(LeaseHeld, match=f"is being advanced by process {os.getpid()} on"), lease(saver, "a"):
            pass
        with lease(saver, "b"):
            assert run(saver, "b").owner is not None
    assert run(saver, "a").owner is None


def test_a_lease_given_back_can_be_taken_again_with_a_higher_token(saver: SqliteSaver) -> None:
    tokens = []
    for _ in range(3):
        with lease(saver, "a") as held:
            tokens.append(held.token)
    assert tokens == [tokens[0], tokens[0] + 1, tokens[0] + 2]


def test_a_lease_is_given_back_when_its_block_raises(saver: SqliteSaver) -> None:
    with pytest.raises(KeyError), lease(saver, "a"):
        raise KeyError
    with lease(saver, "a") as held:
        assert run(saver, "a").owner == held.owner


def test_a_lease_outlives_its_seconds_while_its_holder_lives(saver: SqliteSaver) -> None:
    with lease(saver, "a", seconds=0.3):
        first = saver.database.read(expiry)
        while saver.database.read(expiry) < first + 0.5:
            time.sleep(0.05)
        with pytest.raises(LeaseHeld), lease(saver, "a"):
            pass


def expiry(connection: sqlite3.Connection) -> float:
    return float(connection.execute("SELECT expires_at FROM runs").fetchone()[0])


def test_an_expired_lease_is_taken_over_and_its_old_token_is_worth_nothing(saver: SqliteSaver) -> None:
    with lease(saver, "a") as old:
        change(saver, "expires_at = 1")
        with lease(saver, "a") as new:
            assert new.token == old.token + 1
            with pytest.raises(LeaseHeld, match="was lost to process"):
                saver.database.write(lambda connection: confirm(connection, old))
            saver.database.write(lambda connection: confirm(connection, new))
    assert run(saver, "a").owner is None


def test_giving_back_a_lost_lease_leaves_the_new_holder_alone(saver: SqliteSaver) -> None:
    with lease(saver, "a"):
        change(saver, "owner = 'other', token = 9")
    assert run(saver, "a").owner == "other"


def hold(path: str, ready: Any) -> None:
    with SqliteSaver(path) as saver, lease(saver, "a"):
        ready.set()
        time.sleep(600)


def test_the_lease_of_a_killed_process_is_taken_over_at_once(saver: SqliteSaver, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=hold, args=(str(tmp_path / "treadle.db"), ready))
    holder.start()
    assert ready.wait(30)
    assert holder.pid is not None
    with pytest.raises(LeaseHeld, match=f"process {holder.pid} on"), lease(saver, "a"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    while not gone(run_owner(saver)):
        time.sleep(0.01)
    with lease(saver, "a") as held:  # its parent has not even asked for it yet
        assert run(saver, "a").owner == held.owner
    holder.join()


def run_owner(saver: SqliteSaver) -> str:
    return str(saver.database.read(lambda connection: connection.execute("SELECT owner FROM runs").fetchone()[0]))


def test_of_many_threads_one_holds_the_lease_at_a_time(saver: SqliteSaver) -> None:
    inside: list[int] = []
    most: list[int] = []
    refused: list[int] = []

    def attempt() -> None:
        for _ in range(10):
            try:
                with lease(saver, "a") as held:
                    inside.append(held.token)
                    most.append(len(inside))
                    inside.remove(held.token)
            except LeaseHeld:
                refused.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) + len(refused) == 60


def test_an_owner_is_known_to_be_gone_only_on_its_own_machine() -> None:
    mine = identity()
    place, pid, started, _ = mine.rsplit(":", 3)
    with subprocess.Popen(["sleep", "600"]) as child:
        theirs = f"{place}:{child.pid}::x"
        assert not gone(theirs)
        child.kill()
        child.wait()
        assert gone(theirs)
        assert not gone(f"elsewhere:{child.pid}::x")
    assert not gone(mine)
    assert not gone(None)
    assert not gone("a name of the user's own")
    if started:
        assert gone(f"{place}:{pid}:{int(started) + 1}:x")
