"""Deadlines: a question warns, is handed on, and at last answered by its default; each once, whoever sweeps."""

import asyncio
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated import State, asked, graph, lines
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from treadle.checkpoints import LogFile, SqliteSaver, Worker, claim, decide, decisions, pending, review, run, verify
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.desks.sweeps import sweep
from treadle.checkpoints.disks import clocks
from treadle.errors import NotAllowed, ReviewClosed

DEFAULT = {"action": "reject", "words": "Nobody decided in time."}


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def swept(saver: SqliteSaver, *, after: float = 0.0) -> int:
    """A sweep as a worker makes it whose clock shows so many seconds later."""
    return asyncio.run(sweep(saver, tolerance=-after))


def told(saver: SqliteSaver) -> list[str]:
    """What the channel of this test is told; notices that workers deliver to theirs are gone sooner or later."""
    query = "SELECT event FROM outbox WHERE channel = 'x' ORDER BY id"
    return [row["event"] for row in saver.database.read(lambda connection: connection.execute(query).fetchall())]


def listening(saver: SqliteSaver) -> None:
    """Have a channel, so that what happens goes into the outbox."""
    saver.database.write(lambda connection: connection.execute("INSERT INTO channels VALUES ('x', 0)"))


def test_each_step_comes_at_its_time_and_once(saver: SqliteSaver, tmp_path: Path) -> None:
    listening(saver)
    question = {
        "warn_in": 100, "escalate": [{"after": 300, "to": "head"}, {"after": 200, "to": "lead"}], "due_in": 400,
        "default": DEFAULT, "roles": ["legal"], "assign": "legal",
    }  # fmt: skip
    id_, log = asked(saver, question), tmp_path / "log"
    with pytest.raises(NotAllowed):
        decide(saver, id_, "approve", by="ann", roles=["lead"])
    assert swept(saver, after=50) == 0
    assert [swept(saver, after=at) for at in (150, 150, 250, 250)] == [1, 0, 1, 0]
    assert (review(saver, id_).assign, review(saver, id_).escalations) == ("lead", 1)
    assert review(saver, id_).panel.roles == {"legal", "lead"}
    assert swept(saver, after=350) == 1
    assert review(saver, id_).assign == "head"
    assert [swept(saver, after=at) for at in (450, 450)] == [1, 0]
    made = review(saver, id_).decision
    assert made is not None
    assert (made.action, made.by, made.words) == ("reject", "deadline", DEFAULT["words"])
    Worker(saver, lambda name: graph(saver, question, log=log)).once()
    assert lines(log) == ["0 reject deadline"]
    assert run(saver, "t").status == "done"
    assert told(saver) == ["asked", "warned", "escalated", "escalated", "defaulted"]
    handed = [(one.kind, one.content["before"], one.content["to"]) for one in reversed(events(saver))]
    assert handed == [("escalation", "legal", "lead"), ("escalation", "lead", "head")]
    assert verify(saver) == []


def test_whom_it_was_escalated_to_may_decide_from_then_on(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"roles": ["legal"], "escalate": [{"after": 10, "to": "lead"}]})
    swept(saver, after=11)
    assert decide(saver, id_, "approve", by="ann", roles=["lead"]).action == "approve"
    assert swept(saver, after=10_000) == 0


def test_a_late_sweep_does_all_that_has_passed_in_its_order(saver: SqliteSaver) -> None:
    listening(saver)
    asked(saver, {"warn_in": 1, "escalate": [{"after": 2, "to": "lead"}], "due_in": 3, "default": DEFAULT})
    assert swept(saver, after=60) == 3
    assert told(saver) == ["asked", "warned", "escalated", "defaulted"]


def test_a_persons_decision_before_the_default_is_recorded_wins(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"due_in": 1, "default": DEFAULT})
    decide(saver, id_, "approve", by="ann")
    assert swept(saver, after=60) == 0
    assert [one.by for one in decisions(saver)] == ["ann"]


def test_after_the_default_a_person_is_told_who_decided(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"due_in": 1, "default": DEFAULT, "quorum": 2, "roles": ["legal"]})
    claim(saver, id_, by="ann", roles=["legal"])
    swept(saver, after=60)
    with pytest.raises(ReviewClosed, match="reject by deadline"):
        decide(saver, id_, "approve", by="ann", roles=["legal"])


