"""`repeat`: a bounded loop."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START

from treadle.errors import GraphBuildError
from treadle.graphs.chains import pattern_of
from treadle.graphs.patterns import Pattern, merged
from treadle.graphs.places import Place
from treadle.nodes.gates import Classifier, Gate, checked
from treadle.nodes.steps import State, Step, Work

CHECK = "good_enough"
"""The name of the node that decides whether to go round again."""


Until = Callable[[State], bool] | Gate
"""A function of the state, or a gate that the step's result must pass (a pattern, a schema, a classifier)."""


def repeat(step: Place, *, until: Until, at_most: int, name: str | None = None) -> Pattern:
    """Repeat a step until `until` is true of the state, or lets its result pass, at most `at_most` times.

    What each round wrote is kept, in order, under ``<name>_rounds``; the last round's result stands whether or not it
    was good enough, which ``<name>_met`` says.

    Raises:
        GraphBuildError: when `at_most` is below one.
    """
    body = pattern_of(step)
    label = name or f"repeat_{body.name}"
    if at_most < 1:
        raise GraphBuildError(f"{label!r}: at_most={at_most}; at least one round is needed")
    check = Check(label.replace(" ", "_").replace("-", "_"), tuple(body.writes), body.output, until, at_most)
    writes = merged([body.writes, check.writes])
    keys = merged([dict.fromkeys([*body.reads, *body.optional], Any), writes])
    pattern = Pattern(
        label,
        kind="repeat",
        reads=body.reads,
        writes=writes,
        output=body.output,
        keys=keys,
        optional=body.optional,
        takes=body.takes,
    )
    pattern.add_node(body.name, body.compile(name=body.name))
    pattern.add_node(CHECK, check)
    pattern.add_edge(START, body.name)
    pattern.add_edge(body.name, CHECK)
    pattern.add_conditional_edges(CHECK, check.again, {"again": body.name, "done": END})
    return pattern


@dataclass(frozen=True)
class Check(Step):
    """Keeps what a round wrote and says whether it was good enough."""

    label: str
    keys: tuple[str, ...]
    result: str
    until: Until
    at_most: int
    name: str = CHECK

    @property
    def reads(self) -> tuple[str, ...]:
        """Whatever the round wrote."""
        return ()

    @property
    def writes(self) -> Mapping[str, Any]:
        """The history of the rounds, and whether the last was good enough."""
        return {f"{self.label}_rounds": Annotated[list[dict[str, Any]], operator.add], f"{self.label}_met": bool}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Judge the round."""
        wrote = {key: state[key] for key in self.keys if key in state}
        if isinstance(self.until, str | re.Pattern | Mapping | Classifier | Step | type):
            checks = yield from checked([self.until], state.get(self.result), state, config)
            met = all(check.problem is None for check in checks)
        else:
            met = bool(self.until(state))
        return {f"{self.label}_rounds": [wrote], f"{self.label}_met": met}

    def again(self, state: State) -> str:
        """Say where to go from here."""
        return "done" if state[f"{self.label}_met"] or len(state[f"{self.label}_rounds"]) >= self.at_most else "again"
