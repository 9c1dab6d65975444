"""Graphs in Mermaid, the language that READMEs and wikis draw."""

import re
from collections.abc import Iterator, Mapping

from treadle.graphs.drawings.labels import lines
from treadle.graphs.drawings.pictures import Drawable, Edge, Node, Picture, picture
from treadle.graphs.statuses import LIGHT, WIRE, Progress, mark

AROUND = "#eceff3"
"""What lies under a cluster, and its title: light on any page, since Mermaid's titles have no fill of their own."""

_CODED = re.compile(r"^\s*(?:[-+>]|\d+\.)|[\"<>&#`\\\[\]{}()|*~$%;:@^=]")


def mermaid(graph: Drawable, *, progress: Mapping[str, Progress] | None = None) -> str:
    """A graph as a Mermaid flowchart, subgraphs as clusters, conditional ways dotted; `progress` colours it by status.

    Labels hold no HTML but line breaks, and every fill has its own text colour, so that both themes can be read.
    """
    drawn = picture(graph)
    names = {node.path: f"n{place}" for place, node in enumerate(drawn.nodes)}
    parts = ["flowchart TD", *_inside(drawn, "", names, progress, "  ")]
    parts += [f"  {names[edge.source]} {_way(edge)} {names[edge.target]}" for edge in drawn.edges]
    return "\n".join([*parts, *_tones(), ""])


def _inside(
    drawn: Picture, cluster: str, names: Mapping[str, str], progress: Mapping[str, Progress] | None, indent: str
) -> Iterator[str]:
    for part in drawn.inside(cluster):
        if not drawn.closed(part):
            yield f"{indent}{names[part.path]}{_shape(part, progress)}"
            continue
        name, said = f"c{drawn.clusters.index(part)}", mark(part, progress)
        label = " · ".join(text for text in (_text(part.label), _text(said.caption)) if text)
        yield f'{indent}subgraph {name}["{label}"]'
        yield from _inside(drawn, part.path, names, progress, indent + "  ")
        yield f"{indent}end"
        yield f"{indent}class {name} {said.status or 'plain'}Around"


def _shape(node: Node, progress: Mapping[str, Progress] | None) -> str:
    if node.dot:
        return '((" ")):::dot' if node.kind == "start" else '(((" "))):::dot'
    said = mark(node, progress)
    caption = f"<br/>{_text(said.caption)}" if said.caption else ""
    return f'("{_text(node.label) or " "}{caption}"):::{said.status or "plain"}'


def _way(edge: Edge) -> str:
    arrow = "-.->" if edge.conditional else "-->"
    return f'{arrow}|"{_text(edge.label)}"|' if edge.label.strip() else arrow


def _text(text: str) -> str:
    """A text inside quotes: what Mermaid, Markdown or HTML would act on is written as ``#code;``."""
    return "<br/>".join(_CODED.sub(_coded, line) for line in lines(text))


def _coded(found: re.Match[str]) -> str:
    return "".join(sign if sign.isalnum() or sign.isspace() else f"#{ord(sign)};" for sign in found[0])


def _tones() -> Iterator[str]:
    for status, tone in LIGHT.items():
        dashes = ",stroke-dasharray:4 3" if status == "skipped" else ""
        yield f"  classDef {status or 'plain'} fill:{tone.fill},stroke:{tone.line},color:{tone.text}{dashes}"
        yield f"  classDef {status or 'plain'}Around fill:{AROUND},stroke:{tone.line},color:{tone.text}"
    yield f"  classDef dot fill:{WIRE},stroke:{WIRE},color:{WIRE}"
    yield f"  linkStyle default stroke:{WIRE}"
