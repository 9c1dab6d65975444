"""Reading a JSON schema for a form: references followed, unions settled by the value, a type inferred where none is."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

Schema = Mapping[str, Any]

_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def settled(schema: Any, root: Schema, value: Any = None) -> tuple[Schema, bool]:
    """A schema without references or unions, as far as `value` tells them apart; and whether null is allowed too.

    An empty schema comes back for what a form cannot serve.
    """
    null = False
    for _ in range(16):
        schema = _followed(schema, root)
        branches = [_followed(one, root) for one in schema.get("anyOf") or schema.get("oneOf") or ()]
        if not branches:
            break
        others = [one for one in branches if one.get("type") != "null"]
        null |= len(others) < len(branches)
        outer = {key: part for key, part in schema.items() if key not in ("anyOf", "oneOf")}
        schema = {**outer, **_fitting(others, root, value)}
    kinds = schema.get("type")
    if isinstance(kinds, list):
        rest = [kind for kind in kinds if kind != "null"]
        null |= len(rest) < len(kinds)
        schema = (
            {**schema, "type": rest[0]} if len(rest) == 1 else {key: schema[key] for key in schema if key != "type"}
        )
    return schema, null


def _followed(schema: Any, root: Schema) -> Schema:
    """With ``$ref`` (inside the document) and ``allOf`` of one taken in."""
    for _ in range(16):
        if not isinstance(schema, Mapping):
            return {}
        if isinstance(schema.get("$ref"), str):
            found = _pointed(root, schema["$ref"])
            schema = {**found, **{key: part for key, part in schema.items() if key != "$ref"}}
        elif isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            schema = {**{key: part for key, part in schema.items() if key != "allOf"}, **_mapping(schema["allOf"][0])}
        else:
            return schema
    return {}


def _pointed(root: Schema, reference: str) -> Schema:
    if not reference.startswith("#"):
        return {}
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return _mapping(found)


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _fitting(branches: list[Schema], root: Schema, value: Any) -> Schema:
    """The branch of a union that the value belongs to; none if that cannot be told."""
    if len(branches) == 1:
        return branches[0]
    if all(set(one) <= {"const", "title", "description", "type"} and "const" in one for one in branches):
        return {"enum": [one["const"] for one in branches]}
    return next((one for one in branches if fits(value, one, root)), {})


def fits(value: Any, schema: Schema, root: Schema) -> bool:
    """Whether a value is valid; a schema that cannot be used fits nothing."""
    whole = {**schema, "$defs": {**_mapping(root.get("$defs")), **_mapping(schema.get("$defs"))}}
    try:
        return bool(Draft202012Validator(whole, registry=Registry()).is_valid(value))
    except (SchemaError, Unresolvable, RecursionError, TypeError):
        return False


def inferred(value: Any) -> Schema:
    """The schema that a value by itself suggests; empty for None, whose type nobody knows."""
    return {"type": _KINDS[type(value)]} if type(value) in _KINDS else {}


def parts(schema: Schema, value: Any) -> dict[str, Schema]:
    """The schemas of an object's fields: those declared, then those that the value has besides."""
    declared = {name: _mapping(part) for name, part in _mapping(schema.get("properties")).items()}
    more = schema.get("additionalProperties")
    extra = {name: part for name, part in _mapping(value).items() if name not in declared}
    return declared | {str(name): _mapping(more) or inferred(part) for name, part in extra.items()}