def test_without_a_default_it_only_says_that_it_is_due(saver: SqliteSaver) -> None:
    listening(saver)
    id_ = asked(saver, {"due_in": 1})
    assert [swept(saver, after=60), swept(saver, after=60)] == [1, 0]
    assert told(saver) == ["asked", "due"]
    assert decide(saver, id_, "approve", by="ann").action == "approve"


def test_a_default_that_does_not_fit_is_told_and_a_person_can_still_decide(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"due_in": 1, "default": {"action": "burn"}})
    assert [swept(saver, after=60), swept(saver, after=60)] == [1, 0]
    assert "its default could not be applied. The action 'burn'" in str(review(saver, id_).problem)
    assert decide(saver, id_, "approve", by="ann").action == "approve"


def test_a_default_that_is_no_answer_at_all_holds_up_no_other_and_leaves_the_record_whole(saver: SqliteSaver) -> None:
    odd: list[dict[str, Any]] = [{"words": 5}, {"labels": 5}, {"reason": 5}, {"reason": {"a": 1}}, {"labels": [5]}]
    for number, said in enumerate(odd):
        question = {"title": "Go on?", "actions": ["reject"], "due_in": 1, "default": {"action": "reject", **said}}
        foreign(saver, question).invoke({}, {"configurable": {"thread_id": f"odd{number}"}})
    good = asked(saver, {"due_in": 2, "default": DEFAULT})
    assert swept(saver, after=10) == len(odd) + 1
    assert review(saver, good).status == "decided"
    assert all("its default could not be applied" in str(one.problem) for one in pending(saver))
    assert (len(pending(saver)), verify(saver)) == (len(odd), [])


def foreign(saver: SqliteSaver, question: Any) -> Any:
    """A graph that asks with LangGraph's own means, and takes any answer."""
    builder: Any = StateGraph(State)
    builder.add_node("ask", lambda state: {"done": [interrupt(question)]})
    builder.add_edge(START, "ask")
    return builder.compile(checkpointer=saver)


def test_a_question_that_is_over_has_no_deadline_left(saver: SqliteSaver) -> None:
    question = {"warn_in": 5, "due_in": 10, "default": DEFAULT}
    id_ = asked(saver, question)
    decide(saver, id_, "approve", by="ann")
    Worker(saver, lambda name: graph(saver, question)).once()
    left = saver.database.read(lambda connection: connection.execute("SELECT count(*) FROM deadlines").fetchone()[0])
    assert left == 0


def test_a_clock_that_is_seconds_ahead_lets_no_default_come_early(saver: SqliteSaver) -> None:
    asked(saver, {"due_in": 2, "default": DEFAULT})
    ahead = clocks.TOLERANCE - 3  # two seconds ahead of the one who asked, and one of them already over
    assert asyncio.run(sweep(saver, tolerance=clocks.TOLERANCE - ahead)) == 0
    assert decisions(saver) == []


def test_a_changed_question_has_its_times_anew(saver: SqliteSaver) -> None:
    asked(saver, {"due_in": 100, "default": DEFAULT})
    graph(saver, {"due_in": 1000, "default": DEFAULT}).invoke(None, {"configurable": {"thread_id": "t"}})
    assert [swept(saver, after=500), swept(saver, after=1500)] == [0, 1]


@pytest.mark.slow
def test_workers_killed_amid_their_sweeps_enact_each_deadline_once(saver: SqliteSaver) -> None:
    listening(saver)
    question = {
        "warn_in": 1, "escalate": [{"after": 2, "to": "lead"}, {"after": 3, "to": "head"}], "due_in": 4,
        "default": DEFAULT, "assign": "legal",
    }  # fmt: skip
    asked(saver, question, items=60)
    rng, ends = random.Random(7), Counter[int | None]()
    while pending(saver):
        child = multiprocessing.get_context("fork").Process(target=_sweep, args=(saver.path, rng.randrange(20, 300)))
        child.start()
        child.join()
        ends[child.exitcode] += 1
    assert ends[-signal.SIGKILL] > 5
    assert Counter(event for event in told(saver) if event != "asked") == {
        "warned": 60,
        "escalated": 120,
        "defaulted": 60,
    }
    steps = Counter((each.interrupt_id, each.content["to"]) for each in events(saver, limit=1000))
    assert (len(steps), set(steps.values())) == (120, {1})
    made = decisions(saver, limit=1000)
    assert (len(made), len({each.interrupt_id for each in made}), {each.by for each in made}) == (60, 60, {"deadline"})
    assert (verify(saver), checkup(saver)) == ([], [])
    assert Worker(saver, lambda name: graph(saver, question)).once() == 1
    assert (run(saver, "t").status, len(decisions(saver, limit=1000))) == ("done", 60)


