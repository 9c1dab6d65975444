"""The queue's rows: at every moment exactly the questions that stand."""

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Interrupt, Send, interrupt
from pydantic import BaseModel
from workloads import INPUT, WORKLOADS, answered, waiting

from treadle.checkpoints import SqliteSaver, count, pending
from treadle.checkpoints.layouts.drafts import Drafts
from treadle.checkpoints.layouts.names import SENDS
from treadle.digests import digest

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


def queue(saver: SqliteSaver, thread: str = "t", status: str = "pending") -> dict[str, dict[str, Any]]:
    sql = "SELECT * FROM reviews WHERE thread_id = ? AND status = ? ORDER BY seq"
    return saver.database.read(
        lambda c: {row["interrupt_id"]: dict(row) for row in c.execute(sql, (thread, status)).fetchall()}
    )


class State(TypedDict, total=False):
    answers: Annotated[list[Any], lambda left, right: [*left, *right]]
    item: int


def asking(*nodes: Any, saver: SqliteSaver) -> Any:
    """A graph whose nodes run side by side."""
    graph = StateGraph(State)
    for node in nodes:
        graph.add_node(node.__name__, node)
        graph.add_edge(START, node.__name__)
    return graph.compile(checkpointer=saver)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_queue_is_what_the_state_says_after_every_step(
    saver: SqliteSaver, name: str, seed: int, durability: Any
) -> None:
    choose = random.Random(seed)
    graph = WORKLOADS[name]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG, durability=durability)
    while True:
        open_ = waiting(graph, CONFIG)
        assert {id_: json.loads(row["value"]) for id_, row in queue(saver).items()} == open_
        if not open_:
            break
        some = choose.sample(sorted(open_), choose.randint(1, len(open_)))
        graph.invoke(answered(some), CONFIG, durability=durability)
    rows = saver.database.read(lambda c: c.execute("SELECT count(*) FROM waits").fetchone()[0])
    assert rows == 0


def test_a_nested_question_has_one_row_with_the_innermost_place(saver: SqliteSaver) -> None:
    graph = WORKLOADS["nested"]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG)
    places = sorted((row["path"], row["node"]) for row in queue(saver).values())
    assert places == [("", "beside"), ("middle|inner", "left"), ("middle|inner", "right")]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_the_node_of_a_branch_is_known(saver: SqliteSaver, durability: Any) -> None:
    graph = WORKLOADS["fan"]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG, durability=durability)
    assert [row["node"] for row in queue(saver).values()] == ["gate"] * 3


def test_a_question_is_stored_with_what_its_keys_say(saver: SqliteSaver) -> None:
    class Answer(BaseModel):
        action: str

    question = {
        "kind": "treadle.review",
        "gate": "finding",
        "title": "Finding for clause 7.2",
        "why": "risk is high",
        "proposal": {"risk": "high"},
        "assign": "legal",
        "priority": 2,
        "due": None,
        "due_in": 3600,
    }

    def ask(state: State) -> Any:
        return {"answers": [interrupt(question, response_schema=Answer)]}

    graph = asking(ask, saver=saver)
    graph.invoke({}, CONFIG | {"metadata": {"graph": "mine"}})
    (row,) = queue(saver).values()
    assert {name: row[name] for name in ("gate", "title", "why", "assign", "priority")} == {
        name: question[name] for name in ("gate", "title", "why", "assign", "priority")
    }
    assert row["due"] - row["asked_at"] == pytest.approx(3600)
    assert row["digest"] == digest(question)
    assert json.loads(row["schema"])["properties"]["action"] == {"title": "Action", "type": "string"}
    assert row["graph"] == "mine"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain words", "plain words"),
        (None, None),
        ([1, (2, 3)], [1, [2, 3]]),
        (
            {"when": {1: float("nan")}, "priority": float("inf"), "title": 3},
            {"when": {"1": "nan"}, "priority": "inf", "title": 3},
        ),
        (b"bytes", "b'bytes'"),
    ],
)
def test_any_value_can_be_queued_and_shown(saver: SqliteSaver, value: Any, shown: Any) -> None:
    config = saver.put(CONFIG, _empty(), {"source": "loop", "step": 1}, {})
    saver.put_writes(config, [("__interrupt__", [Interrupt(value, id="1")])], "task")
    (row,) = queue(saver).values()
    assert json.loads(row["value"]) == shown
    assert row["digest"] == digest(shown)


def _empty() -> Any:
    return empty_checkpoint()


def test_a_question_is_found_by_its_words_until_it_is_deleted(saver: SqliteSaver) -> None:
    graph = asking(ask_about_indemnity, saver=saver)
    graph.invoke({}, CONFIG)
    sql = "SELECT count(*) FROM reviews_fts WHERE reviews_fts MATCH ?"

    def hits(words: str) -> int:
        return saver.database.read(lambda c: int(c.execute(sql, (words,)).fetchone()[0]))

    assert (hits("indemnite"), hits("context"), hits("harmless")) == (1, 0, 0)
    saver.delete_thread("t")
    assert hits("indemnite") == 0


