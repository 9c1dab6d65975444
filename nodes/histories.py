"""Histories: earlier messages of a conversation, as they may stand in a state."""

from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

from treadle.errors import InputInvalid


def past(value: Any, *, step: str) -> list[BaseMessage]:
    """Return a state's messages: LangChain's own, or plain data such as ``{"role": "user", "content": "Hello"}``.

    Raises:
        InputInvalid: for anything else.
    """
    try:
        return list(convert_to_messages(value or []))
    except (ValueError, NotImplementedError, TypeError) as error:
        raise InputInvalid(f"step {step!r}: its history holds what is no message: {error}") from None
