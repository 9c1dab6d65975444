"""The conditions of a standing rule, as data: a field, an operator, a value."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from jsonpointer import JsonPointer, JsonPointerException

from treadle.errors import RuleInvalid

_NOWHERE: Final = object()


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers, texts with texts; anything else is never in order."""

    def holds(found: Any, value: Any) -> bool:
        return any(_is(found, kind) and _is(value, kind) and compare(found, value) for kind in (int | float, str))

    return holds


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _same(found: Any, value: Any) -> bool:
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)


def _contains(found: Any, value: Any) -> bool:
    """A text a text, a list whatever is in it."""
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list) and any(_same(one, value) for one in found)


OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": _same,
    "!=": lambda found, value: not _same(found, value),
    "<": _ordered(lambda found, value: found < value),
    "<=": _ordered(lambda found, value: found <= value),
    ">": _ordered(lambda found, value: found > value),
    ">=": _ordered(lambda found, value: found >= value),
    "in": lambda found, value: isinstance(value, list) and any(_same(found, one) for one in value),
    "contains": _contains,
}


@dataclass(frozen=True)
class Condition:
    """One thing that must hold of a question; where the field is missing, nothing holds.

    >>> Condition("/proposal/amount", "<", 50).holds({"proposal": {"amount": 49.9}})
    True
    """

    field: str
    """A JSON Pointer into the question, such as ``/proposal/amount`` or ``/confidence``."""
    operator: str
    value: Any

    def __post_init__(self) -> None:
        """Refuse what could never be judged."""
        if self.operator not in OPERATORS:
            raise RuleInvalid(f"{self.operator!r} is no operator of a rule: use one of {', '.join(OPERATORS)}.")
        try:
            JsonPointer(self.field)
            json.dumps(self.value, allow_nan=False)
        except (JsonPointerException, TypeError, ValueError) as error:
            raise RuleInvalid(
                f"The condition on {self.field!r} cannot be judged ({error}): a field is a JSON Pointer such as"
                " /proposal/amount, and what it is compared with is plain data."
            ) from None

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {json.dumps(self.value, ensure_ascii=False)}"

    def holds(self, question: Any) -> bool:
        """Whether it holds of a question."""
        found = JsonPointer(self.field).resolve(question, _NOWHERE)
        return found is not _NOWHERE and OPERATORS[self.operator](found, self.value)


def written(conditions: Sequence[Condition]) -> str:
    """The conditions as they are stored."""
    return json.dumps([asdict(one) for one in conditions])


def read(text: str) -> tuple[Condition, ...]:
    """The conditions as they were stored."""
    return tuple(Condition(**one) for one in json.loads(text))


def parsed(text: str) -> Condition:
    """A condition as somebody types it.

    >>> parsed("proposal.amount < 50")
    Condition(field='/proposal/amount', operator='<', value=50)
    """
    match = re.fullmatch(r"\s*(\S+?)\s*(==|!=|<=|>=|<|>|\sin\s|\scontains\s)\s*(.+?)\s*", text)
    if match is None:
        raise RuleInvalid(f"{text!r} is no condition: write such as 'proposal.amount < 50'.")
    path, operator, value = (part.strip() for part in match.groups())
    at = path if path.startswith("/") else "/" + path.replace(".", "/")
    try:
        return Condition(at, operator, json.loads(value))
    except json.JSONDecodeError:
        return Condition(at, operator, value)
