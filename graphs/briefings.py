"""Briefings: what each review of a chain, and each prompt before it, is told by the steps around it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, get_type_hints

from treadle.graphs.leads import spoken, target
from treadle.graphs.patterns import merged
from treadle.graphs.places import Node, Rows
from treadle.nodes.confidences import told_under
from treadle.nodes.inquiries.reviews import Review
from treadle.nodes.prompts import Prompt
from treadle.nodes.renderings import Rendering


def telling(rows: Rows, state: type | None) -> list[list[Node]]:
    """Have each prompt whose answer a review shows tell where the confidence in it is known from."""
    shown = {node.step.key for row in rows for node in row if isinstance(node.step, Review)}
    known = None if state is None else get_type_hints(state)
    return [[Node(p.name, _teller(p.step, shown, known)) for p in row] for row in rows]


def _teller(step: Any, shown: Set[str], known: Mapping[str, Any] | None) -> Any:
    asked = isinstance(step, Prompt) and step.into in shown and bool(step.output.confidences)
    return replace(step, tells=True) if asked and (known is None or told_under(step.into) in known) else step


def briefed(rows: Rows) -> list[list[Node]]:
    """Tell each review what type its key has, where each decision leads, and how its question can say so."""
    before: list[Node] = []
    completed: list[list[Node]] = []
    for row in rows:
        completed.append([_completed(node, before) for node in row])
        before = [*before, *completed[-1]]
    followers = [" and ".join(node.name for node in row) for row in completed[1:]]
    return [[_leading(node, after) for node in row] for row, after in zip(completed, [*followers, ""], strict=True)]


def _completed(node: Node, before: Sequence[Node]) -> Node:
    """A review with what follows from the steps before it."""
    gate = node.step
    if not isinstance(gate, Review):
        return node
    kind = merged([earlier.flow.writes or {} for earlier in before]).get(gate.key, Any)
    gate = replace(gate, type=kind if gate.type is Any else gate.type)
    if not gate.holds:
        return Node(node.name, gate)
    names, writer = [earlier.name for earlier in before], _writer(gate, before)
    if "reject" in gate.actions:
        gate = replace(gate, reject=target(gate, "reject", names, writer))
    if "respond" in gate.actions:
        gate = replace(gate, respond=target(gate, "respond", names, writer))
    return Node(node.name, gate)


def _writer(gate: Review, before: Sequence[Node]) -> str | None:
    """The step that has a prompt write the review's key anew: itself, or the one that puts its request together."""
    writers = [p.step for p in before if isinstance(p.step, Prompt) and gate.key in p.step.writes]
    if not writers:
        return None
    requests = [p.name for p in before if isinstance(p.step, Rendering) and p.step.prompt.name == writers[-1].name]
    return requests[0] if requests else writers[-1].name


def _leading(node: Node, after: str) -> Node:
    gate = node.step
    if not isinstance(gate, Review) or not gate.holds:
        return node
    return Node(node.name, replace(gate, leads_to=spoken(gate, after)))
