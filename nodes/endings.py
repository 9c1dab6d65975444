"""How an answer ended: whole, or cut short for want of room."""

from collections.abc import Mapping

from langchain_core.messages import BaseMessage

_ROOM = "raise max_tokens= or ask for less"

CUT: Mapping[str, str] = {
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS"), _ROOM),
    "model_context_window_exceeded": "shorten the prompt: the context is full",
}
"""What models call it when an answer ended because there was no room for more, and what to do about it."""


def cut(message: BaseMessage) -> str | None:
    """Return the model's word for it where an answer ended for want of room, or None."""
    told = message.response_metadata
    word = told.get("finish_reason") or told.get("stop_reason") or told.get("stopReason")
    return word if isinstance(word, str) and word in CUT else None
