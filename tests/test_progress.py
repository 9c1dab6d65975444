import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver as ReadySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from treadle.graphs.drawings.pictures import picture
from treadle.graphs.progress import progress
from treadle.graphs.statuses import Progress

Saver = BaseCheckpointSaver[Any]
CONFIG: RunnableConfig = {"configurable": {"thread_id": "t-1"}}


class State(TypedDict, total=False):
    text: str
    clauses: list[str]
    findings: Annotated[list[str], operator.add]
    answer: str


class Branch(TypedDict, total=False):
    clause: str
    answer: str
    findings: list[str]


@pytest.fixture(params=["memory", "ready", "treadle"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Saver]:
    if request.param == "memory":
        yield InMemorySaver()
    elif request.param == "ready":
        with ReadySaver.from_conn_string(str(tmp_path / "ready.db")) as ready:
            yield ready
    else:
        from treadle.checkpoints import SqliteSaver

        with SqliteSaver(tmp_path / "treadle.db") as ours:
            yield ours


def nothing(state: State) -> State:
    return {}


def finding(state: Branch) -> Branch:
    return {"answer": ""}


def review(state: Branch) -> Branch:
    return {"answer": interrupt(state["clause"])} if "risky" in state["clause"] else {"answer": "ok"}


def worker() -> Any:
    graph = StateGraph(Branch)
    graph.add_node("finding", finding)
    graph.add_node("review", review)
    graph.add_node("out", lambda state: {"findings": [state["clause"]]})
    graph.add_edge(START, "finding")
    graph.add_edge("finding", "review")
    graph.add_conditional_edges("review", lambda state: state["answer"], {"again": "finding", "ok": "out"})
    return graph.compile()


def contract(saver: Saver, *, closure: bool = True) -> Any:
    inner = worker()

    def branch(state: Branch) -> Any:
        return {"findings": inner.invoke(state)["findings"]}

    fan_out = StateGraph(State)
    fan_out.add_node("scatter", nothing)
    fan_out.add_node("branch", branch if closure else inner)
    fan_out.add_node("gather", nothing)
    fan_out.add_edge(START, "scatter")
    fan_out.add_conditional_edges(
        "scatter", lambda state: [Send("branch", {"clause": each}) for each in state["clauses"]], ["branch"]
    )
    fan_out.add_edge("branch", "gather")
    graph = StateGraph(State)
    graph.add_node("split", lambda state: {"clauses": state["text"].split()})
    graph.add_node("findings", fan_out.compile())
    graph.add_node("memo", lambda state: {"answer": interrupt("send it?")})
    graph.add_edge(START, "split")
    graph.add_edge("split", "findings")
    graph.add_edge("findings", "memo")
    return graph.compile(checkpointer=saver)


def ids(graph: Any) -> dict[str, str]:
    """The ids of what waits, by what is asked."""
    return {each.value: each.id for task in graph.get_state(CONFIG).tasks for each in task.interrupts}


def flat(saver: Saver, nodes: dict[str, Any], edges: list[tuple[Any, str]], **options: Any) -> Any:
    graph = StateGraph(State)
    for name, work in nodes.items():
        graph.add_node(name, work)
    for source, target in edges:
        graph.add_edge(source, target)
    return graph.compile(checkpointer=saver, **options)


@pytest.mark.parametrize("closure", [True, False], ids=["called in a function", "as a node"])
def test_branches_that_wait_are_counted_at_every_depth(saver: Saver, closure: bool) -> None:
    graph = contract(saver, closure=closure)
    graph.invoke({"text": "a b-risky c d-risky e"}, CONFIG)
    assert progress(saver, "t-1") == {
        "": Progress(waiting=1),
        "split": Progress(done=1),
        "findings": Progress(waiting=1),
        "findings|scatter": Progress(done=1),
        "findings|branch": Progress(waiting=2, done=3),
        "findings|branch|finding": Progress(done=5),
        "findings|branch|review": Progress(waiting=2, done=3),
        "findings|branch|out": Progress(done=3),
    }


def test_paths_are_those_of_the_picture(saver: Saver) -> None:
    graph = contract(saver)
    graph.invoke({"text": "a b-risky"}, CONFIG)
    drawn = picture(graph)
    assert set(progress(saver, "t-1")) - {""} <= {each.path for each in (*drawn.nodes, *drawn.clusters)}


def test_answers_move_the_counts_on_until_the_run_is_done(saver: Saver) -> None:
    graph = contract(saver)
    graph.invoke({"text": "a b-risky c-risky"}, CONFIG)
    asked = ids(graph)
    graph.invoke(Command(resume={asked["b-risky"]: "ok", asked["c-risky"]: "again"}), CONFIG)
    counts = progress(saver, "t-1")
    assert counts["findings|branch"] == Progress(waiting=1, done=2)
    assert counts["findings|branch|finding"] == Progress(done=4)
    assert counts["findings|branch|review"] == Progress(waiting=1, done=3)
    graph.invoke(Command(resume={ids(graph)["c-risky"]: "ok"}), CONFIG)
    counts = progress(saver, "t-1")
    assert counts["findings"] == counts["findings|gather"] == Progress(done=1)
    assert counts["findings|branch"] == counts["findings|branch|out"] == Progress(done=3)
    assert (counts["memo"], counts[""]) == (Progress(waiting=1), Progress(waiting=1))
    graph.invoke(Command(resume={ids(graph)["send it?"]: "yes"}), CONFIG)
    counts = progress(saver, "t-1")
    assert (counts["memo"], counts[""]) == (Progress(done=1), Progress(done=1))
    assert counts["findings|branch|review"] == Progress(done=4)


def test_branches_that_are_no_subgraphs_are_counted(saver: Saver) -> None:
    def leaf(state: Any) -> Any:
        return {"findings": [interrupt("?") if state["clause"] == "b" else state["clause"]]}

    graph = StateGraph(State)
    graph.add_node("leaf", leaf)
    graph.add_node("gather", nothing)
    graph.add_conditional_edges(
        START, lambda state: [Send("leaf", {"clause": each}) for each in state["clauses"]], ["leaf"]
    )
    graph.add_edge("leaf", "gather")
    compiled = graph.compile(checkpointer=saver)
    compiled.invoke({"clauses": list("abcd")}, CONFIG)
    assert progress(saver, "t-1")["leaf"] == Progress(waiting=1, done=3)
    compiled.invoke(Command(resume="x"), CONFIG)
    assert progress(saver, "t-1") == {
        "": Progress(done=1),
        "leaf": Progress(done=4),
        "gather": Progress(done=1),
    }


def test_steps_that_ask_side_by_side_are_told_apart_by_what_they_ask(saver: Saver) -> None:
    asks = {"one": lambda state: interrupt("1") and {}, "two": lambda state: interrupt("2") and {}}
    graph = flat(saver, {**asks, "three": nothing}, [(START, "one"), (START, "two"), (START, "three")])
    graph.invoke({"text": ""}, CONFIG)
    waiting, done = Progress(waiting=1), Progress(done=1)
    assert progress(saver, "t-1") == {"": waiting, "one": waiting, "two": waiting, "three": done}
    graph.invoke(Command(resume={ids(graph)["2"]: "x"}), CONFIG)
    assert progress(saver, "t-1")["one"] == waiting
    graph.invoke(Command(resume={ids(graph)["1"]: "x"}), CONFIG)
    assert progress(saver, "t-1") == {"": done, "one": done, "two": done, "three": done}


def test_a_second_question_of_one_step_is_known_as_its_own(saver: Saver) -> None:
    def twice(state: State) -> State:
        interrupt("first")
        return {"answer": interrupt("second")}

    graph = flat(
        saver, {"twice": twice, "once": lambda state: interrupt("o") and {}}, [(START, "twice"), (START, "once")]
    )
    graph.invoke({"text": ""}, CONFIG)
    graph.invoke(Command(resume={ids(graph)["first"]: "x"}), CONFIG)
    counts = progress(saver, "t-1")
    assert counts["twice"] == counts["once"] == Progress(waiting=1)


def test_a_failure_shows_at_its_step_and_the_rest_is_left_due(saver: Saver) -> None:
    def fails(state: State) -> State:
        raise ValueError("no")

    graph = flat(saver, {"a": nothing, "b": fails, "c": nothing}, [(START, "a"), ("a", "b"), ("b", "c")])
    with pytest.raises(ValueError, match="no"):
        graph.invoke({"text": ""}, CONFIG)
    assert progress(saver, "t-1") == {"": Progress(failed=1), "a": Progress(done=1), "b": Progress(failed=1)}


def test_a_step_that_is_held_before_it_runs_counts_as_due(saver: Saver) -> None:
    graph = flat(saver, {"a": nothing, "b": nothing}, [(START, "a"), ("a", "b")], interrupt_before=["b"])
    graph.invoke({"text": ""}, CONFIG)
    assert progress(saver, "t-1") == {"": Progress(running=1), "a": Progress(done=1), "b": Progress(running=1)}


def test_a_join_and_a_deferred_step_are_due_only_when_all_have_come(saver: Saver) -> None:
    graph = StateGraph(State)
    for name in ("a", "b", "c"):
        graph.add_node(name, nothing)
    graph.add_node("ask", lambda state: interrupt("?") and {})
    graph.add_node("both", nothing)
    graph.add_node("last", nothing, defer=True)
    for source, target in ((START, "a"), ("a", "b"), ("a", "c"), ("c", "ask"), ("b", "last")):
        graph.add_edge(source, target)
    graph.add_edge(["b", "ask"], "both")
    compiled = graph.compile(checkpointer=saver)
    compiled.invoke({"text": ""}, CONFIG)
    assert set(progress(saver, "t-1")) == {"", "a", "b", "c", "ask"}
    compiled.invoke(Command(resume="x"), CONFIG)
    assert all(count == Progress(done=1) for count in progress(saver, "t-1").values())
    assert {"both", "last"} <= set(progress(saver, "t-1"))


def test_a_loop_counts_every_turn(saver: Saver) -> None:
    graph = StateGraph(State)
    graph.add_node("draft", lambda state: {"text": state["text"] + "x"})
    graph.add_edge(START, "draft")
    graph.add_conditional_edges("draft", lambda state: END if len(state["text"]) > 4 else "draft", ["draft", END])
    graph.compile(checkpointer=saver).invoke({"text": ""}, CONFIG)
    assert progress(saver, "t-1") == {"": Progress(done=1), "draft": Progress(done=5)}


def test_a_fork_leaves_out_what_was_left_aside(saver: Saver) -> None:
    graph = flat(
        saver,
        {"a": nothing, "ask": lambda state: interrupt("?") and {}, "c": nothing},
        [(START, "a"), ("a", "ask"), ("ask", "c")],
    )
    graph.invoke({"text": ""}, CONFIG)
    graph.invoke(Command(resume="x"), CONFIG)
    before = next(each for each in graph.get_state_history(CONFIG) if each.next == ("ask",))
    graph.invoke(None, graph.update_state(before.config, {"text": "again"}, as_node="a"))
    counts = progress(saver, "t-1")
    assert counts["ask"] == counts[""] == Progress(waiting=1)
    assert "c" not in counts


def test_a_question_in_a_branch_that_the_run_left_behind_no_longer_waits(saver: Saver) -> None:
    graph = contract(saver)
    graph.invoke({"text": "a-risky"}, CONFIG)
    graph.update_state(CONFIG, {"findings": ["by hand"]}, as_node="findings")
    counts = progress(saver, "t-1")
    assert counts["findings|branch|finding"] == Progress(done=1)
    assert not any(count.waiting for count in counts.values())


def test_a_run_that_keeps_only_its_end_still_says_what_was_done(saver: Saver) -> None:
    graph = flat(saver, {"a": nothing, "b": nothing}, [(START, "a"), ("a", "b")])
    graph.invoke({"text": ""}, CONFIG, durability="exit")
    assert progress(saver, "t-1") == {"": Progress(done=1), "a": Progress(done=1), "b": Progress(done=1)}


def test_an_unknown_thread_has_no_progress(saver: Saver) -> None:
    assert progress(saver, "nobody") == {}


async def test_an_asynchronous_run_is_read_in_the_same_way() -> None:
    saver = InMemorySaver()
    inner = worker()

    async def branch(state: Branch) -> Any:
        return {"findings": (await inner.ainvoke(state))["findings"]}

    graph = StateGraph(State)
    graph.add_node("branch", branch)
    graph.add_conditional_edges(START, lambda state: [Send("branch", {"clause": each}) for each in "ab"], ["branch"])
    await graph.compile(checkpointer=saver).ainvoke({"text": ""}, CONFIG)
    assert progress(saver, "t-1")["branch|out"] == Progress(done=2)
