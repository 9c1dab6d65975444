"""Two runs of one graph side by side: what they took, and where their values differ."""

from typing import Any, Final

import streamlit as st

from treadle.checkpoints.runs import Run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.diffs import changes
from treadle.ui.empties import empty
from treadle.ui.markups import Inside, put, tag
from treadle.ui.statuses import status
from treadle.ui.stories import dollars, simple
from treadle.ui.texts import ROWS, changed, table
from treadle.ui.times import brief

RECENT: Final = 50
"""Runs to choose the other one from."""


def compare(saver: SqliteSaver, found: Run) -> None:
    """Let the reader choose another run of the same graph, and show how the two differ."""
    others = {one.thread_id: one for one in runs(saver, graph=found.graph, limit=RECENT) if one != found}
    others.pop(found.thread_id, None)
    if not others:
        empty("No other run of this graph", "Runs of one graph can be compared: what they took, and what came out.")
        return
    name = st.selectbox("Compare with", list(others), index=None, key=f"pair-{found.thread_id}", placeholder="a run")
    if name:
        _show(saver, found, others[name])


def _show(saver: SqliteSaver, one: Run, other: Run) -> None:
    rows = [[label, first, second] for label, first, second in zip(_LABELS, _facts(one), _facts(other), strict=True)]
    put(table(("", one.thread_id, other.thread_id), rows, label="What the two runs took"))
    found = changes(values(saver, one.thread_id), values(saver, other.thread_id))
    put(tag("h3", f"What differs in {other.thread_id}", kind="part"))
    if found:
        put(changed(found))
        if len(found) > ROWS:
            st.caption(f"The first {ROWS} of {len(found):,} differences are shown.")
    else:
        put(tag("p", "All values are the same.", kind="faint"))


_LABELS: Final = ("Status", "Version", "Steps", "Tokens in", "Tokens out", "Cost", "Took")


def _facts(found: Run) -> list[Inside]:
    took = brief(found.finished_at - found.created_at) if found.finished_at else "not over"
    version = (found.fingerprint or "unknown")[:8]
    tokens = [f"{found.tokens_in:,}", f"{found.tokens_out:,}"]
    return [status(found), version, f"{found.steps:,}", *tokens, dollars(found.cost), took]


def values(saver: SqliteSaver, thread: str) -> dict[str, Any]:
    """A run's values as they are now, as plain data."""
    saved = saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
    held = saved.checkpoint["channel_values"] if saved else {}
    return {key: simple(value) for key, value in held.items() if not key.startswith(("__", "branch:"))}
