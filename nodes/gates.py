"""Gates: what an answer must pass before the next step may use it."""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError

from treadle.nodes.outputs import told
from treadle.nodes.templates import shown

Gate = str | re.Pattern[str] | Mapping[str, Any] | type[BaseModel] | Callable[[Any], bool | str | None]
"""A regular expression that the text must contain, a JSON Schema, a pydantic model, or a callable.

A callable gets the answer as plain data and returns True or None to let it pass, False to refuse it, or the problem in
words.
"""


def problem(gate: Gate, value: Any) -> str | None:
    """Return why a gate refuses a value, in words for the model and the reader, or None if it passes.

    >>> problem(r"\\d{4}", "the year 2026") is None
    True
    >>> problem(lambda text: len(text) < 5 or "too long", "a long answer")
    'too long'
    """
    if isinstance(gate, str | re.Pattern):
        return None if re.search(gate, shown(value)) else f"it does not contain {_source(gate)!r}"
    if isinstance(gate, Mapping):
        fault = next(iter(Draft202012Validator(gate).iter_errors(value)), None)
        return f"{fault.json_path}: {fault.message}" if fault else None
    if isinstance(gate, type) and issubclass(gate, BaseModel):
        return _mismatch(gate, value)
    verdict = cast(Callable[[Any], bool | str | None], gate)(value)
    if isinstance(verdict, str):
        return verdict
    return f"{getattr(gate, '__name__', 'the gate').replace('_', ' ')} refuses it" if verdict is False else None


def _source(gate: str | re.Pattern[str]) -> str:
    return gate if isinstance(gate, str) else gate.pattern


def _mismatch(model: type[BaseModel], value: Any) -> str | None:
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        return told(error)
    return None
