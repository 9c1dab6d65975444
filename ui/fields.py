"""The fields of a form: a JSON schema and a value planned out as widgets, without drawing any."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from treadle.ui.schemas import Schema, inferred, parts, settled

Kind = Literal["text", "prose", "choice", "choices", "number", "integer", "switch", "object", "list", "fixed", "json"]

DEPTH: Final = 6
"""Objects within objects up to which there are fields; deeper ones are edited as JSON."""

MANY: Final = 60
"""Items of a list up to which each has fields of its own; a longer one is edited as JSON."""

LONG: Final = 70
"""Characters from which a text gets a box of several lines."""

_SAFE: Final = 2**53 - 1


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT: Final[Any] = _Absent()
"""The value that a field starts with when the object has no such key."""


@dataclass(frozen=True)
class Field:
    """One place in a form."""

    kind: Kind
    label: str
    key: str
    """Key of its widget."""
    value: Any = ABSENT
    """What stands in it at the beginning."""
    note: str = ""
    """What the schema says of it."""
    null: bool = False
    """Whether it may stay empty, which gives None."""
    optional: bool = False
    """Whether it is left out of its object when it is empty and was not there before."""
    options: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    fields: tuple[tuple[str, "Field"], ...] = ()
    """Of an object, by name."""
    schema: Schema | None = None
    """Of a list's items."""
    root: Schema | None = None
    depth: int = 0

    @property
    def start(self) -> Any:
        """The value to begin with, None where there is none."""
        return None if self.value is ABSENT else self.value

    def item(self, number: int) -> "Field":
        """The field of a list's item; a number past the end is a new item."""
        items = self.start or []
        value = items[number] if number < len(items) else ABSENT
        return plan(
            self.schema or {}, value, key=f"{self.key}/{number}", label="", root=self.root, depth=self.depth + 1
        )


def plan(
    schema: Any,
    value: Any = ABSENT,
    *,
    key: str,
    label: str = "",
    root: Schema | None = None,
    optional: bool = False,
    depth: int = 0,
) -> Field:
    """Plan the field for a value of a schema; one that no widget serves becomes a JSON editor.

    `root` is the document that references point into (default: the schema itself).
    """
    root = root if root is not None else schema if isinstance(schema, Mapping) else {}
    start = None if value is ABSENT else value
    known, null = settled(schema, root, start)
    if not known.keys() & {"type", "enum", "const", "properties"}:
        known = {**known, **inferred(start)}
    value = known.get("default", ABSENT) if value is ABSENT else value
    common = {
        "label": label or "",
        "key": key,
        "value": value,
        "note": str(known.get("description") or ""),
        "null": null,
        "optional": optional,
        "root": root,
        "depth": depth,
    }
    return Field(**_kind(known, value, null=null, key=key, root=root, depth=depth), **common)


def _kind(known: Schema, value: Any, *, null: bool, key: str, root: Schema, depth: int) -> dict[str, Any]:
    start = None if value is ABSENT else value
    if "const" in known:
        return {"kind": "fixed", "options": (known["const"],)}
    if isinstance(known.get("enum"), list):
        return _chosen(known["enum"], start, value is ABSENT or null)
    if start is not None and not _agrees(known.get("type"), start):
        return {"kind": "json"}
    match known.get("type", "object" if "properties" in known else None):
        case "string":
            return {"kind": "prose" if _long(known, start) else "text"}
        case "integer" | "number" as kind if start is None or abs(start) <= _SAFE:
            return {"kind": kind, "low": _bound(known, "minimum"), "high": _bound(known, "maximum")}
        case "boolean":
            return {"kind": "choice", "options": (True, False)} if null else {"kind": "switch"}
        case "object" if depth < DEPTH:
            fields = tuple(_fields(known, start, key=key, root=root, depth=depth))
            return {"kind": "object", "fields": fields} if fields else {"kind": "json"}
        case "array":
            return _listed(known, start, root=root, depth=depth)
    return {"kind": "json"}


def _chosen(options: list[Any], start: Any, empty: bool) -> dict[str, Any]:
    """A choice, unless what stands there is none of the options."""
    options = [option for option in options if option is not None]
    known = start in options or (start is None and empty)
    return {"kind": "choice", "options": tuple(options)} if known and options else {"kind": "json"}


def _listed(known: Schema, start: Any, *, root: Schema, depth: int) -> dict[str, Any]:
    items = known.get("items")
    first = start[0] if start else None
    inner, _ = settled(items, root, first)
    options = inner.get("enum")
    if (
        isinstance(options, list)
        and all(item in options for item in start or ())
        and len({*map(str, start or ())}) == len(start or ())
    ):
        return {"kind": "choices", "options": tuple(options)}
    schema = items if isinstance(items, Mapping) and items else inferred(first)
    if depth >= DEPTH or len(start or ()) > MANY or not schema:
        return {"kind": "json"}
    return {"kind": "list", "schema": schema}


def _fields(known: Schema, value: Any, *, key: str, root: Schema, depth: int) -> list[tuple[str, Field]]:
    required = known.get("required") or ()
    return [
        (
            name,
            plan(
                part,
                value[name] if isinstance(value, Mapping) and name in value else ABSENT,
                key=f"{key}/{name}",
                label=said(name),
                root=root,
                optional=name not in required,
                depth=depth + 1,
            ),
        )
        for name, part in parts(known, value).items()
    ]


def _agrees(kind: Any, value: Any) -> bool:
    """Whether a widget of that kind can hold the value."""
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, Mapping)
    return isinstance(value, Mapping)


def _long(known: Schema, start: Any) -> bool:
    room = known.get("maxLength")
    return len(start or "") >= LONG or "\n" in (start or "") or (isinstance(room, int) and room > 2 * LONG)


def _bound(known: Schema, name: str) -> float | None:
    found = known.get(name)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def said(name: str) -> str:
    """A key as a label.

    >>> said("clause_number"), said("dueDate"), said("URL")
    ('Clause number', 'Due date', 'URL')
    """
    spaced = "".join(
        f" {sign}" if sign.isupper() and before.islower() else sign
        for before, sign in zip(" " + name, name, strict=False)
    )
    words = spaced.replace("_", " ").replace("-", " ").split()
    text = " ".join(word if word.isupper() else word.lower() for word in words)
    return text[:1].upper() + text[1:] if text else name


def written(value: Any) -> str:
    """A value as JSON that a person can edit."""
    return "" if value is ABSENT else json.dumps(value, ensure_ascii=False, indent=2)
