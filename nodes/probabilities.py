"""A model's confidence in each choice it made: log-probabilities renormalised over the values that were allowed."""

import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

Schema = Mapping[str, Any]
Token = Mapping[str, Any]
"""A token of the answer: ``bytes``, ``logprob`` and ``top_logprobs``, a list of the likeliest tokens in its place."""

ENDS = b",]} \t\r\n"


@dataclass(frozen=True)
class Leaf:
    """A value of a JSON text that holds no others, and where it stands."""

    path: tuple[str, ...]
    start: int
    end: int


def confidences(schema: Schema, tokens: Sequence[Token]) -> dict[str, float]:
    """The probability of each enum, literal or boolean value of a JSON answer, by path (``risk``, ``items.0.risk``).

    The engine's log-probabilities are from before the grammar, so each is renormalised over the values that the schema
    allows: the product, over the tokens of the value, of the chosen one's share among those that lead to such a value.
    """
    text = b"".join(bytes(token["bytes"]) for token in tokens).decode(errors="replace")
    try:
        value, leaves = json.loads(text), list(_leaves(text, 0, ()))
    except ValueError:  # cut short: nothing to measure
        return {}
    found = {}
    for leaf in leaves:
        values = allowed(_schema_of(leaf.path, value, schema), schema)
        if len(values) > 1:
            start = len(text[: leaf.start].encode())
            found[".".join(leaf.path)] = round(
                probability(tokens, start, text[leaf.start : leaf.end].encode(), values), 4
            )
    return found


def offers(schema: Any) -> bool:
    """Whether an answer of this schema can hold a choice.

    >>> offers({"properties": {"risk": {"enum": ["high", "low"]}}}), offers({"type": "string"})
    (True, False)
    """
    if isinstance(schema, Mapping):
        own = len(schema.get("enum", ())) > 1 or schema.get("type") == "boolean" or _constants(schema)
        return own or any(offers(part) for part in schema.values())
    return isinstance(schema, list) and any(offers(part) for part in schema)


def allowed(schema: Schema, root: Schema) -> tuple[bytes, ...]:
    """The JSON of each value that a schema allows, where it lists them; empty where it does not."""
    schema = _resolved(schema, root)
    if "enum" in schema or "const" in schema:
        return tuple(_json(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") in ("boolean", "null"):
        return (b"true", b"false") if schema["type"] == "boolean" else (b"null",)
    branches = [allowed(branch, root) for branch in _alternatives(schema)]
    return tuple(value for branch in branches for value in branch) if all(branches) else ()


def probability(tokens: Sequence[Token], start: int, value: bytes, values: Sequence[bytes]) -> float:
    """The probability of ``value``, which stands ``start`` bytes into the answer, among ``values``."""
    result, at, alive = 1.0, 0, frozenset(values)
    for token in tokens:
        piece = bytes(token["bytes"])
        if at + len(piece) > start and at < start + len(value) and len(alive) > 1:
            # What of the value stands already, and what this token has before the value begins.
            there, before = value[: max(at - start, 0)], piece[: max(start - at, 0)]
            kept = _leading(piece, before, there, alive)
            result *= _share(token, before, there, alive, kept)
            alive = kept
        at += len(piece)
    return result


def _share(token: Token, before: bytes, there: bytes, alive: frozenset[bytes], kept: frozenset[bytes]) -> float:
    """The weight of the tokens that lead to the values kept, among those that lead to any value still alive."""
    weights: dict[frozenset[bytes], float] = {}
    for other in _others(token):
        leads = _leading(bytes(other["bytes"]), before, there, alive)
        weights[leads] = weights.get(leads, 0.0) + exp(other["logprob"])
    weights.pop(frozenset(), None)
    # A value that no listed token leads to is at most as likely as the least likely of the list.
    floor = min(exp(other["logprob"]) for other in _others(token))
    for value in alive - frozenset[bytes]().union(*weights):
        weights[frozenset([value])] = floor
    whole = sum(weights.values())
    return sum(weight * len(leads & kept) / len(leads) for leads, weight in weights.items()) / whole if whole else 1.0


def _others(token: Token) -> list[Token]:
    listed = list(token.get("top_logprobs", ()))
    return listed if any(other["bytes"] == token["bytes"] for other in listed) else [*listed, token]


def _leading(piece: bytes, before: bytes, there: bytes, alive: frozenset[bytes]) -> frozenset[bytes]:
    """The values still alive that a token leads to; ``there`` of the value stands, ``before`` comes ahead of it."""
    piece, before = (piece.lstrip(), before.lstrip()) if before else (piece, before)
    if before.startswith(piece):
        return alive
    text = there + piece.removeprefix(before)
    return frozenset(value for value in alive if piece.startswith(before) and _meets(text, value))


def _meets(text: bytes, value: bytes) -> bool:
    return value.startswith(text) or (text.startswith(value) and text[len(value) : len(value) + 1] in ENDS)


def _leaves(text: str, at: int, path: tuple[str, ...]) -> Generator[Leaf, None, int]:
    at = _skip(text, at)
    if text[at] not in "{[":
        end = _decoder.raw_decode(text, at)[1]
        yield Leaf(path, at, end)
        return end
    opener, at, index = text[at], _skip(text, at + 1), 0
    while text[at] not in "}]":
        name = str(index)
        if opener == "{":
            name, at = _decoder.raw_decode(text, at)
        at = _skip(text, (yield from _leaves(text, at, (*path, name))))
        index += 1
    return at + 1


def _schema_of(path: Sequence[str], value: Any, root: Schema) -> Schema:
    """The schema of the value at a path; empty where the schema says nothing."""
    schema: Any = root
    for name in path:
        schema = _branch(schema, value, root)
        if isinstance(value, dict):
            schema, value = schema.get("properties", {}).get(name, schema.get("additionalProperties")), value[name]
        else:
            schema, value = schema.get("items"), value[int(name)]
        schema = schema if isinstance(schema, Mapping) else {}
    found: Schema = schema
    return found


def _branch(schema: Schema, value: Any, root: Schema) -> Schema:
    """The alternative of a schema that an object or array is of."""
    schema = _resolved(schema, root)
    for branch in _alternatives(schema):
        found = _branch(branch, value, root)
        if _fits(found, value, root):
            return found
    return schema


def _fits(schema: Schema, value: Any, root: Schema) -> bool:
    if isinstance(value, list):
        return schema.get("type") == "array"
    parts = schema.get("properties", {})
    fixed = {name: allowed(part, root) for name, part in parts.items()}
    return set(value) <= set(parts) and all(
        len(values) != 1 or name not in value or _json(value[name]) in values for name, values in fixed.items()
    )


def _resolved(schema: Schema, root: Schema) -> Schema:
    seen = 0
    while isinstance(schema.get("$ref"), str) and (seen := seen + 1) < 20:
        target: Any = root
        for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
            target = target.get(part, {}) if part else target
        schema = target
    return schema


def _alternatives(schema: Schema) -> Sequence[Schema]:
    found = schema.get("anyOf") or schema.get("oneOf") or ()
    return list(found) or (list(schema.get("allOf", ())) if len(schema.get("allOf", ())) == 1 else [])


def _constants(schema: Schema) -> bool:
    return sum("const" in branch for branch in _alternatives(schema)) > 1


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _skip(text: str, at: int) -> int:
    found = _blank.match(text, at)
    return found.end() if found else at


_blank = re.compile(r"[\s,:]*")
_decoder = json.JSONDecoder()
