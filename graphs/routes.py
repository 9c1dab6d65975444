"""`route`: take one of several next steps."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from langgraph.graph import END, START

from treadle.errors import GraphBuildError, InputInvalid
from treadle.graphs.chains import pattern_of
from treadle.graphs.demands import Labels
from treadle.graphs.patterns import Pattern, merged
from treadle.graphs.places import Place, label_of
from treadle.graphs.states import Flow, flow, spare, taken
from treadle.nodes.prompts import Prompt
from treadle.nodes.steps import State, lookup

By = str | Prompt | Callable[[State], Any]
"""A state key that holds the label, a prompt that classifies, or a function from the state to the label."""


def route(by: By, targets: Mapping[Any, Place], *, default: Place | None = None, name: str | None = None) -> Pattern:
    """Take the step that a label names.

    `by` is the state key that holds the label, a prompt whose output is the label (``output=Literal[...]``), or a
    function from the state to it. `targets` maps labels to steps; a label without a target takes `default`.

    Raises:
        GraphBuildError: when a label that is known beforehand (a ``Literal``) has no target and there is no default.
        InputInvalid: when a run meets a label that has no target.
    """
    if not targets:
        raise GraphBuildError("a route needs at least one target: route(by, {'label': step})")
    if isinstance(by, Prompt) and by.person is not None:
        raise GraphBuildError(f"prompt {by.name!r} classifies for a route and cannot wait for a person; use a chain")
    label = name or f"route_by_{by if isinstance(by, str) else label_of(by) or 'label'}"
    if missing := [one for one in _labels(by) if one not in targets and default is None]:
        raise GraphBuildError(f"{label!r}: the label {missing[0]!r} has no target; add one, or give default=step")
    chosen = {one: pattern_of(step) for one, step in targets.items()}
    fallback = pattern_of(default) if default is not None else None
    steps = {step.name: step for step in [*chosen.values(), *([fallback] if fallback else [])]}
    reads = dict.fromkeys([*_reads(by), *(key for step in steps.values() for key in step.reads)])
    writes = merged([by.writes if isinstance(by, Prompt) else {}, *(step.writes for step in steps.values())])
    for key in by.writes if isinstance(by, Prompt) else ():
        reads.pop(key, None)
    stages = [[_chooser(by, chosen, fallback)], [flow(step.name, step) for step in steps.values()]]
    optional = [key for key in spare(stages) if key not in reads]
    keys = merged([dict.fromkeys([*reads, *optional], Any), writes])
    outputs = list(dict.fromkeys(step.output for step in steps.values()))
    pattern = Pattern(
        label,
        kind="route",
        reads=tuple(reads),
        writes=writes,
        output=outputs[0],
        keys=keys,
        optional=optional,
        takes=taken(stages),
    )
    for step in steps.values():
        pattern.add_node(step.name, step.compile(name=step.name))
        pattern.add_edge(step.name, END)

    def choose(state: State) -> str:
        value = _label(by, state, label)
        target = chosen.get(value, fallback)
        if target is None:
            raise InputInvalid(
                f"{label!r}: the label {value!r} has no target; the labels are {', '.join(map(repr, chosen))}"
            )
        return f"{value}" if value in chosen else "otherwise"

    ends: dict[Any, str] = {f"{one}": step.name for one, step in chosen.items()}
    ends |= {"otherwise": fallback.name} if fallback else {}
    start = START
    if isinstance(by, Prompt):
        start = by.name
        pattern.add_node(by.name, by)
        pattern.add_edge(START, by.name)
    pattern.add_conditional_edges(start, choose, ends)
    return pattern


def _labels(by: By) -> tuple[Any, ...]:
    """The labels that are known beforehand."""
    if isinstance(by, str):
        return ()
    kind = by.output.declared if isinstance(by, Prompt) else get_type_hints(by).get("return")
    return get_args(kind) if get_origin(kind) is Literal else ()


def _reads(by: By) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else by.reads if isinstance(by, Prompt) else ()


def _chooser(by: By, chosen: Mapping[Any, Pattern], fallback: Pattern | None) -> Flow:
    """What the choice reads and writes; a label that is known beforehand must have a target."""
    if isinstance(by, Prompt):
        return flow(by.name, by)
    known = {by: Annotated[Any, Labels(tuple(chosen))]} if isinstance(by, str) and fallback is None else {}
    return Flow("label", _reads(by), {}, takes=known)


def _label(by: By, state: State, step: str) -> Any:
    if isinstance(by, str):
        return lookup(state, by, step=step)
    return lookup(state, by.into, step=step) if isinstance(by, Prompt) else by(state)
