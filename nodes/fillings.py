"""Filling any JSON Schema from a text: enums by word lists, strings by quotation, numbers and lists as they stand in it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from treadle.errors import DocumentError
from treadle.nodes import lexicons, ranks
from treadle.nodes.materials import Material
from treadle.nodes.splits import clauses
from treadle.nodes.verdicts import Verdict, truth, verdict

Schema = Mapping[str, Any]

_DEPTH = 12  # nesting at which a schema that refers to itself is left empty
_MANY = 500  # parts of a text that a list of objects takes at most
_WHY = re.compile(r"reason|why|explan|rational|justif|because|evidence|comment|note|finding$", re.I)
_SUM = re.compile(r"summar|gist|abstract|synops|overview|description|answer|text|content|body|conclu", re.I)
_HEAD = re.compile(r"heading|title|subject|headline|name$|topic$|label$", re.I)
_QUOTE = re.compile(r"quote|excerpt|passage|phrase|snippet|span", re.I)
_DO = re.compile(r"advice|recommend|suggest|action|next_?step|mitigat|remed|fix$", re.I)
_SURE = re.compile(r"confiden|certain|probab|likelihood|score$|sure", re.I)
_NUMBERED = re.compile(r"^(number|no|clause_?(number|no|id)|section|ref|reference|id)$", re.I)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}\b")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMERAL = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?")
_ADVICE = {
    0: "Accept it as it stands.", 1: "Accept it as it stands.",
    2: "Ask for a limit, a period of notice, or the same right for both sides.",
    3: "Ask for it to be struck out, or made mutual and capped.", 4: "Do not sign before it is struck out.",
}  # fmt: skip


@dataclass
class Filling:
    """A filled schema, and how sure each choice in it is."""

    material: Material
    root: Schema
    confidence: dict[str, float] = field(default_factory=dict)
    """Confidence of every enum and boolean by its path, such as ``risk`` or ``value.0.risk``."""
    verdicts: dict[str, tuple[Verdict, bool]] = field(default_factory=dict)
    """Verdicts by path, and whether the field is a scale."""

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
        return fillers.get(kind, lambda: _fitted(self.string(schema, name, path), schema))()

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
        found = verdict(name, schema.get("description", ""), values, self.material)
        scale = isinstance(found.value, str) and lexicons.step(found.value) is not None
        self.verdicts[path], self.confidence[path] = (found, scale), found.confidence
        return found.value

    def either(self, options: Sequence[Schema], schema: Schema, name: str, path: str, depth: int) -> Any:
        """One of several shapes; nothing, where that is allowed and the text has nothing of the kind."""
        real = [self.resolved(option) for option in options]
        solid = [option for option in real if option.get("type") != "null"]
        constants = [option["const"] for option in solid if "const" in option]
        if solid and len(constants) == len(solid):
            return self.choice(constants, schema, name, path)
        absent = len(solid) < len(real) and solid and solid[0].get("type") in {"number", "integer"}
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
        schema = self.resolved(schema if isinstance(schema, Mapping) else {})
        return 0 if "enum" in schema or schema.get("anyOf") else 1 if schema.get("type") in {"boolean", "array", "object"} else 2

    def boolean(self, schema: Schema, name: str, path: str) -> bool:
        found = truth(name, schema.get("description", ""), self.material)
        self.confidence[path] = found.confidence
        return bool(found.value)

    def array(self, schema: Schema, name: str, path: str, depth: int) -> list[Any]:
        """A list of objects: one a clause or paragraph. A list of values: key phrases, or the enum's values that are spoken of."""
        items = self.resolved(schema.get("items") if isinstance(schema.get("items"), Mapping) else {})
        least, most = schema.get("minItems", 0), schema.get("maxItems", _MANY)
        if "enum" in items:
            found = self.spoken(list(items["enum"]), name)
        elif items.get("type") in {"object", "array"} or "properties" in items or items.get("anyOf"):
            parts = _parts(self.material)[:most]
            made = [Filling(replace(self.material, text=part.text, heading=part.heading, data=part.data), self.root) for part in parts]
            found = [filling.fill(items, name, "", depth + 1) for filling in made]
            self.confidence |= {f"{path}.{at}.{key}".strip("."): sure for at, one in enumerate(made) for key, sure in one.confidence.items()}
        elif items.get("type") in {"integer", "number"}:
            numbers = [float(match[0].replace(",", "")) for match in _NUMERAL.finditer(self.material.text)]
            found = [_held(number, items, whole=items["type"] == "integer") for number in numbers]
        elif items.get("type") in {"boolean", "null"}:
            found = []
        else:
            count = max(least, min(most, 5))
            quoted = ranks.summary if re.search(r"point|sentence|quote|step|fact", name, re.I) else ranks.phrases
            found = [_fitted(text, items) for text in quoted(self.material.text, count)]
        if schema.get("uniqueItems"):
            found = [value for at, value in enumerate(found) if value not in found[:at]]
        missing = [self.fill(items, name, "", depth + 1) for _ in range(least - len(found))]
        return (found + missing)[:most]

    def spoken(self, values: list[Any], name: str) -> list[Any]:
        """The values of an enum that the text speaks of: those that win over a stand-in for none of them."""
        rivals = [(value, verdict(name, "", [value, "\0"], self.material)) for value in values]
        return [value for value, found in rivals if found.value == value and found.quote]

    def number(self, schema: Schema, name: str, path: str) -> float:
        """A confidence: the least margin so far. Stars: the feeling. Anything else: the number that stands nearest the field's words."""
        if _SURE.search(name) and schema.get("maximum", 1) <= 1:
            return min(self.confidence.values(), default=0.5)
        if re.search(r"rating|stars|sentiment", name, re.I) and "maximum" in schema:
            low, high = schema.get("minimum", 1), schema["maximum"]
            share = {"positive": 1.0, "neutral": 0.5, "negative": 0.0}[verdict(name, "", ["positive", "neutral", "negative"], self.material).value]
            return float(low + (high - low) * share)
        wanted = set(ranks.words(f"{lexicons.plain(name)} {schema.get('description', '')}"))
        best, score = 0.0, -1
        for match in _NUMERAL.finditer(self.material.text):
            near = ranks.words(self.material.text[max(0, match.start() - 40) : match.end() + 40])
            if (now := len(wanted & set(near))) > score:
                best, score = float(match[0].replace(",", "")), now
        return best

    def string(self, schema: Schema, name: str, path: str) -> str:
        """Words of the input, or a fixed form."""
        text, own = self.material.text, self.own(path)
        if (kept := self.kept(name)) is not None:
            return kept
        if schema.get("format") in {"date", "date-time", "email"}:
            return _first(_MAIL if schema["format"] == "email" else _DATE, text)
        if "pattern" in schema:
            return _first(_compiled(schema["pattern"]), text)
        if _QUOTE.search(name):
            return self.decided(own)
        if _WHY.search(name):
            return self.reason(own)
        if _DO.search(name):
            return _ADVICE[max((lexicons.step(str(found.value)) or 0 for found, scale in own if scale), default=2)]
        if _HEAD.search(name):
            return self.material.heading or next(iter(ranks.phrases(text, 1)), "") or text[:60]
        if re.search(r"e-?mail", name, re.I) or re.search(r"date", name, re.I):
            return _first(_MAIL if "mail" in name.lower() else _DATE, text)
        return " ".join(ranks.summary(text, 2 if _SUM.search(name) else 1))

    def own(self, path: str) -> list[tuple[Verdict, bool]]:
        """The verdicts of the same object, the scale first."""
        parent = path.rpartition(".")[0]
        near = [found for key, found in self.verdicts.items() if key.rpartition(".")[0] == parent]
        return sorted(near, key=lambda found: not found[1])

    def kept(self, name: str) -> str | None:
        """A field that the material has under the same name (a clause's number, its text) is carried over."""
        first = self.material.data[0] if self.material.data else None
        value = first.get(name) if isinstance(first, Mapping) else None
        if isinstance(value, str) and not _WHY.search(name):
            return value
        match = re.match(r"\s*(\d+(?:\.\d+)*)[.)]?\s", self.material.text) if _NUMBERED.match(name) else None
        return match[1] if match else "" if _NUMBERED.match(name) else None

    def decided(self, own: Sequence[tuple[Verdict, bool]]) -> str:
        """The words that decided, as they stand in the text: the part of the sentence around them."""
        span = next((found.quote for found, _ in own if found.quote), None)
        return _around(self.material.text, *span) if span else " ".join(ranks.summary(self.material.text, 1))[:240]

    def reason(self, own: Sequence[tuple[Verdict, bool]]) -> str:
        scale = next((found for found, is_scale in own if is_scale), own[0][0] if own else Verdict(None, 0.5))
        said = "".join(f"As the reviewer said: “{words}”. " for words in dict.fromkeys(found.said for found, _ in own if found.said))
        label = scale.label or ("" if scale.quote else "nothing in the word lists stands out")
        quote = _around(self.material.text, *scale.quote) if scale.quote else " ".join(ranks.summary(self.material.text, 1))[:200]
        return said + (f"{label[0].upper()}{label[1:]}: “{quote}”" if label else f"“{quote}”")


