"""What the rules model reads in a conversation: the task, the material, and a reviewer's words."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from treadle.nodes.texts.outlines import HTML

_TAG = re.compile(rf"<(?!(?:{HTML})\b)([a-zA-Z][\w.-]*)(?:\s[^<>]*)?>(.*?)</\1\s*>", re.DOTALL)
_WORDS = frozenset(
    {"reviewer", "review", "feedback", "rejection", "rejected", "correction", "words", "comment", "comments"}
)
_ASIDE = frozenset(
    {"example", "examples", "instructions", "instruction", "schema", "format", "answer", "previous", "rules"}
)
_REJECTED = re.compile(
    r"\b(reviewer|reject\w*|cannot be used|not right|incorrect|try again|answer again|should (have been|be)|"
    r"(is|was|too) (wrong|high|low|strict|lenient)|wrong)\b",
    re.IGNORECASE,
)
_FRAME = re.compile(r"^[^:]*\breject\w*[^:]*:\s*|\s*\b(please )?(answer|try) again\b[^.]*\.?\s*$", re.IGNORECASE)
_REPAIR = re.compile(r"\s*that answer cannot be used\b", re.IGNORECASE)
_HEADING = ("heading", "title", "subject", "name")
_BODY = ("text", "body", "content", "clause", "message", "review", "transcript", "description")


@dataclass(frozen=True)
class Material:
    """What a conversation gives the model to work on."""

    text: str
    """The words to read and to quote from."""
    heading: str = ""
    """The heading of those words, where they have one."""
    above: str = ""
    """The headings that stand above it, such as the section's."""
    data: tuple[Any, ...] = ()
    """The material as plain data, where it is JSON: one value a tag."""
    task: str = ""
    """What is asked: the message without its material."""
    words: tuple[str, ...] = ()
    """What a reviewer said of earlier answers, oldest first."""
    previous: Mapping[str, Any] = field(default_factory=dict)
    """The latest answer that was rejected."""


def material(messages: Sequence[BaseMessage]) -> Material:
    """What stands in XML-like tags in the last human message; else behind its first colon at a line's end; else all.

    A later human message that rejects the answer before it is not material: it gives a reviewer's words.
    """
    turns = [message for message in messages if isinstance(message, HumanMessage | AIMessage)]
    people = [index for index, message in enumerate(turns) if isinstance(message, HumanMessage)]
    if not people:
        return _read(" ".join(message.text for message in messages), (), {})
    at = people[-1]
    said: list[str] = []
    while at in people and at != people[0] and _is_rejection(turns, at):
        if not _REPAIR.match(turns[at].text):
            said.insert(0, _FRAME.sub("", turns[at].text).strip())
        at = people[people.index(at) - 1]
    replies = [message.text for message in turns[at + 1 :] if isinstance(message, AIMessage)]
    previous = next((value for value in map(parsed, reversed(replies)) if isinstance(value, Mapping)), {})
    return _read(turns[at].text, tuple(said), previous if said else {})


def parsed(text: str) -> Any:
    """The plain data that a text is in JSON (or as Python prints it), or None for any other text."""
    text = re.sub(r"^```\w*\n|\n```$", "", text.strip())
    if text[:1] not in ("{", "["):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def strings(value: Any) -> Iterator[str]:
    """Every text inside plain data, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def _is_rejection(turns: Sequence[BaseMessage], at: int) -> bool:
    return (
        isinstance(turns[at - 1], AIMessage) and not _tagged(turns[at].text) and bool(_REJECTED.search(turns[at].text))
    )


def _tagged(text: str) -> list[tuple[str, str]]:
    return [(match[1].lower(), match[2].strip()) for match in _TAG.finditer(text)]


def _read(message: str, said: tuple[str, ...], previous: Mapping[str, Any]) -> Material:
    tags = _tagged(message)
    said += tuple(body for tag, body in tags if tag in _WORDS and body)
    bodies = [body for tag, body in tags if tag not in _WORDS | _ASIDE and body]
    task = _TAG.sub(" ", message)
    if not bodies:
        before, colon, after = (message if not tags else task).partition(":\n")
        task, bodies = (before, [after.strip()]) if colon and after.strip() else (message, [task.strip()])
    data = tuple(value for value in map(parsed, bodies) if value is not None)
    heading, text = _words(data[0]) if data and len(data) == len(bodies) else ("", "\n\n".join(bodies))
    first: Any = data[0] if data and heading else None
    path = first.get("path", ()) if isinstance(first, Mapping) else ()
    return Material(text, heading or _opening(text), " / ".join(strings(path)), data, task, said, previous)


def _words(value: Any) -> tuple[str, str]:
    """Heading and text of plain data: a clause as a mapping, or whatever texts are inside."""
    while isinstance(value, Mapping) and not any(isinstance(value.get(key), str) for key in _BODY):
        inner = next((part for part in value.values() if isinstance(part, Mapping)), None)
        if inner is None:
            break
        value = inner
    if isinstance(value, Mapping):
        heading = next((value[key] for key in _HEADING if isinstance(value.get(key), str)), "")
        body = next((value[key] for key in _BODY if isinstance(value.get(key), str)), "")
        return heading, body or "\n".join(strings(value))
    return "", "\n".join(strings(value))


def _opening(text: str) -> str:
    """The heading that a text opens with: its first line or sentence, when that is short and more follows."""
    match = re.match(r"\s*(?:[\d.]+\s+)?([^\W\d_a-z][^.:;?!\n]{1,70})(?:[.:]\s|\n)\s*\S", text)
    return match[1].strip() if match and len(match[1].split()) <= 8 else ""
