"""What a prompt's answer must be: the JSON Schema a model is given, and the plain data that comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, get_type_hints

from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, PydanticUserError, TypeAdapter, ValidationError

from treadle.errors import GraphBuildError, OutputInvalid


@dataclass(frozen=True)
class Measured:
    """Marks a field that says how sure an answer is; a model's own probabilities fill it where the model gives them."""

    source: str | None = None
    """Where it is known from, where that is always the same."""


VOTES = "vote share"
"""The source of a confidence that is the share of those that agree."""

Confidence = Annotated[
    float | None, Field(ge=0, le=1, description="how sure you are of this answer, from 0 to 1"), Measured()
]
"""A field of an output that says how sure the model is, from 0 to 1.

A model that measures it (log-probabilities, a margin) is not asked for it and its measure is filled in: the least of
the probabilities of the output's enum fields. Any other model reports it itself.
"""


@dataclass(frozen=True)
class Output:
    """The declared type of an answer: text, a pydantic model, TypedDict, dataclass, plain type, or a JSON Schema."""

    declared: Any
    step: str

    @property
    def is_text(self) -> bool:
        """Whether the answer is the model's text as it is."""
        return self.declared is str

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the answer, as it is declared."""
        if isinstance(self.declared, Mapping):
            return {str(key): part for key, part in self.declared.items()}
        return self._adapter.json_schema(mode="validation")

    def asked(self, *, measured: bool) -> dict[str, Any]:
        """The JSON Schema that a model is given: an object with a title, without what the model measures itself."""
        schema: dict[str, Any] = (
            self.schema if self.is_object else {"type": "object", "properties": {"value": self._nested}}
        )
        properties = dict(schema.get("properties", {}))
        for name in self.confidences if measured else ():
            properties.pop(name, None)
        required = [name for name in schema.get("required", properties) if name in properties]
        title = schema.get("title", self.step)
        return {**self._definitions, **schema, "title": title, "properties": properties, "required": required}

    def parse(self, data: Any) -> Any:
        """Return a model's answer as plain data (str, int, float, bool, list, dict, None).

        Raises:
            OutputInvalid: naming the step, the place in the answer and the problem.
        """
        if not self.is_object and isinstance(data, Mapping) and set(data) == {"value"}:
            data = data["value"]
        if isinstance(self.declared, Mapping):
            return self._checked(data)
        try:
            return self._adapter.dump_python(self._adapter.validate_python(data), mode="json")
        except ValidationError as error:
            raise OutputInvalid(f"step {self.step!r}: {told(error)}") from error

    def measure(self, value: Any, confidence: Mapping[str, float]) -> Any:
        """Fill the confidence fields of a parsed answer from a model's probabilities by field."""
        if not confidence or not self.confidences or not isinstance(value, dict):
            return value
        return {**value, **dict.fromkeys(self.confidences, round(min(confidence.values()), 3))}

    @property
    def confidences(self) -> tuple[str, ...]:
        """The top-level fields declared as `Confidence`."""
        return tuple(self.sources)

    @cached_property
    def sources(self) -> dict[str, str | None]:
        """Those fields, each with where it is known from where that is always the same."""
        if isinstance(self.declared, type) and issubclass(self.declared, BaseModel):
            fields: dict[str, Any] = {name: info.metadata for name, info in self.declared.model_fields.items()}
        elif isinstance(self.declared, type):
            hints = get_type_hints(self.declared, include_extras=True)
            fields = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
        else:
            return {}
        marked = [(name, mark) for name, marks in fields.items() for mark in marks if isinstance(mark, Measured)]
        return {name: mark.source for name, mark in marked}

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        try:
            return TypeAdapter(self.declared)
        except PydanticUserError as error:
            raise GraphBuildError(
                f"prompt {self.step!r}: output {self.declared!r} has no JSON Schema ({error.message.splitlines()[0]}); "
                "give a pydantic model, TypedDict, dataclass, plain type or JSON Schema"
            ) from error

    @property
    def is_object(self) -> bool:
        """Whether the answer is an object; any other is asked for inside of one, as its ``value``."""
        return "properties" in self.schema

    @property
    def _nested(self) -> dict[str, Any]:
        return {key: part for key, part in self.schema.items() if key != "$defs"}

    @property
    def _definitions(self) -> dict[str, Any]:
        return {"$defs": self.schema["$defs"]} if "$defs" in self.schema else {}

    def _checked(self, data: Any) -> Any:
        problem = next(iter(Draft202012Validator(self.schema).iter_errors(data)), None)
        if problem is not None:
            raise OutputInvalid(f"step {self.step!r}: {problem.json_path}: {problem.message}")
        return data


def told(error: ValidationError) -> str:
    """Say a validation error in one line: each place and its problem."""
    parts = [(".".join(str(part) for part in item["loc"]) or "the answer", item["msg"]) for item in error.errors()]
    return "; ".join(f"{place}: {problem}" for place, problem in parts)
