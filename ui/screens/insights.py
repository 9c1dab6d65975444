"""The Insights page: what the decisions so far teach, about the model and about the reviewers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from treadle.checkpoints import insights
from treadle.checkpoints.desks.counts import gates
from treadle.errors import TreadleError
from treadle.ui.empties import empty
from treadle.ui.markups import Inside, plain, put, tag
from treadle.ui.stores import path, store
from treadle.ui.texts import chip, line, table

SPANS: Final = {"The last 7 days": 7, "The last 30 days": 30, "The last year": 365, "All time": None}
"""How far back the page looks, in days."""

FRESH: Final = 60
"""Seconds for which what was worked out is shown again: a look at a million decisions takes a while."""


SHARES: Final = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Shares of the errors that a threshold may be asked to catch."""


@dataclass(frozen=True)
class Lessons:
    """All that the page tells of some decisions."""

    overturns: insights.Overturns
    edits: Sequence[insights.Change]
    said: Sequence[insights.Said]
    agreement: insights.Agreement | None
    """None where the library is not installed that works out how far chance would agree."""
    paces: Sequence[insights.Pace]


def page() -> None:
    """Let the reader choose the decisions, and tell what they teach."""
    put(tag("h2", "Insights", kind="title"))
    known = gates(store())
    left, middle, right = st.columns(3)
    gate = left.selectbox(
        "Review", known, index=None, placeholder="all reviews", key="insights-gate",
        format_func=lambda one: plain(f"{one[1]} in {one[0]}"),
    )  # fmt: skip
    span = middle.selectbox("Since", list(SPANS), index=1, key="insights-since")
    catch = right.selectbox(
        "Share of the errors to catch", SHARES, index=SHARES.index(0.9), key="insights-catch", format_func=_percent
    )
    found = _lessons(str(path()), gate, SPANS[str(span)], catch)
    if not found.overturns.total:
        empty("Nothing was decided in this time", "Once people decide, this page tells where they overturn the model.")
        return
    for part in (_overturns, _edits, _said, _agreement, _paces):
        part(found)


def _percent(share: float) -> str:
    return f"{share:.0%}"


@st.cache_data(ttl=FRESH, show_spinner="Going through the decisions")
def _lessons(db: str, gate: tuple[str, str] | None, days: int | None, catch: float) -> Lessons:
    """What is kept is kept by database too."""
    saver = store()
    graph, name = gate or (None, None)
    since = time.time() - days * 86_400 if days else 0.0
    try:
        agreed = insights.agreement(saver, graph=graph, gate=name, since=since)
    except TreadleError:
        agreed = None
    return Lessons(
        insights.overturns(saver, graph=graph, gate=name, since=since, catch=catch),
        insights.edits(saver, graph=graph, gate=name, since=since),
        insights.said(saver, graph=graph, gate=name, since=since),
        agreed,
        insights.paces(saver, graph=graph, gate=name, since=since),
    )


def _overturns(found: Lessons) -> None:
    told = found.overturns
    share = _share(told.rate, told.interval)
    put(tag("h3", "How often the model is overturned", kind="part"))
    put(tag("p", f"{told.total:,} decisions, {told.overturned:,} edited or rejected{share}."))
    rows = [
        [
            f"{one.low:.2f} to {one.high:.2f}",
            f"{one.total:,}",
            f"{one.overturned:,}",
            _bar(one.rate),
            _share(one.rate, one.interval).strip(" ()").replace("; ", ", in "),
        ]
        for one in told.bands
        if one.total
    ]
    if rows:
        put(table(("Confidence", "Decisions", "Overturned", "", "Rate, and where it lies (95%)"), rows))
    if (cut := told.threshold) is not None:
        put(
            tag("p", f"A threshold of {cut.below:.2f} would have caught {cut.caught} of {cut.errors} errors"
                f"{_share(cut.share, cut.interval)}, with {cut.reviewed:.0%} of all coming to a person.")
        )  # fmt: skip


def _share(rate: float | None, interval: tuple[float, float]) -> str:
    return "" if rate is None else f" ({rate:.0%}; {interval[0]:.0%} to {interval[1]:.0%})"


def _bar(rate: float | None) -> Inside:
    return tag("span", tag("meter", value=rate or 0, min=0, max=1, aria_hidden="true"), kind="share")


def _edits(found: Lessons) -> None:
    if found.edits:
        rows: list[list[Inside]] = [
            [one.field or "the whole", f"{one.edits:,}", f"{one.share:.0%}", _common(one)] for one in found.edits[:30]
        ]
        put(tag("h3", "What people edit", kind="part"), table(("Field", "Edits", "Share", "Most often"), rows))


def _common(one: insights.Change) -> Inside:
    was, now, times = one.common[0]
    return tag("span", tag("del", line(was, most=60)), " ", tag("ins", line(now, most=60)), f" {times:,}×")


def _said(found: Lessons) -> None:
    if found.said:
        rows = [[one.kind, one.words, f"{one.total:,}"] for one in found.said[:30]]
        put(tag("h3", "Reasons and labels", kind="part"), table(("", "Said", "Times"), rows))


def _agreement(found: Lessons) -> None:
    told = found.agreement
    if told is None or not told.questions:
        return
    kappa = "" if told.fleiss is None else f"; Fleiss' kappa is {told.fleiss:.2f}"
    put(tag("h3", "How far reviewers agree", kind="part"))
    agree = f"{told.observed or 0:.0%} of pairs agree"
    put(tag("p", f"{told.questions:,} questions were decided by several; {agree}{kappa}."))
    rows = [
        [one.one, one.other, f"{one.questions:,}", f"{one.observed:.0%}", _kappa(one.kappa)] for one in told.pairs[:30]
    ]
    put(table(("One", "Other", "Questions", "Agree", "Cohen's kappa"), rows))


def _kappa(found: float | None) -> str:
    return "" if found is None else f"{found:.2f}"


def _paces(found: Lessons) -> None:
    if found.paces:
        heads = ("Reviewer", "Decisions", "Seconds (median)", "Approved", "Too fast", "Seeded, right", "Look at")
        put(tag("h3", "How carefully they look", kind="part"), table(heads, [_pace(one) for one in found.paces]))


def _pace(one: insights.Pace) -> list[Inside]:
    seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
    known = f"{one.right} of {one.seeded}" if one.seeded else ""
    warning = chip(one.warning, tone="fair") if one.warning else ""
    return [one.by, f"{one.decisions:,}", seconds, f"{one.approved:.0%}", f"{one.hasty:,}", known, warning]
