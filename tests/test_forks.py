"""Second looks: a question asked again in a run of its own, from where the run stood when it was asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import desk
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from refunds import applied, asked
from workloads import INPUT, WORKLOADS

from treadle import chain, fan_out, review
from treadle.checkpoints.bulks import enact, rule
from treadle.checkpoints.bulks.conditions import Condition
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.decisions import decide, decisions, verify
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.ledgers.forks import second_look
from treadle.checkpoints.reviews import Review, pending
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.workers import Worker, advance
from treadle.errors import ReviewClosed, StoreError
from treadle.graphs.runs import start
from treadle.nodes import step


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def at(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


def values(graph: Any, thread: str) -> Any:
    return graph.get_state(at(thread)).values


def finished(saver: SqliteSaver, graph: Any, thread: str = "t") -> list[Review]:
    """Answer everything that a run asks; what it asked, in order."""
    asked: list[Review] = []
    while open_ := pending(saver, thread=thread, limit=-1):
        for one in open_:
            decide(saver, one.id, answer=f"answer {len(asked)}", by="ann", thread=thread)
            asked.append(one)
        advance(saver, graph, thread)
    assert run(saver, thread).status == "done"
    return asked


def test_a_second_look_asks_again_and_both_histories_stay(saver: SqliteSaver) -> None:
    first = start(desk.graph, desk.clauses(1), saver=saver, name="desk", thread_id="t")
    (asked,) = pending(saver)
    decide(saver, asked.id, "approve", by="ann")
    worker = Worker(saver, lambda name: desk.graph.compile(checkpointer=saver))
    with pytest.raises(ReviewClosed, match="still open"):
        second_look(saver, asked.id, by="bob", why="The cap was raised.")
    assert (first.status, worker.once()) == ("waiting", 1)
    before = values(desk.graph.compile(checkpointer=saver), "t")
    again = second_look(saver, asked.id, by="bob", why="The cap was raised.")
    assert (again.status, again.value, again.digest, again.gate) == ("pending", asked.value, asked.digest, asked.gate)
    forked = run(saver, again.thread_id)
    assert (forked.parent_thread, forked.forked_from, forked.status) == ("t", asked.checkpoint_id, "waiting")
    assert (forked.graph, forked.pending) == ("desk", 1)
    value = {"category": "none", "risk": "low", "reason": "The cap holds.", "confidence": 1.0}
    decide(saver, again.id, "edit", value=value, by="bob", thread=again.thread_id)
    assert worker.once() == 1
    graph = desk.graph.compile(checkpointer=saver)
    assert values(graph, again.thread_id)["memo"] == "low: The cap holds."
    assert values(graph, "t") == before
    assert (run(saver, "t").status, run(saver, again.thread_id).status) == ("done", "done")
    assert [(one.thread_id, one.action) for one in decisions(saver)] == [(again.thread_id, "edit"), ("t", "approve")]
    (event,) = events(saver, kind="second look")
    assert (event.by, event.content["why"], event.content["target"]) == ("bob", "The cap was raised.", again.thread_id)
    assert verify(saver) == []
    assert [one for one in checkup(saver) if one.kind != "leftover"] == []


def test_the_other_branches_of_a_fan_out_keep_what_they_did(saver: SqliteSaver) -> None:
    start(desk.graph, desk.clauses(4), saver=saver, name="desk", thread_id="t")
    asked = pending(saver)
    for one in asked:
        decide(saver, one.id, "approve", by="ann")
    graph = desk.graph.compile(checkpointer=saver)
    worker = Worker(saver, lambda name: graph)
    worker.once()
    again = second_look(saver, asked[2].id, by="bob", why="?")
    assert [one.id for one in pending(saver)] == [again.id]
    value = {"category": "none", "risk": "low", "reason": "Fine.", "confidence": 1.0}
    decide(saver, again.id, "edit", value=value, by="bob", thread=again.thread_id)
    worker.once()
    memo = values(graph, again.thread_id)["memo"].splitlines()
    assert sorted(line.startswith("low: Fine.") for line in memo) == [False, False, False, True]
    assert memo.index("low: Fine.") == 2


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "loop"])
def test_every_question_of_every_kind_of_graph_can_be_looked_at_again(saver: SqliteSaver, name: str) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=saver)
    graph.invoke(INPUT, at("t"))
    asked = finished(saver, graph)
    before = values(graph, "t")
    for place, one in enumerate(asked):
        again = second_look(saver, one.id, by="bob", why="?", thread="t", target=f"look {place}")
        assert [(each.id, each.value) for each in pending(saver, thread=again.thread_id)] == [(one.id, one.value)]
        state = graph.get_state(at(again.thread_id), subgraphs=True)
        assert state.next
        decide(saver, again.id, answer="the other answer", by="bob", thread=again.thread_id)
        advance(saver, graph, again.thread_id)
        finished(saver, graph, again.thread_id)
        assert "the other answer" in repr(values(graph, again.thread_id))
        assert values(graph, "t") == before
    assert [one for one in checkup(saver) if one.kind != "leftover"] == []


def test_nothing_that_was_done_before_the_question_or_beside_it_is_done_again(saver: SqliteSaver) -> None:
    done: list[int] = []

    def rate(item: int) -> int:
        done.append(item)
        return item * 10

    gate = review("rating", when=lambda rating: rating == 20, reject=END)
    branch = chain(step(rate, into="rating", name="rating"), gate, name="rate")
    ratings = chain(fan_out(branch, over="items", item="item", into="ratings", pauses=True), name="ratings")
    start(ratings, {"items": [1, 2, 3]}, saver=saver, name="ratings", thread_id="t")
    (asked,) = pending(saver)
    decide(saver, asked.id, "approve", by="ann")
    worker = Worker(saver, lambda name: ratings.compile(checkpointer=saver))
    assert (worker.once(), sorted(done)) == (1, [1, 2, 3])
    again = second_look(saver, asked.id, by="bob", why="?")
    decide(saver, again.id, "edit", value=21, by="bob", thread=again.thread_id)
    assert (worker.once(), sorted(done)) == (1, [1, 2, 3])
    graph = ratings.compile(checkpointer=saver)
    assert values(graph, again.thread_id)["ratings"] == [10, 21, 30]
    assert values(graph, "t")["ratings"] == [10, 20, 30]


def test_what_was_pruned_cannot_be_looked_at_again(saver: SqliteSaver) -> None:
    graph = WORKLOADS["nested"]().compile(checkpointer=saver)
    graph.invoke(INPUT, at("t"))
    asked = finished(saver, graph)
    saver.prune(["t"])
    with pytest.raises(StoreError, match="was pruned, or never stored"):
        second_look(saver, asked[0].id, by="bob", why="?")
    assert len(pending(saver, status=None, limit=-1)) == len(asked)


def test_a_rule_leaves_second_looks_to_people(saver: SqliteSaver) -> None:
    start(desk.graph, desk.clauses(1), saver=saver, name="desk", thread_id="t")
    (asked,) = pending(saver)
    made = [Condition("/proposal/risk", "==", "high")]
    rule(saver, "desk", asked.gate or "", made, by="ann", cap=5)
    assert enact(saver) == 1
    graph = desk.graph.compile(checkpointer=saver)
    Worker(saver, lambda name: graph).once()
    second_look(saver, asked.id, by="bob", why="?")
    assert enact(saver) == 0
    assert len(pending(saver)) == 1


def test_the_times_of_a_question_begin_anew_at_a_second_look(saver: SqliteSaver) -> None:
    question = {"quorum": 2, "blind": True, "due_in": 60, "default": {"action": "reject"}}
    (id_,) = asked(saver, question)
    decide(saver, id_, "approve", by="ann")
    decide(saver, id_, "approve", by="bob")
    applied(saver)
    again = second_look(saver, id_, by="eva", why="?")
    assert again.due is not None
    assert 50 < again.due - again.asked_at <= 61
    count = "SELECT count(*) FROM deadlines WHERE thread_id = ? AND enacted_at IS NULL"
    (planned,) = saver.database.read(lambda connection: connection.execute(count, (again.thread_id,)).fetchone())
    assert planned == 1
    vote = decide(saver, again.id, "reject", by="ann", thread=again.thread_id)
    assert vote.kind == "vote"
    assert [one.action for one in decisions(saver, thread=again.thread_id)] == ["vote"]
