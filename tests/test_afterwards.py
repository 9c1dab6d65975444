"""A review after the fact: the run goes on at once, the question waits in the queue, and its answer is feedback."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END
from processes import program

from treadle import chain, fan_out, review
from treadle.checkpoints import SqliteSaver, decide, decisions, pending
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.reviews import review as load
from treadle.checkpoints.runs import run
from treadle.checkpoints.workers import Worker, advance
from treadle.errors import AnswerInvalid, GraphBuildError, ReviewClosed
from treadle.graphs.runs import start
from treadle.nodes import Deadline, step

SENT: list[str] = []


def send(text: str) -> str:
    SENT.append(text)
    return f"sent {text}"


def shout(topic: str) -> str:
    return topic.upper()


def graph(**given: Any) -> Any:
    audit = review("text", holds=False, **{"labels": ("fine", "rude"), "reasons": ("tone",), **given})
    return chain(step(shout, into="text", name="write"), audit, step(send, into="end", name="send"))


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    SENT.clear()
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def test_the_run_goes_on_and_the_question_waits(saver: SqliteSaver) -> None:
    done = start(graph(), {"topic": "hello"}, saver=saver, name="mail", thread_id="t")
    assert (done.status, done.pending, SENT) == ("done", 0, ["HELLO"])
    (asked,) = pending(saver)
    assert (asked.value["holds"], asked.gate, asked.node, asked.graph) == (False, "text_review", "text_review", "mail")
    assert asked.value["leads_to"]["approve"] == "it is kept as feedback; the run has gone on"
    values = graph().compile(saver).get_state({"configurable": {"thread_id": "t"}}).values
    assert values["text_question"] == asked.id
    assert checkup(saver) == []


def test_its_answer_is_feedback_and_resumes_nothing(saver: SqliteSaver) -> None:
    made = graph()
    start(made, {"topic": "hello"}, saver=saver, name="mail", thread_id="t")
    (asked,) = pending(saver)
    with pytest.raises(AnswerInvalid):
        decide(saver, asked.id, "edit", by="ada", value=7)
    decide(saver, asked.id, "edit", by="ada", value="Hello.", reason="tone", labels=["rude"])
    assert (run(saver, "t").status, Worker(saver, lambda name: made.compile(saver)).once()) == ("done", 0)
    assert advance(saver, made.compile(saver), "t").status == "done"
    assert SENT == ["HELLO"]
    (kept,) = decisions(saver)
    assert (kept.action, kept.answer["value"], kept.labels) == ("edit", "Hello.", ["rude"])
    assert kept.applied_at is not None
    closed = load(saver, asked.id)
    assert (closed.status, closed.decision is not None) == ("closed", True)
    with pytest.raises(ReviewClosed, match="edit by ada"):
        decide(saver, asked.id, "approve", by="bob")
    assert checkup(saver) == []


def test_it_may_be_answered_while_its_run_waits_for_another_and_does_not_wake_it(saver: SqliteSaver) -> None:
    made = chain(
        step(shout, into="text", name="write"),
        review("text", holds=False, name="audit"),
        review("text", reject=END, name="gate"),
        step(send, into="end", name="send"),
    )
    waiting = start(made, {"topic": "hello"}, saver=saver, name="mail", thread_id="t")
    assert (waiting.status, waiting.pending) == ("waiting", 1)
    audit, gate = sorted(pending(saver), key=lambda each: str(each.gate))
    decide(saver, audit.id, "approve", by="ada")
    assert (run(saver, "t").status, SENT) == ("waiting", [])
    decide(saver, gate.id, "approve", by="ada")
    assert (advance(saver, made.compile(saver), "t").status, SENT) == ("done", ["HELLO"])


def test_nobody_is_asked_where_nothing_calls_for_it(saver: SqliteSaver) -> None:
    start(graph(when=lambda text: False), {"topic": "x"}, saver=saver, name="mail", thread_id="t")
    assert pending(saver) == []


@pytest.mark.parametrize("awaited", [False, True])
def test_each_item_of_a_fan_out_has_its_own_question(saver: SqliteSaver, awaited: bool) -> None:
    worker = chain(step(shout, into="text", name="write"), review("text", holds=False), name="mail")
    made = fan_out(worker, over="topics", item="topic", into="texts").compile(saver)
    given: Any = ({"topics": ["a", "b", "b"]}, {"configurable": {"thread_id": "t"}})
    done = asyncio.run(made.ainvoke(*given)) if awaited else made.invoke(*given)
    assert done["texts"] == ["A", "B", "B"]
    assert sorted(each.value["proposal"] for each in pending(saver)) == ["A", "B", "B"]


CHILD = """
import os, signal, sys
from test_afterwards import graph
from treadle.checkpoints import SqliteSaver
from treadle.graphs.runs import start

class Dying(SqliteSaver):
    left = int(sys.argv[2])

    def count(self):
        Dying.left -= 1
        if Dying.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def ainquire(self, *given):
        self.count()
        found = await super().ainquire(*given)
        self.count()
        return found

    async def aput_writes(self, config, writes, task_id, task_path=""):
        await super().aput_writes(config, writes, task_id, task_path)
        if any(channel == "text_question" for channel, _ in writes):
            self.count()

start(graph(), {"topic": "hello"}, saver=Dying(sys.argv[1]), name="mail", thread_id="t")
"""


@pytest.mark.parametrize("moment", [1, 2, 3], ids=["before", "asked, result not stored", "result stored"])
def test_a_process_killed_at_any_moment_leaves_exactly_one_question(tmp_path: Path, moment: int) -> None:
    path = tmp_path / "treadle.db"
    assert program(CHILD, path, moment).returncode == -9
    SENT.clear()
    with SqliteSaver(path) as saver:
        assert len(pending(saver)) == (0 if moment == 1 else 1)
        assert advance(saver, graph().compile(saver), "t").status == "done"
        assert [each.value["proposal"] for each in pending(saver)] == ["HELLO"]
        assert SENT == ["HELLO"]
        assert checkup(saver) == []


def test_a_store_without_a_queue_cannot_take_it() -> None:
    made = graph().compile(InMemorySaver())
    with pytest.raises(GraphBuildError, match="needs a queue"):
        made.invoke({"topic": "x"}, {"configurable": {"thread_id": "t"}})


@pytest.mark.parametrize(
    "given",
    [
        {"shape": "feedback"},
        {"actions": ("approve", "take_over")},
        {"reject": END},
        {"withdraw": "5m"},
        {"due": Deadline("1d", default="approve")},
    ],
)
def test_what_would_act_on_a_run_that_is_gone_is_refused(given: Any) -> None:
    with pytest.raises(GraphBuildError, match="nothing to act on"):
        graph(**given)
