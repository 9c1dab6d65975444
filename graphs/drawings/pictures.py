"""The picture of a graph: its nodes, edges and nested clusters, free of any drawing language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.runnables.graph import Graph
from langchain_core.runnables.graph import Node as GraphNode
from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

KINDS = ("start", "end", "step", "prompt", "review", "chain", "fan-out", "worker", "join", "route", "repeat", "graph")

Drawable = StateGraph[Any, Any, Any, Any] | CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True)
class Node:
    """One step, or the small dot where a graph begins or ends."""

    path: str
    """Names from the outermost graph inwards, joined with ``|``, as in a checkpoint's namespace without its ids."""
    label: str
    kind: str = "step"
    """One of ``KINDS``."""
    note: str = ""
    """A line for the tooltip: what the step says of itself."""

    @property
    def cluster(self) -> str:
        """The path of the cluster that holds the node, or "" at the top."""
        return self.path.rpartition("|")[0]

    @property
    def dot(self) -> bool:
        """Whether it is only a place where a graph begins or ends."""
        return self.kind in ("start", "end")


@dataclass(frozen=True)
class Edge:
    """A way from one node to another, both named by path."""

    source: str
    target: str
    label: str = ""
    conditional: bool = False


@dataclass(frozen=True)
class Picture:
    """What there is to draw; `clusters` are nodes that hold others, outer ones before inner ones."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Node, ...] = ()

    def inside(self, cluster: str) -> tuple[Node, ...]:
        """The nodes and clusters that stand directly in a cluster ("" for the top), in the order of the nodes."""
        depth = cluster.count("|") + 1 if cluster else 0
        known = {each.path: each for each in (*self.nodes, *self.clusters)}
        paths = ("|".join(node.path.split("|")[: depth + 1]) for node in self.nodes if self._holds(cluster, node.path))
        return tuple(known[path] for path in dict.fromkeys(paths))

    def closed(self, node: Node) -> bool:
        """Whether it is a cluster, which holds other nodes."""
        return node in self.clusters

    @staticmethod
    def _holds(cluster: str, path: str) -> bool:
        return not cluster or path.startswith(f"{cluster}|")


def picture(graph: Drawable) -> Picture:
    """The picture of a graph with all its subgraphs opened; a StateGraph is compiled first.

    What kind a step is, is read from its metadata (``add_node(..., metadata={"kind": "review"})``), from an attribute
    ``kind`` of its runnable, or from the runnable's class name. A subgraph on another machine stays one node.
    """
    compiled = graph.compile() if isinstance(graph, StateGraph) else graph
    near = all(isinstance(part, Pregel) for _, part in compiled.get_subgraphs(recurse=True))
    drawn = compiled.get_graph(xray=near)
    parents = dict(_parents(compiled)) if near else {}
    nodes = tuple(_node(_path(name), node) for name, node in drawn.nodes.items())
    edges = tuple(
        Edge(_path(edge.source), _path(edge.target), str(edge.data or ""), edge.conditional) for edge in drawn.edges
    )
    return _ordered(_folded(_joined(Picture(nodes, edges, tuple(_clusters(nodes, parents))))))


def _path(name: str) -> str:
    return name.replace(":", "|")  # neither sign can stand in a node's name: LangGraph reserves both


def _parents(graph: Pregel[Any, Any, Any, Any], prefix: str = "") -> Iterator[tuple[str, GraphNode]]:
    """The nodes that hold a subgraph, which the opened graph no longer shows, by path."""
    level: Graph | None = None
    for name, part in graph.get_subgraphs():
        level = level or graph.get_graph()
        path = f"{prefix}{name}"
        if name in level.nodes:
            yield path, level.nodes[name]
        if isinstance(part, Pregel):
            yield from _parents(part, f"{path}|")


def _clusters(nodes: tuple[Node, ...], parents: Mapping[str, GraphNode]) -> Iterator[Node]:
    paths = dict.fromkeys(
        "|".join(names[:depth]) for node in nodes for names in [node.path.split("|")] for depth in range(1, len(names))
    )
    for path in paths:
        given = parents.get(path)
        yield _node(path, given, "graph") if given else Node(path, path.rpartition("|")[2], "graph")


def _node(path: str, node: GraphNode, otherwise: str = "step") -> Node:
    name = path.rpartition("|")[2]
    if name in (START, END):
        return Node(path, "start" if name == START else "end", "start" if name == START else "end")
    return Node(path, name, _kind(node, otherwise), _note(node))


def _kind(node: GraphNode, otherwise: str) -> str:
    """The first fitting word that the node's metadata, its runnable or the function inside says of itself."""
    inner = getattr(node.data, "func", None) or getattr(node.data, "afunc", None)
    said = [(node.metadata or {}).get("kind")]
    for part in (node.data, getattr(node.data, "builder", None), inner):
        said += [getattr(part, "kind", None), type(part).__name__.lower()]
    return next((word for word in said if isinstance(word, str) and word in KINDS), otherwise)


