"""Graphs in DOT, the language of Graphviz."""

from collections.abc import Iterator, Mapping
from html import escape

from treadle.graphs.labels import lines
from treadle.graphs.pictures import Drawable, Edge, Node, Picture, picture
from treadle.graphs.segments import against
from treadle.graphs.statuses import LIGHT, SHADE, WIRE, Mark, Progress, mark

HEAD = f"""\
digraph {{
  graph [bgcolor="transparent" compound=true fontname="Helvetica,Arial,sans-serif" fontsize=11 labeljust=l
         nodesep=0.35 pad=0.2 rankdir=TB ranksep=0.42 style=rounded tooltip=" "]
  node [fontname="Helvetica,Arial,sans-serif" fontsize=12 height=0.4 margin="0.16,0.07" penwidth=1.2 shape=box
        style="rounded,filled"]
  edge [arrowsize=0.65 color="{WIRE}" fontname="Helvetica,Arial,sans-serif" fontsize=10 penwidth=1.2]"""


def dot(graph: Drawable, *, progress: Mapping[str, Progress] | None = None) -> str:
    """A graph in DOT, subgraphs as clusters, conditional ways dashed; with `progress`, coloured by status.

    Nothing is asked of the network, and Graphviz need not be installed to write it.
    """
    drawn = picture(graph)
    names = {node.path: f"n{place}" for place, node in enumerate(drawn.nodes)}
    parts = [HEAD, *_inside(drawn, "", names, progress, "  ")]
    back = against(drawn)
    for place, edge in enumerate(drawn.edges):
        ends = [names[edge.source], names[edge.target]]
        parts.append(f"  {' -> '.join(reversed(ends) if place in back else ends)}{_way(edge, back=place in back)}")
    return "\n".join([*parts, "}", ""])


def _inside(
    drawn: Picture, cluster: str, names: Mapping[str, str], progress: Mapping[str, Progress] | None, indent: str
) -> Iterator[str]:
    for part in drawn.inside(cluster):
        said = mark(part, progress)
        if not drawn.closed(part):
            yield f"{indent}{names[part.path]} [{_looks(part, said)}]"
            continue
        yield f"{indent}subgraph cluster_{drawn.clusters.index(part)} {{"
        yield f"{indent}  graph [{_frame(part, said)}]"
        yield from _inside(drawn, part.path, names, progress, indent + "  ")
        yield f"{indent}}}"


def _looks(node: Node, said: Mark) -> str:
    if node.dot:
        ring = "point" if node.kind == "start" else "doublecircle"
        size = 0.14 if node.kind == "start" else 0.09
        return (
            f'shape={ring} label="" width={size} height={size} fixedsize=true style=filled fillcolor="{WIRE}" '
            f'color="{WIRE}" tooltip={_quoted(said.tooltip)}'
        )
    tone = LIGHT[said.status]
    dashed = ' style="rounded,filled,dashed"' if said.status == "skipped" else ""
    return (
        f"label=<{_label(node.label, said.caption)}> tooltip={_quoted(said.tooltip)} "
        f'fillcolor="{tone.fill}" color="{tone.line}" fontcolor="{tone.text}"{dashed}'
    )


def _frame(cluster: Node, said: Mark) -> str:
    tone = LIGHT[said.status]
    label = _pill(_label(cluster.label, said.caption), tone.fill, tone.text)
    return (
        f'label=<{label}> tooltip={_quoted(said.tooltip)} color="{tone.line}" bgcolor="{SHADE}" margin=14 penwidth=1.2'
    )


def _way(edge: Edge, *, back: bool) -> str:
    """An edge's looks; one that leads back is told the other way round, or Graphviz would put its end on top."""
    looks = [*(["dir=back"] if back else []), *(["style=dashed"] if edge.conditional else [])]
    if edge.label:
        tone = LIGHT[""]
        looks.append(f"label=<{_pill('<br/>'.join(map(_html, lines(edge.label))), tone.fill, tone.text)}>")
    looks.append(f"tooltip={_quoted(edge.label or ' ')}")
    return f" [{' '.join(looks)}]"


def _label(name: str, caption: str) -> str:
    main = "<br/>".join(map(_html, lines(name)))
    return f'{main}<br/><font point-size="9.5">{_html(caption)}</font>' if caption else main


def _pill(inner: str, fill: str, text: str) -> str:
    """Text on a fill of its own, since the page below may be light or dark."""
    return (
        f'<table border="0" cellborder="0" cellpadding="2" cellspacing="0" bgcolor="{fill}" style="rounded">'
        f'<tr><td><font color="{text}">{inner}</font></td></tr></table>'
    )


def _html(text: str) -> str:
    return escape(text) or " "


def _quoted(text: str) -> str:
    clean = "\n".join(lines(text, width=400, most=12)).replace("\\", "\\\\").replace("&", "&amp;").replace('"', '\\"')
    return '"' + clean.replace("\n", "\\n") + '"'
