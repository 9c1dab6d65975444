"""The sheet of keys, which `?` opens."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from treadle.ui.markups import put, tag
from treadle.ui.parts.actions import KEYS, named
from treadle.ui.scripts import script

_MOVES: Final = (
    ("S", "Skip: this one comes again when the others are done"),
    ("N", "Next: look at the next one; from the Inbox, open the most urgent one"),
    ("Ctrl+Enter", "Save what was typed"),
    ("Esc", "Leave what was begun, or this sheet"),
    ("Tab", "To the next field or button"),
    ("? or H", "This sheet"),
)


def sheet(actions: Sequence[str]) -> None:
    """The button that shows which key does what, for the actions at hand."""
    script("sheet")
    st.button("Keys", key="sheet", shortcut="H", type="tertiary", icon=":material/keyboard:", on_click=_open)
    if st.session_state.pop("treadle.sheet", False):
        _sheet(tuple(actions))


def _open() -> None:
    st.session_state["treadle.sheet"] = True


@st.dialog("Keys", width="medium")
def _sheet(actions: Sequence[str]) -> None:
    rows = [(KEYS[action], named(action)) for action in actions if action in KEYS] + list(_MOVES)
    put(tag("dl", *(tag("div", tag("dt", tag("kbd", key)), tag("dd", what)) for key, what in rows), kind="keys"))
