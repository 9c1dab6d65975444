"""Messages to a model as plain data that a person can read and change, and back again."""

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from typing_extensions import TypedDict

_MAKES: dict[str, type[BaseMessage]] = {"system": SystemMessage, "human": HumanMessage, "ai": AIMessage}


class Turn(TypedDict):
    """One message of a prompt."""

    role: Literal["system", "human", "ai"]
    content: str


def turn(message: BaseMessage) -> Turn:
    """Return a message's text with who says it; what is attached to it stays out of sight."""
    role: Any = message.type if message.type in _MAKES else "ai"
    return Turn(role=role, content=message.text)


def spoken(turns: Sequence[Turn], composed: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return turns as messages; one that was left as it is, is the message composed, attachments and all."""
    known = dict(enumerate(composed))
    return [_message(one, known.get(place)) for place, one in enumerate(turns)]


def _message(said: Turn, composed: BaseMessage | None) -> BaseMessage:
    if composed is not None and turn(composed) == said:
        return composed
    attached = _attached(composed) if composed is not None and composed.type == said["role"] else []
    content: Any = [{"type": "text", "text": said["content"]}, *attached] if attached else said["content"]
    return _MAKES[said["role"]](content=content, type=said["role"])


def _attached(message: BaseMessage) -> list[Any]:
    parts = message.content if isinstance(message.content, list) else []
    return [part for part in parts if isinstance(part, dict) and part.get("type") != "text"]
