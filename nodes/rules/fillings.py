"""Filling any JSON Schema from a text: enums by word lists, strings by quotation, numbers as they stand in it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from treadle.errors import DocumentError
from treadle.nodes.rules import lexicons, ranks
from treadle.nodes.rules.materials import Material, strings
from treadle.nodes.rules.quotations import Seen, quoted
from treadle.nodes.rules.verdicts import Verdict, truth, verdict
from treadle.nodes.texts.splits import clauses

Schema = Mapping[str, Any]

_DEPTH = 12  # nesting at which a schema that refers to itself is left empty
_MANY = 500  # parts of a text that a list of objects takes at most
_SURE = re.compile(r"confiden|certain|probab|likelihood|score$|sure", re.I)
_FEELINGS = {"positive": 1.0, "neutral": 0.5, "negative": 0.0}
_STARS = re.compile(r"rating|stars|sentiment", re.I)
_NUMERAL = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass
class Filling:
    """A filled schema, and how sure each choice in it is."""

    material: Material
    root: Schema
    confidence: dict[str, float] = field(default_factory=dict)
    """Confidence of every enum and boolean by its path, such as ``risk`` or ``value.0.risk``."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def value(self) -> Any:
        """The filled value, valid against the schema as far as the schema asks for what a text can give."""
        return self.fill(self.root, "", "", 0)

    def fill(self, schema: Any, name: str, path: str, depth: int) -> Any:
        """Fill one part of the schema; ``name`` is its field's name."""
        schema = self.resolved(schema if isinstance(schema, Mapping) else {})
        if "const" in schema or depth > _DEPTH:
            return schema.get("const")
        if "enum" in schema:
            return self.choice(list(schema["enum"]), schema, name, path)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return self.either(options, schema, name, path, depth)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = next((part for part in kind if part != "null"), "null") if isinstance(kind, list) else kind
        fillers: dict[str, Callable[[], Any]] = {
            "object": lambda: self.object(schema, path, depth),
            "array": lambda: self.array(schema, name, path, depth),
            "boolean": lambda: self.boolean(schema, name, path),
            "integer": lambda: _held(self.number(schema, name, path), schema, whole=True),
            "number": lambda: _held(self.number(schema, name, path), schema, whole=False),
            "null": lambda: None,
        }
        return fillers.get(kind, lambda: _fitted(quoted(name, schema, self.seen(path)), schema))()

    def resolved(self, schema: Schema) -> Schema:
        """The schema with its references and ``allOf`` parts put in place."""
        for _ in range(_DEPTH):
            if isinstance(reference := schema.get("$ref"), str):
                target: Any = self.root
                for part in reference.lstrip("#/").split("/") if reference != "#" else []:
                    target = target.get(part, {}) if isinstance(target, Mapping) else {}
                schema = {**target, **{key: part for key, part in schema.items() if key != "$ref"}}
            elif schema.get("allOf"):
                rest = {key: part for key, part in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    rest = {**self.resolved(part), **rest}
                schema = rest
            else:
                break
        return schema

    def choice(self, values: list[Any], schema: Schema, name: str, path: str) -> Any:
        """The value of an enum, its verdict and confidence kept for the fields beside it."""
        found = verdict(name, schema.get("description", ""), values, self.material)
        self.verdicts[path], self.confidence[path] = found, found.confidence
        return found.value

    def either(self, options: Sequence[Schema], schema: Schema, name: str, path: str, depth: int) -> Any:
        """One of several shapes; nothing, where that is allowed and the text has nothing of the kind."""
        real = [self.resolved(option) for option in options]
        solid = [option for option in real if option.get("type") != "null"]
        constants = [option["const"] for option in solid if "const" in option]
        if solid and len(constants) == len(solid):
            return self.choice(constants, schema, name, path)
        absent = len(solid) < len(real) and solid and solid[0].get("type") in ("number", "integer")
        if not solid or (absent and not _SURE.search(name) and not _NUMERAL.search(self.material.text)):
            return None
        shared = {key: schema[key] for key in ("description",) if key in schema}
        return self.fill({**shared, **solid[0]}, name, path, depth + 1)

    def object(self, schema: Schema, path: str, depth: int) -> dict[str, Any]:
        """Choices first, since strings such as a reason speak of them; the order of the schema is kept."""
        parts: Mapping[str, Any] = schema.get("properties", {})
        parts = {**{name: {} for name in schema.get("required", ())}, **parts}
        filled = {}
        for name in sorted(parts, key=lambda name: self.late(parts[name])):
            filled[name] = self.fill(parts[name], name, f"{path}.{name}" if path else name, depth + 1)
        return {name: filled[name] for name in parts}

    def late(self, schema: Any) -> int:
        """When a field is filled: enums first, then what has parts, then strings and numbers."""
        schema = self.resolved(schema if isinstance(schema, Mapping) else {})
        if "enum" in schema or schema.get("anyOf"):
            return 0
        return 1 if schema.get("type") in ("boolean", "array", "object") else 2

    def boolean(self, schema: Schema, name: str, path: str) -> bool:
        """Whether the text speaks of what the field names."""
        found = truth(name, schema.get("description", ""), self.material)
        self.confidence[path] = found.confidence
        return bool(found.value)

    def array(self, schema: Schema, name: str, path: str, depth: int) -> list[Any]:
        """Objects: one a clause or paragraph. Values: key phrases, numbers, or those of an enum that are spoken of."""
        given = schema.get("items")
        items = self.resolved(given if isinstance(given, Mapping) else {})
        least, most = schema.get("minItems", 0), schema.get("maxItems", _MANY)
        if "enum" in items:
            found = self.spoken(list(items["enum"]), name)
        elif items.get("type") in ("object", "array") or "properties" in items or items.get("anyOf"):
            found = self.parts(items, name, path, depth, most)
        elif items.get("type") in ("integer", "number"):
            numbers = [float(match[0].replace(",", "")) for match in _NUMERAL.finditer(self.material.text)]
            found = [_held(number, items, whole=items["type"] == "integer") for number in numbers]
        elif items.get("type", "string") != "string" or "const" in items:
            found = []
        else:
            pick = ranks.summary if re.search(r"point|sentence|quote|step|fact", name, re.I) else ranks.phrases
            found = [_fitted(text, items) for text in pick(self.material.text, max(least, min(most, 5)))]
        if schema.get("uniqueItems"):
            found = [value for at, value in enumerate(found) if value not in found[:at]]
        missing = [self.fill(items, name, "", depth + 1) for _ in range(least - len(found))]
        return (found + missing)[:most]

    def parts(self, items: Schema, name: str, path: str, depth: int, most: int) -> list[Any]:
        """One object for every part of the material."""
        made = [Filling(part, self.root) for part in _parts(self.material)[:most]]
        found = [filling.fill(items, name, "", depth + 1) for filling in made]
        for at, filling in enumerate(made):
            self.confidence |= {f"{path}.{at}.{key}".strip("."): sure for key, sure in filling.confidence.items()}
        return found

    def spoken(self, values: list[Any], name: str) -> list[Any]:
        """The values of an enum that the text speaks of: those that win over a stand-in for none of them."""
        rivals = [(value, verdict(name, "", [value, "\0"], self.material)) for value in values]
        return [value for value, found in rivals if found.value == value and found.quote]

    def number(self, schema: Schema, name: str, path: str) -> float:
        """A confidence is the least margin so far, stars are the feeling; else the number nearest to the field."""
        if _SURE.search(name) and schema.get("maximum", 1) <= 1:
            return min(self.confidence.values(), default=0.5)
        if _STARS.search(name) and "maximum" in schema:
            feeling = verdict(name, "", list(_FEELINGS), self.material).value
            low, high = schema.get("minimum", 1), schema["maximum"]
            return float(low + (high - low) * _FEELINGS[feeling])
        wanted = set(ranks.words(f"{lexicons.plain(name)} {schema.get('description', '')}"))
        best, score = 0.0, -1
        for match in _NUMERAL.finditer(self.material.text):
            wide, near = (
                set(ranks.words(self.material.text[max(0, match.start() - reach) : match.end() + reach]))
                for reach in (40, 12)
            )
            if (now := len(wanted & wide) + 2 * len(wanted & near)) > score:
                best, score = float(match[0].replace(",", "")), now
        return best

    def seen(self, path: str) -> Seen:
        """What was decided in the object that holds a field."""
        parent = path.rpartition(".")[0]
        near = [found for key, found in self.verdicts.items() if key.rpartition(".")[0] == parent]
        scales = tuple(found for found in near if lexicons.step(str(found.value)) is not None)
        return Seen(self.material, scales, tuple(found for found in near if found not in scales))


def _parts(material: Material) -> list[Material]:
    """The parts of a text that a list of objects speaks of: items of a JSON list, else its clauses or paragraphs."""
    first = material.data[0] if material.data else None
    if isinstance(first, list) and first and all(isinstance(item, Mapping) for item in first):
        return [
            Material(str(item.get("text") or " ".join(strings(item))), str(item.get("heading", "")), data=(item,))
            for item in first
        ]
    try:
        return [
            Material(clause["text"], clause["heading"], " / ".join(clause["path"]), (clause,))
            for clause in clauses(material.text)
        ]
    except DocumentError:
        return []


def _fitted(text: str, schema: Schema) -> str:
    """A string within the lengths that the schema asks for."""
    most, least = schema.get("maxLength", len(text)), schema.get("minLength", 0)
    cut = text if len(text) <= most else text[: max(0, most - 1)].rsplit(" ", 1)[0][: max(0, most - 1)] + "…"[:most]
    return cut.ljust(least, ".")


def _held(number: float, schema: Schema, *, whole: bool) -> float | int:
    """A number within the bounds and on the step that the schema asks for."""
    step = schema.get("multipleOf", 1 if whole else 0)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    nudge = step or 1e-6
    low = low + nudge if low is not None and "minimum" not in schema else low
    high = high - nudge if high is not None and "maximum" not in schema else high
    number = number if low is None else max(number, low)
    number = number if high is None else min(number, high)
    number = round(number / step) * step if step else number
    return int(number) if whole else round(float(number), 6)
