"""Layers from top to bottom for the boxes of one level, their order and places found by grandalf."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from grandalf.graphs import Edge, Vertex, graph_core
from grandalf.layouts import SugiyamaLayout, VertexViewer

Key = Hashable
Point = tuple[float, float]
Size = tuple[float, float]

BESIDE, BELOW = 26.0, 30.0
"""Pixels between neighbours, and between layers."""


@dataclass
class Layers:
    """Where each key stands (its middle), between which heights its layer lies, and by which points each line goes."""

    places: dict[Key, Point] = field(default_factory=dict)
    spans: dict[Key, tuple[float, float]] = field(default_factory=dict)
    bends: dict[tuple[Key, Key], list[Point]] = field(default_factory=dict)
    """By line, from its upper end to its lower one: where it enters and leaves the layers between."""


def layers(sizes: Mapping[Key, Size], lines: Iterable[Sequence[Key]]) -> Layers:
    """Places for boxes of the given sizes; each line lists keys downwards, and together they must hold no circle."""
    pairs = list(dict.fromkeys(pair for line in lines for pair in pairwise(line)))
    result, left = Layers(), 0.0
    for keys in _connected(sizes, pairs):
        vertices = {key: Vertex(key) for key in keys}
        for key, vertex in vertices.items():
            vertex.view = VertexViewer(*sizes[key])  # pyright: ignore
        edges = [Edge(vertices[pair[0]], vertices[pair[1]], data=pair) for pair in pairs if pair[0] in vertices]
        left = _part(graph_core(list(vertices.values()), edges), result, left) + BESIDE
    return result


def _connected(keys: Iterable[Key], pairs: Iterable[tuple[Key, Key]]) -> list[list[Key]]:
    """The keys in groups that lines connect (grandalf's own grouping depends on where objects lie in memory)."""
    group: dict[Key, list[Key]] = {key: [key] for key in keys}
    for one, other in pairs:
        if group[one] is not group[other]:
            group[one].extend(group[other])
            group.update(dict.fromkeys(group[other], group[one]))
    order = {key: place for place, key in enumerate(group)}
    return [sorted(part, key=order.__getitem__) for part in {id(part): part for part in group.values()}.values()]


def ranks(keys: Mapping[Key, Size], ways: Iterable[Sequence[Key]]) -> dict[Key, int]:
    """The layer that each key will get: one below the lowest key above it."""
    above: dict[Key, set[Key]] = {key: set() for key in keys}
    for way in ways:
        for upper, lower in pairwise(way):
            above[lower].add(upper)
    found: dict[Key, int] = {}
    left = dict.fromkeys(keys)
    while left:
        ready = [key for key in left if above[key] <= found.keys()]
        for key in ready:
            found[key] = 1 + max((found[upper] for upper in above[key]), default=-1)
            del left[key]
    return found


def _part(part: Any, result: Layers, left: float) -> float:
    """Place one connected part to the right of `left`; returns where it ends."""
    drawn = SugiyamaLayout(part)
    drawn.dw, drawn.dh = 4.0, 1.0  # what a line takes up in the layers that it passes
    drawn.xspace, drawn.yspace = BESIDE, BELOW  # pyright: ignore
    drawn.init_all(inverted_edges=[])
    drawn.draw(8)
    views = [vertex.view for layer in drawn.layers for vertex in layer]
    dx = left - min(view.xy[0] - view.w / 2 for view in views)
    spans, top = [], 0.0
    for layer in drawn.layers:
        spans.append((top, top + max(vertex.view.h for vertex in layer)))
        top = spans[-1][1] + BELOW
    for layer, span in zip(drawn.layers, spans, strict=True):
        for vertex in layer:
            if isinstance(vertex, Vertex):
                result.places[vertex.data] = (vertex.view.xy[0] + dx, sum(span) / 2)  # pyright: ignore
                result.spans[vertex.data] = span
    for edge, stops in drawn.ctrls.items():
        between = [(stops[rank].view.xy[0] + dx, spans[rank]) for rank in sorted(stops)[1:-1]]
        result.bends[edge.data] = [(x, y) for x, span in between for y in span]
    return float(dx + max(view.xy[0] + view.w / 2 for view in views))
