"""A graph as a drawing, in three languages, with no network: ``dot``, ``mermaid`` and ``svg``."""

from treadle.graphs.drawings.dots import dot
from treadle.graphs.drawings.mermaids import mermaid
from treadle.graphs.drawings.svgs import svg

__all__ = ["dot", "mermaid", "svg"]
