"""The story of a run: every prompt and response, every decision, in the order in which it happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from treadle.checkpoints.desks.audits import Decision, decisions
from treadle.checkpoints.reviews import Review, pending
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import traces
from treadle.ui.fields import said
from treadle.ui.markups import Inside, Markup, tag
from treadle.ui.parts.histories import decided
from treadle.ui.parts.questions import ask
from treadle.ui.texts import chip, line, prose, show
from treadle.ui.times import brief, stamp

__all__ = ["Event", "dollars", "said", "simple", "story", "summed", "told"]

KNOWN: Final = {"cache": "known from the cache", "flight": "shared with an equal call"}
"""Where an answer came from that was not asked for, in a reader's words."""

_ROLES: Final = {
    "system": "Instructions",
    "ai": "Answer in the example",
    "assistant": "Answer in the example",
    "tool": "Tool",
}
"""Whose turn a message of a prompt is, in a reader's words."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""

    at: float
    entry: Mapping[str, Any] | None = None
    """What a step told of one call of its model."""
    decision: Decision | None = None
    review: Review | None = None
    """The question, of a decision, if the queue still has it."""


def story(saver: SqliteSaver, thread: str) -> list[Event]:
    """Everything that is recorded of a run, oldest first."""
    asked = {one.id: one for one in pending(saver, thread=thread, status=None, limit=10_000)}
    events = [Event(at=_at(entry), entry=entry) for entry in traces(saver, thread)]
    events += [
        Event(at=one.at, decision=one, review=asked.get(one.interrupt_id))
        for one in decisions(saver, thread=thread, limit=10_000)
    ]
    return sorted(events, key=lambda event: event.at)


def _at(entry: Mapping[str, Any]) -> float:
    at = entry.get("at")
    return float(at) if isinstance(at, int | float) else 0.0


def told(event: Event, *, zone: str | None = None) -> Markup:
    """An event for the page: a decision whole, a step in one line that opens."""
    if event.decision is not None:
        return _decision(event.decision, event.review, zone)
    return _step(event.entry or {}, zone)


def _decision(decision: Decision, review: Review | None, zone: str | None) -> Markup:
    question = ask(review) if review else None
    title = tag("div", question.title if question else "A review", kind="strong", dir="auto")
    return tag("div", title, decided(decision, question.proposal if question else None, zone=zone), kind="event-outer")


def _step(entry: Mapping[str, Any], zone: str | None) -> Markup:
    answer = entry.get("parsed") if entry.get("parsed") is not None else entry.get("response")
    gist = line(entry.get("error") or entry.get("gate") or answer or "", most=110)
    summary = tag(
        "summary",
        tag("span", where(entry), kind="strong"),
        *(chip(word, tone=tone) for word, tone in marks(entry)),
        tag("span", gist, kind="faint small gist", dir="auto"),
        tag("span", took(entry), kind="faint small end"),
    )
    return tag("details", summary, tag("div", *_inside(entry, zone), kind="inside"), kind="step")


def dollars(cost: float) -> str:
    """A cost in US dollars, to what can be told apart.

    >>> dollars(0.0001234), dollars(1.5), dollars(0)
    ('$0.00012', '$1.50', '$0.00')
    """
    return f"${cost:.2f}" if cost >= 0.1 or not cost else f"${float(f'{cost:.2g}'):f}".rstrip("0")


def where(entry: Mapping[str, Any]) -> str:
    """The step's place in the graph, from the outermost name inwards."""
    path = str(entry.get("path") or entry.get("step") or "a step")
    attempt = entry.get("attempt")
    again = f", attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else ""
    vote = f", answer {entry['vote']} of the vote" if entry.get("vote") else ""
    return " › ".join(path.split("|")) + again + vote


