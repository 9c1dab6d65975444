"""A graph of one gate, its question as a test wants it, and an effect after it that leaves a line in a file."""

import operator
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from treadle.checkpoints import SqliteSaver, advance, pending
from treadle.nodes.inquiries.questions import answer_type

ACTIONS = ("approve", "edit", "reject")


class State(TypedDict, total=False):
    items: list[int]
    done: Annotated[list[Any], operator.add]


def graph(saver: Any, question: dict[str, Any] | None = None, *, log: Path | None = None) -> Any:
    """One branch an item: it asks, then writes who answered what to the file, then is over."""
    payload = {"title": "Refund", "proposal": 40, "actions": list(ACTIONS), **(question or {})}
    schema = answer_type(ACTIONS)

    def ask(state: dict[str, Any]) -> dict[str, Any]:
        answer = interrupt({**payload, "item": state["item"]}, response_schema=schema)
        if log is not None:
            write(log, f"{state['item']} {answer.action} {answer.by}")
        return {"done": [answer.model_dump(mode="json")]}

    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(
        START, lambda state: [Send("ask", {"item": item}) for item in state["items"]], ["ask"]
    )
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def asked(saver: SqliteSaver, question: dict[str, Any], *, thread: str = "t", items: int = 1) -> str:
    """Start a run that waits at such a question; the (first) review's id."""
    advance(saver, graph(saver, question), thread, input={"items": list(range(items))}, name="g")
    return pending(saver, thread=thread)[0].id


def write(log: Path, line: str) -> None:
    """Append a line to a file that several processes share."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def lines(log: Path) -> list[str]:
    """The lines of such a file, so far."""
    return log.read_text().splitlines() if log.exists() else []


def until(condition: Callable[[], bool], *, seconds: float = 90.0) -> None:
    """Wait for something that other threads or processes do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
