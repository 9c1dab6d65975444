"""The strings that the rules model fills in: words quoted from its material, or fixed forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from treadle.nodes.rules import lexicons, ranks
from treadle.nodes.rules.materials import Material
from treadle.nodes.rules.verdicts import Verdict

_WHY = re.compile(r"reason|why|explan|rational|justif|because|evidence|comment|note|finding$", re.I)
_SUM = re.compile(r"summar|gist|abstract|synops|overview|description|answer|text|content|body|conclu", re.I)
_HEAD = re.compile(r"heading|title|subject|headline|name$|topic$|label$", re.I)
_QUOTE = re.compile(r"quote|excerpt|passage|phrase|snippet|span", re.I)
_DO = re.compile(r"advice|recommend|suggest|action|next_?step|mitigat|remed|fix$", re.I)
_NUMBERED = re.compile(r"^(number|no|clause_?(number|no|id)|section|ref|reference|id)$", re.I)
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(rf"\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}} (?:{_MONTH}) \d{{4}}\b")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SILENT = "nothing in the word lists stands out"
_ADVICE = {
    0: "Accept it as it stands.",
    1: "Accept it as it stands.",
    2: "Ask for a limit, a period of notice, or the same right for both sides.",
    3: "Ask for it to be struck out, or made mutual and capped.",
    4: "Do not sign before it is struck out.",
}


@dataclass(frozen=True)
class Seen:
    """What was decided of the object that a string belongs to: its verdicts, and which of them are steps of a scale."""

    material: Material
    scales: tuple[Verdict, ...] = ()
    others: tuple[Verdict, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts, scales first."""
        return self.scales + self.others


def quoted(name: str, schema: Mapping[str, Any], seen: Seen) -> str:
    """The string for a field: carried over from the material, found by pattern, a reason, or a weighty sentence."""
    text, format_ = seen.material.text, schema.get("format", "")
    kept = _kept(name, seen.material)
    if kept is not None:
        return kept
    if format_ == "email" or re.search(r"e-?mail", name, re.I):
        return _first(_MAIL, text)
    if format_ in {"date", "date-time"} or re.search(r"(^|_)date", name, re.I):
        return _first(_DATE, text)
    if "pattern" in schema:
        return _first(_compiled(schema["pattern"]), text)
    if _QUOTE.search(name):
        return _decided(seen)
    if _WHY.search(name):
        return _reason(seen)
    if _DO.search(name):
        return _ADVICE[max((lexicons.step(str(found.value)) or 0 for found in seen.scales), default=2)]
    if _HEAD.search(name):
        return seen.material.heading or next(iter(ranks.phrases(text, 1)), "") or text[:60]
    return " ".join(ranks.summary(text, 2 if _SUM.search(name) else 1))


def around(text: str, start: int, end: int, most: int = 220) -> str:
    """The sentence or item around a place, cut at words where it is longer than ``most`` characters."""
    left = max((match.end() for match in re.finditer(r"[.;:!?]\s+|\n", text[:start])), default=0)
    right = re.compile(r"[.;!?](?=\s|$)|\n").search(text, max(start, end - 1))
    stop = right.start() if right else len(text)
    if stop - left <= most:
        return text[left:stop].strip(" ,;:")
    left = left if end - left <= most else start
    piece = text[left : left + most].rsplit(" ", 1)[0]
    return piece.strip(" ,;") + (" …" if left + len(piece) < stop else "")


def _kept(name: str, material: Material) -> str | None:
    """A field that the material has under the same name, such as a clause's number or text, is carried over."""
    first = material.data[0] if material.data else None
    value = first.get(name) if isinstance(first, Mapping) else None
    if isinstance(value, str) and not _WHY.search(name):
        return value
    if not _NUMBERED.match(name):
        return None
    match = re.match(r"\s*(\d+(?:\.\d+)*)[.)]?\s", material.text)
    return match[1] if match else ""


def _decided(seen: Seen) -> str:
    span = next((found.quote for found in seen.verdicts if found.quote), None)
    text = seen.material.text
    return around(text, *span) if span else _clipped(" ".join(ranks.summary(text, 1)))


def _reason(seen: Seen) -> str:
    """What was seen and the words that decided, after what a reviewer said."""
    said = dict.fromkeys(found.said for found in seen.verdicts if found.said)
    before = "".join(f"As the reviewer said: “{words}”. " for words in said)
    found = next(iter(seen.verdicts), Verdict(None, 0.5))
    label = found.label or ("" if found.quote else _SILENT)
    quote = around(seen.material.text, *found.quote) if found.quote else _decided(Seen(seen.material))
    return before + (f"{label[0].upper()}{label[1:]}: “{quote}”" if label else f"“{quote}”")


def _clipped(text: str, most: int = 220) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[0] if match else ""


def _compiled(source: str) -> re.Pattern[str]:
    try:
        return re.compile(source.removeprefix("^").removesuffix("$"))
    except re.error:
        return re.compile(r"(?!)")
