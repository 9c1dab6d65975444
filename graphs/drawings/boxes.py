"""The rectangles and points that a layout consists of, in pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from treadle.graphs.drawings.layers import Point, Size
from treadle.graphs.drawings.segments import Port


@dataclass(frozen=True)
class Box:
    """A rectangle by its left upper corner, in pixels."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> "Box":
        """The same rectangle elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Sizes:
    """How large things will be written: nodes and titles of clusters by path, labels of edges by place."""

    nodes: Mapping[str, Size]
    titles: Mapping[str, Size]
    labels: Mapping[int, Size]


@dataclass
class Layout:
    """Where things stand, in pixels from the left upper corner."""

    width: float = 0.0
    height: float = 0.0
    boxes: dict[str, Box] = field(default_factory=dict)
    """Of nodes and clusters, by path."""
    titles: dict[str, Box] = field(default_factory=dict)
    """Of the titles of clusters, which lie across their upper border."""
    labels: dict[int, Box] = field(default_factory=dict)
    """Of the labels of edges, by the edge's place in the picture."""
    ways: dict[int, list[Point]] = field(default_factory=dict)
    """The points that an edge passes, upright at each; nothing for an edge from a node to itself."""
    out: dict[int, list[Point]] = field(default_factory=dict)
    """How an edge that leaves the level gets to its border."""
    into: dict[int, list[Point]] = field(default_factory=dict)
    """How an edge that enters the level goes on from its border."""
    ports: dict[Port, float] = field(default_factory=dict)
    """How far right on the border an edge crosses it."""

    def take(self, inner: "Layout", dx: float, dy: float) -> None:
        """Add what stands in a cluster whose corner is at (dx, dy)."""
        self.boxes |= {path: box.moved(dx, dy) for path, box in inner.boxes.items()}
        self.titles |= {path: box.moved(dx, dy) for path, box in inner.titles.items()}
        self.labels |= {place: box.moved(dx, dy) for place, box in inner.labels.items()}
        for mine, theirs in ((self.ways, inner.ways), (self.out, inner.out), (self.into, inner.into)):
            mine.update({place: [(x + dx, y + dy) for x, y in way] for place, way in theirs.items()})
