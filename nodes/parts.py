"""Parts: what a step needs of the inside of a value, such as ``{clause.text}``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Parts:
    """Marks a key's type: its value must have these parts."""

    fields: tuple[str, ...]
    """As a template names them, the key itself included, such as ``clause.text``."""


def parts(fields: Iterable[str]) -> Mapping[str, Any]:
    """Return, by key, the types that a template's fields ask for; a key whose value is taken whole asks for none.

    >>> parts(["clause.text", "clause.number", "side"])
    {'clause': typing.Annotated[typing.Any, Parts(fields=('clause.text', 'clause.number'))]}
    """
    found: dict[str, list[str]] = {}
    for field in dict.fromkeys(fields):
        key, _, inside = field.partition(".")
        if inside:
            found.setdefault(key, []).append(field)
    return {key: Annotated[Any, Parts(tuple(inside))] for key, inside in found.items()}
