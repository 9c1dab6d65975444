"""Questions about refunds, asked by branches of a run and decided, for tests of what decisions teach."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from treadle.checkpoints import SqliteSaver, pending
from treadle.checkpoints.workers import advance


class State(TypedDict, total=False):
    items: list[dict[str, Any]]
    done: Annotated[list[Any], operator.add]


def ask(item: Mapping[str, Any]) -> dict[str, Any]:
    """Ask about one item; what it has stands in the question."""
    question = {
        "kind": "treadle.review",
        "gate": "refund",
        "title": f"Refund {item.get('number', 0)}",
        "proposal": {"amount": 10, "note": "Sorry."},
        "actions": ["approve", "edit", "reject"],
        "context": {"letter": "I want my money back.", "customer": {"email": "ada@example.org"}},
        "reasons": ["wrong amount", "not due"],
        "labels": ["fraud", "goodwill"],
        **item.get("question", {}),
    }
    return {"done": [interrupt(question)]}


def graph(saver: SqliteSaver) -> Any:
    """The graph, on a database."""
    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", item) for item in state["items"]], ["ask"])
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def asked(saver: SqliteSaver, *questions: Mapping[str, Any], thread: str = "t") -> Sequence[str]:
    """The ids of what a run asks, in the order of the questions; each changes what it names."""
    items = [{"number": number, "question": question} for number, question in enumerate(questions)]
    config = {"configurable": {"thread_id": thread}, "metadata": {"graph": "shop"}}
    graph(saver).invoke({"items": items}, config)
    found = {one.title: one.id for one in pending(saver, thread=thread, limit=-1)}
    titles = [question.get("title", f"Refund {number}") for number, question in enumerate(questions)]
    return [found[title] for title in titles]


def applied(saver: SqliteSaver, thread: str = "t") -> None:
    """Let the run go on with what is decided."""
    advance(saver, graph(saver), thread)
