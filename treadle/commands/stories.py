"""The story of a run, from its first prompt to its last decision, in the order in which it happened."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from treadle.causes import cause
from treadle.commands.printing import many, say, when

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver

Story = Mapping[str, Any]


def story(saver: "SqliteSaver", thread: str) -> Story:
    """Return what is known of a run, as plain data.

    `run` is its row in the ledger, `steps` what its prompts did, `reviews` its questions with the decision that holds,
    `decisions` everything that was decided, oldest first.
    """
    from treadle.checkpoints import decisions, pending, run, traces

    ledger = run(saver, thread)
    return {
        "run": asdict(ledger),
        "steps": traces(saver, thread),
        "reviews": [asdict(one) for one in pending(saver, thread=thread, status=None, limit=-1)],
        "decisions": [asdict(one) for one in reversed(decisions(saver, thread=thread, limit=-1))],
    }


def tell(told: Story, *, full: bool = False) -> None:
    """Print a story: what the run is, then every step and decision in the order of time."""
    _head(told["run"])
    reviews = {review["id"]: review for review in told["reviews"]}
    events: list[tuple[float, _Event]] = [(step["at"], _Step(step)) for step in told["steps"]]
    events += [(each["at"], _Decided(each, reviews.get(each["interrupt_id"]))) for each in told["decisions"]]
    events += [(each["asked_at"], _Asked(each)) for each in told["reviews"]]
    seen: set[str] = set()
    for _, event in sorted(events, key=lambda pair: pair[0]):
        say()
        event.tell(set() if full else seen)


def _head(run: Mapping[str, Any]) -> None:
    say(f"Run {run['thread_id']}", style="bold")
    say(f"graph      {run['graph'] or 'unknown'} (version {run['fingerprint'] or 'unknown'})")
    say(f"status     {run['status']}{_waiting(run)}")
    say(f"started    {when(run['created_at'])}")
    say(f"{'finished' if run['finished_at'] else 'changed '}   {when(run['finished_at'] or run['updated_at'])}")
    say(f"model      {run['config'].get('model', 'as each step says')}")
    say(f"tokens     {run['tokens_in']} in, {run['tokens_out']} out; steps {run['steps']}; cost {run['cost']:g}")
    if run["error"]:
        say(f"error      {cause(run['error'])}", style="red")


def _waiting(run: Mapping[str, Any]) -> str:
    waits = f", {many(run['pending'], 'review')} to be decided" if run["pending"] else ""
    return waits + (f", {many(run['decided'], 'decision')} not yet applied" if run["decided"] else "")


class _Event(Protocol):
    """Something that happened."""

    def tell(self, seen: set[str]) -> None:
        """Print it; `seen` has the messages that were printed before."""


class _Step:
    """One call of a model."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = entry

    def tell(self, seen: set[str]) -> None:
        """Print what was asked, what was answered, and what it took; a turn that was printed before is only named."""
        entry = self.entry
        again = f", attempt {entry['attempt']}" if entry.get("attempt", 1) > 1 else ""
        again += f", answer {entry['vote']} of the vote" if entry.get("vote") else ""
        say(f"{when(entry['at'])}  {entry.get('path') or entry['step']}{again}", style="bold cyan")
        known = f" (known from the {entry['cached']})" if entry.get("cached") else ""
        say(f"  {entry.get('model') or 'unknown model'}{known}: {_took(entry)}{_sure(entry)}")
        repeated = 0
        for message in entry.get("messages", ()):
            text = f"{message['role']}: {message['content']}"
            if text in seen:
                repeated += 1
                continue
            seen.add(text)
            _indented(text)
        if repeated:
            say(f"  ({many(repeated, 'message')} as printed above)", style="dim")
        _indented(f"answer: {entry.get('response', '')}", style="green")
        if passed := [str(one["gate"]) for one in entry.get("gates") or () if one["problem"] is None]:
            _indented(f"passed: {', '.join(passed)}", style="dim")
        if entry.get("lenient"):
            _indented("read leniently: the answer was not quite JSON", style="yellow")
        if entry.get("cut"):
            _indented("cut short: it reached the most tokens that its model may give", style="red")
        for key, word in (("gate", "refused"), ("error", "error")):
            if entry.get(key):
                _indented(f"{word}: {entry[key]}", style="red")


