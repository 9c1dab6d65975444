"""Graphs in DOT, the language of Graphviz."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from treadle.graphs.drawings.labels import lines
from treadle.graphs.drawings.pictures import Drawable, Edge, Node, Picture, picture
from treadle.graphs.drawings.segments import against
from treadle.graphs.statuses import LIGHT, SHADE, WIRE, Mark, Progress, mark

HEAD = f"""\
digraph {{
  graph [bgcolor="transparent" compound=true fontname="Helvetica" fontsize=11 labeljust=r
         nodesep=0.35 pad=0.2 rankdir=TB ranksep=0.42 style=rounded tooltip=" "]
  node [fontname="Helvetica" fontsize=11 height=0.4 margin="0.16,0.07" penwidth=1.2 shape=box
        style="rounded,filled"]
  edge [arrowsize=0.65 color="{WIRE}" fontname="Helvetica" fontsize=11 penwidth=1.2]"""


def dot(graph: Drawable, *, progress: Mapping[str, Progress] | None = None, here: str = "") -> str:
    """A graph in DOT, subgraphs as clusters, conditional ways dashed; with `progress`, coloured by status.

    `here` is the path of a step to point out.

    Nothing is asked of the network, and Graphviz need not be installed to write it.
    """
    drawn = picture(graph)
    names = {node.path: f"n{place}" for place, node in enumerate(drawn.nodes)}
    parts = [HEAD, *_inside(drawn, "", names, progress, "  ", here)]
    back = against(drawn)
    for place, edge in enumerate(drawn.edges):
        ends = [names[edge.source], names[edge.target]]
        parts.append(f"  {' -> '.join(reversed(ends) if place in back else ends)}{_way(edge, back=place in back)}")
    return "\n".join([*parts, "}", ""])


def _inside(
    drawn: Picture,
    cluster: str,
    names: Mapping[str, str],
    progress: Mapping[str, Progress] | None,
    indent: str,
    here: str,
) -> Iterator[str]:
    for part in drawn.inside(cluster):
        said = mark(part, progress, here=part.path == here)
        if not drawn.closed(part):
            yield f"{indent}{names[part.path]} [{_looks(part, said)}]"
            continue
        yield f"{indent}subgraph cluster_{drawn.clusters.index(part)} {{"
        yield f"{indent}  graph [{_frame(part, said)}]"
        yield from _inside(drawn, part.path, names, progress, indent + "  ", here)
        yield f"{indent}}}"


def _looks(node: Node, said: Mark) -> str:
    if node.dot:
        ring = "point" if node.kind == "start" else "doublecircle"
        size = 0.14 if node.kind == "start" else 0.09
        return (
            f'shape={ring} label="" width={size} height={size} fixedsize=true style=filled fillcolor="{WIRE}" '
            f'color="{WIRE}" tooltip={_quoted(_tooltip(said))}'
        )
    tone = LIGHT[said.status]
    dashed = ' style="rounded,filled,dashed"' if said.status == "skipped" else ""
    thick = " penwidth=3.5" if said.here else ""
    return (
        f"label={_quoted(_rows(node.label, said.caption))} tooltip={_quoted(_tooltip(said))} "
        f'fillcolor="{tone.fill}" color="{tone.line}" fontcolor="{tone.text}"{dashed}{thick}'
    )


def _frame(cluster: Node, said: Mark) -> str:
    tone = LIGHT[said.status]
    label = _pill(_rows(cluster.label, said.caption), tone.fill, tone.text)
    looks = f'color="{tone.line}" bgcolor="{SHADE}" margin=14 penwidth=1.2'
    return f"label=<{label}> tooltip={_quoted(_tooltip(said))} {looks}"


def _way(edge: Edge, *, back: bool) -> str:
    """An edge's looks; one that leads back is told the other way round, or Graphviz would put its end on top."""
    looks = [*(["dir=back"] if back else []), *(["style=dashed"] if edge.conditional else [])]
    if edge.label:
        tone = LIGHT[""]
        looks.append(f"label=<{_pill(lines(edge.label), tone.fill, tone.text)}>")
    looks.append(f"tooltip={_quoted(lines(edge.label or ' '))}")
    return f" [{' '.join(looks)}]"


def _tooltip(said: Mark) -> list[str]:
    return lines(said.tooltip, width=400, most=12)


def _rows(name: str, caption: str) -> list[str]:
    return [*lines(name), *([caption] if caption else [])]


def _pill(rows: list[str], fill: str, text: str) -> str:
    """Text on a fill of its own, since the page below may be light or dark."""
    inner = "".join(f'{escape(row) or " "}<br align="left"/>' for row in rows)
    return (
        f'<table border="0" cellborder="0" cellpadding="3" cellspacing="0" bgcolor="{fill}" style="rounded">'
        f'<tr><td align="left"><font color="{text}">{inner}</font></td></tr></table>'
    )


def _quoted(rows: Iterable[str]) -> str:
    """Rows of text as a DOT string, in which backslashes and HTML's entities mean something."""
    signs = {"\\": "\\\\", '"': '\\"', "&": "&amp;"}
    return '"' + "\\n".join("".join(signs.get(sign, sign) for sign in row) for row in rows) + '"'
