"""A small graph whose reviews fill a queue, and other people's interrupts, for tests of the page."""

import operator
from typing import Annotated, Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from treadle import chain, fan_out, review
from treadle.nodes import Panel, step


class Finding(BaseModel):
    """What one clause means."""

    category: str
    risk: Literal["low", "medium", "high"]
    reason: str
    confidence: float


def rate(clause: dict[str, Any]) -> Finding:
    """Find every clause risky."""
    reason = f"Clause {clause['number']} could do harm."
    found = Finding(category="liability", risk="high", reason=reason, confidence=0.48)
    return found.model_dump()  # type: ignore[return-value]  # what is stored is plain data; the type is for the form


def memo(findings: list[Finding]) -> str:
    """Tell of every finding."""
    return "\n".join(f"{one.risk}: {one.reason}" for one in findings)


check = review(
    "finding",
    when=lambda finding: "the risk is high",
    context=("clause",),
    title="Finding for clause {clause.number}",
    reasons=("wrong category", "wrong risk"),
    reject=END,
    assign="legal",
    due="2d",
)

graph = chain(
    fan_out(
        chain(step(rate, into="finding", name="finding"), check, name="rate"),
        over="clauses", item="clause", into="findings",
    ),
    step(memo, into="memo"),
    name="desk",
)  # fmt: skip

counsel = chain(
    step(rate, into="finding"),
    review("finding", actions=("approve", "take_over"), title="Finding for counsel", panel=Panel(("legal",))),
    name="counsel",
)  # fmt: skip
"""Asks one question, on which only the role legal may decide, who can also take the step over."""


def clauses(many: int) -> dict[str, Any]:
    """The input of a run with so many clauses."""
    return {
        "clauses": [{"number": f"7.{n}", "heading": "Liability", "text": f"The {n}. cap is none."} for n in range(many)]
    }


class _State(TypedDict, total=False):
    items: list[Any]
    answers: Annotated[list[Any], operator.add]


def _ask(item: dict[str, Any]) -> dict[str, Any]:
    schema = Finding if item.get("typed") else None
    return {"answers": [interrupt(item["value"], response_schema=schema)]}


def foreign() -> Any:
    """A graph that asks what its input says, as other people's graphs do."""
    builder: Any = StateGraph(_State)
    builder.add_node("ask", _ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", item) for item in state["items"]], ["ask"])
    builder.add_edge("ask", END)
    return builder
