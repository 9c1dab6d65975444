"""Choosing one value of an enum by word lists, with the words that decided and the margin they decided by."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from treadle.nodes.rules import harms, lexicons
from treadle.nodes.rules.materials import Material
from treadle.nodes.rules.ranks import stem, words

_ALIKE = 0.35  # confidence where nothing speaks for any value
_QUOTES = ("“", '"', "‘", "'")
_UNREAD = 0.55  # confidence in a low risk where no list knows the wording and the topic is a grave one


@dataclass(frozen=True)
class Verdict:
    """A chosen value."""

    value: Any
    confidence: float
    """From 0 to 1, by the margin to the next value."""
    label: str = ""
    """What was seen, in fixed words; empty where it was the topic's own words."""
    quote: tuple[int, int] | None = None
    """Where in the material's text the words stand that decided."""
    said: str = ""
    """The reviewer's words that decided instead."""


def verdict(name: str, description: str, values: Sequence[Any], material: Material) -> Verdict:
    """The value of an enum that fits the material best.

    Steps of a scale are taken by harmful wording (risk) or urgency, as the field's name says; feelings and topics by
    their word lists; any other value by its own words in the text. What a reviewer said of an earlier answer decides.
    """
    found = (
        _scale(name, description, values, material)
        or _feeling(values, material)
        or _yes(name, description, values, material)
    )
    found = found or _topic(name, description, values, material)
    return _corrected(found, name, values, material)


def _scale(name: str, description: str, values: Sequence[Any], material: Material) -> Verdict | None:
    steps = {value: at for value in values if isinstance(value, str) and (at := lexicons.step(value)) is not None}
    if len(steps) < 2 or len(steps) < len(values) - 1:
        return None
    asked = f"{name} {description} {material.task if not re.search('risk|urgen|priorit', name, re.I) else ''}".lower()
    if re.search(r"urgen|priorit|deadline|how soon", asked):
        return _ranged(steps, *_urgency(material.text))
    found = _ranged(steps, *_risk(material))
    return replace(found, confidence=_UNREAD) if not found.label and _grave(material) else found


def _risk(material: Material) -> tuple[float, str, tuple[int, int] | None]:
    """The weight of harmful wording, up to three kinds of it in words, and where the weightiest stands."""
    opening = len(material.heading) if material.text.startswith(material.heading) else 0
    found = harms.hits(material.text, opening)
    weight = harms.weight(found)
    kinds = sorted((hit for hit in found if hit.harm.weight * (1 if weight >= harms.MEDIUM else -1) > 0), key=_heavy)
    if not kinds:
        return weight, "", None
    label = ", ".join(hit.harm.label for hit in found if hit in kinds[:3])
    return weight, label, (kinds[0].start, kinds[0].end)


def _heavy(hit: harms.Hit) -> float:
    return -abs(hit.harm.weight)


def _grave(material: Material) -> bool:
    """Whether the silence of the word lists proves little: the topic is a grave one, or none is recognised."""
    topic = _topic("", "", lexicons.CONTRACT, material)
    return topic.confidence == _ALIKE or (topic.value in lexicons.GRAVE and topic.confidence > _UNREAD)


def _urgency(text: str) -> tuple[float, str, tuple[int, int] | None]:
    found = list(lexicons.URGENT.finditer(text))
    calm = len(lexicons.CALM.findall(text))
    weight = max(0.0, 2.5 * len(found) - 1.5 * calm + 0.5 * text.count("!"))
    return weight, "urgent wording" if found else "", found[0].span() if found else None


def _ranged(steps: Mapping[Any, int], weight: float, label: str, quote: tuple[int, int] | None) -> Verdict:
    """Put a weight on a scale: the thresholds are those between the steps that the enum has."""
    floors = {0: 0.0, 1: 0.0, 2: harms.MEDIUM, 3: harms.HIGH, 4: harms.CRITICAL}
    ordered = sorted(steps, key=lambda value: steps[value])
    best = next((value for value in reversed(ordered) if weight >= floors[steps[value]]), ordered[0])
    edges = [floors[steps[value]] for value in ordered[1:]]
    margin = min((abs(weight - edge) for edge in edges), default=1.0)
    return Verdict(best, _sure(margin, 1.4), label, quote)


