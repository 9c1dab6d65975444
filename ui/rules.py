"""Standing rules on the page: what decides without a person, how often still, and how it is ended."""

import time
from datetime import datetime, timedelta
from typing import Any, Final

import streamlit as st

from treadle.checkpoints.bulks import Rule, revoke, rule
from treadle.checkpoints.bulks import rules as standing
from treadle.checkpoints.bulks.conditions import parsed
from treadle.checkpoints.bulks.rules import ACTIONS, drafted, matching
from treadle.checkpoints.desks.counts import groups
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import TreadleError
from treadle.ui.empties import empty
from treadle.ui.markups import Markup, plain, put, tag
from treadle.ui.parts.actions import named
from treadle.ui.parts.histories import moment
from treadle.ui.people import missing, person
from treadle.ui.texts import chip

_TOLD: Final = "treadle.rules.told"


def show(saver: SqliteSaver) -> None:
    """List the rules, newest first, and a form for one more."""
    if told := st.session_state.pop(_TOLD, None):
        st.info(plain(told), icon=":material/info:")
    found = standing(saver, active=False)
    if not found:
        empty("No rule stands", "A rule decides what is always decided alike, until its count or its time is up.")
    for one in found:
        with st.container(key=f"row-rule-{one.id}"):
            words, end = st.columns((7, 1.6), vertical_alignment="center")
            with words:
                put(_told(one))
            if one.active(time.time()):
                end.button("Revoke", key=f"revoke-{one.id}", on_click=_revoke, args=(saver, one.id), disabled=missing())
    _form(saver)


def _told(one: Rule) -> Markup:
    where = " and ".join(map(str, one.conditions))
    active = one.active(time.time())
    used = f"used {one.uses:,} of {one.cap:,} times" if one.cap is not None else f"used {one.uses:,} times"
    until = moment(one.until, zone=st.context.timezone) if one.until is not None else Markup("")
    state = "active" if active else f"revoked by {one.revoked_by}" if one.revoked_at else "over"
    head = tag("div", tag("strong", f"{named(one.action)} in {one.graph}, {one.gate}, where {where}"), dir="auto")
    meta = [tag("span", f"by {one.by}"), tag("span", used), tag("span", "until ", until) if until.html else Markup("")]
    return head + tag("div", chip(state, tone="good" if active else ""), *meta, kind="meta")


def _form(saver: SqliteSaver) -> None:
    shapes = [one for one in groups(saver) if one.graph]
    if not shapes or not person().operates:
        return
    with st.expander("Make a rule", icon=":material/add:", type="compact"):
        shape = st.selectbox(
            "For the questions of", shapes, key="rule-shape", format_func=lambda one: f"{one.gate} in {one.graph}"
        )
        st.text_area("Where (one condition a line)", key="rule-where", placeholder="proposal.amount < 50", height=80)
        left, middle, right = st.columns(3)
        left.selectbox("Decide", ACTIONS, key="rule-action", format_func=named)
        middle.number_input("How many times at most", min_value=1, max_value=100_000, value=200, key="rule-cap")
        right.date_input("Until the end of", datetime.now() + timedelta(days=7), key="rule-until")
        with st.container(horizontal=True):
            st.button("See what it would decide", key="rule-try", on_click=_make, args=(saver, shape, True))
            st.button(
                "Make the rule", key="rule-make", type="primary", disabled=missing(), on_click=_make,
                args=(saver, shape, False),
            )  # fmt: skip


def _make(saver: SqliteSaver, shape: Any, dry: bool) -> None:
    """Make the rule that stands in the form, or say what it would decide."""
    state, who = st.session_state, person()
    day = state["rule-until"]
    until = datetime(day.year, day.month, day.day).timestamp() + 86_400
    try:
        who.operate()
        lines = [one for one in str(state["rule-where"] or "").splitlines() if one.strip()]
        given: dict[str, Any] = {"by": who.name or "nobody yet", "roles": sorted(who.roles)}
        given |= {"cap": int(state["rule-cap"]), "until": until}
        where, action = [parsed(one) for one in lines], str(state["rule-action"])
        made = (
            drafted(shape.graph, shape.gate, where, action, **given)
            if dry
            else rule(saver, shape.graph, shape.gate, where, action, **given)
        )
        fits = len(matching(saver, made))
    except TreadleError as error:
        state[_TOLD] = f"Nothing is made. {error}"
        return
    state[_TOLD] = f"{'It would decide' if dry else 'It is made, and decides'} {fits:,} that wait now."


def _revoke(saver: SqliteSaver, id: str) -> None:  # noqa: A002
    who = person()
    try:
        who.operate()
        ended = revoke(saver, id, by=who.name, roles=who.roles)
    except TreadleError as error:
        st.session_state[_TOLD] = str(error)
    else:
        st.session_state[_TOLD] = (
            f"The rule is revoked. It was used {ended.uses:,} times; what it decided stays decided."
        )
