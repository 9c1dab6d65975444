"""Estimates: how much text a value holds, and about how many tokens that is."""

from collections.abc import Mapping
from typing import Any


def characters(value: Any, *, most: float = float("inf")) -> int:
    """Return the characters of all text in a value, messages and models included; counting ends at about `most`.

    >>> characters({"a": "four", "b": ["five!", None]})
    9
    """
    if isinstance(value, str | bytes):
        return len(value)
    total = 0
    for part in _parts(value):
        total += characters(part, most=most - total)
        if total >= most:
            break
    return total


def tokens(value: Any) -> int:
    """Return the tokens of all text in a value, about: one for four characters.

    >>> tokens("A dozen letters.")
    5
    """
    return characters(value) // 4 + 1


def _parts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    return vars(value).values() if hasattr(value, "model_dump") else ()
