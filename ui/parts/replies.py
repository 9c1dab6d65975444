"""What a reviewer's action becomes: the answer that the asking node waits for, in the form of its client."""

from collections.abc import Sequence
from typing import Any

from treadle.ui.fields import ABSENT
from treadle.ui.parts.actions import GIVING
from treadle.ui.parts.asks import Ask


def answer(
    ask: Ask,
    action: str,
    *,
    value: Any = ABSENT,
    reason: Sequence[str] = (),
    words: str | None = None,
    labels: Sequence[str] = (),
) -> dict[str, Any]:
    """The arguments with which `decide` records the action, besides who decides."""
    said_ = {"reason": list(reason) or None, "words": words or None, "labels": labels}
    match ask.shape:
        case "treadle":
            edit = {"value": value} if value is not ABSENT and action in GIVING else {}
            return {"action": action, **edit, **said_}
        case "calls":
            return {"action": action, "answer": {"decisions": _decisions(ask, action, value, reason, words)}, **said_}
        case "call":
            return {"action": action, "answer": _decisions(ask, action, value, reason, words)[0], **said_}
        case "inbox":
            return {"action": action, "answer": [_accepted(ask, action, value, words)], **said_}
    return {"answer": value, "words": words or None}


def _decisions(ask: Ask, action: str, value: Any, reason: Sequence[str], words: str | None) -> list[dict[str, Any]]:
    """One decision a call, in the middleware's form."""
    message = ". ".join(part for part in (*reason, words) if part)
    if action == "edit":
        edited = [value] if len(ask.calls) == 1 else list(value.values())
        return [
            {"type": "edit", "edited_action": {"name": name, "args": args}}
            for name, args in zip(ask.calls, edited, strict=True)
        ]
    told = {"message": message} if message or action == "respond" else {}
    return [{"type": action, **(told if action in ("reject", "respond") else {})} for _ in ask.calls]


def _accepted(ask: Ask, action: str, value: Any, words: str | None) -> dict[str, Any]:
    """An Agent Inbox answer."""
    match action:
        case "edit":
            return {"type": "edit", "args": {"action": ask.calls[0], "args": value}}
        case "respond":
            return {"type": "response", "args": words or ""}
        case "ignore":
            return {"type": "ignore", "args": None}
    return {"type": "accept", "args": None}
