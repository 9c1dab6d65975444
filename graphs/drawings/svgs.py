"""Graphs as SVG files that need nothing else: no script, no font, no network."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise

from treadle.graphs.drawings.boxes import Box, Layout, Sizes
from treadle.graphs.drawings.labels import breadth, lines
from treadle.graphs.drawings.layers import Point, Size
from treadle.graphs.drawings.layouts import layout
from treadle.graphs.drawings.levels import LOOP
from treadle.graphs.drawings.pictures import Drawable, Edge, Node, Picture, picture
from treadle.graphs.statuses import DARK, LIGHT, SHADE, WIRE, Mark, Progress, Tone, mark

NAME, CAPTION, LEAD = 13.0, 10.5, 16.0
"""Pixels: the size of a name, of what stands below it, and from one line of text to the next."""


def svg(graph: Drawable, *, progress: Mapping[str, Progress] | None = None) -> str:
    """A graph as an SVG file, subgraphs as clusters, conditional ways dashed; with `progress`, coloured by status.

    It has no background and follows the reader's light or dark theme where that is known; where it is not, the light
    colours can be read on either, since every text stands on a fill of its own.
    """
    drawn = picture(graph)
    marks = {node.path: mark(node, progress) for node in (*drawn.nodes, *drawn.clusters)}
    placed = layout(drawn, _sizes(drawn, marks))
    width, height = round(placed.width), round(placed.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'class="treadle" role="img">'
    )
    parts = [head, "<title>Graph</title>", _style(), _ARROW]
    parts += [_cluster(node, marks[node.path], placed.boxes[node.path]) for node in drawn.clusters]
    parts += [_way(edge, placed, place) for place, edge in enumerate(drawn.edges)]
    parts += [_title(node, marks[node.path], placed.titles[node.path]) for node in drawn.clusters]
    parts += [
        _label(edge.label, placed.labels[place]) for place, edge in enumerate(drawn.edges) if place in placed.labels
    ]
    parts += [_node(node, marks[node.path], placed.boxes[node.path]) for node in drawn.nodes]
    return "\n".join([*parts, "</svg>", ""])


_ARROW = (
    '<defs><marker id="treadle-tip" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path d="M1,1 L9,5 L1,9 L3,5 z" class="tip"/></marker></defs>'
)


def _style() -> str:
    shared = (
        ".treadle text{font-family:Inter,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
        "text-anchor:middle}"
        f".treadle .name{{font-size:{NAME}px}}.treadle .caption{{font-size:{CAPTION}px}}"
        ".treadle rect{stroke-width:1.2}.treadle .pill{stroke-width:.8}"
        f".treadle .shade{{fill:{SHADE}}}"
        f".treadle .way{{fill:none;stroke:{WIRE};stroke-width:1.3;stroke-linejoin:round}}"
        ".treadle .maybe{stroke-dasharray:5 4}.treadle .skipped rect{stroke-dasharray:4 3}"
        f".treadle .tip,.treadle .dot{{fill:{WIRE}}}.treadle .ring{{fill:none;stroke:{WIRE};stroke-width:1.3}}"
    )
    dark = f"@media (prefers-color-scheme:dark){{{''.join(_tones(DARK))}}}"
    return f"<style>{shared}{''.join(_tones(LIGHT))}{dark}</style>"


def _tones(tones: Mapping[str, Tone]) -> Iterator[str]:
    for status, tone in tones.items():
        name = f".treadle .{status or 'plain'}"
        yield f"{name} .body,{name} .pill{{fill:{tone.fill};stroke:{tone.line}}}{name} .shade{{stroke:{tone.line}}}"
        yield f"{name} text{{fill:{tone.text}}}"


def _sizes(drawn: Picture, marks: Mapping[str, Mark]) -> Sizes:
    return Sizes(
        {node.path: (14.0, 14.0) if node.dot else _size(node, marks[node.path]) for node in drawn.nodes},
        {node.path: (_title_width(node, marks[node.path]), 20.0) for node in drawn.clusters},
        {place: _label_size(edge.label) for place, edge in enumerate(drawn.edges) if edge.label.strip()},
    )


def _size(node: Node, said: Mark) -> Size:
    rows = lines(node.label)
    widest = max([breadth(row, NAME) for row in rows] + [breadth(said.caption, CAPTION)])
    return max(64.0, widest + 28), len(rows) * LEAD + (14 if said.caption else 0) + 16


def _title_width(cluster: Node, said: Mark) -> float:
    return (
        breadth(_line(cluster.label), CAPTION + 1) + (breadth(said.caption, CAPTION) + 14 if said.caption else 0) + 16
    )


def _label_size(label: str) -> Size:
    rows = lines(label)
    return max(breadth(row, CAPTION) for row in rows) + 12, len(rows) * 13.0 + 5


def _line(text: str) -> str:
    return " ".join(lines(text))


def _group(status: str, tooltip: str, inner: str) -> str:
    told = _xml("\n".join(lines(tooltip, width=400, most=12)))
    return f'<g class="{status or "plain"}"><title>{told}</title>{inner}</g>'


def _node(node: Node, said: Mark, box: Box) -> str:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    if node.dot:
        ring = f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="6.4"/>' if node.kind == "end" else ""
        small = 3.6 if node.kind == "end" else 5.4
        return _group("", said.tooltip, f'{ring}<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{small}"/>')
    rows = lines(node.label)
    texts = [_text("name", row, x, box.y + 8 + LEAD * place + 12) for place, row in enumerate(rows)]
    if said.caption:
        texts.append(_text("caption", said.caption, x, box.y + 8 + LEAD * len(rows) + 10))
    return _group(said.status, said.tooltip, _rect("body", box, 9) + "".join(texts))


def _cluster(cluster: Node, said: Mark, box: Box) -> str:
    return _group(said.status, said.tooltip, _rect("shade", box, 12))


def _title(cluster: Node, said: Mark, pill: Box) -> str:
    """The pill on a cluster's upper border; an edge that enters there passes behind it."""
    caption = f'<tspan class="caption"> · {_xml(said.caption)}</tspan>' if said.caption else ""
    x, y = pill.x + pill.width / 2, pill.y + 14
    text = (
        f'<text class="caption" style="font-size:{CAPTION + 1}px" x="{x:.1f}" y="{y:.1f}">{_xml(_line(cluster.label))}'
    )
    return _group(said.status, said.tooltip, f"{_rect('pill', pill, 6)}{text}{caption}</text>")


