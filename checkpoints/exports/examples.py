"""Decisions as examples: to fine-tune on, to prefer by, to evaluate with."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from treadle.checkpoints.desks.answers import UNSET
from treadle.checkpoints.exports.records import Record, outcome
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import traces

Row = dict[str, Any]


def tuning(record: Record, saver: SqliteSaver, redact: Collection[str]) -> Iterator[Row]:
    """A conversation whose last turn is what a person approved or wrote (supervised fine-tuning)."""
    found, _, after = outcome(record)
    if found in ("kept", "changed"):
        source, messages = _prompt(record, saver, redact)
        said = {"role": "assistant", "content": _text(after)}
        yield {"messages": [*messages, said], "metadata": _origin(record) | {"prompt_from": source, "outcome": found}}


def preferences(record: Record, saver: SqliteSaver, redact: Collection[str]) -> Iterator[Row]:
    """A pair: what a person chose over what was proposed, by an edit or after having sent it back."""
    found, before, after = outcome(record)
    if found not in ("kept", "changed"):
        return
    worse = [before] if found == "changed" and before is not UNSET else []
    worse += [one for one in _sent_back(record) if one not in (*worse, after)]
    source, messages = _prompt(record, saver, redact) if worse else ("", [])
    for one in worse:
        pair = {"prompt": messages, "chosen": _turn(after), "rejected": _turn(one)}
        yield pair | {"metadata": _origin(record) | {"prompt_from": source}}


def evaluations(record: Record, saver: SqliteSaver, redact: Collection[str]) -> Iterator[Row]:
    """A case: what was given, what was proposed, what is right as far as a person said."""
    found, before, after = outcome(record)
    if found == "other" or before is UNSET:
        return
    payload = record["payload"]
    yield {
        "id": f"{record['thread_id']}/{record['interrupt_id']}",
        "input": payload.get("context", {}) if isinstance(payload, Mapping) else {},
        "proposed": before,
        "expected": None if after is UNSET else after,
        "right": found == "kept",
        "edits": record.get("edits", []),
        "reasons": record.get("reasons", []),
        "labels": record.get("labels", []),
        "confidence": record.get("confidence"),
        "metadata": _origin(record),
    }


def _sent_back(record: Record) -> list[Any]:
    """What was proposed in earlier rounds and sent back."""
    payload = record.get("payload")
    history = payload.get("history") if isinstance(payload, Mapping) else None
    rounds = [one for one in history or () if isinstance(one, Mapping)]
    return [one["proposal"] for one in rounds if one.get("action") == "reject" and "proposal" in one]


def _prompt(record: Record, saver: SqliteSaver, redact: Collection[str]) -> tuple[str, list[Row]]:
    """What the model was asked, from the run's trace; where it is not there, what the reviewer was shown with it.

    A trace cannot be redacted by field, so that nothing is taken from it where something is to be left out.
    """
    _, before, _ = outcome(record)
    asked = [] if redact else _asked(saver, record, before)
    if asked:
        return "trace", asked
    payload = record.get("payload")
    shown = payload.get("context") if isinstance(payload, Mapping) else payload
    title = payload.get("title") if isinstance(payload, Mapping) else None
    parts = [_text(part) for part in (title, shown) if part]
    return "question", [{"role": "user", "content": "\n\n".join(parts)}]


def _asked(saver: SqliteSaver, record: Record, before: Any) -> list[Row]:
    """The newest prompt of the run, from before the decision, whose answer is what was proposed."""
    for entry in reversed(traces(saver, record["thread_id"])):
        said = (entry.get("parsed"), entry.get("response"))
        if entry.get("at", 0) <= record["at"] and before in said and entry.get("messages"):
            return [_message(one) for one in entry["messages"]]
    return []


_ROLES = {"human": "user", "ai": "assistant"}


def _message(turn: Mapping[str, Any]) -> Row:
    role = str(turn.get("role") or turn.get("type") or "user")
    return {"role": _ROLES.get(role, role), "content": _text(turn.get("content", turn.get("text", "")))}


def _turn(value: Any) -> list[Row]:
    return [{"role": "assistant", "content": _text(value)}]


def _origin(record: Record) -> Row:
    """Where a row comes from, to export again from there."""
    kept = ("seq", "thread_id", "interrupt_id", "graph", "gate", "action", "by", "rule", "reasons", "labels", "at")
    return {name: record[name] for name in kept if name in record}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
