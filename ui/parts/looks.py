"""A second look: asking a question again whose answer a run has gone on with, in a run of its own."""

from typing import Final

import streamlit as st

from treadle.checkpoints.ledgers.forks import second_look
from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import TreadleError
from treadle.ui.markups import plain
from treadle.ui.people import missing, person
from treadle.ui.places import go

_ASKED, _TROUBLE = "treadle.look", "treadle.look.trouble"
_WHAT: Final = "The run is taken back to this question in a new run; the old one stays as it is, and both are linked."


def look_again(saver: SqliteSaver, found: Review) -> None:
    """Offer a second look at a closed review."""
    if asked := st.session_state.pop(_ASKED, None):
        go("review", id=asked[0], thread=asked[1])
    if told := st.session_state.pop(_TROUBLE, None):
        st.error(plain(told), icon=":material/error:")
    if found.status != "closed" or not person().operates:
        return
    with st.expander("Look at this again", icon=":material/restore:", type="compact", key=f"look-{found.id}"):
        st.caption(_WHAT)
        st.text_input("Why", key=f"look-why-{found.id}", placeholder="goes on record")
        st.button("Ask it again", key=f"look-go-{found.id}", disabled=missing(), on_click=_look, args=(saver, found))


def _look(saver: SqliteSaver, found: Review) -> None:
    who, why = person(), str(st.session_state.get(f"look-why-{found.id}") or "").strip()
    try:
        who.operate()
        if not why:
            st.session_state[_TROUBLE] = "Say why it is looked at again: that goes on record."
            return
        made = second_look(saver, found.id, by=who.name, roles=who.roles, why=why, thread=found.thread_id)
    except TreadleError as error:
        st.session_state[_TROUBLE] = str(error)
    else:
        st.session_state[_ASKED] = (made.id, made.thread_id)
