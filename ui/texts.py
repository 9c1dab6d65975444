"""Showing any payload as a page that reads well: typed, in order, and always as text."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from treadle.ui.diffs import ABSENT, Change, words
from treadle.ui.fields import said
from treadle.ui.markdowns import set_, written
from treadle.ui.markups import NOTHING, Inside, Markup, join, tag

CUT: Final = 100_000
"""Characters of one text that are shown; of more, the beginning."""

ROWS: Final = 200
"""Items of one list that are shown."""

TALL: Final = 3_000
"""Characters from which a text gets a box that scrolls by itself."""

NEAR: Final = 90
"""Characters of unchanged text that a diff keeps on each side of a change."""

_TONES: Final = {"critical": "bad", "high": "bad", "medium": "fair", "moderate": "fair", "low": "good", "none": "good"}
_GRADED: Final = ("risk", "severity", "impact")
SHARES: Final = ("confidence", "probability", "share")
"""Names of fields whose numbers are shares of a whole."""


def show(value: Any, *, name: str = "", depth: int = 0) -> Markup:
    """A value of plain data as a reader wants it: fields with their names, lists as lists or tables, texts as texts."""
    if isinstance(value, Mapping):
        return _fields(value, depth)
    if isinstance(value, list | tuple):
        return _list(value, depth)
    return scalar(value, name=name)


def scalar(value: Any, *, name: str = "") -> Markup:
    """A single value; `name` tells a share or a grade from any other number or word."""
    if value is None or value is ABSENT:
        return tag("span", "none" if value is None else "not given", kind="faint")
    if isinstance(value, bool):
        return tag("span", "Yes" if value else "No")
    if isinstance(value, int | float):
        return _number(value, name)
    text = str(value)
    if not text.strip():
        return tag("span", "empty", kind="faint")
    if name.lower() in _GRADED and text.lower() in _TONES:
        return chip(text, tone=_TONES[text.lower()])
    return prose(text)


def _number(value: float, name: str) -> Markup:
    if name.lower() in SHARES and 0 <= value <= 1:
        words_ = f"{value:.0%}"
        return tag("span", tag("meter", value=value, min=0, max=1, aria_hidden="true"), f" {words_}", kind="share")
    return tag("span", f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value))


def chip(text: str, *, tone: str = "") -> Markup:
    """A short word on a tint; the word says it, the tint only helps."""
    return tag("span", text, kind=f"chip {tone}".strip())


def prose(text: str) -> Markup:
    """A text with its line breaks, Markdown set for reading; a long one scrolls in a box of its own."""
    if written(text):
        return tag("div", set_(text), kind="tall" if len(text) > TALL else "", **_reachable(text))
    rest = len(text) - CUT
    body = tag("div", text[:CUT], kind="text tall" if len(text) > TALL else "text", dir="auto", **_reachable(text))
    more = tag("p", f"The first {CUT:,} of {len(text):,} characters are shown.", kind="faint") if rest > 0 else NOTHING
    return body + more


def _reachable(text: str) -> dict[str, object]:
    """A box that scrolls must be reachable by keyboard."""
    return {"tabindex": 0, "role": "group", "aria-label": "Text, scrolls"} if len(text) > TALL else {}


def _fields(value: Mapping[Any, Any], depth: int) -> Markup:
    if not value:
        return tag("span", "no fields", kind="faint")
    rows = [_field(str(key), part, depth) for key, part in value.items()]
    return tag("dl", *rows, kind="fields nested" if depth else "fields")


def _field(key: str, value: Any, depth: int) -> Markup:
    wide = isinstance(value, Mapping | list) or len(str(value)) > 60
    return tag(
        "div",
        tag("dt", said(key)),
        tag("dd", show(value, name=key, depth=depth + 1)),
        kind="field wide" if wide else "field",
    )


def _list(value: Sequence[Any], depth: int) -> Markup:
    if not value:
        return tag("span", "an empty list", kind="faint")
    shown = value[:ROWS]
    more = (
        tag("p", f"The first {ROWS} of {len(value):,} items are shown.", kind="faint") if len(value) > ROWS else NOTHING
    )
    columns = _columns(shown)
    if columns:
        return (
            table(
                [said(name) for name in columns],
                [[show(row.get(name, ABSENT), name=name, depth=depth + 1) for name in columns] for row in shown],
            )
            + more
        )
    items = [tag("li", show(item, depth=depth + 1)) for item in shown]
    return tag("ol" if any(isinstance(item, Mapping | list) for item in shown) else "ul", *items, kind="list") + more


def passage(value: Any, part: tuple[int, int] | None = None) -> Markup:
    """A part of a document: its number and heading, its text to be read, then whatever else is known of it.

    `part` is from where to where the text is marked.
    """
    if isinstance(value, str) and part:
        return marked(value, *part)
    if not (isinstance(value, Mapping) and isinstance(value.get("text"), str)):
        return show(value)
    named = [str(value[key]) for key in ("number", "heading", "title") if value.get(key)]
    head = tag("h4", " ".join(named), kind="head", dir="auto") if named else NOTHING
    body = tag("div", marked(value["text"], *part) if part else prose(value["text"]), kind="read")
    left = {
        key: part for key, part in value.items() if key not in ("number", "heading", "title", "text", "start", "end")
    }
    rest = [f"{said(str(key))}: {line(part)}" for key, part in left.items() if part not in (None, "", [], {})]
    return head + body + (tag("div", *(tag("span", one) for one in rest), kind="meta below") if rest else NOTHING)


def _columns(rows: Sequence[Any]) -> list[str]:
    """The columns of a table, if the rows make one: small mappings of single values that share their keys."""
    if len(rows) < 2 or not all(isinstance(row, Mapping) for row in rows):
        return []
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    flat = all(not isinstance(part, Mapping | list) and len(str(part)) <= 300 for row in rows for part in row.values())
    return names if flat and 0 < len(names) <= 7 and all(len(row) >= len(names) - 1 for row in rows) else []


def table(heads: Sequence[str], rows: Sequence[Sequence[Inside]], *, label: str = "") -> Markup:
    """A table that scrolls sideways where the window is narrow."""
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in heads)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", head, body, aria_label=label or None), kind="scroll", tabindex=0)


def line(value: Any, *, most: int = 140) -> str:
    """A value in one line of plain text, cut where it gets long."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{said(str(key)).lower()}: {line(part, most=40)}" for key, part in list(value.items())[:8])
    elif isinstance(value, list | tuple):
        text = ", ".join(line(part, most=40) for part in value[:8])
    else:
        text = "none" if value is None else "yes" if value is True else "no" if value is False else str(value)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def marked(text: str, start: int, end: int) -> Markup:
    """A text with the part that matters marked."""
    if not 0 <= start < end <= len(text):
        return prose(text)
    # What lies far before the place is left out, so that the place is in sight.
    first, last = max(0, start - 1500), min(len(text), end + 1500)
    parts: list[Inside] = ["… " if first else "", text[first:start], tag("mark", text[start:end]), text[end:last]]
    return tag("div", *parts, " …" if last < len(text) else "", kind="text tall", dir="auto", tabindex=0)


