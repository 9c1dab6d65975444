"""`chain`: steps in a row, each one's output feeding the next."""

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

from langchain_core.runnables import Runnable
from langgraph.graph import END, START
from langgraph.graph.state import StateGraph

from treadle.errors import GraphBuildError
from treadle.graphs.companions import accompanied
from treadle.graphs.leads import ASIDE, spoken, target
from treadle.graphs.patterns import Pattern, merged
from treadle.graphs.states import Flow, flow, follow, spare, taken
from treadle.nodes.confidences import told_under
from treadle.nodes.inquiries.reviews import Review
from treadle.nodes.prompts import Prompt
from treadle.nodes.renderings import Rendering

Place = Any
"""What can stand in a chain: a step, a pattern, a StateGraph, a compiled graph, a Runnable or a function."""


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
    rows = [[_Place.of(one) for one in (row if isinstance(row, list | tuple) else [row])] for row in steps]
    if any(not row for row in rows):
        raise GraphBuildError("a list of steps that run side by side is empty")
    rows = _whole(rows)
    _unique([place for row in rows for place in row])
    rows = _told(_typed(_telling(rows, state)))
    stages = [stage for row in rows for stage in _stages(row)]
    keys = follow(stages, inputs=inputs, state=state)
    writes = merged([one.writes or {} for stage in stages for one in stage])
    reads = dict.fromkeys([*inputs, *(key for place in rows[0] for key in place.flow.reads or ())])
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


def label_of(step: Any) -> str | None:
    """Return the name that a step or a function goes by, or None for a lambda or a nameless Runnable."""
    label = getattr(step, "name", None) or getattr(step, "__name__", None)
    return label if isinstance(label, str) and label != "<lambda>" else None


def pattern_of(step: Place) -> Pattern:
    """Return a step as a pattern of that name; a pattern is returned as it is."""
    return step if isinstance(step, Pattern) else chain(step, name=label_of(step))


@dataclass(frozen=True)
class _Place:
    """A step with the name it has as a node."""

    name: str
    step: Any

    @classmethod
    def of(cls, step: Place) -> "_Place":
        """Name a step: by its own name, its function's, or its class."""
        if isinstance(step, list | tuple):
            raise GraphBuildError("a list of steps cannot hold another list; put a chain(...) there")
        if not (isinstance(step, Runnable | StateGraph) or callable(step)):
            raise GraphBuildError(f"{step!r} is no step; give a prompt, a review, a function, a graph or a Runnable")
        label = label_of(step)
        if label is None:
            raise GraphBuildError(f"{step!r} has no name; wrap it: step(function, into='key', name='step')")
        return cls(label, step)

    @property
    def flow(self) -> Flow:
        return flow(self.name, self.step)

    @property
    def node(self) -> Any:
        """What LangGraph adds as the node."""
        return self.step.compile(name=self.name) if isinstance(self.step, StateGraph) else self.step


Rows = Sequence[Sequence[_Place]]


def _whole(rows: Rows) -> list[list[_Place]]:
    """Put beside each prompt the reviews that belong to it."""
    whole: list[list[_Place]] = []
    for row in rows:
        if len(row) == 1:
            whole += [[_Place.of(one)] for one in accompanied(row[0].step)] if _joined(row[0]) else [list(row)]
        else:
            whole.append([_Place(p.name, chain(p.step, name=p.name)) if _joined(p) else p for p in row])
    return whole


def _joined(place: _Place) -> bool:
    return len(accompanied(place.step)) > 1


def _unique(places: Sequence[_Place]) -> None:
    seen: set[str] = set()
    for place in places:
        if place.name in seen:
            raise GraphBuildError(f"two steps are called {place.name!r}; give one of them another name")
        seen.add(place.name)


def _telling(rows: Rows, state: type | None) -> list[list[_Place]]:
    """Have each prompt whose answer a review shows tell where the confidence in it is known from."""
    shown = {place.step.key for row in rows for place in row if isinstance(place.step, Review)}
    known = None if state is None else get_type_hints(state)
    return [[_Place(p.name, _teller(p.step, shown, known)) for p in row] for row in rows]


