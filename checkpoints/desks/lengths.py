"""How much there is to read in a question: what a reviewer's pace is judged by."""

from typing import Any, Final

from treadle.checkpoints.desks.plains import leaves

_WIRING: Final = frozenset(("kind", "gate", "actions", "action_request", "action_requests", "config", "review_configs"))


def length(payload: Any) -> int:
    """The words of a question that are there to be read.

    >>> length({"kind": "treadle.review", "title": "Is this right?", "proposal": {"risk": "high"}})
    4
    """
    shown = {key: part for key, part in payload.items() if key not in _WIRING} if isinstance(payload, dict) else payload
    return sum(len(text.split()) for text in leaves(shown))
