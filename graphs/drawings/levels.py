"""One level of a layout: the nodes and closed clusters that stand directly in a cluster, and the ways between them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from treadle.graphs.drawings.boxes import Box, Layout, Sizes
from treadle.graphs.drawings.layers import Key, Layers, Point, Size, layers, ranks
from treadle.graphs.drawings.pictures import Edge
from treadle.graphs.drawings.segments import Port, Segment, Stop

MARGIN, INSIDE, TITLE, LOOP, APART = 12.0, 18.0, 14.0, 28.0, 16.0
"""Pixels: around all, inside a cluster's border, for its title, for an edge back to its node, between two at a node."""


@dataclass
class Level:
    """What there is to lay out in one cluster ("" for the top), its inner clusters being laid out already."""

    path: str
    edges: Sequence[Edge]
    parts: Sequence[Segment]
    boxes: Mapping[str, Size]
    inner: Mapping[str, Layout]
    sizes: Sizes

    def layout(self) -> Layout:
        """The layout of the level, with everything inside it."""
        result = self._framed()
        for path, box in list(result.boxes.items()):
            if path in self.inner:
                result.take(self.inner[path], box.x, box.y)
        for part in self.parts:
            self._lead(part, result)
        return result

    @cached_property
    def labels(self) -> dict[int, Size]:
        """The labels that stand in this level, by edge."""
        return {
            part.edge: self.sizes.labels[part.edge]
            for part in self.parts
            if part.main and part.edge in self.sizes.labels
        }

    @cached_property
    def loops(self) -> dict[str, int]:
        """The edges from a node to itself, by path."""
        return {
            edge.source: place
            for place, edge in enumerate(self.edges)
            if edge.source == edge.target and edge.source in self.boxes
        }

    @cached_property
    def room(self) -> dict[Key, Size]:
        """What each box, label and port takes up."""
        ends = dict.fromkeys(stop for part in self.parts for stop in (part.upper, part.lower))
        room: dict[Key, Size] = {stop: (4.0, 1.0) for stop in ends if isinstance(stop, Port) and not stop.below}
        for path, (width, height) in self.boxes.items():
            label = self.sizes.labels.get(self.loops[path], (0.0, 0.0))[0] if path in self.loops else None
            room[path] = (width if label is None else width + 2 * (LOOP + label), height)
        room |= {("label", place): size for place, size in self.labels.items()}
        return room | {stop: (4.0, 1.0) for stop in ends if isinstance(stop, Port) and stop.below}

    @cached_property
    def stops(self) -> dict[Segment, list[Key]]:
        """By part of an edge, what it passes from its upper end to its lower one; ways to the floor are filled up."""
        ways: dict[Segment, list[Key]] = {}
        for part in self.parts:
            label: list[Key] = [("label", part.edge)] if part.main and part.edge in self.labels else []
            ways[part] = [part.upper, *label, part.lower]
        depths = ranks(self.room, ways.values())
        last = max((rank for key, rank in depths.items() if not (isinstance(key, Port) and key.below)), default=0)
        for part, way in ways.items():
            if isinstance(part.lower, Port):
                way[-1:-1] = [("fill", part.lower, rank) for rank in range(depths[part.upper] + 1, last + 1)]
        return ways

    @cached_property
    def placed(self) -> Layers:
        """The places of all that, from the left upper corner of what the frame holds."""
        fill = {key: (4.0, 1.0) for way in self.stops.values() for key in way if key not in self.room}
        return layers(self.room | fill, self.stops.values())

    @cached_property
    def corner(self) -> Point:
        """How far what the frame holds stands from its corner: room for the border, and for the title in its middle."""
        if not self.path:
            return 0.0, 0.0
        aside = max(INSIDE, (self._title - self._extent()[0]) / 2)
        entered = any(isinstance(key, Port) and not key.below for key in self.room)
        return aside, TITLE if entered else TITLE + INSIDE

    @property
    def _title(self) -> float:
        return self.sizes.titles[self.path][0] + 2 * INSIDE if self.path else 0.0

    def _extent(self) -> Size:
        places = [(self.placed.places[key], size) for key, size in self.room.items()]
        right = max((x + size[0] / 2 for (x, _), size in places), default=0.0)
        bends = [x for bend in self.placed.bends.values() for x, _ in bend]
        return max([right, *bends]), max((low for _, low in self.placed.spans.values()), default=0.0)

    def _framed(self) -> Layout:
        """Boxes, labels and ports in their places, and the size of it all."""
        (dx, dy), (width, height) = self.corner, self._extent()
        left = any(isinstance(key, Port) and key.below for key in self.room)
        result = Layout(width + 2 * dx, height + dy + (0.0 if left or not self.path else INSIDE))
        for path, size in self.boxes.items():
            result.boxes[path] = self._box(path, size)
        for place, size in self.labels.items():
            result.labels[place] = self._box(("label", place), size)
        for path, place in self.loops.items():
            if place in self.sizes.labels:
                box, (wide, high) = result.boxes[path], self.sizes.labels[place]
                result.labels[place] = Box(box.x + box.width + LOOP, box.y + (box.height - high) / 2, wide, high)
        result.ports = {key: self.placed.places[key][0] + dx for key in self.room if isinstance(key, Port)}
        if self.path:
            result.titles[self.path] = self._titled(result)
        return result

    def _titled(self, result: Layout) -> Box:
        """Over the one way in, which then passes behind it; else in the middle."""
        width, height = self.sizes.titles[self.path]
        ways = [x for port, x in result.ports.items() if not port.below]
        middle = ways[0] if len(ways) == 1 else result.width / 2
        left = min(max(middle - width / 2, INSIDE), result.width - INSIDE - width)
        return Box(left, -height / 2, width, height)

    def _box(self, key: Key, size: Size) -> Box:
        (x, y), (dx, dy) = self.placed.places[key], self.corner
        return Box(x + dx - size[0] / 2, y + dy - size[1] / 2, *size)

    def _lead(self, part: Segment, result: Layout) -> None:
        """Add the way of one part of an edge to what is known of the edge's way inside."""
        way = list(self._way(part, result))
        way = way[::-1] if part.upward else way
        place = part.edge
        if part.main:
            result.ways[place] = result.out.pop(place, []) + way + result.into.pop(place, [])
        elif isinstance(part.target, Port):
            result.out[place] = result.out.get(place, []) + way
        else:
            result.into[place] = way + result.into.get(place, [])

    def _way(self, part: Segment, result: Layout) -> Iterator[Point]:
        """Downwards: from the upper end, upright through every layer between, to the lower end."""
        (dx, dy), stops = self.corner, self.stops[part]
        x, y = self._end(part, part.upper, result, below=True)
        yield x, y
        yield x, self.placed.spans[part.upper][1] + dy
        for upper, lower in pairwise(stops):
            yield from ((bx + dx, by + dy) for bx, by in self.placed.bends.get((upper, lower), []))
            if lower != part.lower:
                yield from ((self.placed.places[lower][0] + dx, by + dy) for by in self.placed.spans[lower])
        x, y = self._end(part, part.lower, result, below=False)
        yield x, self.placed.spans[part.lower][0] + dy
        yield x, y

    def _end(self, part: Segment, stop: Stop, result: Layout, *, below: bool) -> Point:
        """Where a part begins or ends: on the level's own border, on an inner cluster's, or on a node's."""
        if isinstance(stop, Port):
            return result.ports[stop], 0.0 if below else result.height
        box = result.boxes[stop]
        y = box.y + box.height if below else box.y
        if stop in self.inner:
            return box.x + self.inner[stop].ports[self._port(part, stop, below=below)], y
        return box.x + box.width / 2 + self._aside(part, stop, box.width, below), y

    def _port(self, part: Segment, stop: Stop, *, below: bool) -> Port:
        """Where a part that ends at an inner cluster crosses its border."""
        leaving = stop == part.source
        edge = self.edges[part.edge]
        return Port(edge.source if leaving else edge.target, leaving, below)

    def _aside(self, part: Segment, stop: str, width: float, below: bool) -> float:
        """How far from a node's middle an edge touches it, so that several edges stand apart in their order."""
        sharing = self._sharing[stop, below]
        apart = min(APART, max(0.0, width - 24) / max(1, len(sharing) - 1))
        return (sharing.index(part) - (len(sharing) - 1) / 2) * apart

    @cached_property
    def _sharing(self) -> dict[tuple[Stop, bool], list[Segment]]:
        sharing: dict[tuple[Stop, bool], list[tuple[float, int, Segment]]] = defaultdict(list)
        for place, (part, stops) in enumerate(self.stops.items()):
            sharing[part.upper, True].append((self._next(part, stops[0], stops[1], below=True), place, part))
            sharing[part.lower, False].append((self._next(part, stops[-1], stops[-2], below=False), place, part))
        return {key: [part for *_, part in sorted(parts, key=lambda each: each[:2])] for key, parts in sharing.items()}

    def _next(self, part: Segment, here: Key, there: Key, *, below: bool) -> float:
        """How far right the first thing stands that a part passes or meets on its way from `here` to `there`."""
        bends = self.placed.bends.get((here, there) if below else (there, here))
        if bends:
            return bends[0 if below else -1][0]
        x = self.placed.places[there][0]
        if isinstance(there, str) and there in self.inner:
            inner = self.inner[there]
            return x - inner.width / 2 + inner.ports[self._port(part, there, below=not below)]
        return x