def changed(changes: Sequence[Change]) -> Markup:
    """A diff, field by field; what went is struck through, what came is underlined."""
    return tag("dl", *(_changed(change) for change in changes[:ROWS]), kind="fields diff")


def _changed(change: Change) -> Markup:
    path = " › ".join(said(step) if isinstance(step, str) else f"item {step + 1}" for step in change.path)
    inside = _compared(change.before, change.after)
    return tag("div", tag("dt", path or "The whole"), tag("dd", inside), kind="field wide")


def _compared(before: Any, after: Any) -> Markup:
    if isinstance(before, str) and isinstance(after, str) and before and after:
        pieces = words(before, after)
        parts = [_piece(piece.kind, piece.text, at, len(pieces)) for at, piece in enumerate(pieces)]
        return tag("div", *parts, kind="text", dir="auto")
    old = NOTHING if before is ABSENT else tag("del", _short(before))
    new = tag("ins", _short(after)) if after is not ABSENT else NOTHING
    return tag(
        "div", join([old, " " if before is not ABSENT and after is not ABSENT else "", new]), kind="text", dir="auto"
    )


def _short(value: Any) -> str:
    return "(none)" if value is None else line(value, most=2000) or "(empty)"


def _piece(kind: str, text: str, place: int, many: int) -> Inside:
    if kind == "out":
        return tag("del", text)
    if kind == "in":
        return tag("ins", text)
    head, tail = (text[:NEAR] if place else ""), (text[-NEAR:] if place < many - 1 else "")
    short = len(text) <= 2 * NEAR + 40
    return text if short else head + (" … " if head or tail else "") + tail
