"""The Insights page: what the decisions so far teach, about the model and about the reviewers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from treadle.checkpoints import insights
from treadle.checkpoints.desks.counts import gates
from treadle.ui.empties import empty
from treadle.ui.fields import said
from treadle.ui.lessons import Choice, Lesson, lessons
from treadle.ui.markups import Inside, Markup, plain, put, tag
from treadle.ui.stores import store
from treadle.ui.texts import chip, line, table

SPANS: Final = {"The last 7 days": 7, "The last 30 days": 30, "The last year": 365, "All time": None}
"""How far back the page looks, in days."""

PATIENCE: Final = 0.3
"""Seconds that the page waits for what is not known yet: on most desks all of it is there by then."""

SHARES: Final = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Shares of the errors that a threshold may be asked to catch."""


def page() -> None:
    """Let the reader choose the decisions, and tell what they teach."""
    put(tag("h2", "Insights", kind="title"))
    left, middle, right = st.columns(3)
    gate = left.selectbox(
        "Review", gates(store()), index=None, placeholder="all reviews", key="insights-gate",
        format_func=lambda one: plain(f"{one[1]} in {one[0]}"),
    )  # fmt: skip
    span = middle.selectbox("Since", list(SPANS), index=1, key="insights-since")
    catch = right.selectbox(
        "Share of the errors to catch", SHARES, index=SHARES.index(0.9), key="insights-catch", format_func=_percent,
        help="From which confidence on must a person look, so that this share of what the model gets wrong is found?",
    )  # fmt: skip
    graph, name = gate or (None, None)
    choice = Choice(graph, name, SPANS[str(span)])
    known, more = lessons(store(), choice, catch=catch, patience=PATIENCE)
    if more:
        st.fragment(_follow, run_every=1)(choice, catch)
    else:
        _all(known, more=False)


def _follow(choice: Choice, catch: float) -> None:
    """Show what is known so far, until all of it is."""
    known, more = lessons(store(), choice, catch=catch)
    if not more:
        st.rerun()
    _all(known, more=True)


def _percent(share: float) -> str:
    return f"{share:.0%}"


TITLES: Final = {
    "overturns": "How often the model is overturned",
    "edits": "What people edit",
    "said": "Reasons and labels",
    "agreement": "How far reviewers agree",
    "paces": "How carefully they look",
}


def _all(known: Mapping[str, Lesson], *, more: bool) -> None:
    """The parts, in their order; of those that are being worked out, what was known before."""
    first = known.get("overturns")
    if not more and first is not None and first.value is not None and not first.value.total:
        empty("Nothing was decided in this time", "Once people decide, this page tells where they overturn the model.")
        return
    if more:
        put(tag("p", "Going through the decisions. What is not here yet comes by itself.", kind="faint small"))
    for name, draw in _PARTS.items():
        lesson = known.get(name)
        body = [] if lesson is None or lesson.value is None else draw(lesson.value)
        if lesson is None or lesson.problem:
            body = [tag("p", (lesson and lesson.problem) or "…", kind="faint")]
        if body:
            put(tag("h3", TITLES[name], kind="part"), *body)


def _overturns(told: insights.Overturns) -> list[Markup]:
    if not told.total:
        return []
    rate = _rate(told.rate, told.interval)
    parts = [tag("p", f"People edited or rejected {told.overturned:,} of {told.total:,} proposals: {rate}.")]
    rows = [
        [
            f"{one.low:.2f} to {one.high:.2f}",
            f"{one.total:,}",
            f"{one.overturned:,}",
            _bar(one.rate),
            f"{one.rate or 0:.0%}",
            _between(one.interval),
        ]
        for one in told.bands
        if one.total
    ]
    if rows:
        heads = ("The model's confidence", "Decisions", "Overturned", "", "Rate", "Likely between")
        parts.append(table(heads, rows, label=TITLES["overturns"]))
    if (cut := told.threshold) is not None:
        words = (
            f"Had all with a confidence below {cut.below:.2f} come to a person, {cut.caught:,} of {cut.errors:,} errors"
            f" would have been caught ({_rate(cut.share, cut.interval)}), by looking at {cut.reviewed:.0%} of all."
        )
        parts.append(tag("p", words, kind="below"))
    return parts


def _rate(rate: float | None, interval: tuple[float, float]) -> str:
    told, low, high = (f"{share:.0%}" for share in (rate or 0, *interval))
    return told if low == told == high else f"{told}, likely {low} to {high}"


def _between(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.0%} to {interval[1]:.0%}"


def _bar(rate: float | None) -> Inside:
    return tag("span", tag("meter", value=rate or 0, min=0, max=1, aria_hidden="true"), kind="share")


def _edits(told: Sequence[insights.Change]) -> list[Markup]:
    rows: list[list[Inside]] = [
        [said(one.field) or "the whole", f"{one.edits:,}", f"{one.share:.0%}", _common(one)] for one in told[:30]
    ]
    return [table(("Field", "Edits", "Of all edits", "Most often"), rows, label=TITLES["edits"])] if rows else []


def _common(one: insights.Change) -> Inside:
    was, now, times = one.common[0]
    return tag("span", tag("del", line(was, most=60)), " ", tag("ins", line(now, most=60)), f" {times:,}×")


def _said(told: Sequence[insights.Said]) -> list[Markup]:
    rows = [[one.kind.capitalize(), one.words, f"{one.total:,}"] for one in told[:30]]
    return [table(("", "Said", "Times"), rows, label=TITLES["said"])] if rows else []


def _agreement(told: insights.Agreement) -> list[Markup]:
    if not told.questions:
        return []
    beyond = "" if told.fleiss is None else f" Fleiss' kappa is {told.fleiss:.2f}."
    agree = f"In {told.observed or 0:.0%} of pairs they chose the same."
    rows = [
        [one.one, one.other, f"{one.questions:,}", f"{one.observed:.0%}", _kappa(one.kappa)] for one in told.pairs[:30]
    ]
    return [
        tag("p", f"{told.questions:,} questions were decided by several. {agree}{beyond}"),
        table(("One", "Other", "Questions", "The same", "Cohen's kappa"), rows, label=TITLES["agreement"]),
        tag("p", "Kappa is agreement beyond chance: 1 always, 0 no more than by chance.", kind="faint small"),
    ]


def _kappa(found: float | None) -> str:
    return "" if found is None else f"{found:.2f}"


def _paces(told: Sequence[insights.Pace]) -> list[Markup]:
    heads = "Reviewer", "Decisions", "Usual seconds", "Approved", "Approved too fast", "Test questions", "Worth a look"
    rows = [_pace(one) for one in told]
    kept = [n for n in range(len(heads)) if any(row[n] for row in rows)]
    shown = [[row[n] for n in kept] for row in rows]
    return [table([heads[n] for n in kept], shown, label=TITLES["paces"])] if told else []


def _pace(one: insights.Pace) -> list[Inside]:
    seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
    known = f"{one.right} of {one.seeded} right" if one.seeded else ""
    warning = chip(one.warning, tone="fair") if one.warning else ""
    return [one.by, f"{one.decisions:,}", seconds, f"{one.approved:.0%}", f"{one.hasty:,}", known, warning]


_PARTS: Final[Mapping[str, Callable[[Any], list[Markup]]]] = {
    "overturns": _overturns,
    "edits": _edits,
    "said": _said,
    "agreement": _agreement,
    "paces": _paces,
}
