"""What a reviewer may answer: answers built, and checked against the question's JSON schema before they are stored."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from pydantic import BaseModel
from referencing import Registry
from referencing.exceptions import Unresolvable

from treadle.checkpoints.desks.askers import composed, verbs
from treadle.checkpoints.desks.plains import legible
from treadle.errors import AnswerInvalid


class _Unset:
    """No value was given: ``None`` is a value."""

    def __repr__(self) -> str:
        return "..."


UNSET: Final[Any] = _Unset()


def plain(value: Any, *, what: str = "The answer") -> Any:
    """The value as plain data that JSON can hold; pydantic models become dicts.

    Raises AnswerInvalid for what JSON has no form for (a date, a set, NaN).
    """
    try:
        return json.loads(json.dumps(value, default=_dump, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerInvalid(f"{what} is not plain data ({error}): send text, numbers, lists and objects.") from None


def _dump(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not known to JSON")


def fields(schema: Any) -> Mapping[str, Any]:
    """The properties of an object schema, a reference at its root followed; empty for any other schema."""
    seen = 0
    while isinstance(schema, Mapping) and "properties" not in schema and "$ref" in schema and seen < 8:
        schema, seen = _resolved(schema), seen + 1
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


def _resolved(schema: Mapping[str, Any]) -> Any:
    found: Any = schema
    for part in str(schema["$ref"]).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return {**schema, **found, "$ref": found.get("$ref")} if isinstance(found, Mapping) else None


def compose(question: Any, schema: Any, given: Mapping[str, Any]) -> Any:
    """The answer to a question that names its actions; parts that its schema does not know are left out.

    To a question of LangChain's middleware or Agent Inbox's it is in the form of those.
    ``given`` has ``action`` and whatever of ``value``, ``reason``, ``words``, ``by``, ``at``, ``digest`` was set.
    """
    if verbs(question):
        return composed(question, given)
    asked = question if isinstance(question, Mapping) else {}
    actions = asked.get("actions")
    known = fields(schema)
    action = given.get("action")
    if not isinstance(actions, list) and "action" not in known:
        raise AnswerInvalid("This question names no actions: give the whole answer with answer=..., not an action.")
    if isinstance(actions, list) and action not in actions:
        raise AnswerInvalid(f"The action {action!r} is not one of this question's: {', '.join(map(str, actions))}.")
    if action in ("edit", "take_over") and "value" not in given:
        raise AnswerInvalid(f"The action {action} needs the edited value: give value=...")
    set_ = {key: part for key, part in given.items() if part is not None or key == "value"}
    return {key: part for key, part in set_.items() if not known or key in known}


def check(answer: Any, schema: Any) -> None:
    """Raise AnswerInvalid, naming place and problem, if the schema (JSON Schema, 2020-12) refuses the answer.

    A schema that is itself malformed, or points outside, checks nothing: LangGraph asks no more of it either.
    """
    if schema is None:
        return
    problem = _problem(answer, schema)
    if problem is not None:
        raise AnswerInvalid(f"{_place(problem)} {_words(problem)} Nothing was stored.")


def sayable(content: Mapping[str, Any]) -> None:
    """Raise AnswerInvalid if what a decision's columns hold as text is none: read back, it would not match its hash."""
    for name in ("action", "reason", "words", "by", "client", "shown"):
        part = content.get(name)
        if part is not None and not isinstance(part, str):
            raise AnswerInvalid(f"{name!r} must be text, and is {_short(part)}. Nothing was stored.")
        legible(name, part or "")


def _problem(answer: Any, schema: Any) -> ValidationError | None:
    try:
        if not _sound(json.dumps(schema)):
            return None
        # An empty registry: a reference to another host must fail here, not be fetched.
        found: ValidationError | None = best_match(
            Draft202012Validator(schema, registry=Registry()).iter_errors(answer)
        )
    except (Unresolvable, RecursionError):
        return None
    return found


@lru_cache(maxsize=256)
def _sound(schema: str) -> bool:
    """Whether a schema is one: to find out takes far longer than to check an answer, and questions share theirs."""
    try:
        Draft202012Validator.check_schema(json.loads(schema))
    except SchemaError:
        return False
    return True


def _place(problem: ValidationError) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.absolute_path]
    path = "".join(steps).removeprefix(".")
    return f"The answer does not fit at {path}:" if path else "The answer does not fit:"


def _words(problem: ValidationError) -> str:
    """The problem as a sentence: what is there, and what is wanted."""
    instance: Any = problem.instance
    wanted: Any = problem.validator_value
    found = _short(instance)
    match problem.validator:
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            return f"{found} is not {' or '.join(_KINDS.get(name, str(name)) for name in names)}."
        case "enum":
            return f"{found} is not one of {', '.join(map(_short, wanted))}."
        case "const":
            return f"{found} is not {_short(wanted)}."
        case "required":
            missing = [name for name in wanted if name not in instance]
            return f"{', '.join(map(repr, missing))} is missing."
        case "anyOf" | "oneOf":
            return f"{found} fits none of the forms that are allowed."
    return f"{problem.message[:300]}."


_KINDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "empty",
}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else text[:77] + "..."
