"""Taking a decision back: until its time ends or the run moves, by who made it, with both on record."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated import asked, graph, lines, until
from processes import treadle

from treadle.checkpoints import SqliteSaver, Worker, advance, decide, decisions, pending, review, run, verify, withdraw
from treadle.checkpoints.desks.sweeps import sweep
from treadle.errors import NotAllowed, ReviewClosed


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


LONG: dict[str, Any] = {"withdraw_in": 1000}


def test_a_decision_that_is_taken_back_never_reaches_the_run(saver: SqliteSaver, tmp_path: Path) -> None:
    id_, log = asked(saver, LONG), tmp_path / "log"
    worker = Worker(saver, lambda name: graph(saver, LONG, log=log))
    first = decide(saver, id_, "approve", by="ann")
    assert worker.once() == 0  # the worker waits
    assert advance(saver, graph(saver, LONG, log=log), "t").status == "decided"
    taken = withdraw(saver, id_, by="Ann", words="Wrong one.")
    assert (taken.kind, taken.by, taken.content["decision"]) == ("withdrawal", "Ann", first.seq)
    assert (taken.content["action"], taken.content["words"]) == ("approve", "Wrong one.")
    assert (review(saver, id_).status, review(saver, id_).decision, run(saver, "t").status) == (
        "pending",
        None,
        "waiting",
    )
    assert worker.once() == 0
    decide(saver, id_, "reject", by="ann")
    saver.database.write(lambda connection: connection.execute("UPDATE reviews SET held_until = 1"))
    saver.database.write(lambda connection: connection.execute("UPDATE runs SET not_before = 1"))
    assert worker.once() == 1
    assert lines(log) == ["0 reject ann"]
    assert [one.action for one in reversed(decisions(saver))] == ["approve", "reject"]
    assert verify(saver) == []


def test_the_worker_goes_on_by_itself_when_the_time_has_ended(saver: SqliteSaver, tmp_path: Path) -> None:
    question, log = {"withdraw_in": 0.6}, tmp_path / "log"
    id_ = asked(saver, question)
    worker = Worker(saver, lambda name: graph(saver, question, log=log), poll=0.05)
    worker.start()
    made = decide(saver, id_, "approve", by="ann")
    until(lambda: run(saver, "t").status == "done")
    worker.stop()
    assert lines(log) == ["0 approve ann"]
    (applied,) = decisions(saver)
    assert applied.applied_at is not None
    assert applied.applied_at >= made.at + 0.6
    with pytest.raises(ReviewClosed, match="The run has gone on with approve by ann"):
        withdraw(saver, id_, by="ann")


def test_other_branches_go_on_while_one_can_still_be_taken_back(saver: SqliteSaver, tmp_path: Path) -> None:
    log = tmp_path / "log"
    asked(saver, LONG, items=3)
    first, second, third = pending(saver)
    for each in (first, second):
        decide(saver, each.id, "approve", by="ann")
    saver.database.write(
        lambda connection: connection.execute("UPDATE reviews SET held_until = 1 WHERE interrupt_id = ?", (first.id,))
    )
    built = graph(saver, LONG, log=log)
    found = advance(saver, built, "t")
    assert (len(lines(log)), found.status, found.decided, found.pending) == (1, "decided", 1, 1)
    assert found.not_before == review(saver, second.id).held_until
    assert Worker(saver, lambda name: built).once() == 0
    withdraw(saver, second.id, by="ann")
    assert run(saver, "t").status == "waiting"
    with pytest.raises(ReviewClosed, match="gone on"):
        withdraw(saver, first.id, by="ann")
    with pytest.raises(ReviewClosed, match="Nothing is decided"):
        withdraw(saver, third.id, by="ann")


def test_only_who_decided_can_take_it_back(saver: SqliteSaver) -> None:
    id_ = asked(saver, LONG | {"quorum": 2})
    decide(saver, id_, "approve", by="ann")
    decide(saver, id_, "approve", by="bob")
    with pytest.raises(NotAllowed, match="ann, bob decided"):
        withdraw(saver, id_, by="cleo")
    withdraw(saver, id_, by="bob")
    assert decide(saver, id_, "approve", by="bob").kind == "vote"  # all vote again
    assert decide(saver, id_, "approve", by="ann").kind == "decision"


async def test_what_a_deadline_decided_can_be_taken_back_by_who_may_decide(saver: SqliteSaver) -> None:
    id_ = asked(saver, LONG | {"due_in": 1, "default": {"action": "reject"}, "roles": ["legal"]})
    await sweep(saver, tolerance=-60)
    with pytest.raises(NotAllowed, match="it takes the role legal"):
        withdraw(saver, id_, by="bob")
    withdraw(saver, id_, by="ann", roles=["legal"])
    assert await sweep(saver, tolerance=-60) == 0
    assert decide(saver, id_, "approve", by="ann", roles=["legal"]).by == "ann"


def test_without_a_window_or_after_it_a_decision_stands(saver: SqliteSaver) -> None:
    plain = asked(saver, {})
    decide(saver, plain, "approve", by="ann")
    with pytest.raises(ReviewClosed, match="gives no time to take back approve by ann"):
        withdraw(saver, plain, by="ann")
    short = asked(saver, {"withdraw_in": 0.01}, thread="other")
    decide(saver, short, "approve", by="ann", thread="other")
    time.sleep(0.02)
    with pytest.raises(ReviewClosed, match=r"The time to take back approve by ann on review .* ended at"):
        withdraw(saver, short, by="ann", thread="other")


def test_from_the_command_line(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        id_ = asked(saver, LONG)
    made = treadle(tmp_path, "decide", id_, "approve", "--by", "ann")
    assert "It can be taken back until" in made.stderr, made.stderr
    done = treadle(tmp_path, "reviews", "withdraw", id_, "--by", "ann")
    assert "The question waits again" in done.stdout, done.stderr
    assert treadle(tmp_path, "reviews", "withdraw", id_, "--by", "ann").returncode == 2


FORK = multiprocessing.get_context("fork")


def _serve(path: Path, log: Path, question: dict[str, Any], over: Any) -> None:
    with SqliteSaver(path) as saver:
        worker = Worker(saver, lambda name: graph(saver, question, log=log), poll=0.01)
        worker.start()
        over.wait()
        worker.stop()


@pytest.mark.slow
def test_a_decision_taken_back_at_the_last_moment_either_runs_or_waits_never_both(
    saver: SqliteSaver, tmp_path: Path
) -> None:
    question, log, over = {"withdraw_in": 0.5}, tmp_path / "log", FORK.Event()
    asked(saver, question, items=40)
    serving = FORK.Process(target=_serve, args=(saver.database.path, log, question, over))
    serving.start()
    reviews, won = pending(saver, limit=100), set[int]()
    for each in reviews:
        decide(saver, each.id, "approve", by="ann")

    def undo(some: list[Any]) -> None:
        for each in some:
            held = review(saver, each.id).held_until or 0
            time.sleep(max(0.0, held - time.time() - 0.005))
            try:
                withdraw(saver, each.id, by="ann")
                won.add(each.value["item"])
            except ReviewClosed:
                continue

    threads = [threading.Thread(target=undo, args=(reviews[number::4],)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    until(lambda: len(lines(log)) >= 40 - len(won) and run(saver, "t").status in ("waiting", "done"))
    time.sleep(0.5)  # what should not run would run now
    over.set()
    serving.join()
    ran = [int(line.split()[0]) for line in lines(log)]
    assert sorted(ran) == sorted(set(range(40)) - won)
    assert {each.value["item"] for each in pending(saver, limit=100)} == won
    assert verify(saver) == []
