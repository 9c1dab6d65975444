"""The ledger and how runs are advanced: statuses, answers, refusals, failures."""

import asyncio
import operator
import sqlite3
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl
from langgraph.types import Send, interrupt
from pydantic import BaseModel, field_validator

from treadle import chain
from treadle import review as review_step
from treadle.checkpoints.decisions import decide, decisions, verify
from treadle.checkpoints.ledgers.advances import aadvance, advance
from treadle.checkpoints.ledgers.leases import lease
from treadle.checkpoints.reviews import count, pending, review
from treadle.checkpoints.runs import Run, run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, LeaseHeld, RunNotFound, RunOpen
from treadle.nodes import step


class Answer(BaseModel):
    action: Literal["approve", "reject"]
    words: str | None = None

    @field_validator("words")
    @classmethod
    def polite(cls, words: str | None) -> str | None:
        if words == "rude":
            raise ValueError("mind your words")
        return words


class Item(TypedDict):
    item: int


class State(TypedDict, total=False):
    items: list[int]
    done: Annotated[list[str], operator.add]


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


class Calls:
    """What the nodes of a graph did, in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.broken = False

    def gate(self, item: Item) -> dict[str, Any]:
        self.seen.append(f"gate {item['item']}")
        answer = interrupt({"actions": ["approve", "reject"], "item": item["item"]}, response_schema=Answer)
        self.seen.append(f"effect {item['item']}")
        return {"done": [f"{item['item']} {answer.action}"]}

    def close(self, state: State) -> dict[str, Any]:
        self.seen.append("close")
        if self.broken:
            raise ConnectionError("the model is away")
        return {"done": ["closed"]}

    def graph(self, saver: Any) -> Any:
        builder: Any = StateGraph(State)
        builder.add_node("gate", self.gate)
        builder.add_node("close", self.close)
        builder.add_conditional_edges(
            START, lambda state: [Send("gate", {"item": item}) for item in state["items"]] or "close", ["gate", "close"]
        )
        builder.add_edge("gate", "close")
        builder.add_edge("close", END)
        return builder.compile(checkpointer=saver)


def approve_all(saver: SqliteSaver, thread: str = "a") -> None:
    for each in pending(saver, thread=thread, limit=1000):
        decide(saver, each.id, "approve", by="ann", thread=thread)


def values(graph: Any, thread: str = "a") -> list[str]:
    return sorted(graph.get_state({"configurable": {"thread_id": thread}}).values["done"])


def test_a_run_waits_is_decided_and_done(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    first = advance(saver, graph, "a", input={"items": [1, 2]}, name="contract", fingerprint="f1")
    assert (first.status, first.pending, first.decided) == ("waiting", 2, 0)
    assert (first.graph, first.fingerprint, first.finished_at, first.owner) == ("contract", "f1", None, None)
    approve_all(saver)
    assert (run(saver, "a").status, run(saver, "a").decided) == ("decided", 2)
    last = advance(saver, graph, "a")
    assert (last.status, last.pending, last.decided, last.error) == ("done", 0, 0, None)
    assert last.finished_at is not None
    assert last.finished_at >= first.created_at
    assert values(graph) == ["1 approve", "2 approve", "closed"]
    assert [each.applied_at is not None for each in decisions(saver)] == [True, True]
    assert {review(saver, each.interrupt_id).status for each in decisions(saver)} == {"closed"}


async def test_async_is_the_same(saver: SqliteSaver) -> None:
    graph = Calls().graph(saver)
    assert (await aadvance(saver, graph, "a", input={"items": [1]})).status == "waiting"
    approve_all(saver)
    assert (await aadvance(saver, graph, "a")).status == "done"


async def test_the_sync_form_works_where_an_event_loop_runs(saver: SqliteSaver) -> None:
    assert advance(saver, Calls().graph(saver), "a", input={"items": [1]}).status == "waiting"


def test_nodes_that_are_async_only_are_advanced_too(saver: SqliteSaver) -> None:
    async def step(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"done": ["async"]}

    builder: Any = StateGraph(State)
    builder.add_node("step", step)
    builder.add_edge(START, "step")
    graph = builder.compile(checkpointer=saver)
    assert advance(saver, graph, "a", input={"items": []}).status == "done"
    assert values(graph) == ["async"]


def test_thirty_branches_decided_one_by_one_run_once_more_each(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    advance(saver, graph, "a", input={"items": list(range(30))})
    approve_all(saver)
    assert advance(saver, graph, "a").status == "done"
    gates = [call for call in calls.seen if call.startswith("gate")]
    effects = [call for call in calls.seen if call.startswith("effect")]
    assert (len(gates), len(effects), len(set(effects))) == (60, 30, 30)
    assert len(values(graph)) == 31


def test_what_is_not_answered_yet_goes_on_waiting(saver: SqliteSaver) -> None:
    graph = Calls().graph(saver)
    advance(saver, graph, "a", input={"items": [1, 2, 3]})
    decide(saver, pending(saver)[0].id, "approve", by="ann")
    after = advance(saver, graph, "a")
    assert (after.status, after.pending, after.decided) == ("waiting", 2, 0)
    approve_all(saver)
    assert advance(saver, graph, "a").status == "done"


def test_where_there_is_nothing_to_go_on_with_nothing_runs(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    advance(saver, graph, "a", input={"items": [1]})
    before = list(calls.seen)
    assert advance(saver, graph, "a").status == "waiting"
    approve_all(saver)
    advance(saver, graph, "a")
    assert len(calls.seen) == len(before) + 3
    assert advance(saver, graph, "a").status == "done"
    assert len(calls.seen) == len(before) + 3


def test_an_answer_that_only_the_graph_refuses_goes_back_and_the_others_hold(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    advance(saver, graph, "a", input={"items": [1, 2, 3]})
    rude, *rest = pending(saver)
    decide(saver, rude.id, "approve", words="rude", by="bob")
    for each in rest:
        decide(saver, each.id, "approve", by="ann")
    after = advance(saver, graph, "a")
    assert (after.status, after.pending, after.decided, after.attempts) == ("waiting", 1, 0, 0)
    again = review(saver, rude.id)
    assert (again.status, again.decision) == ("pending", None)
    assert again.problem == "The graph refused the answer at words: Value error, mind your words."
    assert [each.action for each in decisions(saver)] == ["refused", "approve", "approve", "approve"]
    decide(saver, rude.id, "reject", by="bob")
    assert review(saver, rude.id).problem is None
    assert advance(saver, graph, "a").status == "done"
    assert len([call for call in calls.seen if call.startswith("effect")]) == 3
    applied = {each.seq: each.applied_at is not None for each in decisions(saver)}
    assert applied == {1: False, 2: True, 3: True, 4: False, 5: True}
    assert verify(saver) == []


def test_a_graph_that_raises_leaves_a_failed_run_that_can_go_on(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    advance(saver, graph, "a", input={"items": [1]})
    approve_all(saver)
    calls.broken = True
    failed = advance(saver, graph, "a")
    assert (failed.status, failed.attempts, failed.owner) == ("failed", 1, None)
    assert failed.error is not None
    assert "ConnectionError: the model is away" in failed.error
    assert "close" in failed.error
    assert failed.not_before is not None
    assert failed.not_before > failed.updated_at
    assert advance(saver, graph, "a").attempts == 2
    assert advance(saver, graph, "a", patience=3).status == "parked"
    calls.broken = False
    after = advance(saver, graph, "a")
    assert (after.status, after.error, after.attempts, after.not_before) == ("done", None, 0, None)
    assert [call for call in calls.seen if call.startswith("effect")] == ["effect 1"]


def test_an_error_whose_words_are_no_text_is_kept_as_far_as_they_are(saver: SqliteSaver) -> None:
    def broken(state: State) -> dict[str, Any]:
        raise ValueError("half an emoji: \ud83d, and a NUL: \0")

    builder: Any = StateGraph(State)
    builder.add_node("broken", broken)
    builder.add_edge(START, "broken")
    found = advance(saver, builder.compile(checkpointer=saver), "a", input={"items": []}, patience=1)
    assert (found.status, found.owner) == ("parked", None)
    assert "half an emoji: \\ud83d, and" in str(found.error)


@pytest.mark.parametrize("value", [{2: "a", 10: "b"}, float("nan"), {"on": date(2026, 1, 1)}, {3, 1}])
def test_a_review_of_what_json_does_not_know_is_decided_once(saver: SqliteSaver, value: Any) -> None:
    def make(x: str) -> Any:
        return value

    asking = chain(step(make, into="made"), review_step("made", actions=("approve", "edit")), name="g")
    made = asking.compile(checkpointer=saver)
    advance(saver, made, "a", input={"x": ""})
    decide(saver, pending(saver)[0].id, "approve", by="ann")
    assert advance(saver, made, "a").status == "done"


def test_an_answer_is_not_handed_to_the_next_question_of_its_node(saver: SqliteSaver) -> None:
    broken = [True]

    def node(state: State) -> dict[str, Any]:
        first = interrupt("first?")
        if broken:
            broken.clear()
            raise ConnectionError
        return {"done": [first, interrupt("second?")]}

    builder: Any = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    graph = builder.compile(checkpointer=saver)
    advance(saver, graph, "a", input={"items": []})
    decide(saver, pending(saver)[0].id, answer="one", by="ann")
    assert advance(saver, graph, "a").status == "failed"
    after = advance(saver, graph, "a")
    assert (after.status, [each.value for each in pending(saver)]) == ("waiting", ["second?"])
    decide(saver, pending(saver)[0].id, answer="two", by="ann")
    assert advance(saver, graph, "a").status == "done"
    assert values(graph) == ["one", "two"]


def test_questions_inside_subgraphs_are_answered_by_their_ids(saver: SqliteSaver) -> None:
    calls = Calls()
    builder: Any = StateGraph(State)
    builder.add_node("inner", calls.graph(None))
    builder.add_edge(START, "inner")
    graph = builder.compile(checkpointer=saver)
    assert advance(saver, graph, "a", input={"items": [1, 2]}).pending == 2
    assert {each.path for each in pending(saver)} == {"inner"}
    decide(saver, pending(saver)[0].id, "reject", by="ann")
    assert advance(saver, graph, "a").status == "waiting"
    approve_all(saver)
    assert advance(saver, graph, "a").status == "done"
    assert len([call for call in calls.seen if call.startswith("effect")]) == 2


def test_a_breakpoint_waits_and_goes_on_when_advanced(saver: SqliteSaver) -> None:
    calls = Calls()
    builder: Any = StateGraph(State)
    builder.add_node("close", calls.close)
    builder.add_edge(START, "close")
    graph = builder.compile(checkpointer=saver, interrupt_before=["close"])
    assert advance(saver, graph, "a", input={"items": []}).status == "waiting"
    assert calls.seen == []
    assert advance(saver, graph, "a").status == "done"


def test_a_run_invoked_without_the_runner_is_direct_and_can_be_advanced(saver: SqliteSaver) -> None:
    graph = Calls().graph(saver)
    graph.invoke({"items": [1]}, {"configurable": {"thread_id": "a"}, "metadata": {"graph": "contract"}})
    direct = run(saver, "a")
    assert (direct.status, direct.graph, direct.pending) == ("direct", "contract", 1)
    assert advance(saver, graph, "a").status == "direct"
    approve_all(saver)
    assert advance(saver, graph, "a").status == "done"


def test_plain_configuration_is_kept_for_later_advances(saver: SqliteSaver) -> None:
    seen: list[Any] = []

    def node(state: State, config: RunnableConfig) -> dict[str, Any]:
        seen.append({key: config.get("configurable", {}).get(key) for key in ("model", "limit", "secret")})
        seen.append(config.get("metadata", {}).get("graph"))
        interrupt("?")
        return {}

    builder: Any = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    graph = builder.compile(checkpointer=saver)
    given: Any = {"configurable": {"model": "rules", "limit": 4, "secret": object()}}
    started = advance(saver, graph, "a", input={"items": []}, config=given, name="contract")
    assert started.config == {"model": "rules", "limit": 4}
    decide(saver, pending(saver)[0].id, answer=1, by="ann")
    advance(saver, graph, "a")
    assert [each["model"] for each in seen[::2]] == ["rules", "rules"]
    assert [each["limit"] for each in seen[::2]] == [4, 4]
    assert seen[1::2] == ["contract", "contract"]


def test_a_run_can_be_drained_and_goes_on_where_it_was(saver: SqliteSaver) -> None:
    control = RunControl()
    calls = Calls()

    def first(state: State) -> dict[str, Any]:
        calls.seen.append("first")
        control.request_drain()
        return {"done": ["first"]}

    builder: Any = StateGraph(State)
    builder.add_sequence([("first", first), ("close", calls.close)])
    builder.add_edge(START, "first")
    graph = builder.compile(checkpointer=saver)
    drained = advance(saver, graph, "a", input={"items": []}, control=control)
    assert (drained.status, drained.owner, drained.error) == ("stalled", None, None)
    assert advance(saver, graph, "a").status == "done"
    assert calls.seen == ["first", "close"]


def test_a_held_run_is_not_advanced(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    with lease(saver, "a"), pytest.raises(LeaseHeld):
        advance(saver, graph, "a", input={"items": [1]})
    assert calls.seen == []


def test_a_lease_that_is_lost_stops_the_run_and_leaves_the_ledger_to_the_new_holder(saver: SqliteSaver) -> None:
    taken = threading.Event()

    async def slow(state: State) -> dict[str, Any]:
        def steal(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE runs SET owner = 'other', token = token + 1")

        if not taken.is_set():
            saver.database.write(steal)
            taken.set()
        return {"done": ["stale"]}

    builder: Any = StateGraph(State)
    builder.add_node("slow", slow)
    builder.add_edge(START, "slow")
    graph = builder.compile(checkpointer=saver)
    with pytest.raises(LeaseHeld, match="was lost to other"):
        advance(saver, graph, "a", input={"items": []})
    assert run(saver, "a").status == "running"
    assert run(saver, "a").owner == "other"


@pytest.mark.parametrize("anew", [False, True])
def test_what_is_done_for_a_run_that_was_deleted_meanwhile_gets_into_none_of_its_name(
    saver: SqliteSaver, anew: bool
) -> None:
    def slow(state: State) -> dict[str, Any]:
        if state["items"] == [1]:
            saver.delete_thread("a")
            if anew:
                advance(saver, graph, "a", input={"items": [2]})
        return {"done": [f"of {state['items']}"]}

    builder: Any = StateGraph(State)
    builder.add_sequence([("slow", slow), ("after", lambda state: {"done": ["after"]})])
    builder.add_edge(START, "slow")
    graph = builder.compile(checkpointer=saver)
    with pytest.raises(LeaseHeld, match=r"was lost to|was deleted while"):
        advance(saver, graph, "a", input={"items": [1]})
    left = [one.checkpoint["channel_values"].get("done") for one in saver.list({"configurable": {"thread_id": "a"}})]
    assert left == ([["of [2]", "after"], ["of [2]"], None, None] if anew else [])
    assert [one.status for one in runs(saver)] == (["done"] if anew else [])


def test_a_node_may_invoke_another_run_with_its_own_configuration(saver: SqliteSaver) -> None:
    inner = Calls().graph(saver)
    for _ in range(3):
        advance(saver, inner, "b", input={"items": []})

    def outer(state: State, config: RunnableConfig) -> dict[str, Any]:
        for thread in ("b", "c"):
            inner.invoke({"items": []}, {**config, "configurable": {**config["configurable"], "thread_id": thread}})
        return {"done": ["outer"]}

    builder: Any = StateGraph(State)
    builder.add_node("outer", outer)
    builder.add_edge(START, "outer")
    found = advance(saver, builder.compile(checkpointer=saver), "a", input={"items": []})
    assert (found.status, found.error) == ("done", None)


def test_a_graph_with_another_checkpointer_is_refused_in_words(saver: SqliteSaver, tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "other.db") as other:
        for wrong in (None, InMemorySaver(), other):
            with pytest.raises(GraphBuildError, match=r"cannot be advanced on .*treadle\.db: compile it with"):
                advance(saver, Calls().graph(wrong), "a", input={"items": []})
    with SqliteSaver(tmp_path / "treadle.db") as same:
        assert advance(saver, Calls().graph(same), "a", input={"items": []}).status == "done"


def test_an_unknown_run_is_said_to_be_unknown(saver: SqliteSaver) -> None:
    with pytest.raises(RunNotFound, match="'nothing'"):
        run(saver, "nothing")
    with pytest.raises(RunNotFound, match="'nothing'"):
        advance(saver, Calls().graph(saver), "nothing")
    assert runs(saver) == []


def test_a_run_that_ended_before_its_input_was_stored_says_so(saver: SqliteSaver) -> None:
    with lease(saver, "a"):
        pass
    saver.database.write(lambda connection: connection.execute("UPDATE runs SET status = 'running'"))
    assert run(saver, "a").status == "stalled"
    with pytest.raises(RunNotFound, match="start it again"):
        advance(saver, Calls().graph(saver), "a")
    assert advance(saver, Calls().graph(saver), "a", input={"items": []}).status == "done"


def test_new_input_for_a_run_that_waits_is_refused_and_costs_no_decision(saver: SqliteSaver) -> None:
    graph = Calls().graph(saver)
    advance(saver, graph, "a", input={"items": [1, 2]})
    with pytest.raises(RunOpen, match="waits for a person"):
        advance(saver, graph, "a", input={"items": []})
    approve_all(saver)
    with pytest.raises(RunOpen, match="thread id of its own"):
        advance(saver, graph, "a", input={"items": []})
    assert advance(saver, graph, "a").status == "done"
    assert values(graph) == ["1 approve", "2 approve", "closed"]
    assert advance(saver, graph, "a", input={"items": []}).status == "done"


def test_new_input_for_a_run_that_was_cut_short_is_refused(saver: SqliteSaver) -> None:
    graph = Calls().graph(saver)
    advance(saver, graph, "a", input={"items": []})
    saver.database.write(lambda connection: connection.execute("UPDATE runs SET status = 'running'"))
    with pytest.raises(RunOpen, match="is not over"):
        advance(saver, graph, "a", input={"items": []})


def test_new_input_given_to_the_graph_itself_leaves_the_old_questions_and_answers_behind(saver: SqliteSaver) -> None:
    graph = Calls().graph(saver)
    advance(saver, graph, "a", input={"items": [1, 2]})
    decide(saver, pending(saver)[0].id, "approve", by="ann")
    graph.invoke({"items": []}, {"configurable": {"thread_id": "a"}})
    assert count(saver, status="closed") == 2
    assert len(decisions(saver)) == 1


def test_runs_are_listed_by_status_and_graph_the_last_changed_first(saver: SqliteSaver) -> None:
    calls = Calls()
    graph = calls.graph(saver)
    advance(saver, graph, "done", input={"items": []}, name="x")
    advance(saver, graph, "waiting", input={"items": [1]}, name="y")
    advance(saver, graph, "decided", input={"items": [1]}, name="y")
    approve_all(saver, "decided")
    calls.broken = True
    advance(saver, graph, "failed", input={"items": []}, name="x")
    with lease(saver, "held"):
        assert names(runs(saver)) == ["held", "failed", "decided", "waiting", "done"]
        assert names(runs(saver, limit=2, offset=1)) == ["failed", "decided"]
        assert names(runs(saver, graph="x")) == ["failed", "done"]
        for status in ("done", "waiting", "decided", "failed"):
            assert names(runs(saver, status=status)) == [status]
        assert runs(saver, status="running") == runs(saver, status="stalled") == []
        saver.database.write(lambda c: c.execute("UPDATE runs SET status = 'running' WHERE thread_id = 'held'"))
        assert names(runs(saver, status="running")) == ["held"]
    assert names(runs(saver, status="stalled")) == ["held"]
    with pytest.raises(ValueError, match="one of direct, running"):
        runs(saver, status="open")  # type: ignore[arg-type]


def names(listed: list[Run]) -> list[str]:
    return [each.thread_id for each in listed]


def test_steps_and_tokens_are_counted(saver: SqliteSaver) -> None:
    def node(state: State) -> dict[str, Any]:
        saver.trace("a", {"step": "node", "tokens_in": 10, "tokens_out": 3, "cost": 0.5})
        return {}

    builder: Any = StateGraph(State)
    builder.add_sequence([("one", node), ("two", node)])
    builder.add_edge(START, "one")
    after = advance(saver, builder.compile(checkpointer=saver), "a", input={"items": []})
    assert (after.steps, after.tokens_in, after.tokens_out, after.cost) == (2, 20, 6, 1.0)