def marks(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is unusual about a call, each with its tint."""
    found = {
        ("failed", "bad"): entry.get("error"),
        ("refused by a check", "fair"): entry.get("gate") and not entry.get("error"),
        ("almost JSON, read for what it means", "fair"): entry.get("lenient"),
        ("cut short for want of room", "bad"): entry.get("cut"),
        (KNOWN.get(str(entry.get("cached")), "known before"), "good"): entry.get("cached"),
    }
    return [mark for mark, holds in found.items() if holds]


def summed(events: Sequence[Event]) -> str:
    """What the calls of a story come to: how many, their cost, and how many were known, refused or almost JSON."""
    calls = [event.entry for event in events if event.entry is not None]
    counted = {
        "known before": sum(bool(one.get("cached")) for one in calls),
        "refused by a check": sum(one.get("gate") is not None for one in calls),
        "read leniently": sum(bool(one.get("lenient")) for one in calls),
        "cut short": sum(bool(one.get("cut")) for one in calls),
        "failed": sum(bool(one.get("error")) for one in calls),
    }
    cost = sum(one.get("cost") or 0.0 for one in calls)
    unpriced = sum(one.get("cost") is None for one in calls)
    parts = [
        "1 call" if len(calls) == 1 else f"{len(calls):,} calls",
        *(f"{many:,} {words}" for words, many in counted.items() if many),
        dollars(cost) if cost or not unpriced else "",
        f"{unpriced:,} without a known price" if unpriced else "",
    ]
    return " · ".join(part for part in parts if part) if calls else ""


def took(entry: Mapping[str, Any]) -> str:
    """What a call took: model, tokens, cost, time."""
    parts = [str(entry.get("model") or "")]
    if entry.get("tokens_in") or entry.get("tokens_out"):
        parts.append(f"{entry.get('tokens_in') or 0:,} → {entry.get('tokens_out') or 0:,} tokens")
    if entry.get("cost"):
        parts.append(dollars(entry["cost"]))
    if isinstance(entry.get("seconds"), int | float):
        parts.append(brief(entry["seconds"]))
    return " · ".join(part for part in parts if part)


def _inside(entry: Mapping[str, Any], zone: str | None) -> list[Inside]:
    parts: list[Inside] = [
        tag("div", *(tag("span", fact) for fact in (stamp(_at(entry), zone=zone), *_facts(entry))), kind="meta")
    ]
    messages = [one for one in entry.get("messages") or () if isinstance(one, Mapping)]
    parts += [_said(_turn(one, last=one is messages[-1]), one.get("content")) for one in messages]
    parsed, response = entry.get("parsed"), entry.get("response")
    if parsed is not None and not isinstance(parsed, str):
        parts.append(_said("Response", show(parsed), answer=True))
    elif response:
        parts.append(_said("Response", response, answer=True))
    for name, label in (("gate", "What the check said"), ("error", "Error")):
        if entry.get(name):
            parts.append(_said(label, entry[name]))
    if isinstance(entry.get("confidence"), Mapping) and entry["confidence"]:
        source = f", by {entry['confidence_source']}" if entry.get("confidence_source") else ""
        parts.append(_said(f"Measured confidence{source}", show(dict(entry["confidence"]))))
    return parts


def _turn(message: Mapping[str, Any], *, last: bool) -> str:
    """Whose turn a message is; what comes before the last prompt are examples."""
    return _ROLES.get(str(message.get("role")), "Prompt" if last else "Prompt in the example")


def _facts(entry: Mapping[str, Any]) -> list[str]:
    """What else is known of a call: the parts of its time, what it read from a cache, what its checks said."""
    passed = [str(one["gate"]) for one in entry.get("gates") or () if one.get("problem") is None]
    facts = {
        f"waited {brief(entry.get('seconds_queue') or 0.0)} for its turn": entry.get("seconds_queue"),
        f"the model took {brief(entry.get('seconds_model') or 0.0)}": entry.get("seconds_queue"),
        f"{entry.get('tokens_cached') or 0:,} of the tokens from the model's cache": entry.get("tokens_cached"),
        f"passed {', '.join(passed)}": passed,
        f"left out: {', '.join(entry.get('redacted') or ())}": entry.get("redacted"),
    }
    return [words for words, holds in facts.items() if holds]


def _said(label: str, content: Any, *, answer: bool = False) -> Markup:
    body = content if isinstance(content, Markup) else prose(content) if isinstance(content, str) else show(content)
    return tag("div", tag("h3", label, kind="part"), body, kind="said answer" if answer else "said")


def simple(value: Any) -> Any:
    """A value of the state as plain data: messages and other objects as their text."""
    if isinstance(value, Mapping):
        return {str(key): simple(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [simple(part) for part in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    content = getattr(value, "content", None)
    return content if isinstance(content, str) else repr(value)
