"""Any value as plain data, so that it can be shown, searched and compared whatever it is made of."""

import dataclasses
import datetime
import enum
import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

SHOWN = 10_000
"""Characters kept of the ``repr`` of a value that has no better form."""


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
