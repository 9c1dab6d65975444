"""Starting a run of a graph and taking it on, and the fingerprint that tells one version of a graph from another."""

import uuid
from collections.abc import Mapping
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph, StateGraph
from langgraph.pregel import Pregel

from treadle.checkpoints.runs import Run
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.workers import advance
from treadle.digests import digest
from treadle.nodes.prompts import Prompt
from treadle.nodes.steps import Function, Step

Graph = StateGraph[Any, Any, Any, Any] | Pregel[Any, Any, Any, Any]
"""A graph as its author left it: compiled or not, treadle's or anybody's."""


def start(
    graph: Graph,
    input: Any,  # noqa: A002
    *,
    saver: SqliteSaver,
    name: str,
    thread_id: str | None = None,
    config: RunnableConfig | None = None,
) -> Run:
    """Start a run and take it as far as it goes without a person; return where it is then.

    `name` is what `langgraph.json` calls the graph, so that a worker can take the run on. Without `thread_id` a new one
    is made. The plain values of ``config["configurable"]``, such as ``{"model": "rules"}``, are kept with the run.

    Raises:
        LeaseHeld: another process is advancing the run. What the graph itself raises is in the run's `error`.
    """
    made = compiled(graph, saver, name=name)
    thread = thread_id or f"{name}-{uuid.uuid4().hex[:8]}"
    return advance(saver, made, thread, input=input, config=config, name=name, fingerprint=fingerprint(made))


def resume(graph: Graph, thread_id: str, *, saver: SqliteSaver, config: RunnableConfig | None = None) -> Run:
    """Take a run on with every answer that is recorded, or from where it stopped; return where it is then.

    Raises:
        LeaseHeld: another process is advancing the run.
        RunNotFound: no run has this thread id, or it ended before its input was stored.
    """
    return advance(saver, compiled(graph, saver), thread_id, config=config)


def compiled(graph: Graph, saver: SqliteSaver, *, name: str | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return a graph compiled with this saver; one that is compiled already keeps all else of it."""
    if isinstance(graph, StateGraph):
        return graph.compile(checkpointer=saver, name=name or getattr(graph, "name", None))
    found = graph if graph.checkpointer is saver else graph.copy({"checkpointer": saver})
    return cast(CompiledStateGraph[Any, Any, Any, Any], found)


def fingerprint(graph: Graph) -> str:
    """Return 16 hex digits that change when the graph's steps, prompts, declared outputs or edges do.

    A function counts by its name: what is inside it is not seen.
    """
    whole = graph.compile() if isinstance(graph, StateGraph) else graph
    drawing = whole.get_graph(xray=True)
    nodes = {key: _described(node.data) for key, node in drawing.nodes.items()}
    edges = sorted([edge.source, edge.target, str(edge.data or ""), edge.conditional] for edge in drawing.edges)
    return digest({"nodes": nodes, "edges": edges})[:16]


def _described(node: Any) -> Any:
    """What of a node makes it another one when it changes."""
    if isinstance(node, Prompt):
        system = node.system.source if node.system else None
        asked = {"template": node.template.source, "system": system, "examples": list(node.examples)}
        return {**asked, "schema": None if node.output.is_text else node.output.schema, "model": _named(node.model)}
    if isinstance(node, Function):
        return _named(node.function)
    if isinstance(node, Step):
        return {name: _named(value) for name, value in vars(node).items()}
    return type(node).__name__


def _named(value: Any) -> Any:
    """A value as plain data without addresses in memory: a function or type by its name."""
    if isinstance(value, Mapping):
        return {str(key): _named(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_named(one) for one in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