class _Asked:
    """One question to a person."""

    def __init__(self, review: Mapping[str, Any]) -> None:
        self.review = review

    def tell(self, seen: set[str]) -> None:
        """Print what was asked and why."""
        review = self.review
        open_ = " (not decided yet)" if review["status"] == "pending" else ""
        say(
            f"{when(review['asked_at'])}  review {review['id'][:8]}  {review['title'] or review['node']}{open_}",
            style="bold",
        )
        if review["why"]:
            say(f"  because {review['why']}")
        if review["problem"]:
            say(f"  {review['problem']}", style="red")


class _Decided:
    """One decision."""

    def __init__(self, decision: Mapping[str, Any], review: Mapping[str, Any] | None) -> None:
        self.decision = decision
        self.review = review

    def tell(self, seen: set[str]) -> None:
        """Print who decided what, with the edit as a difference."""
        made = self.decision
        title = f"  {self.review['title'] or self.review['node']}" if self.review else ""
        spent = f", {made['seconds']:.0f} s in view" if made["seconds"] else ""
        head = f"{when(made['at'])}  {made['action']} by {made['by']}: review {made['interrupt_id'][:8]}{title}"
        say(head, style="bold magenta")
        say(f"  decision {made['seq']}, by {made['client']}{spent}, {_applied(made)}")
        for key in ("reason", "words"):
            if made[key]:
                _indented(f"{key}: {made[key]}")
        if made["action"] == "edit" and self.review:
            for line in difference(_proposal(self.review), made["answer"].get("value")):
                _indented(line, style="green" if line.startswith("+") else "red" if line.startswith("-") else None)
        elif made["action"] == "answer":
            _indented(f"answer: {json.dumps(made['answer'], ensure_ascii=False)}")


def _applied(decision: Mapping[str, Any]) -> str:
    return f"applied {when(decision['applied_at'])}" if decision["applied_at"] else "not yet applied"


def _proposal(review: Mapping[str, Any]) -> Any:
    value = review["value"]
    return value.get("proposal") if isinstance(value, Mapping) else value


def _took(entry: Mapping[str, Any]) -> str:
    """What a call took: tokens, time and its parts, cost where its model has a price."""
    cached = f" ({entry['tokens_cached']} cached)" if entry.get("tokens_cached") else ""
    waited = f" ({entry['seconds_queue']:.2f} s for its turn)" if entry.get("seconds_queue") else ""
    cost = f", ${entry['cost']:.6g}" if entry.get("cost") else ""
    tokens = f"{entry.get('tokens_in', 0)} tokens in{cached}, {entry.get('tokens_out', 0)} out"
    return f"{tokens}, {entry.get('seconds', 0):.2f} s{waited}{cost}"


def _sure(entry: Mapping[str, Any]) -> str:
    confidence, source = entry.get("confidence"), entry.get("confidence_source")
    if not isinstance(confidence, Mapping) or not confidence:
        return f"; confidence {source}" if source else ""
    return f"; confidence {', '.join(f'{name} {value:.2f}' for name, value in confidence.items())} ({source})"


def difference(before: Any, after: Any) -> Sequence[str]:
    """The lines that an edit took away (``-``) and put in (``+``), with what stands around them.

    >>> difference({"risk": "low"}, {"risk": "high"})
    [' {', '-  "risk": "low"', '+  "risk": "high"', ' }']
    """
    lines = difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=2)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _lines(value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return text.splitlines()


def _indented(text: str, *, style: str | None = None) -> None:
    say("\n".join(f"  {line}" for line in text.splitlines()), style=style)
