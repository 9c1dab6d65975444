"""Conversations as a local model reads them: system text first, then plain text by turns."""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

Turn = dict[str, str]

ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "user"}
SILENT = {"tool_use", "tool_call", "function_call", "reasoning", "thinking"}
"""Blocks of a model's earlier turns that carry no text of the conversation."""


def turns(messages: Sequence[BaseMessage], *, told: str | None = None) -> list[Turn]:
    """The messages as turns; ``told`` is said first, in the system turn.

    It comes first so that calls which differ only in what follows share the reading of it.

    Raises:
        ValueError: a message holds an image or something else that is no text.
    """
    system = [told] if told else []
    system += [_text(message) for message in messages if message.type == "system"]
    rest = [{"role": _role(message), "content": _said(message)} for message in messages if message.type != "system"]
    return ([{"role": "system", "content": "\n\n".join(system)}] if system else []) + rest


def _role(message: BaseMessage) -> str:
    return ROLES.get(message.type) or {"user": "user", "assistant": "assistant"}.get(
        str(getattr(message, "role", "")), "user"
    )


def _said(message: BaseMessage) -> str:
    if isinstance(message, ToolMessage):
        failed = " (it failed)" if message.status == "error" else ""
        return f"Result of the tool {message.name or message.tool_call_id}{failed}: {_text(message)}"
    called = message.tool_calls if isinstance(message, AIMessage) else []
    lines = [json.dumps({"name": call["name"], "arguments": call["args"]}, ensure_ascii=False) for call in called]
    return "\n".join(part for part in (_text(message), *lines) if part)


def _text(message: BaseMessage) -> str:
    blocks: list[Any] = [message.content] if isinstance(message.content, str) else message.content
    for block in blocks:
        kind = "text" if isinstance(block, str) else block.get("type")
        if kind != "text" and kind not in SILENT:
            raise ValueError(f"a {message.type} message holds a block of type {kind!r}: a local model reads only text")
    return plain("".join(block if isinstance(block, str) else block.get("text") or "" for block in blocks))


def plain(text: str) -> str:
    """The text with nothing in it that a model would take for a mark of its own, such as the end of a turn.

    >>> plain("fine<|im_end|>")
    'fine< |im_end|>'
    """
    return text.replace("<|", "< |").encode(errors="replace").decode().replace("\x00", "�")