def _note(node: GraphNode) -> str:
    """The description in the node's metadata, else the first line of its function's docstring; where it pauses."""
    metadata = node.metadata or {}
    inner = getattr(node.data, "func", None) or getattr(node.data, "afunc", None)
    doc = inner.__doc__ if hasattr(inner, "__code__") else None
    told = str(metadata.get("description") or (doc or "").strip().partition("\n")[0])
    pause = metadata.get("__interrupt")
    return " ".join(part for part in (told, f"Pauses {pause}." if pause else "") if part)


def _joined(picture: Picture) -> Picture:
    """Without the dots where a subgraph begins with one step, or ends after one: the edges go straight through."""
    edges = list(picture.edges)
    for dot in [node for node in picture.nodes if node.dot and node.cluster]:
        before = [edge for edge in edges if edge.target == dot.path]
        after = [edge for edge in edges if edge.source == dot.path]
        if len(after if dot.kind == "start" else before) == 1:
            through = [_through(one, other) for one in before for other in after]
            edges = [edge for edge in edges if dot.path not in (edge.source, edge.target)] + through
    kept = {end for edge in edges for end in (edge.source, edge.target)}
    nodes = tuple(node for node in picture.nodes if node.path in kept or not node.dot)
    return Picture(nodes, tuple(dict.fromkeys(edges)), picture.clusters)


def _through(one: Edge, other: Edge) -> Edge:
    label = ", ".join(dict.fromkeys(label for label in (one.label, other.label) if label))
    return Edge(one.source, other.target, label, one.conditional or other.conditional)


def _folded(picture: Picture) -> Picture:
    """Without the clusters that are wiring, whose names begin with two underscores: what they hold stands outside."""
    return Picture(
        tuple(replace(node, path=_bare(node.path)) for node in picture.nodes),
        tuple(replace(edge, source=_bare(edge.source), target=_bare(edge.target)) for edge in picture.edges),
        tuple(replace(one, path=_bare(one.path)) for one in picture.clusters if not one.label.startswith("__")),
    )


def _bare(path: str) -> str:
    *above, name = path.split("|")
    return "|".join([*(part for part in above if not part.startswith("__")), name])


def _ordered(picture: Picture) -> Picture:
    """Nodes in the order in which a reader meets them, from the start along the edges (layouts follow it)."""
    ways: dict[str, list[str]] = {}
    for edge in picture.edges:
        ways.setdefault(edge.source, []).append(edge.target)
    met: dict[str, None] = {}
    open_ = [node.path for node in reversed(picture.nodes)]
    open_ += [node.path for node in picture.nodes if node.kind == "start" and not node.cluster]
    while open_:
        path = open_.pop()
        if path not in met:
            met[path] = None
            open_ += [way for way in reversed(ways.get(path, [])) if way not in met]
    rank = {path: place for place, path in enumerate(met)}
    nodes = tuple(sorted(picture.nodes, key=lambda node: rank[node.path]))
    edges = tuple(sorted(picture.edges, key=lambda edge: (rank[edge.source], rank[edge.target])))
    first = {
        path: min(rank[n.path] for n in nodes if n.path.startswith(f"{path}|"))
        for path in (cluster.path for cluster in picture.clusters)
    }
    clusters = sorted(picture.clusters, key=lambda cluster: (first[cluster.path], cluster.path.count("|")))
    return Picture(nodes, edges, tuple(clusters))
