"""The Bulk page: one decision about many questions of the same shape, after what it covers was shown."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from treadle.checkpoints.bulks import Preview, decide_all, preview
from treadle.checkpoints.bulks.previews import Total
from treadle.checkpoints.desks.counts import Group, groups
from treadle.checkpoints.reviews import Review, pending
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest
from treadle.errors import TreadleError
from treadle.ui import rules
from treadle.ui.empties import empty
from treadle.ui.fields import said
from treadle.ui.markups import plain, put, tag
from treadle.ui.parts.actions import GIVING, named
from treadle.ui.parts.questions import ask
from treadle.ui.people import missing, person
from treadle.ui.stores import store
from treadle.ui.texts import SHARES, line, table

MOST: Final = 500
"""Questions that one look at the page takes in; what is left comes next."""

_SEEN, _TOLD, _TROUBLE, _TURN = (f"treadle.bulk.{name}" for name in ("seen", "told", "trouble", "turn"))


def page() -> None:
    """Show what waits by shape, what a decision about it would cover, and record it."""
    saver = store()
    put(tag("h2", "Bulk", kind="title"))
    _recorded()
    many, standing = st.tabs(["Decide many", "Standing rules"], on_change="rerun", key="bulk-tab")
    if many.open:
        with many:
            _many(saver)
    if standing.open:
        with standing:
            rules.show(saver)


def _recorded() -> None:
    if told := st.session_state.pop(_TOLD, None):
        st.success(plain(told), icon=":material/check_circle:")
    if told := st.session_state.pop(_TROUBLE, None):
        st.error(plain(told), icon=":material/error:")


def _many(saver: SqliteSaver) -> None:
    found = groups(saver)
    if not found:
        empty("Nothing waits", "Where many questions of one review wait, they can be decided together here.")
        return
    group = st.selectbox(
        "Questions of one kind", found, key="bulk-group", width=520,
        format_func=lambda one: f"{one.gate} in {one.graph or 'no name'} ({one.many:,})",
    )  # fmt: skip
    if group is not None:
        _group(saver, group)


def _group(saver: SqliteSaver, group: Group) -> None:
    looked = _looked(saver, group)
    covered = preview(saver, looked.rows)
    _exceptions(covered)
    if not covered.reviews:
        st.button("Look at what waits now", on_click=_anew, icon=":material/refresh:")
        return
    picked = _picked(covered, looked.key)
    chosen = [one for one in covered.reviews if one.id in picked]
    if len(chosen) < len(covered.reviews) and chosen:
        covered = preview(saver, chosen)
    _totals(covered)
    _outliers(covered)
    _decide(saver, group, chosen)


@dataclass(frozen=True)
class Looked:
    """What the list showed when it was filled: it stays so under the reader's hand until something is recorded."""

    key: str
    at: float
    rows: tuple[Review, ...]


def _looked(saver: SqliteSaver, group: Group) -> Looked:
    key = f"bulk/{st.session_state.get(_TURN, 0)}/{group.graph}/{group.gate}"
    kept = st.session_state.get(_SEEN)
    if not isinstance(kept, Looked) or kept.key != key:
        rows = pending(saver, graph=group.graph, gate=group.gate, limit=MOST)
        kept = Looked(key, time.time(), tuple(rows))
        st.session_state[_SEEN] = kept
    return kept


def _anew() -> None:
    st.session_state.pop(_SEEN, None)


def _picked(covered: Preview, key: str) -> set[str]:
    """A list from which the reader takes out what is to be decided by itself; keyed by the very ids that it lists."""
    rows = [
        {"Take": True, "Title": str(one.title or one.node), "Proposed": line(ask(one).proposal), "Why": one.why or ""}
        for one in covered.reviews
    ]
    edited: Any = st.data_editor(
        rows, key=f"{key}/{digest([one.id for one in covered.reviews])[:12]}", hide_index=True,
        disabled=["Title", "Proposed", "Why"], height=min(420, 38 + 35 * len(rows)),
        column_config={"Take": st.column_config.CheckboxColumn("Take", width="small")},
    )  # fmt: skip
    return {one.id for one, row in zip(covered.reviews, edited, strict=True) if row["Take"]}


