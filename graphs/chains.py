"""`chain`: steps in a row, each one's output feeding the next."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from langgraph.graph import END, START

from treadle.errors import GraphBuildError
from treadle.graphs.briefings import briefed, telling
from treadle.graphs.companions import accompanied
from treadle.graphs.leads import ASIDE
from treadle.graphs.patterns import Pattern, merged
from treadle.graphs.places import Node, Place, Rows, label_of, unique
from treadle.graphs.states import Flow, follow, spare, taken
from treadle.nodes.inquiries.reviews import Review


def chain(
    *steps: Place,
    name: str | None = None,
    state: type | None = None,
    inputs: Sequence[str] = (),
    output: str | None = None,
) -> Pattern:
    """Join steps in a row; a list of steps stands for steps that run side by side.

    A step is a `prompt`, a `review`, a `step`, another pattern, any StateGraph or compiled graph, any Runnable, or a
    function from state to update. The state is the type `state`, or else follows from what the steps read and write;
    then its inputs are what the first step reads and those named in `inputs`. `output` names the key of the chain's
    result where it is the worker of a fan-out (default: what the last step writes).

    Returns:
        An uncompiled StateGraph: add to it, compile it, or give it to another pattern as a step.

    Raises:
        GraphBuildError: for a step that reads what nobody wrote, two steps of one name, steps side by side that write
            one key, or a review whose rejection leads nowhere. No model is called to find out.
    """
    if not steps:
        raise GraphBuildError("a chain needs at least one step: chain(prompt(...), ...)")
    rows = [[Node.of(one) for one in (row if isinstance(row, list | tuple) else [row])] for row in steps]
    if any(not row for row in rows):
        raise GraphBuildError("a list of steps that run side by side is empty")
    rows = _whole(rows)
    unique([node for row in rows for node in row])
    rows = briefed(_apart(telling(rows, state)))
    stages = [stage for row in rows for stage in _stages(row)]
    keys = follow(stages, inputs=inputs, state=state)
    writes = merged([one.writes or {} for stage in stages for one in stage])
    reads = dict.fromkeys([*inputs, *(key for node in rows[0] for key in node.flow.reads or ())])
    if state is not None:
        reads = dict.fromkeys([*reads, *(key for key in keys if key not in writes)])
        unseen = any(one.writes is None for stage in stages for one in stage)
        writes = {key: kind for key, kind in keys.items() if unseen or key in writes}
    result = output or _result(rows[-1])
    if result not in keys:
        raise GraphBuildError(
            f"the chain's output {result!r} is no key of its state; its keys are {', '.join(sorted(keys))}"
        )
    pattern = Pattern(
        name or _named(rows),
        kind="chain",
        reads=tuple(reads),
        writes=writes,
        output=result,
        keys=keys,
        state=state,
        optional=[key for key in spare(stages) if key in keys and key not in reads],
        takes={key: kind for key, kind in taken(stages).items() if key in keys},
    )
    _wire(pattern, rows)
    return pattern


def pattern_of(step: Place) -> Pattern:
    """Return a step as a pattern of that name; a pattern is returned as it is."""
    return step if isinstance(step, Pattern) else chain(step, name=label_of(step))


def _whole(rows: Rows) -> list[list[Node]]:
    """Put beside each prompt the reviews that belong to it."""
    whole: list[list[Node]] = []
    for row in rows:
        if len(row) == 1:
            whole += [[Node.of(one)] for one in accompanied(row[0].step)] if _joined(row[0]) else [list(row)]
        else:
            whole.append([_alone(node) if _joined(node) else node for node in row])
    return whole


def _joined(node: Node) -> bool:
    return len(accompanied(node.step)) > 1


def _apart(rows: Rows) -> list[list[Node]]:
    """Put each review that stands beside other steps into a chain of its own, where its answer can lead on."""
    return [[_alone(node) if len(row) > 1 and isinstance(node.step, Review) else node for node in row] for row in rows]


def _alone(node: Node) -> Node:
    return Node(node.name, chain(node.step, name=node.name))


def _stages(row: Sequence[Node]) -> list[list[Flow]]:
    """The dataflow of one row: its steps, and then the step that a rejection takes instead."""
    instead = [Node.of(p.step.reject).flow for p in row if isinstance(p.step, Review) and _is_step(p.step.reject)]
    return [[node.flow for node in row], *([instead] if instead else [])]


def _is_step(target: Any) -> bool:
    return target is not None and not isinstance(target, str)


def _result(row: Sequence[Node]) -> str:
    """The key of a chain's result: what its last step writes."""
    step = row[-1].step
    if isinstance(step, Pattern):
        return step.output
    if isinstance(step, Review):
        return step.key
    return next(iter(row[-1].flow.writes or {}), "")


def _named(rows: Rows) -> str:
    return f"{rows[0][0].name}_chain"


def _wire(pattern: Pattern, rows: Rows) -> None:
    for row in rows:
        for node in row:
            pattern.add_node(node.name, node.runnable)
    for node in rows[0]:
        pattern.add_edge(START, node.name)
    followers = [*([node.name for node in row] for row in rows[1:]), [END]]
    for row, after in zip(rows, followers, strict=True):
        _join(pattern, row, after)


def _join(pattern: Pattern, row: Sequence[Node], after: Sequence[str]) -> None:
    """Lead from the steps of one row to those of the next, which wait for all of them."""
    first = row[0].step
    if isinstance(first, Review):
        _gate(pattern, first, after)
        return
    for name in after:
        if len(row) > 1:
            pattern.add_edge([node.name for node in row], name)
        else:
            pattern.add_edge(row[0].name, name)


def _gate(pattern: Pattern, gate: Review, after: Sequence[str]) -> None:
    """Lead from a review onward, and from a rejection and a response to where they belong."""
    aside = {"reject": gate.reject, "respond": gate.respond}
    aside = {action: target for action, target in aside.items() if gate.holds and action in gate.actions}
    if not aside:
        for name in after:
            pattern.add_edge(gate.name, name)
        return
    if _is_step(gate.reject):
        instead = Node.of(gate.reject)
        pattern.add_node(instead.name, instead.runnable)
        _join(pattern, [instead], after)
        aside["reject"] = instead.name
    onward: dict[Hashable, str] = {"go on": after[0]} if len(after) == 1 else {f"go on: {name}": name for name in after}

    def decided(state: Mapping[str, Any]) -> list[Hashable]:
        action = state.get(gate.decision)
        return [ASIDE[action]] if action in aside else list(onward)

    pattern.add_conditional_edges(gate.name, decided, {**onward, **{ASIDE[a]: target for a, target in aside.items()}})
