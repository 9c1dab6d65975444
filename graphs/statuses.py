"""What a step's state is called and how it is coloured, in every drawing language alike."""

from collections.abc import Mapping
from dataclasses import dataclass

from treadle.graphs.drawings.pictures import Node


@dataclass(frozen=True)
class Progress:
    """How often a step of one run has been done, and how many of its tasks are under way now."""

    done: int = 0
    waiting: int = 0
    """Tasks that stopped to ask somebody."""
    running: int = 0
    """Tasks that are due: begun, or left by a process that ended."""
    failed: int = 0

    def __add__(self, other: "Progress") -> "Progress":
        """The counts of both together."""
        return Progress(
            self.done + other.done,
            self.waiting + other.waiting,
            self.running + other.running,
            self.failed + other.failed,
        )

    @property
    def status(self) -> str:
        """The most pressing of "failed", "waiting", "running", "done"; "" if nothing happened yet."""
        return next((name for name in ("failed", "waiting", "running", "done") if getattr(self, name)), "")

    @property
    def words(self) -> str:
        """Every count that is not nought, the most pressing first.

        >>> Progress(done=12, waiting=3).words
        'waiting 3, done 12'
        >>> Progress(running=1).words
        'running'
        """
        counts = ((name, getattr(self, name)) for name in ("failed", "waiting", "running", "done"))
        return ", ".join(name if count == 1 else f"{name} {count}" for name, count in counts if count)


@dataclass(frozen=True)
class Tone:
    """Three colours that belong together, as ``#rrggbb``; `text` on `fill` has a contrast of 4.5 or more."""

    fill: str
    line: str
    text: str


LIGHT = {
    "": Tone("#f5f6f8", "#a3acba", "#1f2733"),
    "done": Tone("#e2f2e9", "#5a9e7c", "#12402b"),
    "waiting": Tone("#fcf0d2", "#c49335", "#4d3503"),
    "running": Tone("#e1ecfa", "#5b8fce", "#10305a"),
    "failed": Tone("#fae3e1", "#cc6760", "#5c1512"),
    "skipped": Tone("#eef0f3", "#b4bac4", "#59626f"),
}
"""By status, for a light page; readable on a dark one as well, since every text stands on its own fill."""

DARK = {
    "": Tone("#262c36", "#667182", "#e6e9ee"),
    "done": Tone("#16382a", "#4f9f7b", "#d5f2e3"),
    "waiting": Tone("#43330d", "#cfa044", "#fbeccb"),
    "running": Tone("#15304f", "#5f97da", "#dbe9fb"),
    "failed": Tone("#4a1c1a", "#d9746c", "#fbe0de"),
    "skipped": Tone("#1f242c", "#4a5361", "#a3acb9"),
}
"""By status, for a dark page."""

WIRE = "#7d8696"
"""Edges, and the dots where a graph begins and ends: stands out from white and from black alike."""

SHADE = "#7884961a"
"""What lies under a cluster: a tenth of grey, so that nested clusters grow deeper on any page."""


@dataclass(frozen=True)
class Mark:
    """What a drawing says of one node: its status, the small line below its name, and its tooltip."""

    status: str
    caption: str
    tooltip: str
    here: bool = False
    """Whether it is the step that the reader comes from."""


def mark(node: Node, progress: Mapping[str, Progress] | None, *, here: bool = False) -> Mark:
    """What to say of a node or cluster; a step that a finished run never came to was skipped."""
    status, words = _status(node, progress)
    kind = "" if node.kind in ("step", "graph", "start", "end") else node.kind
    caption = " · ".join(part for part in (kind, words, "you are here" if here else "") if part)
    where = node.path.replace("|", " / ")
    tooltip = "\n".join(part for part in (where, caption, node.note) if part)
    return Mark(status, caption, node.label if node.dot else tooltip, here)


def _status(node: Node, progress: Mapping[str, Progress] | None) -> tuple[str, str]:
    if progress is None or node.dot:
        return "", ""
    if found := progress.get(node.path):
        return found.status, found.words
    over = progress.get("", Progress()).status == "done"
    return ("skipped", "skipped") if over else ("", "")