def _exceptions(covered: Preview) -> None:
    if covered.exceptions:
        put(
            tag("h3", f"Not decided with the others: {len(covered.exceptions)}", kind="part"),
            tag("ul", *(tag("li", f"{id_[:8]}: {why}") for id_, why in list(covered.exceptions.items())[:20])),
        )


def _totals(covered: Preview) -> None:
    if covered.totals:
        heads = ("Field", "How many", "Sum", "Least", "Median", "Most")
        rows = [_total(one) for one in covered.totals]
        put(tag("h3", "Totals", kind="part"), table(heads, [[_number(cell) for cell in row] for row in rows]))


def _total(one: Total) -> tuple[str | float, ...]:
    share = one.field.rpartition(".")[2].lower() in SHARES  # no sum of these means anything
    return said(one.field), one.count, "" if share else one.sum, one.least, one.median, one.most


def _outliers(covered: Preview) -> None:
    if not covered.outliers:
        return
    rows = [[one.title or one.id[:8], said(one.field), line(one.value), one.why] for one in covered.outliers[:20]]
    put(tag("h3", "What stands out", kind="part"), table(("Question", "Field", "Value", "Why"), rows))


def _number(cell: Any) -> str:
    return cell if isinstance(cell, str) else f"{cell:,.6g}" if isinstance(cell, float) else f"{cell:,}"


def _decide(saver: SqliteSaver, group: Group, chosen: Sequence[Review]) -> None:
    if not chosen:
        put(tag("p", "Take at least one to decide.", kind="faint"))
        return
    questions = [ask(one) for one in chosen]
    common = [action for action in questions[0].actions if all(action in one.actions for one in questions)]
    actions = [action for action in common if action not in GIVING and action != "answer"]
    if not actions:
        put(tag("p", "These have no action in common that takes no value: decide them one by one.", kind="faint"))
        return
    turn = st.session_state.get(_TURN, 0)
    with st.container(border=True, gap="small"):
        action = st.segmented_control(
            "Action", actions, default=actions[0], required=True, format_func=lambda one: plain(named(one)),
            key=f"bulk-action-{turn}",
        )  # fmt: skip
        if questions[0].reasons and action == "reject":
            st.pills(
                "Reason", questions[0].reasons, selection_mode="multi", key=f"bulk-reason-{turn}", format_func=plain
            )
        st.text_input("In your own words", key=f"bulk-words-{turn}", placeholder="optional; said of each of them")
        sure = st.checkbox(f"I have looked at what this covers: {len(chosen):,} questions", key=f"bulk-sure-{turn}")
        st.button(
            f"{plain(named(str(action)))} all {len(chosen):,}", type="primary", key="bulk-go",
            disabled=not sure or missing(), on_click=_record, args=(saver, chosen, str(action), turn),
        )  # fmt: skip
        if missing():
            put(tag("p", "Say who you are (top right) before you decide.", kind="faint small"))
    put(tag("p", f"All of them are recorded, or none. Only those of {group.gate} are covered.", kind="faint small"))


def _record(saver: SqliteSaver, chosen: Sequence[Review], action: str, turn: int) -> None:
    who, state, seen = person(), st.session_state, st.session_state.get(_SEEN)
    since = seen.at if isinstance(seen, Looked) else time.time()
    try:
        made = decide_all(
            saver, chosen, action, by=who.name, roles=who.roles, reason=state.get(f"bulk-reason-{turn}") or None,
            words=str(state.get(f"bulk-words-{turn}") or "").strip() or None,
            shown={one.id: one.digest for one in chosen}, client="page", seconds=round(time.time() - since, 1),
        )  # fmt: skip
    except TreadleError as error:
        state[_TROUBLE] = f"Nothing is recorded. {error}"
    else:
        state[_TOLD] = f"Recorded: {named(action).lower()} on {len(made):,} questions, each with your name."
    state[_TURN] = turn + 1