def _feeling(values: Sequence[Any], material: Material) -> Verdict | None:
    names = {lexicons.plain(value): value for value in values if isinstance(value, str)}
    if not {"positive", "negative"} <= set(names):
        return None
    good = list(lexicons.GOOD.finditer(material.text))
    bad = list(lexicons.BAD.finditer(material.text))
    flipped = {hit.start() for hit in (*good, *bad) if lexicons.NOT.search(material.text[: hit.start()])}
    plus = [h for h in good if h.start() not in flipped] + [h for h in bad if h.start() in flipped]
    minus = [h for h in bad if h.start() not in flipped] + [h for h in good if h.start() in flipped]
    tilt = (len(plus) - len(minus)) / (len(plus) + len(minus) or 1)
    between = names.get("mixed") if plus and minus else None
    between = between or names.get("neutral") or names.get("mixed")
    name = names["positive"] if tilt > 0.25 else names["negative"] if tilt < -0.25 else between
    decided = sorted(plus if tilt > 0 else minus, key=lambda hit: hit.start())
    value = name if name is not None else names["positive" if tilt >= 0 else "negative"]
    sure = _sure(abs(abs(tilt) - 0.25) * (len(plus) + len(minus)) ** 0.5, 0.7) if plus or minus else 0.5
    return Verdict(value, sure, "", decided[0].span() if decided else None)


def _yes(name: str, description: str, values: Sequence[Any], material: Material) -> Verdict | None:
    if {type(value) for value in values} == {bool}:
        return truth(name, description, material)
    names = {lexicons.plain(str(value)): value for value in values}
    yes, no = [n for n in names if n in lexicons.YES], [n for n in names if n in lexicons.NO]
    if len(names) > 3 or not (yes and no):
        return None
    found = truth(name, description, material)
    return replace(found, value=names[yes[0] if found.value else no[0]])


def truth(name: str, description: str, material: Material) -> Verdict:
    """Whether the text speaks of what a field's name and description name, and does not deny it."""
    asked = set(words(lexicons.plain(name))) - {"has", "is", "contain", "mention", "includ"}
    wider = set(words(description)) - asked
    matches = [
        match for match in re.finditer(r"[^\W\d_][\w’'-]*", material.text) if stem(match[0].lower()) in asked | wider
    ]
    direct = [match for match in matches if stem(match[0].lower()) in asked]
    said = [match for match in direct or matches if not lexicons.NOT.search(material.text[: match.start()])]
    yes = bool(said) and (bool(direct) or len({stem(match[0].lower()) for match in said}) > 1)
    return Verdict(yes, _sure(0.4 + 0.4 * len(said if yes else []), 1.4), "", said[0].span() if yes else None)


def _topic(name: str, description: str, values: Sequence[Any], material: Material) -> Verdict:
    topics = {lexicons.topic(str(value)) for value in values}
    scores = {index: _score(str(value), material, description, topics) for index, value in enumerate(values)}
    order = sorted(scores, key=lambda index: (-scores[index][0], index))
    best, next_best = scores[order[0]][0], scores[order[1]][0] if len(order) > 1 else 0.0
    if best <= 0:
        fallback = next((value for value in values if lexicons.topic(str(value)) in lexicons.REST), values[0])
        return Verdict(fallback, _ALIKE)
    return Verdict(values[order[0]], _sure((best - next_best) / (1 + 0.25 * best), 1.0), "", scores[order[0]][1])


def _score(
    value: str, material: Material, description: str, topics: set[str | None]
) -> tuple[float, tuple[int, int] | None]:
    """How much the text speaks of a value; the heading counts most, repeated words less and less."""
    topic = lexicons.topic(value)
    names = [topic] if topic else []
    if topic in lexicons.REST:
        names += [other for other in lexicons.CONTRACT if other not in topics]
    patterns = [lexicons.pattern(name) for name in names if name] or [_own(value, description)]
    found = [match for pattern in patterns for match in pattern.finditer(material.text)]
    kinds = {stem(match[0].lower()): 0 for match in found}
    for match in found:
        kinds[stem(match[0].lower())] += 1
    heading = (
        "" if material.heading[:1] in _QUOTES else material.heading
    )  # a defined term is not what a clause is about
    head = sum(len(pattern.findall(heading)) for pattern in patterns)
    head += topic == "definitions" and lexicons.TERM.match(material.text) is not None
    body = sum(math.log2(1 + count) for count in kinds.values()) / (1 + len(words(material.text)) / 120)
    above = sum(bool(pattern.search(material.above)) for pattern in patterns)
    strong = sum(bool(lexicons.STRONG[name].search(material.text)) for name in names if name in lexicons.STRONG)
    return 4.0 * min(head, 2) + 1.5 * min(above, 1) + 1.5 * min(strong, 2) + body, (
        found[0].start(),
        found[0].end(),
    ) if found else None


