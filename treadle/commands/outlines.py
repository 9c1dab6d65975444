"""A graph as indented text: every step on a line, what is inside it below, where it leads at its end."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treadle.graphs.drawings.pictures import Node, Picture


def outline(graph: Any, *, progress: Mapping[str, Any] | None = None) -> str:
    """Return a graph as lines of text, with each step's status where the progress of a run is given."""
    from treadle.graphs.drawings.pictures import picture

    drawn = picture(graph)
    return "\n".join(_level(drawn, "", 0, progress))


def _level(drawn: "Picture", cluster: str, depth: int, progress: Mapping[str, Any] | None) -> Iterator[str]:
    for part in drawn.inside(cluster):
        if part.dot:
            continue
        yield "  " * depth + _line(drawn, part, progress)
        if drawn.closed(part):
            yield from _level(drawn, part.path, depth + 1, progress)


def _line(drawn: "Picture", part: "Node", progress: Mapping[str, Any] | None) -> str:
    kind = f" ({part.kind})" if part.kind not in ("step", "graph") else ""
    status = f" [{progress[part.path].words}]" if progress and part.path in progress else ""
    return f"{part.label}{kind}{status}{_ways(drawn, part.path)}"


def _ways(drawn: "Picture", path: str) -> str:
    """Where a step leads, if that is not simply the next one."""
    ways = [edge for edge in drawn.edges if edge.source == path]
    if len(ways) < 2 and not any(edge.conditional for edge in ways):
        return ""
    return " -> " + ", ".join(f"{_name(edge.target)}{f' if {edge.label}' if edge.label else ''}" for edge in ways)


def _name(path: str) -> str:
    name = path.rpartition("|")[2]
    return "end" if name == "__end__" else name
