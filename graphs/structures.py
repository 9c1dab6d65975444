"""The structure of a graph as plain data, from which its fingerprint is made and two versions are compared."""

from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph, StateGraph
from langgraph.pregel import Pregel

from treadle.digests import digest
from treadle.nodes.fingerprints import described

Graph = StateGraph[Any, Any, Any, Any] | Pregel[Any, Any, Any, Any]
"""A graph as its author left it: compiled or not, treadle's or anybody's."""

Compiled = CompiledStateGraph[Any, Any, Any, Any]

VERSION = "graph_version"
"""Where the metadata of a compiled graph has its fingerprint."""


def structure(graph: Graph) -> Any:
    """Return what makes a graph another one when it changes: its steps, their code, and how they are joined."""
    return described(graph, inner=_inner)


def fingerprint(graph: Graph) -> str:
    """Return 16 hex digits that change when the graph's prompts, schemas, models, code or edges do.

    Comments, spacing and docstrings change nothing, nor does another release of a library.
    """
    return digest(structure(graph))[:16]


def stamped(graph: Any, *, name: str | None = None) -> Compiled:
    """Return a compiled graph whose runs carry its fingerprint; its store is told what the fingerprint stands for."""
    found = cast(Compiled, graph)
    told = structure(found)
    version = digest(told)[:16]
    store = found.checkpointer
    if (register := getattr(store, "register", None)) is not None:
        register(name or found.name, version, told)
    if ((found.config or {}).get("metadata") or {}).get(VERSION) == version:
        return found
    return found.with_config({"metadata": {VERSION: version}})


def compiled(graph: Graph, saver: BaseCheckpointSaver[Any] | None, *, name: str | None = None) -> Compiled:
    """Return a graph compiled with this saver; one that is compiled already keeps all else of it.

    Its store is told what its version stands for.
    """
    if isinstance(graph, StateGraph):
        found: Any = graph.compile(checkpointer=saver, name=name or getattr(graph, "name", None))
    else:
        found = graph if graph.checkpointer is saver else graph.copy({"checkpointer": saver})
    return stamped(found, name=name)


def _inner(value: Any) -> Any | None:
    if isinstance(value, CompiledStateGraph):
        value = value.builder
    if isinstance(value, StateGraph):
        return _joined(value)
    if isinstance(value, Pregel):
        return {"graph": value.name, "nodes": sorted(value.nodes)}
    return None


def _joined(builder: StateGraph[Any, Any, Any, Any]) -> dict[str, Any]:
    return {
        "nodes": {name: spec.runnable for name, spec in sorted(builder.nodes.items())},
        "edges": sorted(list(edge) for edge in builder.edges),
        "joins": sorted([sorted(starts), end] for starts, end in builder.waiting_edges),
        "branches": {
            start: {name: {"path": branch.path, "ends": branch.ends} for name, branch in sorted(branches.items())}
            for start, branches in sorted(builder.branches.items())
        },
    }
