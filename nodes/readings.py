"""Reading an answer that is almost JSON: the words around it, quotes, commas and fences that do not belong there."""

import json
import re
from collections.abc import Iterator
from typing import Any

from json_repair import repair_json

_OPEN, _SHUT = "{[", "}]"


def lenient(text: str) -> tuple[Any] | None:
    """Return what a text that is almost JSON means, in a tuple, or None where that is not certain.

    It is read once, from its first bracket to its last. An answer that was cut off is not read: its brackets do not
    close, and what is missing cannot be known. Nor is one of which a word would be lost or added.

    >>> lenient("Sure! ```json\\n{'risk': 'low', 'tags': ['a', 'b',],}\\n```")
    ({'risk': 'low', 'tags': ['a', 'b']},)
    >>> lenient('[{"risk": "low"}, {"risk": "hi') is None, lenient("no JSON at all") is None
    (True, True)
    """
    span = _span(text)
    if span is None or not _closed(span):
        return None
    value = repair_json(span, return_objects=True)
    return (value,) if isinstance(value, dict | list) and _words(value) == _written(span) else None


def _span(text: str) -> str | None:
    """The text from its first bracket to its last, unless more of the data follows."""
    starts = [at for at in map(text.find, _OPEN) if at >= 0]
    end = max(map(text.rfind, _SHUT)) + 1
    if not starts or end <= min(starts):
        return None
    after = re.sub(r"```", "", text[end:])
    return None if re.match(r"\s*[,:\"]", after) else text[min(starts) : end]


def _closed(span: str) -> bool:
    """Whether every bracket outside of double quotes is closed, in order, and by its own kind."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", span, flags=re.DOTALL)
    stack: list[str] = []
    for mark in bare:
        if mark in _OPEN:
            stack.append(_SHUT[_OPEN.index(mark)])
        elif mark in _SHUT and (not stack or stack.pop() != mark):
            return False
    return not stack


_SAME = {"true": "True", "false": "False", "null": "None"}


def _written(span: str) -> list[str]:
    """The words and numbers of a text, in order, whatever marks are between them."""
    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), span)
    plain = re.sub(r"\\(.)", lambda match: " " if match[1] in "nrtbf" else match[1], plain)
    return [_SAME.get(word, word) for word in re.findall(r"\w+", plain)]  # pyright: ignore


def _words(value: Any) -> list[str]:
    """The same of what a text was read as."""
    return [_SAME.get(word, word) for leaf in _leaves(value) for word in re.findall(r"\w+", leaf)]  # pyright: ignore


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value if isinstance(value, str) else json.dumps(value)
