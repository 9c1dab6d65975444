"""Where everything in a picture stands: layers from top to bottom, a cluster laid out before what holds it."""

from collections.abc import Mapping, Sequence

from treadle.graphs.drawings.boxes import Layout, Sizes
from treadle.graphs.drawings.levels import MARGIN, Level
from treadle.graphs.drawings.pictures import Picture
from treadle.graphs.drawings.segments import Segment, segments


def layout(picture: Picture, sizes: Sizes) -> Layout:
    """Where everything goes, in pixels from the left upper corner; the same picture always gets the same layout."""
    top = _layout(picture, "", sizes, segments(picture))
    whole = Layout(top.width + 2 * MARGIN, top.height + 2 * MARGIN)
    whole.take(top, MARGIN, MARGIN)
    return whole


def _layout(picture: Picture, path: str, sizes: Sizes, cut: Mapping[str, Sequence[Segment]]) -> Layout:
    parts = picture.inside(path)
    inner = {part.path: _layout(picture, part.path, sizes, cut) for part in parts if picture.closed(part)}
    closed = {name: (part.width, part.height) for name, part in inner.items()}
    boxes = {part.path: closed.get(part.path) or sizes.nodes[part.path] for part in parts}
    return Level(path, picture.edges, cut.get(path, ()), boxes, inner, sizes).layout()