def _own(value: str, description: str) -> re.Pattern[str]:
    """The words of an unknown value, and those that the description puts beside it (``billing: charges, refunds``)."""
    own = re.escape(value) + r"[\"'”’]?\s*(?:[:=–—-]|means|is|are|for|\()\s*([^.;\n|)]{3,80})"
    beside = re.search(own, description, re.IGNORECASE)
    stems = words(lexicons.plain(value)) + (words(beside[1]) if beside else [])
    return re.compile("|".join(rf"\b{re.escape(part)}\w*" for part in stems) or r"(?!)", re.IGNORECASE)


def _sure(margin: float, scale: float) -> float:
    """A confidence from a margin: 0.5 at none, towards 0.97."""
    return round(0.5 + 0.47 * (1 - math.exp(-margin / scale)), 3)


def _corrected(found: Verdict, name: str, values: Sequence[Any], material: Material) -> Verdict:
    """Take a reviewer's words into account: a value that they name, a direction, or that the last one was wrong."""
    for said in reversed(material.words):
        named = _named(said, name, values)
        moved = named if named is not None else _moved(said, name, values, material.previous.get(name, found.value))
        if moved is not None:
            return replace(found, value=moved, confidence=0.9, said=said)
    if material.words and material.previous.get(name) == found.value:
        return replace(found, confidence=round(found.confidence * 0.8, 3))
    return found


def _named(said: str, name: str, values: Sequence[Any]) -> Any:
    """The value that a reviewer's words put in its place (“should be low”, “low risk”), or None."""
    known = sorted((value for value in values if isinstance(value, str)), key=len, reverse=True)
    for value in known:
        if re.search(_naming(_spaced(name), _spaced(value)), said, re.IGNORECASE):
            return value
    alone = [value for value in known if lexicons.plain(value) in lexicons.plain(said)]
    brief = len(said.split()) <= 4 and not re.search(r"\b(not|too|wrong)\b", said, re.IGNORECASE)
    return alone[0] if len(alone) == 1 and brief else None


def _spaced(value: str) -> str:
    return r"[\s_-]".join(map(re.escape, lexicons.plain(value).split())) or r"(?!)"


def _naming(field: str, value: str) -> str:
    """A pattern for: should be VALUE, FIELD: VALUE, VALUE FIELD, to VALUE, not OTHER but VALUE."""
    cue = (
        rf"(?:should(?: have)? be(?:en)?|must be|\bis\b|it[’']s|\bas\b|\bcall(?:ed)?|\brated?|make it|{field}\s*[:=]?)"
    )
    link = r"\s+(?:(?:an?|the|of|under|just|about|a matter of|clearly|really|only)\s+)*[“\"']?"
    before = rf"{cue}(?!\s+(?:not|too)\b){link}{value}\b(?!\w)"
    behind = rf"(?<!not )(?<!too )\b{value}[\s-]+{field}\b"
    return rf"{before}|{behind}|(?:\bto|→|\bbut)\s+{value}\b"


def _moved(said: str, name: str, values: Sequence[Any], before: Any) -> Any:
    """One step down the scale for “too high”, up for “too low”; None where the words say neither."""
    places = {value: at for value in values if isinstance(value, str) and (at := lexicons.step(value)) is not None}
    steps = sorted(places, key=lambda value: places[value])
    if before not in steps:
        return None
    down = re.search(r"\b(too (high|strict|harsh|severe)|over(rated|stated)|exaggerat\w+|lower)\b", said, re.I)
    up = re.search(r"\b(too (low|lenient|mild)|under(rated|stated)|higher|more serious)\b", said, re.I)
    at = steps.index(before) + (1 if up else 0) - (1 if down else 0)
    return steps[at] if (up or down) and 0 <= at < len(steps) and steps[at] != before else None
