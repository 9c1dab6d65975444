"""Any value as plain data, so that it can be shown, searched and compared whatever it is made of."""

import dataclasses
import datetime
import enum
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from treadle.errors import AnswerInvalid

SHOWN = 10_000
"""Characters kept of the ``repr`` of a value that has no better form."""

SEARCHED = 2_000
"""Characters of a question that a search looks through."""


def plain(value: Any) -> Any:
    """Strings, numbers, booleans, None, lists and dicts with string keys; what is none of these by its ``repr``.

    >>> plain({1: (2, {3})})
    {'1': [2, [3]]}
    """
    if value is None or isinstance(value, bool | str):
        return _text(value) if isinstance(value, str) else value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, int | float):
        return value if isinstance(value, int) or math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return _object(value)


def _object(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value)[:SHOWN]


def _text(value: str) -> str:
    """Lone surrogates cannot be stored: they are escaped."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


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
