"""Graphs of every feature that matters to a saver, each with what is done to it."""

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send, interrupt

LONG = "The Supplier shall deliver the Services with reasonable skill and care. " * 40


def extend(state: list[Any], writes: list[list[Any]]) -> list[Any]:
    return [*state, *(item for write in writes for item in write)]


class State(TypedDict, total=False):
    document: str
    number: int
    log: Annotated[list[str], operator.add]
    messages: Annotated[list[Any], add_messages]
    table: dict[str, Any]
    answers: Annotated[list[Any], operator.add]
    grown: Annotated[list[Any], DeltaChannel(extend, list, snapshot_frequency=3)]
    item: Any


def count(state: State) -> Any:
    number = state.get("number", 0)
    return {
        "number": number + 1,
        "log": [f"step {number}: {LONG[: 20 + 7 * number]}"],
        "messages": [AIMessage(f"{number}", id=str(number))],
        "table": {**state.get("table", {}), f"key {number}": "x" * 50},
        "grown": [number, LONG[:number]],
    }


def ask(state: State) -> Any:
    return {"answers": [interrupt({"title": "Go on?", "number": state.get("number", state.get("item"))})]}


def ask_twice(state: State) -> Any:
    first = interrupt("first")
    return {"answers": [first, interrupt(f"second after {first}")]}


def loop() -> Any:
    graph = StateGraph(State)
    graph.add_node("count", count)
    graph.add_edge(START, "count")
    graph.add_conditional_edges("count", lambda state: "count" if state["number"] < 9 else END, ["count", END])
    return graph


def fan() -> Any:
    graph = StateGraph(State)
    graph.add_node("work", lambda state: {"log": [f"{state['item']} {LONG}"]})
    graph.add_node("gate", ask)
    graph.add_node("join", lambda state: {"number": len(state["log"])})
    graph.add_conditional_edges(
        START,
        lambda state: [Send("work", {"item": n}) for n in range(5)] + [Send("gate", {"item": n}) for n in range(3)],
        ["work", "gate"],
    )
    graph.add_edge(["work", "gate"], "join")
    return graph


def nested() -> Any:
    inner = StateGraph(State)
    inner.add_node("left", ask)
    inner.add_node("right", ask_twice)
    inner.add_node("after", lambda state: {"log": ["inner done"]})
    inner.add_edge(START, "left")
    inner.add_edge(START, "right")
    inner.add_edge(["left", "right"], "after")
    middle = StateGraph(State)
    middle.add_node("before", count)
    middle.add_node("inner", inner.compile())
    middle.add_edge(START, "before")
    middle.add_edge("before", "inner")
    outer = StateGraph(State)
    outer.add_node("middle", middle.compile())
    outer.add_node("beside", ask)
    outer.add_node("end", count)
    outer.add_edge(START, "middle")
    outer.add_edge(START, "beside")
    outer.add_edge(["middle", "beside"], "end")
    return outer


def fans_of_graphs() -> Any:
    inner = StateGraph(State)
    inner.add_node("note", lambda state: {"log": [f"{state['item']}"]})
    inner.add_node("gate", ask)
    inner.add_edge(START, "note")
    inner.add_edge("note", "gate")
    branch = inner.compile()

    def work(state: State, config: RunnableConfig) -> Any:
        done = branch.invoke({"item": state["item"], "number": state["item"]}, config)
        return {"answers": done["answers"]}

    graph = StateGraph(State)
    graph.add_node("work", work)
    graph.add_node("join", count)
    graph.add_conditional_edges(START, lambda state: [Send("work", {"item": n}) for n in range(3)], ["work"])
    graph.add_edge("work", "join")
    return graph


def waiting(graph: Any, config: Any) -> dict[str, Any]:
    """The questions that the newest state says are open, by id."""
    return {one.id: one.value for one in graph.get_state(config).interrupts}


WORKLOADS: dict[str, Callable[[], Any]] = {
    "loop": loop,
    "fan": fan,
    "nested": nested,
    "fans of graphs": fans_of_graphs,
}

INPUT: dict[str, Any] = {
    "document": LONG * 10,
    "number": 0,
    "messages": [HumanMessage("hello", id="human")],
}


def answered(ids: Any) -> Command[Any]:
    return Command(resume={id_: f"answer to {id_[:6]}" for id_ in ids})


class Sum(TypedDict):
    total: Annotated[int, operator.add]


def steps(last: Any) -> Any:
    """Three steps, and one that is given."""
    graph = StateGraph(Sum)
    names = ["a", "b", "c"]
    for name in names:
        graph.add_node(name, lambda state: {"total": 1})
    graph.add_node("last", last)
    for before, after in zip([START, *names], [*names, "last"], strict=True):
        graph.add_edge(before, after)
    return graph