def _label(label: str, box: Box) -> str:
    x = box.x + box.width / 2
    texts = [_text("caption", row, x, box.y + 12.5 + 13 * place) for place, row in enumerate(lines(label))]
    return f'<g class="plain">{_rect("pill", box, 5)}{"".join(texts)}</g>'


def _way(edge: Edge, placed: Layout, place: int) -> str:
    looks = "way maybe" if edge.conditional else "way"
    drawn = _path(placed.ways[place]) if place in placed.ways else _loop(placed.boxes[edge.source])
    return f'<path class="{looks}" d="{drawn}" marker-end="url(#treadle-tip)"/>'


def _path(points: Sequence[Point]) -> str:
    """A smooth line that is upright at each of its points."""
    drawn = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (to, down) in pairwise(points):
        if abs(x - to) < 0.5:
            drawn += f" L{to:.1f},{down:.1f}" if abs(y - down) > 0.05 else ""
        else:
            half = (y + down) / 2
            drawn += f" C{x:.1f},{half:.1f} {to:.1f},{half:.1f} {to:.1f},{down:.1f}"
    return drawn


def _loop(box: Box) -> str:
    x, y, out = box.x + box.width, box.y + box.height / 2, LOOP - 4
    return f"M{x:.1f},{y - 8:.1f} C{x + out:.1f},{y - 16:.1f} {x + out:.1f},{y + 16:.1f} {x:.1f},{y + 8:.1f}"


def _rect(looks: str, box: Box, round_: float) -> str:
    return (
        f'<rect class="{looks}" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{round_}"/>'
    )


def _text(looks: str, text: str, x: float, y: float) -> str:
    return f'<text class="{looks}" x="{x:.1f}" y="{y:.1f}">{_xml(text)}</text>'


def _xml(text: str) -> str:
    return escape(text)