def _teller(step: Any, shown: Set[str], known: Mapping[str, Any] | None) -> Any:
    asked = isinstance(step, Prompt) and step.into in shown and bool(step.output.confidences)
    return replace(step, tells=True) if asked and (known is None or told_under(step.into) in known) else step


def _typed(rows: Rows) -> list[list[_Place]]:
    """Tell each review what type its key has and where a rejection leads, from the steps before it."""
    typed: list[list[_Place]] = []
    for row in rows:
        before = [place for earlier in typed for place in earlier]
        typed.append([_completed(place, before, alone=len(row) == 1) for place in row])
    return typed


def _completed(place: _Place, before: Sequence[_Place], *, alone: bool) -> _Place:
    if not isinstance(place.step, Review):
        return place
    if not alone:
        return _Place(place.name, chain(_completed(place, [], alone=True).step, name=place.name))
    gate = place.step
    kind = merged([earlier.flow.writes or {} for earlier in before]).get(gate.key, Any)
    gate = replace(gate, type=kind if gate.type is Any else gate.type)
    if not gate.holds:
        return _Place(place.name, gate)
    names, writer = [earlier.name for earlier in before], _writer(gate, before)
    if "reject" in gate.actions:
        gate = replace(gate, reject=target(gate, "reject", names, writer))
    if "respond" in gate.actions:
        gate = replace(gate, respond=target(gate, "respond", names, writer))
    return _Place(place.name, gate)


def _writer(gate: Review, before: Sequence[_Place]) -> str | None:
    """The step that has a prompt write the review's key anew: itself, or the one that puts its request together."""
    writers = [p.step for p in before if isinstance(p.step, Prompt) and gate.key in p.step.writes]
    if not writers:
        return None
    requests = [p.name for p in before if isinstance(p.step, Rendering) and p.step.prompt.name == writers[-1].name]
    return requests[0] if requests else writers[-1].name


def _told(rows: Rows) -> list[list[_Place]]:
    """Tell each review what follows from each action, so that its question can say so."""
    followers = [" and ".join(place.name for place in row) for row in rows[1:]]
    return [[_leading(place, after) for place in row] for row, after in zip(rows, [*followers, ""], strict=True)]


def _leading(place: _Place, after: str) -> _Place:
    gate = place.step
    if not isinstance(gate, Review) or not gate.holds:
        return place
    return _Place(place.name, replace(gate, leads_to=spoken(gate, after)))


def _stages(row: Sequence[_Place]) -> list[list[Flow]]:
    """The dataflow of one row: its steps, and then the step that a rejection takes instead."""
    instead = [_Place.of(p.step.reject).flow for p in row if isinstance(p.step, Review) and _is_step(p.step.reject)]
    return [[place.flow for place in row], *([instead] if instead else [])]


def _is_step(target: Any) -> bool:
    return target is not None and not isinstance(target, str)


def _result(row: Sequence[_Place]) -> str:
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
        for place in row:
            pattern.add_node(place.name, place.node)
    for place in rows[0]:
        pattern.add_edge(START, place.name)
    followers = [*([place.name for place in row] for row in rows[1:]), [END]]
    for row, after in zip(rows, followers, strict=True):
        _join(pattern, row, after)


def _join(pattern: Pattern, row: Sequence[_Place], after: Sequence[str]) -> None:
    """Lead from the steps of one row to those of the next, which wait for all of them."""
    first = row[0].step
    if isinstance(first, Review):
        _gate(pattern, first, after)
        return
    for name in after:
        if len(row) > 1:
            pattern.add_edge([place.name for place in row], name)
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
        instead = _Place.of(gate.reject)
        pattern.add_node(instead.name, instead.node)
        _join(pattern, [instead], after)
        aside["reject"] = instead.name
    onward: dict[Hashable, str] = {"go on": after[0]} if len(after) == 1 else {f"go on: {name}": name for name in after}

    def decided(state: Mapping[str, Any]) -> list[Hashable]:
        action = state.get(gate.decision)
        return [ASIDE[action]] if action in aside else list(onward)

    pattern.add_conditional_edges(gate.name, decided, {**onward, **{ASIDE[a]: target for a, target in aside.items()}})
