"""A graph as a drawing, in three languages, with no network: ``dot``, ``mermaid`` and ``svg``."""

from treadle.graphs.dots import dot
from treadle.graphs.mermaids import mermaid
from treadle.graphs.svgs import svg

__all__ = ["dot", "mermaid", "svg"]
