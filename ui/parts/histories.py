"""What was decided before: earlier rounds of a review, and the decision that holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.checkpoints.desks.audits import Decision
from treadle.ui.diffs import changes
from treadle.ui.markups import NOTHING, Inside, Markup, tag
from treadle.ui.parts.actions import DONE
from treadle.ui.texts import changed, show
from treadle.ui.times import ago, stamp


def moment(at: Any, *, zone: str | None = None) -> Markup:
    """A time as both how long ago and when."""
    if not isinstance(at, int | float):
        return NOTHING
    return tag("span", f"{ago(at)} ({stamp(at, zone=zone)})")


def rounds(history: Sequence[Mapping[str, Any]], proposal: Any, *, zone: str | None = None) -> Markup:
    """Earlier rounds, the newest first, each with what has changed in the proposal since."""
    items = [_round(entry, proposal, zone) for entry in reversed(history)]
    return tag("div", *items, kind="rounds")


def _round(entry: Mapping[str, Any], proposal: Any, zone: str | None) -> Markup:
    action = str(entry.get("action") or "answered")
    who = str(entry.get("by") or "somebody")
    head = tag(
        "div",
        tag("strong", f"Round {entry.get('round', '')}: {DONE.get(action, action).lower()} by {who}"),
        " ",
        tag("span", moment(entry.get("at"), zone=zone), kind="faint small"),
    )
    parts: list[Inside] = [head, _told(entry.get("reason"), entry.get("words"))]
    before = entry.get("proposal")
    if before is not None:
        found = changes(before, proposal)
        parts.append(tag("div", "Changed since:" if found else "The proposal is the same as then.", kind="faint small"))
        parts.append(changed(found) if found else NOTHING)
    return tag("div", *parts, kind="event")


def _told(reason: Any, words: Any) -> Markup:
    lines = [tag("span", str(reason), kind="chip")] if reason else []
    lines += [tag("div", str(words), kind="text", dir="auto")] if words else []
    return tag("div", *lines) if lines else NOTHING


def decided(decision: Decision, proposal: Any, *, zone: str | None = None) -> Markup:
    """A decision: who, what, when, why, and what it changed."""
    action = DONE.get(decision.action, decision.action)
    head = tag(
        "div",
        tag("strong", f"{action} by {decision.by}"),
        " ",
        tag("span", moment(decision.at, zone=zone), kind="faint small"),
    )
    parts: list[Inside] = [head, _told(decision.reason, decision.words), given(decision, proposal)]
    if decision.applied_at is None:
        parts.append(
            tag("div", "Recorded. The run goes on with it as soon as a worker takes it up.", kind="faint small")
        )
    return tag("div", *parts, kind="event")


def given(decision: Decision, proposal: Any) -> Markup:
    """What an edit changed, or a free answer as it was given."""
    answer = decision.answer
    if decision.action == "edit" and isinstance(answer, Mapping) and "value" in answer:
        found = changes(proposal, answer["value"])
        return changed(found) if found else tag("div", "Nothing was changed.", kind="faint small")
    if decision.action == "answer":
        return show(answer)
    return NOTHING
