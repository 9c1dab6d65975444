"""Edges cut where they cross a cluster's border, so that every level can be laid out by itself."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from treadle.graphs.drawings.pictures import Edge, Picture


@dataclass(frozen=True)
class Port:
    """Where edges cross a cluster's border, on their way from or to one node inside."""

    end: str
    """The path of that node."""
    leaving: bool
    below: bool
    """Whether it is in the lower border."""


Stop = str | Port


@dataclass(frozen=True)
class Segment:
    """The part of an edge that lies in one level: from `source` to `target`, which are children of it or ports."""

    edge: int
    level: str
    source: Stop
    target: Stop
    upward: bool
    """Whether it goes against the layers, as one edge of every circle does."""
    main: bool
    """Whether it lies in the innermost level that holds both ends (there the label stands)."""

    @property
    def upper(self) -> Stop:
        """The end that stands higher."""
        return self.target if self.upward else self.source

    @property
    def lower(self) -> Stop:
        """The end that stands lower."""
        return self.source if self.upward else self.target


def segments(picture: Picture) -> Mapping[str, Sequence[Segment]]:
    """By level (a cluster's path, "" for the top), inner parts of an edge given from its end outwards."""
    back = against(picture)
    cut: dict[str, list[Segment]] = defaultdict(list)
    for place, level, source, target in _mains(picture):
        upward = place in back
        cut[level].append(Segment(place, level, source, target, upward, True))
        for part in _crossings(place, picture.edges[place], level, upward):
            cut[part.level].append(part)
    return cut


def against(picture: Picture) -> set[int]:
    """The places of the edges that lead back to where a reader who follows the edges came from."""
    ways: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for place, _, source, target in _mains(picture):
        ways[source].append((place, target))
    order = dict.fromkeys(
        "|".join(names[: depth + 1])
        for names in (node.path.split("|") for node in picture.nodes)
        for depth in range(len(names))
    )
    found: set[int] = set()
    done: set[str] = set()
    for root in order:
        if root not in done:
            found |= _back(root, ways, done)
    return found


def _crossings(place: int, edge: Edge, level: str, upward: bool) -> Iterator[Segment]:
    """The parts inside the clusters that the edge leaves or enters, outermost first."""
    for end, leaving in ((edge.source, True), (edge.target, False)):
        names = end.split("|")
        port = Port(end, leaving, below=leaving != upward)
        for depth in range(level.count("|") + 2 if level else 1, len(names)):
            within, child = "|".join(names[:depth]), "|".join(names[: depth + 1])
            source, target = (child, port) if leaving else (port, child)
            yield Segment(place, within, source, target, upward, False)


def _mains(picture: Picture) -> Iterator[tuple[int, str, str, str]]:
    """Of every edge: its place, the innermost level that holds both ends, and what of that level holds either end."""
    for place, edge in enumerate(picture.edges):
        source, target = edge.source.split("|"), edge.target.split("|")
        depth = 0
        while min(len(source), len(target)) > depth + 1 and source[depth] == target[depth]:
            depth += 1
        if source != target:
            yield place, "|".join(source[:depth]), "|".join(source[: depth + 1]), "|".join(target[: depth + 1])


def _back(root: str, ways: Mapping[str, Sequence[tuple[int, str]]], done: set[str]) -> set[int]:
    """Depth first from one node: the edges to a node that is still open; adds to `done`."""
    found: set[int] = set()
    opened = {root: iter(ways.get(root, ()))}
    while opened:
        here = next(reversed(opened))
        place, target = next(opened[here], (-1, ""))
        if place < 0:
            opened.pop(here)
            done.add(here)
        elif target in opened:
            found.add(place)
        elif target not in done:
            opened[target] = iter(ways.get(target, ()))
    return found