@pytest.mark.parametrize(
    "words", ["\0", " \0 ", '"', "*", "NEAR(a b)", "a AND", "😀", "title:x", "x" * 100_000, "a " * 3000]
)
def test_a_search_takes_its_words_as_words(saver: SqliteSaver, words: str) -> None:
    asking(ask_about_indemnity, saver=saver).invoke({}, CONFIG)
    found = pending(saver, search=words)
    assert len(found) == count(saver, search=words) <= 1
    with pytest.raises(ValueError, match="one of urgency, due, oldest, newest"):
        pending(saver, order="title")  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 1e308, float("inf"), float("nan")])
def test_a_number_of_any_size_is_queued(saver: SqliteSaver, number: float) -> None:
    asking(lambda state: {"done": [interrupt({"priority": number, "due": number})]}, saver=saver).invoke({}, CONFIG)
    assert len(pending(saver)) == 1


def test_titles_come_as_one_counts_however_long_their_numbers_are(saver: SqliteSaver) -> None:
    titles = ["Clause 2", "Clause 010", "Clause 11", f"Clause {'9' * 5000}"]

    def ask(state: Any) -> Any:
        return {"done": [interrupt({"title": state["title"]})]}

    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", {"title": one}) for one in titles[::-1]], ["ask"])
    builder.compile(checkpointer=saver).invoke({}, CONFIG)
    assert [one.title for one in pending(saver)] == titles


def ask_about_indemnity(state: State) -> Any:
    return {"answers": [interrupt({"title": "Clause 7", "context": {"clause": "Indemnité of the Supplier"}})]}


def test_a_question_asked_once_more_keeps_its_row_and_its_age(saver: SqliteSaver) -> None:
    def one(state: State) -> Any:
        return {"answers": [interrupt("one")]}

    def two(state: State) -> Any:
        return {"answers": [interrupt("two")]}

    graph = asking(one, two, saver=saver)
    graph.invoke({}, CONFIG)
    before = queue(saver)
    first, second = before
    graph.invoke(Command(resume={first: "yes"}), CONFIG)
    assert queue(saver) == {second: before[second]}


def test_a_decision_holds_when_the_same_is_asked_again_and_falls_when_something_else_is(saver: SqliteSaver) -> None:
    shown = ["100"]

    def pay(state: State) -> Any:
        return {"answers": [interrupt(f"pay {shown[0]}?")]}

    def other(state: State) -> Any:
        return {"answers": [interrupt("other"), interrupt("and then?")]}

    graph = asking(pay, other, saver=saver)
    graph.invoke({}, CONFIG)
    paying, another = sorted(queue(saver), key=lambda id_: queue(saver)[id_]["value"], reverse=True)
    saver.database.write(
        lambda c: c.execute("UPDATE reviews SET status = 'decided' WHERE interrupt_id = ?", (paying,)).rowcount
    )
    graph.invoke(Command(resume={another: "ok"}), CONFIG)
    assert list(queue(saver, status="decided")) == [paying]
    shown[0] = "99,999"
    graph.invoke(None, CONFIG)
    assert json.loads(queue(saver)[paying]["value"]) == "pay 99,999?"


def test_two_questions_of_one_node_come_one_after_the_other(saver: SqliteSaver) -> None:
    def ask(state: State) -> Any:
        return {"answers": [interrupt("first"), interrupt("second")]}

    graph = asking(ask, saver=saver)
    graph.invoke({}, CONFIG)
    for word in ("first", "second"):
        (id_,) = queue(saver)
        assert json.loads(queue(saver)[id_]["value"]) == word
        graph.invoke(Command(resume={id_: word}), CONFIG)
    assert queue(saver) == {}
    assert graph.get_state(CONFIG).values["answers"] == ["first", "second"]


def test_an_answer_that_the_schema_refuses_leaves_the_question_open(saver: SqliteSaver) -> None:
    class Answer(BaseModel):
        amount: int

    def ask(state: State) -> Any:
        return {"answers": [interrupt("how much?", response_schema=Answer).amount]}

    graph = asking(ask, saver=saver)
    graph.invoke({}, CONFIG)
    (id_,) = queue(saver)
    with pytest.raises(ValueError, match="amount"):
        graph.invoke(Command(resume={id_: {"amount": "lots"}}), CONFIG)
    assert list(queue(saver)) == [id_]
    graph.invoke(Command(resume={id_: {"amount": 3}}), CONFIG)
    assert queue(saver) == {}


def test_a_task_that_fails_with_its_answer_asks_no_more(saver: SqliteSaver) -> None:
    broken = [True]

    def ask(state: State) -> Any:
        answer = interrupt("go?")
        if broken[0]:
            raise RuntimeError("after the answer")
        return {"answers": [answer]}

    graph = asking(ask, saver=saver)
    graph.invoke({}, CONFIG)
    (id_,) = queue(saver)
    with pytest.raises(RuntimeError):
        graph.invoke(Command(resume={id_: "yes"}), CONFIG)
    assert queue(saver) == {}
    broken[0] = False
    assert graph.invoke(None, CONFIG)["answers"] == ["yes"]


