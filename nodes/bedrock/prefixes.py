"""Prompt caching: marks the end of what many calls have in common, so that the service reads it once."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage

POINT: dict[str, Any] = {"cachePoint": {"type": "default"}}

ENOUGH = 4096
"""Characters of a prefix (about 1,024 tokens) from which models keep one."""


def marked(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return messages with cache points after the system text and before the last question, where these are long.

    What stands before the last message (system text, examples, earlier turns) is what calls of one step share.
    Messages that have cache points of their own are left as they are.
    """
    if any(POINT in message.content for message in messages if isinstance(message.content, list)):
        return list(messages)
    out, length = list(messages), 0
    for index, message in enumerate(messages[:-1]):
        length += len(message.text)
        ends = isinstance(message, SystemMessage) or index == len(messages) - 2
        if length >= ENOUGH and ends and message.text:
            out[index] = message.model_copy(update={"content": [*_blocks(message), POINT]})
    return out


def _blocks(message: BaseMessage) -> list[Any]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}]
    return list(message.content)
