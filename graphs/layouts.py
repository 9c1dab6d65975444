"""Where everything in a picture stands: layers from top to bottom, a cluster laid out before what holds it."""

from collections.abc import Mapping, Sequence

from treadle.graphs.levels import MARGIN, Layout, Level, Sizes
from treadle.graphs.pictures import Picture
from treadle.graphs.segments import Segment, segments


def layout(picture: Picture, sizes: Sizes) -> Layout:
    """Where everything goes, in pixels from the left upper corner; the same picture always gets the same layout."""
    top = _layout(picture, "", sizes, segments(picture))
    whole = Layout(top.width + 2 * MARGIN, top.height + 2 * MARGIN)
    whole.take(top, MARGIN, MARGIN)
    return whole


def _layout(picture: Picture, path: str, sizes: Sizes, cut: Mapping[str, Sequence[Segment]]) -> Layout:
    inner = {part.path: _layout(picture, part.path, sizes, cut) for part in picture.within(path)}
    boxes = {node.path: sizes.nodes[node.path] for node in picture.inside(path)}
    boxes |= {name: (part.width, part.height) for name, part in inner.items()}
    order = {name: None for node in picture.nodes for name in boxes if f"{node.path}|".startswith(f"{name}|")}
    ordered = {name: boxes[name] for name in order}
    return Level(path, picture.edges, cut.get(path, ()), ordered, inner, sizes).layout()
