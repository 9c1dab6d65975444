"""Trying again what failed: a run where it stopped, or the branches that a run went on without."""

from typing import Final

import streamlit as st

from treadle.checkpoints.ledgers.reruns import rerun as branches_again
from treadle.checkpoints.ledgers.retries import again
from treadle.checkpoints.runs import Run
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import TreadleError
from treadle.ui.markups import plain
from treadle.ui.people import missing, person
from treadle.ui.places import go

_AGAIN, _MADE, _TROUBLE = "treadle.again", "treadle.rerun", "treadle.rerun.trouble"
_WHAT: Final = "In a new run, which keeps what the others gave; what comes after is done again there, with its effects."


def retry(saver: SqliteSaver, found: Run) -> None:
    """Offer to try a failed run again."""
    if told := st.session_state.pop(_AGAIN, None):
        st.warning(plain(told), icon=":material/info:")
    if found.status not in ("failed", "parked", "stalled") or not person().operates:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Try again now", key="again", icon=":material/replay:", disabled=missing(), on_click=_retry,
            args=(saver, found.thread_id),
        )  # fmt: skip
        st.caption("What is finished is not done again: of a fan-out only branches that failed.", width="content")


def _retry(saver: SqliteSaver, thread: str) -> None:
    who = person()
    try:
        who.operate()
        again(saver, thread, by=who.name, roles=who.roles)
    except TreadleError as error:
        st.session_state[_AGAIN] = str(error)


def rerun(saver: SqliteSaver, found: Run, *, failed: int) -> None:
    """Offer to run the failed branches again of a run that went on without them."""
    if made := st.session_state.pop(_MADE, None):
        go("runs", thread=made)
    if told := st.session_state.pop(_TROUBLE, None):
        st.error(plain(told), icon=":material/error:")
    if not failed or found.status not in ("done", "waiting", "direct") or not person().operates:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Run the failed branch again" if failed == 1 else f"Run the {failed:,} failed branches again"
        st.button(
            label, key="rerun", icon=":material/replay:", disabled=missing(), on_click=_rerun,
            args=(saver, found.thread_id),
        )  # fmt: skip
        st.caption(_WHAT, width="content")


def _rerun(saver: SqliteSaver, thread: str) -> None:
    who = person()
    try:
        who.operate()
        st.session_state[_MADE] = branches_again(saver, thread, by=who.name, roles=who.roles).thread_id
    except TreadleError as error:
        st.session_state[_TROUBLE] = str(error)
