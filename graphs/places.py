"""Places: the steps of a chain with the names that they have as nodes, in rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.graph.state import StateGraph

from treadle.errors import GraphBuildError
from treadle.graphs.states import Flow, flow

Place = Any
"""What can stand in a chain: a step, a pattern, a StateGraph, a compiled graph, a Runnable or a function."""


def label_of(step: Any) -> str | None:
    """Return the name that a step or a function goes by, or None for a lambda or a nameless Runnable."""
    label = getattr(step, "name", None) or getattr(step, "__name__", None)
    return label if isinstance(label, str) and label != "<lambda>" else None


@dataclass(frozen=True)
class Node:
    """A step with the name it has as a node."""

    name: str
    step: Any

    @classmethod
    def of(cls, step: Place) -> "Node":
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
        """What it reads and writes."""
        return flow(self.name, self.step)

    @property
    def runnable(self) -> Any:
        """What LangGraph adds as the node."""
        return self.step.compile(name=self.name) if isinstance(self.step, StateGraph) else self.step


Rows = Sequence[Sequence[Node]]
"""Steps in a row; those that share one run side by side."""


def unique(nodes: Sequence[Node]) -> None:
    """Refuse two steps of one name."""
    seen: set[str] = set()
    for node in nodes:
        if node.name in seen:
            raise GraphBuildError(f"two steps are called {node.name!r}; give one of them another name")
        seen.add(node.name)
