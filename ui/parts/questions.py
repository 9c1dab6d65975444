"""Reading the question out of a waiting review, whoever wrote it."""

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.checkpoints.desks.askers import asker
from treadle.checkpoints.reviews import Review
from treadle.ui.fields import ABSENT, said
from treadle.ui.parts.asks import Ask
from treadle.ui.parts.clients import foreign
from treadle.ui.parts.terms import terms


def ask(review: Review) -> Ask:
    """Read the question out of a review's value."""
    value = review.value
    if asker(value) == "treadle":
        return _treadle(review, value)
    return foreign(review) or _open(review)


def _treadle(review: Review, value: Mapping[str, Any]) -> Ask:
    root = review.schema or {}
    properties = root.get("properties")
    history, context = value.get("history"), value.get("context")
    return Ask(
        shape="treadle",
        title=str(value.get("title") or review.title or said(review.node)),
        actions=tuple(action for action in map(str, value["actions"])),
        why=str(value.get("why") or ""),
        note=str(value.get("note") or ""),
        proposal=value["proposal"],
        context=context if isinstance(context, Mapping) else {},
        marked=_marked(value.get("source")),
        schema=properties.get("value", {}) if isinstance(properties, Mapping) else {},
        root=root,
        reasons=tuple(map(str, value.get("reasons") or ())),
        labels=tuple(map(str, value.get("labels") or ())),
        leads_to=_words(value.get("leads_to")),
        round=_number(value.get("round")) or 1,
        rounds=_number(value.get("rounds")),
        history=_mappings(history),
        terms=terms(value),
    )


def _marked(source: Any) -> tuple[str, int, int] | None:
    part = source if isinstance(source, Mapping) else {}
    key, start, end = part.get("key"), _number(part.get("start")), _number(part.get("end"))
    return (key, start, end) if isinstance(key, str) and start is not None and end is not None else None


def _mappings(value: Any) -> Sequence[Mapping[str, Any]]:
    known = isinstance(value, list) and all(isinstance(one, Mapping) for one in value)
    return value if known else ()


def _words(value: Any) -> Mapping[str, str]:
    return {str(key): str(part) for key, part in value.items()} if isinstance(value, Mapping) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _open(review: Review) -> Ask:
    value = review.value
    text = value if isinstance(value, str) else ""
    first = text.strip().partition("\n")[0]
    title = review.title or _headline(first, value) or f"A question from {said(review.node).lower()}"
    shown = ABSENT if title == text.strip() else value
    return Ask(
        shape="open",
        title=title,
        actions=("answer",),
        why=review.why or "",
        proposal=shown,
        schema=review.schema or {},
        root=review.schema or {},
    )


def _headline(first: str, value: Any) -> str:
    """What a question that has no title may be called: its first line, or what it says under a usual name."""
    named = [value.get(key) for key in ("title", "question", "message", "prompt")] if isinstance(value, Mapping) else []
    lines = [first, *(one.strip() for one in named if isinstance(one, str))]
    return next((one for one in lines if one and len(one) <= 120 and "\n" not in one), "")
