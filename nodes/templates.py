"""Prompt templates: state keys in braces, filled as text and never read as templates again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Any

from treadle.errors import GraphBuildError, InputInvalid


@dataclass(frozen=True)
class Template:
    """Text with fields such as ``{clause}`` or ``{clause.text}``; ``{{`` and ``}}`` stand for braces."""

    source: str
    step: str

    def __post_init__(self) -> None:
        """Refuse a template that could not be filled.

        Raises:
            GraphBuildError: for unbalanced braces, empty or positional fields, conversions and format specs.
        """
        for field in self.fields:
            if not all(part.isidentifier() for part in field.split(".")):
                raise GraphBuildError(
                    f"prompt {self.step!r}: {{{field}}} does not name a state key; write {{key}} or {{key.part}}, "
                    "and double the braces that are meant as text"
                )

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in order of first use, such as ``clause.text``."""
        return tuple(dict.fromkeys(field for _, field in self._pieces() if field is not None))

    @property
    def keys(self) -> tuple[str, ...]:
        """The state keys that the fields start from."""
        return tuple(dict.fromkeys(field.split(".")[0] for field in self.fields))

    def fill(self, state: Mapping[str, Any]) -> str:
        """Return the text with every field's value in its place: text as it is, anything else as indented JSON.

        Raises:
            InputInvalid: when the state lacks a field; the message names prompt and field.
        """
        pieces = self._pieces()
        return "".join([text if field is None else text + shown(self._value(state, field)) for text, field in pieces])

    def _pieces(self) -> list[tuple[str, str | None]]:
        return _pieces(self.source, self.step)

    def _value(self, state: Mapping[str, Any], field: str) -> Any:
        value: Any = state
        for part in field.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise InputInvalid(f"prompt {self.step!r} needs {{{field}}}, and the state has no such value")
            value = value[part]
        return value


def shown(value: Any) -> str:
    """Return a value as a prompt shows it: text as it is, anything else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def reach(state: Mapping[str, Any], path: str) -> Any:
    """Return the value that a path such as ``clause.number`` leads to, or None.

    >>> reach({"clause": {"number": "7"}}, "clause.number")
    '7'
    """
    found: Any = state
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


@lru_cache(maxsize=1024)
def _pieces(source: str, step: str) -> list[tuple[str, str | None]]:
    """A template's texts, each with the field that follows it."""
    try:
        parsed = list(Formatter().parse(source))
    except ValueError as error:
        raise GraphBuildError(
            f"prompt {step!r}: its template cannot be read ({error}); double the braces meant as text"
        ) from None
    for _, field, spec, conversion in parsed:
        if spec or conversion:
            raise GraphBuildError(f"prompt {step!r}: {{{field}}} has a format; only plain keys can stand there")
    return [(text, field) for text, field, _, _ in parsed]
