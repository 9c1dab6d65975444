"""Gates: what an answer must pass before the next step may use it."""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union, cast

from jsonschema import Draft202012Validator
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, TypeAdapter, ValidationError

from treadle.errors import GraphBuildError
from treadle.nodes.outputs import told
from treadle.nodes.steps import Effect, State, Step
from treadle.nodes.templates import shown


@dataclass(frozen=True)
class Classifier:
    """A step that judges an answer, and the labels with which it passes. Made by `accept`."""

    step: Step
    labels: tuple[Any, ...]


Gate = Union[  # noqa: UP007 - `|` cannot join a name that is still to come
    str, re.Pattern[str], Mapping[str, Any], type[BaseModel], Classifier, Step, Callable[[Any], bool | str | None]
]
"""A regular expression that the text must contain, a JSON Schema, a pydantic model, a classifier, or a callable.

A callable gets the answer as plain data and returns True or None to let it pass, False to refuse it, or the problem in
words. A classifier is a prompt that reads the answer under its key, with ``output=bool``, or with labels: `accept`.
"""


@dataclass(frozen=True)
class Check:
    """What one gate said of one answer."""

    gate: str
    problem: str | None
    """None if it lets it pass."""


def accept(step: Step, *labels: Any) -> Classifier:
    """Let an answer pass when a prompt that classifies it gives one of these labels.

    Raises:
        GraphBuildError: without labels.
    """
    if not labels:
        raise GraphBuildError(f"gate {step.name!r}: no label lets an answer pass; accept({step.name}, 'good')")
    return Classifier(step, labels)


def gates(given: Gate | Sequence[Gate] | None, *, where: str) -> tuple[Gate, ...]:
    """Return one gate or several as a tuple of them.

    Raises:
        GraphBuildError: for what is no gate, and a regular expression that cannot be read.
    """
    several = given if isinstance(given, list | tuple) else () if given is None else (given,)
    return tuple(_sound(gate, where) for gate in several)  # pyright: ignore


def classifiers(several: Sequence[Gate]) -> tuple[Step, ...]:
    """Return the steps among the gates, or inside them."""
    found = [gate.step if isinstance(gate, Classifier) else gate for gate in several]
    return tuple(step for step in found if isinstance(step, Step))


def checked(
    several: Sequence[Gate], value: Any, state: State, config: RunnableConfig
) -> Generator[Effect, Any, tuple[Check, ...]]:
    """Ask every gate about a value; those that cost a call of a model only once all others let it pass.

    `state` has the value under the key that classifiers read.
    """
    plain = [gate for gate in several if not isinstance(gate, Classifier | Step)]
    checks = [Check(title(gate), problem(gate, value)) for gate in plain]
    for gate in several:
        if isinstance(gate, Classifier | Step) and all(check.problem is None for check in checks):
            checks.append(Check(title(gate), (yield from _judged(gate, state, config))))
    return tuple(checks)


def problem(gate: Gate, value: Any) -> str | None:
    """Return why a gate refuses a value, in words for the model and the reader, or None if it passes.

    A classifier needs a run: see `checked`.

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
    function = cast(Callable[[Any], bool | str | None], gate)
    verdict = function(value)
    if isinstance(verdict, str):
        return verdict
    return f"{title(function)} refuses it" if verdict is False else None


def title(gate: Gate) -> str:
    """Return the name that a message and the trace call a gate by.

    >>> title(r"\\d"), title({"title": "Brief"}), title(len)
    ("'\\\\\\\\d'", 'Brief', 'len')
    """
    if isinstance(gate, str | re.Pattern):
        return repr(_source(gate))
    if isinstance(gate, Mapping):
        return str(gate.get("title", "the schema"))
    if isinstance(gate, Classifier | Step):
        return classifiers([gate])[0].name
    label = str(getattr(gate, "__name__", type(gate).__name__))
    return "the gate" if label == "<lambda>" else label.replace("_", " ")


def _sound(gate: Gate, where: str) -> Gate:
    if isinstance(gate, str):
        try:
            re.compile(gate)
        except re.error as error:
            raise GraphBuildError(f"{where}: the gate {gate!r} is no regular expression: {error}") from None
    elif not (isinstance(gate, re.Pattern | Mapping | Classifier | Step) or callable(gate)):
        raise GraphBuildError(f"{where}: {gate!r} is no gate; give a pattern, a schema, a prompt or a function")
    return gate


def _judged(gate: Classifier | Step, state: State, config: RunnableConfig) -> Generator[Effect, Any, str | None]:
    step = classifiers([gate])[0]
    update = yield from step.work(state, config)
    verdict = update[next(iter(step.writes))]
    if isinstance(gate, Classifier):
        allowed = " or ".join(map(repr, gate.labels))
        return None if verdict in gate.labels else f"{step.name} calls it {shown(verdict)!r}, and it must be {allowed}"
    if isinstance(verdict, Mapping):
        return None if verdict.get("passes") else str(verdict.get("problem") or f"{step.name} refuses it")
    return None if verdict is True else f"{step.name} refuses it"


def _source(gate: str | re.Pattern[str]) -> str:
    return gate if isinstance(gate, str) else gate.pattern


def _mismatch(model: type[BaseModel], value: Any) -> str | None:
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        return told(error)
    return None
