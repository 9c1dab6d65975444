"""The doctor's findings on real runs that were brought into trouble, and what repairs make of them."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import agents
import pytest
import refunds
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from treadle.checkpoints.care.ailments import Ailment, ailments, repair
from treadle.checkpoints.decisions import decide, decisions, verify
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.ledgers.leases import acquire
from treadle.checkpoints.reviews import pending, review
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.workers import advance
from treadle.errors import GraphNotFound
from treadle.graphs.runs import compiled, start


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def change(saver: SqliteSaver, *statements: str) -> None:
    """Bring the file into trouble behind treadle's back."""

    def work(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    saver.database.write(work)


def only(saver: SqliteSaver, kind: str) -> Ailment:
    (found,) = ailments(saver)
    assert found.kind == kind
    return found


class State(TypedDict, total=False):
    sum: int


def adding() -> Any:
    builder: Any = StateGraph(State)
    builder.add_node("ask", lambda state: {"sum": interrupt("How much?")["sum"] + 1})
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    return builder


def test_sound_runs_ail_nothing(saver: SqliteSaver) -> None:
    refunds.asked(saver, {}, {})
    assert ailments(saver, lambda name: refunds.graph(saver)) == []


def test_a_question_that_a_bad_answer_wedged_is_asked_again(saver: SqliteSaver) -> None:
    graph = compiled(adding(), saver)
    start(adding(), {}, saver=saver, name="adding", thread_id="t")
    (asked,) = pending(saver)
    decide(saver, asked.id, answer="seven", by="ann")
    assert advance(saver, graph, "t").status == "failed"
    assert advance(saver, graph, "t").status == "failed"
    found = only(saver, "wedged")
    assert "TypeError" in found.finding
    assert repair(saver, [found], by="eva") == [found]
    again = review(saver, asked.id)
    assert (again.status, run(saver, "t").status, ailments(saver)) == ("pending", "waiting", [])
    assert "TypeError" in (again.problem or "")
    decide(saver, asked.id, answer={"sum": 6}, by="ann")
    assert advance(saver, graph, "t").status == "done"
    assert graph.get_state({"configurable": {"thread_id": "t"}}).values == {"sum": 7}
    assert [one.answer for one in decisions(saver)] == [{"sum": 6}, "seven"]
    assert [(one.kind, one.by) for one in events(saver)] == [("repair", "eva")]
    assert verify(saver) == []


@pytest.mark.parametrize(
    "bad",
    ["yes", True, [{"type": "approve"}], {"decisions": [{"type": "approve"}]}, {"decisions": [{"type": "sing"}] * 2}],
)
@pytest.mark.parametrize("advanced", [True, False])
def test_an_agent_s_question_that_was_answered_badly_from_outside_is_asked_again(
    saver: SqliteSaver, bad: Any, *, advanced: bool
) -> None:
    agents.PAID.clear()
    agent = agents.agent(saver, "batched", ("ada", 5), ("bob", 6))
    config: Any = {"configurable": {"thread_id": "t"}, "metadata": {"graph": "agent"}}
    asked: Any = {"messages": [("user", "Pay them.")]}
    _ = advance(saver, agent, "t", input=asked, name="agent") if advanced else agent.invoke(asked, config)
    answers: list[Any] = [Command(resume=bad), None]
    for given in answers:
        with pytest.raises((TypeError, ValueError)):
            agent.invoke(given, config)
    assert pending(saver) == []
    found = only(saver, "wedged")
    repair(saver, [found], by="eva")
    (again,) = pending(saver)
    assert (run(saver, "t").status, ailments(saver)) == ("waiting", [])
    decide(saver, again.id, "approve", by="ann")
    assert advance(saver, agent, "t").status == "done"
    assert sorted(agents.PAID) == [("ada", 5), ("bob", 6)]


def test_a_step_that_fails_on_a_good_answer_is_not_taken_for_wedged(saver: SqliteSaver) -> None:
    def pay(state: State) -> Any:
        interrupt("How much?", response_schema={"type": "object", "required": ["sum"]})
        raise ConnectionError("no network")

    builder: Any = StateGraph(State)
    builder.add_node("pay", pay)
    builder.add_edge(START, "pay")
    start(builder, {}, saver=saver, name="paying", thread_id="t")
    decide(saver, pending(saver)[0].id, answer={"sum": 7}, by="ann")
    assert advance(saver, compiled(builder, saver), "t").status == "failed"
    assert ailments(saver) == []


@pytest.mark.parametrize("statement", ["DELETE FROM waits", "DELETE FROM checkpoints"])
def test_a_question_that_nobody_waits_for_is_closed(saver: SqliteSaver, statement: str) -> None:
    refunds.asked(saver, {})
    change(saver, statement)
    found = only(saver, "orphan")
    repair(saver, [found], by="eva")
    assert (ailments(saver), pending(saver)) == ([], [])


def test_questions_that_the_queue_lost_are_put_back_and_can_be_answered(saver: SqliteSaver) -> None:
    ids = refunds.asked(saver, {}, {}, thread="t")
    change(saver, "DELETE FROM reviews", "DELETE FROM waits", "UPDATE runs SET status = 'waiting'")
    found = only(saver, "missing")
    repair(saver, [found], by="eva")
    assert {one.id for one in pending(saver)} == set(ids)
    assert ailments(saver) == []
    for id_ in ids:
        decide(saver, id_, "approve", by="ann")
    refunds.applied(saver)
    assert run(saver, "t").status == "done"


def test_a_lease_of_a_process_that_is_gone_is_given_back(saver: SqliteSaver) -> None:
    refunds.asked(saver, {})
    held = saver.database.write(acquire("t", seconds=60))
    assert ailments(saver) == []
    change(saver, "UPDATE runs SET status = 'running', expires_at = 5")
    found = only(saver, "lease")
    assert held.owner in found.finding
    repair(saver, [found], by="eva")
    assert ailments(saver) == []


def test_a_decision_that_no_worker_would_see_is_brought_to_its_notice(saver: SqliteSaver) -> None:
    (id_,) = refunds.asked(saver, {})
    decide(saver, id_, "approve", by="ann")
    assert ailments(saver) == []
    later = time.time() - 3600
    change(saver, f"UPDATE decisions SET at = {later}", "UPDATE runs SET status = 'parked'")
    found = only(saver, "unapplied")
    repair(saver, [found], by="eva")
    assert run(saver, "t").status == "decided"
    left = only(saver, "unapplied")
    assert (left.repair, "treadle worker" in left.cure) == (None, True)


def test_an_unknown_graph_a_gate_that_is_gone_and_a_changed_version_are_told(saver: SqliteSaver) -> None:
    start(adding(), {}, saver=saver, name="adding", thread_id="t")

    def unknown(name: str) -> Any:
        raise GraphNotFound(f"No graph is called {name!r}.")

    def other(step: str) -> Any:
        builder: Any = StateGraph(State)
        builder.add_node(step, lambda state: {"sum": interrupt("How much, please?")["sum"]})
        builder.add_edge(START, step)
        builder.add_edge(step, END)
        return lambda name: compiled(builder, saver)

    told = [ailments(saver, graphs) for graphs in (unknown, other("inquire"), other("ask"))]
    assert [[one.kind for one in found] for found in told] == [["unknown graph"], ["unknown gate"], ["version"]]
    assert [one.repair for found in told for one in found] == [None] * 3
    assert "its steps are inquire" in told[1][0].meaning
    assert ailments(saver, lambda name: compiled(adding(), saver)) == []