def test_a_task_that_fails_before_it_asks_again_still_waits(saver: SqliteSaver) -> None:
    broken = [False]

    def ask(state: State) -> Any:
        if broken[0]:
            raise RuntimeError("before the question")
        return {"answers": [interrupt("go?")]}

    graph = asking(ask, saver=saver)
    graph.invoke({}, CONFIG)
    (id_,) = queue(saver)
    broken[0] = True
    with pytest.raises(RuntimeError):
        graph.invoke(None, CONFIG)
    assert list(queue(saver)) == [id_]
    broken[0] = False
    assert graph.invoke(Command(resume={id_: "yes"}), CONFIG)["answers"] == ["yes"]
    assert queue(saver) == {}


def test_an_update_that_goes_round_the_question_closes_it(saver: SqliteSaver) -> None:
    graph = WORKLOADS["nested"]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG)
    assert len(queue(saver)) == 3
    graph.update_state(CONFIG, {"log": ["by hand"]}, as_node="end")
    assert waiting(graph, CONFIG) == queue(saver) == {}
    assert len(queue(saver, status="closed")) == 3


def test_a_checkpoint_that_comes_after_its_questions_leaves_them_open(saver: SqliteSaver) -> None:
    late = _empty()
    at: RunnableConfig = {"configurable": {**CONFIG["configurable"], "checkpoint_id": late["id"]}}
    saver.put_writes(at, [("__interrupt__", [Interrupt("go?", id="1")])], "task", "~__pregel_pull, node")
    saver.put(CONFIG, late, {"source": "loop", "step": 1}, {})
    assert [row["node"] for row in queue(saver).values()] == ["node"]
    saver.put(at, _empty(), {"source": "loop", "step": 2}, {})
    assert queue(saver) == {}


def test_a_question_names_its_own_node_though_one_before_it_was_undone_with_its_checkpoint(saver: SqliteSaver) -> None:
    drafts = Drafts(saver.serde, saver._memory)

    def store(node: str, *, fails: bool = False) -> None:
        put = _empty() | {"channel_values": {SENDS: [Send(node, {})]}, "channel_versions": {SENDS: "1"}}
        at = {"configurable": {**CONFIG["configurable"], "checkpoint_id": put["id"]}}
        step = drafts.checkpoint(CONFIG, put, {"source": "loop", "step": 1}, {SENDS: "1"})
        asked = drafts.writes(at, [("__interrupt__", [Interrupt("go?", id=node)])], "task", "~__pregel_push, 0, False")

        def work(connection: sqlite3.Connection) -> None:
            step(connection)
            asked(connection)
            if fails:
                raise KeyError(node)

        saver.database.write(work)

    with pytest.raises(KeyError):
        store("first", fails=True)
    store("second")
    assert [row["node"] for row in queue(saver).values()] == ["second"]


def test_questions_of_a_thousand_branches_are_exact(saver: SqliteSaver) -> None:
    def ask(state: State) -> Any:
        return {"answers": [interrupt({"item": state["item"]})]}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_conditional_edges(START, lambda state: [Send("ask", {"item": n}) for n in range(1000)], ["ask"])
    compiled = graph.compile(checkpointer=saver)
    compiled.invoke({}, CONFIG)
    open_ = queue(saver)
    assert sorted(json.loads(row["value"])["item"] for row in open_.values()) == list(range(1000))
    compiled.invoke(Command(resume={id_: row["value"] for id_, row in list(open_.items())[:900]}), CONFIG)
    assert len(queue(saver)) == 100


def test_a_copy_asks_what_the_source_asks_and_is_answered_by_itself(saver: SqliteSaver) -> None:
    graph = WORKLOADS["nested"]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG)
    saver.copy_thread("t", "copy")
    other: RunnableConfig = {"configurable": {"thread_id": "copy", "checkpoint_ns": ""}}
    assert queue(saver, "copy").keys() == queue(saver).keys() == waiting(graph, other).keys()
    while open_ := waiting(graph, other):
        graph.invoke(answered(open_), other)
    assert queue(saver, "copy") == {}
    assert len(queue(saver)) == 3


def test_pruning_keeps_questions_and_deleting_a_run_withdraws_its_own(saver: SqliteSaver) -> None:
    graph = WORKLOADS["nested"]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG | {"metadata": {"run_id": "the run"}})
    before = queue(saver)
    saver.prune(["t"])
    assert queue(saver) == before
    saver.delete_for_runs(["the run"])
    assert queue(saver) == {}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_queue_follows_forks_and_time_travel(saver: SqliteSaver, name: str) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=saver)
    graph.invoke(INPUT, CONFIG)
    for _ in range(2):
        for past in list(graph.get_state_history(CONFIG))[:6]:
            graph.invoke(None, past.config)
            assert queue(saver).keys() == waiting(graph, CONFIG).keys()
            graph.invoke(None, graph.update_state(past.config, None, as_node="__copy__"))
            assert queue(saver).keys() == waiting(graph, CONFIG).keys()
        while open_ := waiting(graph, CONFIG):
            graph.invoke(answered(open_), CONFIG)
            assert queue(saver).keys() == waiting(graph, CONFIG).keys()
