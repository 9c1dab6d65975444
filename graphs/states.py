"""Following the data through a row of steps: what is read, written and missing, before anything runs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol, get_type_hints, runtime_checkable

from langchain_core.runnables import Runnable
from langgraph.graph.state import CompiledStateGraph, StateGraph
from typing_extensions import is_typeddict

from treadle.errors import GraphBuildError
from treadle.graphs.demands import unmet
from treadle.graphs.kinds import fits, spoken
from treadle.graphs.patterns import merged, reduced


@runtime_checkable
class Dataflow(Protocol):
    """Anything that says which state keys it reads and writes: a step or a pattern."""

    name: str

    @property
    def reads(self) -> Sequence[str]:
        """The state keys that must be there."""
        ...

    @property
    def writes(self) -> Mapping[str, Any]:
        """The state keys that it may write, with their types."""
        ...


@dataclass(frozen=True)
class Flow:
    """What one step reads and writes, as far as it can be known; None where it cannot."""

    name: str
    reads: tuple[str, ...] | None
    writes: Mapping[str, Any] | None
    optional: tuple[str, ...] = ()
    """What it reads where it is there."""
    takes: Mapping[str, Any] = field(default_factory=dict)
    """The types that it declares for what it reads."""
    whole: bool = False
    """Whether it shows the whole state, whatever is in it."""


def flow(name: str, step: Any) -> Flow:
    """Return what a step reads and writes: as it says itself, from its schemas, or from its annotations."""
    if isinstance(step, Dataflow):
        optional, takes = getattr(step, "optional", ()), getattr(step, "takes", {})
        whole = getattr(step, "whole", False)
        return Flow(name, tuple(step.reads), dict(step.writes), tuple(optional), dict(takes), whole)
    if isinstance(step, CompiledStateGraph):
        step = step.builder
    if isinstance(step, StateGraph):
        return Flow(name, None, _keys(step.output_schema))
    if callable(step) and not isinstance(step, Runnable):
        return _annotated(name, step)
    return Flow(name, None, None)


def follow(stages: Sequence[Sequence[Flow]], *, inputs: Iterable[str], state: type | None) -> dict[str, Any]:
    """Return every key of the state with its type, or say which step reads what nobody wrote.

    `stages` are rows of steps that run side by side. Inputs are those named, and what the first stage reads; where the
    state is given, also its keys that no step writes.

    Raises:
        GraphBuildError: naming the step and the key.
    """
    given = _keys(state) if state is not None else None
    written = merged([step.writes or {} for stage in stages for step in stage])
    first = [key for step in stages[0] for key in step.reads or () if given is None or key in given]
    _use(stages, inputs)
    known: dict[str, Any] = dict.fromkeys([*inputs, *first], Any)
    if given is not None:
        known |= {key: kind for key, kind in given.items() if key not in written}
    else:
        known |= {key: written.get(key, Any) for key in spare(stages)}
    latest: Mapping[str, Any] = merged([given or {}, known])
    for stage in stages:
        for step in stage:
            _demand(step, known, written, given)
            _match(step, latest)
        _disjoint(stage, given or {})
        latest = merged([*(step.writes or {} for step in stage), latest, *(step.takes for step in stage)])
        known = merged([known, *(step.writes or {} for step in stage)])
        if given is not None and any(step.writes is None for step in stage):
            known = {**given, **known}
    return known if given is None else dict(given)


def spare(stages: Sequence[Sequence[Flow]]) -> tuple[str, ...]:
    """Return the keys that are read where they are there, and that no earlier step writes."""
    written: set[str] = set()
    found: dict[str, None] = {}
    for stage in stages:
        found |= dict.fromkeys(key for step in stage for key in step.optional if key not in written)
        written |= {key for step in stage for key in step.writes or ()}
    return tuple(found)


def taken(stages: Sequence[Sequence[Flow]]) -> dict[str, Any]:
    """Return the types that a row's steps declare for what they read before any of them wrote it."""
    written: set[str] = set()
    found: dict[str, Any] = {}
    for stage in stages:
        found = merged([found, *({k: t for k, t in step.takes.items() if k not in written} for step in stage)])
        written |= {key for step in stage for key in step.writes or ()}
    return found


def _demand(step: Flow, known: Mapping[str, Any], written: Mapping[str, Any], given: Mapping[str, Any] | None) -> None:
    """Refuse a step that reads a key that is not there yet, or whose keys cannot be known."""
    if given is None and (step.reads is None and step.writes is None):
        raise GraphBuildError(
            f"step {step.name!r}: what it reads and writes cannot be seen; wrap it: step(function, into='key'), "
            "annotate its parameter and return value with TypedDicts, or give chain(..., state=State)"
        )
    for key in step.reads or ():
        if key not in known:
            raise GraphBuildError(f"step {step.name!r} reads {key!r}, which {_why(key, known, written)}")
    for key in step.writes or ():
        if given is not None and key not in given:
            raise GraphBuildError(
                f"step {step.name!r} writes {key!r}, which the given state does not have: {_list(given)}"
            )


def _use(stages: Sequence[Sequence[Flow]], inputs: Iterable[str]) -> None:
    """Refuse an input that no step uses."""
    steps = [step for stage in stages for step in stage]
    if any(step.reads is None or step.whole for step in steps):
        return
    used = {key for step in steps for key in (*(step.reads or ()), *step.optional)}
    if unused := [key for key in inputs if key not in used]:
        raise GraphBuildError(f"the input {unused[0]!r} is read by no step; take it out of inputs=, or use it")


def _match(step: Flow, known: Mapping[str, Any]) -> None:
    """Refuse a step that takes a key as something that it cannot be."""
    for key, kind in step.takes.items():
        if key in known and not fits(known[key], kind):
            raise GraphBuildError(
                f"step {step.name!r} takes {key!r} as {spoken(kind)}, and it is {spoken(known[key])} there"
            )
        if key in known and (told := unmet(known[key], kind)) is not None:
            raise GraphBuildError(f"step {step.name!r}: with {key!r} it {told}")


def _disjoint(stage: Sequence[Flow], given: Mapping[str, Any]) -> None:
    """Refuse two steps that run side by side and write one key without a reducer."""
    writers: dict[str, str] = {}
    for step in stage:
        for key, kind in (step.writes or {}).items():
            if key in writers and not reduced(given.get(key, kind)):
                raise GraphBuildError(
                    f"steps {writers[key]!r} and {step.name!r} run side by side and both write {key!r}; "
                    "give one of them another key with into=, or the key a reducer: Annotated[list, operator.add]"
                )
            writers[key] = step.name


def _why(key: str, known: Mapping[str, Any], written: Mapping[str, Any]) -> str:
    if key in written:
        return "only a later step writes; put that step before it"
    near = get_close_matches(key, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known there: {_list(known)}"
    return f"no step before it writes{hint} If it is an input of the graph, name it: inputs=({key!r},)"


def _list(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)) or "none"


def _annotated(name: str, function: Callable[..., Any]) -> Flow:
    """Read a LangGraph-style function's TypedDict annotations."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return Flow(name, None, None)
    returns = hints.pop("return", None)
    taken = next((kind for kind in hints.values() if is_typeddict(kind)), None)
    reads = tuple(getattr(taken, "__required_keys__", ())) if taken is not None else None
    return Flow(name, reads, _keys(returns) if is_typeddict(returns) else None)


def _keys(kind: Any) -> dict[str, Any]:
    return dict(get_type_hints(kind, include_extras=True))
