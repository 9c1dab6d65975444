"""Rows of a list: a link, and all else in one element, since the browser's work grows with their number."""

import streamlit as st

from treadle.ui.markups import Markup, put, tag
from treadle.ui.places import link


def row(key: str, to: str, title: str, *cells: Markup, kind: str = "", **query: str | None) -> None:
    """A row whose title leads to a page; the first cell stands below the title, the others beside it.

    `kind` says which widths the cells have (``ui/assets/desk.css``).
    """
    with st.container(key=f"row-{key}"):
        link(to, title, **query)
        put(tag("div", *cells, kind=f"cells {kind}"))


def cell(*lines: Markup | str, kind: str = "") -> Markup:
    """A cell of lines, one below the other; those after the first are fainter."""
    return tag("div", *(tag("div", one, kind="faint" if n else "") for n, one in enumerate(lines)), kind=f"cell {kind}")
