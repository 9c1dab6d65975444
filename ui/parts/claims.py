"""Who has a question before them: claimed as long as its page is open, given back when the reviewer moves on."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import streamlit as st

from treadle.checkpoints.desks.claims import SECONDS, claim, live, release
from treadle.checkpoints.desks.panels import same
from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ClaimHeld, NotAllowed, TreadleError
from treadle.ui.markups import plain
from treadle.ui.people import person

_HELD: Final = "treadle.held"


@dataclass(frozen=True)
class Hold:
    """Whether this reviewer can decide on a question now."""

    words: str = ""
    """Why not; empty if they can."""
    by: str | None = None
    """Who else has it before them."""


def hold(saver: SqliteSaver, found: Review) -> Hold:
    """Claim a question for this reviewer, or renew that, where they may decide on it and nobody else has it."""
    who = person()
    if not who.name or found.status != "pending":
        return Hold()
    try:
        found.panel.admit(who.name, who.roles)
        if not found.panel.many and not _fresh(found, who.name):
            claim(saver, found.id, by=who.name, roles=who.roles, thread=found.thread_id)
        st.session_state[_HELD] = (found.id, found.thread_id)
    except NotAllowed as error:
        return Hold(str(error).removesuffix(" Nothing was stored."))
    except ClaimHeld:
        by = found.claim.by if found.claim else "Somebody"
        return Hold(f"{by} has this before them. What you see is theirs to decide, unless you take it over.", by)
    except TreadleError:
        pass  # it is over: the page shows that by itself
    return Hold()


def _fresh(found: Review, name: str) -> bool:
    """Whether the claim is this reviewer's and will last a while: not every look at the page is a write."""
    mine = found.claim is not None and same(found.claim.by, name)
    return mine and found.claim is not None and found.claim.expires_at - time.time() > SECONDS / 2


def elsewhere(found: Review) -> str | None:
    """Who else has a question before them now."""
    held = found.claim
    return held.by if held is not None and live(held) and not same(held.by, person().name) else None


def told(saver: SqliteSaver, found: Review, held: Hold) -> None:
    """Say why this reviewer cannot decide, with the way to take the question over where somebody has it."""
    if not held.words:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(plain(held.words), icon=":material/person_pin:")
        if held.by is not None:
            st.button("Take it over from them", key=f"over-{found.id}", on_click=_take, args=(saver, found))


def _take(saver: SqliteSaver, found: Review) -> None:
    who = person()
    with suppress(TreadleError):  # it is over, or not theirs to decide: the page is drawn anew, and says so
        claim(saver, found.id, by=who.name, roles=who.roles, thread=found.thread_id, take=True)


def let_go(saver: SqliteSaver, *, keep: str | None) -> None:
    """Give back what this session has, unless it is the one to keep."""
    had = st.session_state.get(_HELD)
    if not had or had[0] == keep:
        return
    st.session_state.pop(_HELD, None)
    try:
        release(saver, had[0], by=person().name, thread=had[1])
    except TreadleError:
        return  # its run is gone
