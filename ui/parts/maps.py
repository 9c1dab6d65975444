"""Where a question stands in its graph: the way to it in words, and the map when it is asked for."""

import streamlit as st

from treadle.checkpoints.reviews import Review
from treadle.errors import TreadleError
from treadle.graphs.drawings import dot
from treadle.graphs.progress import progress
from treadle.ui.markups import plain, put, tag
from treadle.ui.stores import known, store


def where(found: Review) -> None:
    """The steps from the outermost graph inwards; the map below, once the reader opens it."""
    place = "|".join(part for part in (found.path, found.node) if part)
    way = [part for part in place.split("|") if not part.startswith("__")]
    names = [found.graph or "the graph", *way]
    opened = st.expander(
        plain("Where this stands: " + " › ".join(names)), key=f"map-{found.id}", icon=":material/map:", type="compact",
        on_change="rerun",
    )  # fmt: skip
    if opened.open:
        with opened:
            _map(found, "|".join(way))


def _map(found: Review, here: str) -> None:
    if not found.graph:
        put(tag("p", "The run was started without a name for its graph, so that it cannot be drawn.", kind="faint"))
        return
    try:
        drawn = known().compiled(found.graph, None)
    except TreadleError as error:
        put(tag("p", str(error), kind="faint"))
        return
    told = f"The graph {found.graph}; this question stands at {here.replace('|', ' / ')}"
    st.graphviz_chart(dot(drawn, progress=progress(store(), found.thread_id), here=here), width="content", alt=told)