def _around(text: str, start: int, end: int, most: int = 220) -> str:
    """The sentence or item around a place, cut at words where it is long."""
    left = max((match.end() for match in re.finditer(r"[.;:!?]\s+|\n", text[:start])), default=0)
    right = re.compile(r"[.;!?](?=\s|$)|\n").search(text, max(start, end - 1))
    stop = right.start() if right else len(text)
    if stop - left <= most:
        return text[left:stop].strip()
    left = left if end - left <= most else start
    piece = text[left : left + most].rsplit(" ", 1)[0]
    return piece.strip(" ,;") + (" …" if left + len(piece) < stop else "")


def _parts(material: Material) -> list[Material]:
    """The parts of a text that a list of objects speaks of: items of a JSON list, else its clauses or paragraphs."""
    first = material.data[0] if material.data else None
    if isinstance(first, list) and first and all(isinstance(item, Mapping) for item in first):
        return [Material(str(item.get("text") or " ".join(map(str, item.values()))), str(item.get("heading", "")), (item,)) for item in first]
    try:
        return [Material(clause["text"], clause["heading"], (clause,)) for clause in clauses(material.text)]
    except DocumentError:
        return []


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[0] if match else ""


def _compiled(source: str) -> re.Pattern[str]:
    try:
        return re.compile(source.removeprefix("^").removesuffix("$"))
    except re.error:
        return re.compile(r"(?!)")


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
    number = min(max(number, low if low is not None else number), high if high is not None else number)
    number = round(number / step) * step if step else number
    return int(number) if whole else round(float(number), 6)