def _sweep(path: Path, statements: int) -> None:
    """A worker whose clock shows an hour later, killed before so many statements of its writes are done."""
    left = iter(range(statements))

    def count(statement: str) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    with SqliteSaver(path, synchronous="OFF") as saver:
        saver.database.write(lambda connection: connection.set_trace_callback(count))
        while asyncio.run(sweep(saver, tolerance=-3600)):
            pass


def _work(path: Path, ahead: float, log: Path, question: dict[str, Any], seconds: float) -> None:
    """A worker in a process of its own whose clock is ahead (or behind)."""
    right = time.time
    time.time = lambda: right() + ahead
    with SqliteSaver(path) as saver:
        worker = Worker(
            saver, lambda name: graph(saver, question, log=log), poll=0.02, tolerance=0.2,
            channels=[LogFile(path.with_name("told"))],
        )  # fmt: skip
        worker.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(lines(log)) < 60:
            time.sleep(0.05)
        worker.stop()


@pytest.mark.slow
def test_workers_whose_clocks_are_apart_enact_each_deadline_once(saver: SqliteSaver, tmp_path: Path) -> None:
    listening(saver)
    question = {"warn_in": 1, "escalate": [{"after": 2, "to": "lead"}], "due_in": 3, "default": DEFAULT}
    asked(saver, question, items=60)
    log, fork = tmp_path / "log", multiprocessing.get_context("fork")
    crowd = [
        fork.Process(target=_work, args=(saver.database.path, ahead, log, question, 60.0)) for ahead in (-3, 0, 3, 5)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert Counter(lines(log)) == {f"{item} reject deadline": 1 for item in range(60)}
    made = decisions(saver, limit=1000)
    assert len({one.interrupt_id for one in made}) == len(made) == 60
    assert len({one.interrupt_id for one in events(saver, limit=1000)}) == len(events(saver, limit=1000)) == 60
    assert Counter(told(saver)) == {"asked": 60, "warned": 60, "escalated": 60, "defaulted": 60}
    assert (run(saver, "t").status, pending(saver), verify(saver)) == ("done", [], [])


def test_a_file_from_before_deadlines_is_brought_to_now_with_its_record_whole(tmp_path: Path) -> None:
    from treadle.checkpoints.desks.tables import QUEUE, SEARCH
    from treadle.checkpoints.disks.schemas import APPLICATION
    from treadle.checkpoints.layouts.tables import STATE
    from treadle.checkpoints.ledgers.tables import LEDGER, VERSIONS
    from treadle.digests import digest

    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    for script in (STATE, QUEUE, LEDGER):
        connection.executescript(script)
    connection.executescript(
        "CREATE VIRTUAL TABLE reviews_fts USING fts5 (title, why, text, content='reviews', content_rowid='seq');"
    )
    for script in (SEARCH, VERSIONS):
        connection.executescript(script)
    row = {
        "seq": 1, "thread_id": "t", "interrupt_id": "i", "action": "approve", "answer": '"yes"', "reason": None,
        "words": None, "by": "ann", "at": 5.0, "digest": None, "shown": None, "client": "python", "seconds": None,
        "previous": "",
    }  # fmt: skip
    sealed = row | {"hash": digest(row)}
    names = ", ".join(f'"{name}"' for name in sealed)
    connection.execute(f"INSERT INTO decisions ({names}) VALUES ({', '.join('?' * len(sealed))})", (*sealed.values(),))
    connection.executescript(
        "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT);"
        "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('treadle', 'first_tables'),"
        " ('treadle', 'versions_and_cache');"
        f"PRAGMA application_id={APPLICATION}; PRAGMA user_version=2;"
    )
    connection.commit()
    connection.close()
    with SqliteSaver(path) as saver:
        assert verify(saver) == []
        assert (decisions(saver)[0].kind, decisions(saver)[0].roles) == ("decision", [])
        assert decide(saver, asked(saver, {"quorum": 2}), "approve", by="ann").seq == 2
        assert verify(saver) == []
