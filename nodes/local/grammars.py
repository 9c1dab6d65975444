"""Grammars that hold a local model's answer to a JSON schema, and the reading of what comes out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, is_typeddict

from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, TypeAdapter, ValidationError

from treadle.errors import AnswerCut, OutputInvalid
from treadle.nodes.local.openings import library

Schema = Mapping[str, Any]

LAYOUT = {
    "whitespace_flexible": False,  # a small model can write blanks for ever
    "key_separator": ": ",
    "item_separator": ", ",
    "coerce_one_of": True,
    "lenient": True,
}
"""How the JSON is laid out: as `json.dumps` does, so that worked examples in a prompt look the same."""

MAPS = ("properties", "$defs", "definitions", "patternProperties")
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
SINGLES = ("items", "additionalProperties")


@dataclass(frozen=True)
class Shape:
    """What a structured answer is asked to be: its JSON schema, and how its JSON becomes the declared thing."""

    schema: dict[str, Any]
    load: Callable[[str], Any] = json.loads

    def read(self, message: AIMessage) -> Any:
        """The declared thing out of a model's message.

        Raises:
            AnswerCut: the answer ended before it was whole; its `partial` is its text.
            OutputInvalid: it is not what the schema asks for.
        """
        if message.response_metadata.get("finish_reason") == "length":
            raise short(message.text)
        try:
            return self.load(message.text)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise OutputInvalid(f"the answer does not fit the schema: {told}; it was {message.text[:200]!r}") from error
        except json.JSONDecodeError as error:
            raise OutputInvalid(
                f"the answer is not JSON ({error}), so the schema has a part that no grammar can hold, such as a "
                f"pattern with look-ahead: simplify it; the answer was {message.text[:200]!r}"
            ) from error
        except ValueError as error:
            raise OutputInvalid(
                f"the answer does not fit the schema: {error}; it was {message.text[:200]!r}"
            ) from error


def shape(declared: Any) -> Shape:
    """The shape that a pydantic model, TypedDict, JSON schema, tool, dataclass or plain type declares.

    JSON schemas and TypedDicts are read as plain data, everything else as an instance of the type.
    """
    if isinstance(declared, Mapping):
        own = "properties" in declared or "type" in declared or "anyOf" in declared or "$ref" in declared
        plain = own and declared.get("type") != "function"
        return Shape(dict(declared) if plain else convert_to_json_schema(dict(declared)))
    if is_typeddict(declared):
        return Shape(convert_to_json_schema(declared))
    if isinstance(declared, type) and issubclass(declared, BaseModel):
        return Shape(declared.model_json_schema(), declared.model_validate_json)
    if hasattr(declared, "parse_obj"):  # a model of pydantic's first version
        return Shape(convert_to_json_schema(declared), lambda text: declared.parse_obj(json.loads(text)))
    adapter: TypeAdapter[Any] = TypeAdapter(declared)
    return Shape(adapter.json_schema(), adapter.validate_json)


def asked(response_format: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The JSON schema that a response format in OpenAI's form asks for; None for text.

    Raises:
        ValueError: a type of format that is not text, json_object or json_schema.
    """
    kind = (response_format or {}).get("type", "text")
    if response_format is None or kind == "text":
        return None
    if kind == "json_schema":
        return dict(response_format["json_schema"]["schema"])
    if kind == "json_object":
        return dict(response_format.get("schema", {"type": "object"}))
    raise ValueError(f"response_format of type {kind!r}; a local model knows text, json_object and json_schema")


def grammar(schema: Schema) -> str:
    """The engine's grammar of a JSON schema. An object that does not say otherwise has no keys beyond its own."""
    text: str = library().json_schema_to_grammar({"x-guidance": LAYOUT, **lean(schema)})
    return text


def lean(schema: Schema) -> dict[str, Any]:
    """The schema without titles and defaults, which say nothing to a model, its objects closed."""
    kept = {key: _part(key, value) for key, value in schema.items() if key not in {"title", "default"}}
    if "properties" in kept:
        kept.setdefault("additionalProperties", False)
    return kept


def _part(key: str, value: Any) -> Any:
    if key in MAPS:
        return {name: lean(inner) for name, inner in value.items()}
    if key in LISTS:
        return [lean(inner) for inner in value]
    return lean(value) if key in SINGLES and isinstance(value, Mapping) else value


def told(schema: Schema) -> str:
    """The words that ask a model for JSON of this schema."""
    return f"Answer with JSON that fits this JSON schema, and with nothing else:\n{json.dumps(lean(schema))}"


def short(text: str) -> AnswerCut:
    """The error for an answer that ran out of room."""
    error = AnswerCut(
        f"the answer was cut short at max_tokens, or where the context ended ({len(text)} characters came): raise "
        f"max_tokens, shorten the prompt, or bound the schema's texts by maxLength; it ended in {text[-80:]!r}"
    )
    error.partial = text
    return error
