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
    if ask.shape == "open":
        return {"answer": value, "words": words or None}
    edit = {"value": _edited(ask, value)} if value is not ABSENT and action in GIVING else {}
    return {"action": action, **edit, **said_}


def _edited(ask: Ask, value: Any) -> Any:
    """What an edit gives: the arguments of the call, of several a list."""
    return list(value.values()) if len(ask.calls) > 1 else value
