"""The texts that the rules model writes: a memo from findings, and an extract of anything else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from treadle.nodes.rules import lexicons, ranks
from treadle.nodes.rules.materials import Material

_RISK = ("risk", "severity", "rating", "risk_level", "level", "priority")
_NUMBER = ("number", "clause_number", "clause_no", "clause_id", "section", "ref", "id", "clause")
_HEADING = ("heading", "title", "name")
_REASON = ("reason", "why", "explanation", "rationale", "finding", "comment")
_LINE = re.compile(
    r"^\W*(?:clause\s+)?(?P<number>\d+(?:\.\d+)*)?[\s.|:)–—-]*(?P<rest>.*?\b(?P<risk>critical|high|medium|moderate|low)\b.*)$",
    re.IGNORECASE,
)
_WORDS = {4: "critical", 3: "high", 2: "medium", 1: "low", 0: "low"}


@dataclass(frozen=True)
class Finding:
    """One finding as the memo needs it."""

    step: int
    """0 to 4, from no risk to critical."""
    number: str = ""
    heading: str = ""
    category: str = ""
    reason: str = ""
    decided: str = ""
    """How a reviewer decided on it, and who, where that is known."""


def write(material: Material) -> str:
    """A text from the material alone: a memo where it holds findings, else its weightiest sentences, quoted."""
    found = findings(material)
    if found or ([] in material.data and _about_findings(material)):
        return memo(found, lost(material)) + _unheard(material.words)
    count = 1 if re.search(r"\b(one|a single|1) sentence\b|headline|\bin a word\b", material.task, re.I) else 3
    best = ranks.summary(material.text, count)
    if len(ranks.words(material.text)) < 3:
        return (
            f"The rules model writes only from what it is given, which was: “{' '.join(best) or material.text.strip()}”"
        )
    if re.search(r"\b(reply|respond|response|answer) (to|for)\b|\bwrite back\b", material.task, re.I):
        topics = ", ".join(ranks.phrases(material.text, 3))
        return f"Thank you for your message. You wrote: “{best[0]}” It concerns: {topics}."
    return " ".join(best)


def _unheard(words: tuple[str, ...]) -> str:
    """What a reviewer asked of an earlier draft: rules cannot follow it, and say so."""
    asked = "; ".join(f"“{said}”" for said in words)
    return (
        f"\n\n*A reviewer asked of an earlier draft: {asked} Rules cannot follow that: edit the memo.*" if asked else ""
    )


def memo(found: list[Finding], lost: int = 0) -> str:
    """A memo in Markdown: the counts in a sentence, what is high, what is medium, and the numbers of the rest."""
    high = [finding for finding in found if finding.step >= 3]
    medium = [finding for finding in found if finding.step == 2]
    low = [finding for finding in found if finding.step <= 1]
    blocks = ["# Memo for counsel", _headline(found, high, medium, low, lost)]
    if high:
        blocks += [
            "## High risk: settle before signing",
            "\n".join(f"{at}. {_entry(one)}" for at, one in enumerate(high, 1)),
        ]
    if medium:
        blocks += ["## Medium risk: improve where there is room", "\n".join(f"- {_entry(one)}" for one in medium)]
    if low:
        blocks += ["## Low risk", f"Nothing stands out in {_listed(low)}."]
    blocks.append("*Put together by rules from the findings alone; no language model wrote or checked it.*")
    return "\n\n".join(blocks)


def findings(material: Material) -> list[Finding]:
    """The findings in the material: objects that carry a risk, at any depth, or else lines of text that name one."""
    found = [_finding(item) for value in material.data for item in _rated(value)]
    if not found and not material.data and _about_findings(material):
        found = [line for line in map(_line, material.text.splitlines()) if line]
        found = found if len(found) > 1 else []
    return found


def lost(material: Material) -> int:
    """How many items of a list of findings carry none: branches that failed."""
    lists = [value for value in material.data if isinstance(value, list)]
    return sum(not any(_rated(item)) for value in lists for item in value if any(_rated(value)))


def _about_findings(material: Material) -> bool:
    return bool(re.search(r"\b(memo|findings?|counsel|report)\b", material.task, re.I))


def _headline(found: list[Finding], high: list[Finding], medium: list[Finding], low: list[Finding], lost: int) -> str:
    counts = [(len(high), "high"), (len(medium), "medium"), (len(low), "low")]
    told = (", ".join(f"**{count} {name}**" for count, name in counts if count) or "none of high or medium") + " risk"
    topics = list(dict.fromkeys(one.category for one in high if one.category))
    mild = "" if high or not found else " None is of high risk."
    worst = f" The high risks lie in {_and(topics)}." if topics else mild
    unread = f" {lost} could not be rated and {'is' if lost == 1 else 'are'} not covered here." if lost else ""
    return f"{len(found) or 'No'} {'finding' if len(found) == 1 else 'findings'}: {told}.{worst}{unread}"


def _entry(finding: Finding) -> str:
    name = " ".join(filter(None, (f"Clause {finding.number}" if finding.number else "", finding.heading))) or "A clause"
    critical = "critical, " if finding.step == 4 else ""
    category = f" ({critical}{finding.category})" if finding.category else ""
    reason = re.sub(r"\s+", " ", finding.reason).strip()
    end = "" if not reason or reason.endswith((".", "!", "?", "…”", ".”")) else "."
    return f"**{name}**{category}{': ' if reason else ''}{reason}{end}" + (
        f" *{finding.decided}.*" if finding.decided else ""
    )


def _listed(found: list[Finding]) -> str:
    numbers = [finding.number or finding.heading for finding in found if finding.number or finding.heading]
    if len(numbers) < len(found):
        return f"{len(found)} further clauses"
    return f"clause{'s' if len(numbers) > 1 else ''} {_and(numbers)}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rated(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every object with a risk, with what the objects around it say (a clause's number beside its finding)."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _rated(item, depth + 1)
    elif isinstance(value, Mapping) and depth < 8:
        flat = _flat(value)
        lists = [part for part in value.values() if isinstance(part, list)]
        if any(isinstance(flat.get(key), str) and lexicons.step(flat[key]) is not None for key in _RISK):
            yield flat
        else:
            for part in [*lists, *(part for part in value.values() if isinstance(part, Mapping))]:
                yield from _rated(part, depth + 1)


def _flat(value: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """The plain fields of an object and of the objects inside it; the outer ones win."""
    flat: dict[str, Any] = {}
    for part in value.values():
        if isinstance(part, Mapping) and depth < 4:
            flat = {**flat, **_flat(part, depth + 1)}
    return {**flat, **{key: part for key, part in value.items() if isinstance(part, str | int | float)}}


def _finding(flat: Mapping[str, Any]) -> Finding:
    def text(keys: tuple[str, ...]) -> str:
        return next((str(flat[key]) for key in keys if isinstance(flat.get(key), str | int) and str(flat[key])), "")

    step = next((lexicons.step(flat[key]) for key in _RISK if isinstance(flat.get(key), str)), None)
    number = text(_NUMBER)
    decided = {"approve": "Approved", "edit": "Edited", "reject": "Rejected"}.get(str(flat.get("action", "")), "")
    by = f" by {flat['by']}" if decided and flat.get("by") else ""
    return Finding(
        step if step is not None else 1,
        number if len(number) < 20 else "",
        text(_HEADING)[:120],
        lexicons.plain(text(("category", "topic", "kind", "type"))),
        text(_REASON)[:600],
        decided + by,
    )


def _line(line: str) -> Finding | None:
    match = _LINE.match(line.strip())
    if not match or re.fullmatch(r"[\s|:-]*", line):
        return None
    cells = [cell.strip(" *|") for cell in re.split(r"\s*\|\s*|\s[–—-]\s|:\s", match["rest"]) if cell.strip(" *|")]
    rest = [cell for cell in cells if lexicons.step(cell) is None]
    heading = rest[0] if rest and len(rest[0]) <= 60 else ""
    category = rest[1] if len(rest) > 2 and lexicons.topic(rest[1]) else ""
    reason = " ".join(rest[2:] if category else rest[1:] if heading else rest)
    return Finding(lexicons.step(match["risk"]) or 1, match["number"] or "", heading, category, reason)
