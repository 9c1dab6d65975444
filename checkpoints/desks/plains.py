"""The texts in plain data, as they are searched."""

from collections.abc import Iterator
from typing import Any

from treadle.errors import AnswerInvalid
from treadle.plains import plain

__all__ = ["leaves", "legible", "plain", "words"]

SEARCHED = 2_000
"""Characters of a question that a search looks through."""


def legible(name: str, text: str) -> None:
    """Raise AnswerInvalid for half a character (a lone surrogate): UTF-8 has no place for it, so no database has."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AnswerInvalid(
            f"The text of {name!r} has a character that is no text ({error.reason}). Nothing was stored."
        ) from None


def words(value: Any) -> str:
    """The texts in plain data, up to a length, without the keys they stand under."""
    found: list[str] = []
    room = SEARCHED
    for text in leaves(value):
        found.append(text[:room])
        room -= len(found[-1]) + 1
        if room <= 0:
            break
    return "\n".join(found)


def leaves(value: Any) -> Iterator[str]:
    """Every text in plain data, without the keys they stand under."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
