"""Markdown that a model wrote, set for reading: headings, lists, emphasis; what would reach outside stays text."""

import re
from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from treadle.ui.markups import Inside, Markup, join, tag

_READER: Final = (
    MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink", "entity"])
)

_SIGNS: Final = re.compile(r"^#{1,6} |\*\*\S|^\s*[-*] \S.*\n\s*[-*] ", re.MULTILINE)

_NAMES: Final = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6"}
"""Headings a step down: the page has larger ones of its own."""


def written(text: str) -> bool:
    """Whether a text looks as if it was meant as Markdown."""
    return len(text) < 100_000 and _SIGNS.search(text) is not None


def set_(text: str) -> Markup:
    """The text set for reading. Links and images stand there as they were written, HTML too: all of it is text."""
    tokens = iter(_READER.parse(text))
    return tag("div", *_blocks(tokens), kind="set", dir="auto")


def _blocks(tokens: Iterator[Token]) -> list[Inside]:
    """The parts up to the end of the block that the tokens are in."""
    parts: list[Inside] = []
    for token in tokens:
        if token.nesting < 0:
            return parts
        if token.nesting > 0:
            inside = _blocks(tokens)
            parts.append(join(inside) if token.hidden else tag(_NAMES.get(token.tag, token.tag), *inside))
        elif token.type == "inline":
            parts += _blocks(iter(token.children or ()))
        elif token.type in ("fence", "code_block"):
            parts.append(tag("pre", token.content))
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" " if token.type == "softbreak" else Markup("<br>"))
        elif token.type == "hr":
            parts.append(Markup("<hr>"))
        else:
            parts.append(tag("code", token.content) if token.type == "code_inline" else token.content)
    return parts
