"""Splitting an agreement into its clauses, each with its number, heading and place in the source."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TypedDict

from treadle.errors import DocumentError
from treadle.nodes.texts.numberings import Mark, marks
from treadle.nodes.texts.outlines import Line, joined, outline, plain

_SIGNED = re.compile(r"in witness whereof|signed (by|for|on)\b|executed (by|as|for)\b|agreed and accepted|by: ?_", re.I)
_BOLD = re.compile(r"\s*(?:<[^<>]+>\s*)*(?:\*\*|__)(.+?)(?:\*\*|__)(?:</\w+>)*\s*(.?)")
_SPAN = re.compile(r"\s*<(span|b|strong|u)\b[^<>]*>([^<>]+)</\1>\s*([.:]?)(.*)", re.DOTALL)
_LEAD = re.compile(r"([^\W\d_a-z][^.:;?!]{1,70})(?:[.:]\s+\S|[.:]?$)")
_QUOTES = "“\"'‘"
_SMALL = frozenset({
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "its", "no", "not", "of", "on", "or", "other",
    "than", "the", "to", "upon", "with", "without",
})  # fmt: skip
_PROSE = 25  # words from which unnumbered text counts as a part of its own
_INTRO = 12  # words from which a section's own words, before its first clause, are a clause


class Clause(TypedDict):
    """One clause as a lawyer would read it."""

    number: str
    """Its number, such as ``"7.2"``; empty for unnumbered text."""
    heading: str
    """Its heading; its section's where it has none of its own."""
    path: list[str]
    """The headings above it, outermost first."""
    text: str
    """Its words without markup and without its number."""
    start: int
    """Offset of its first character in the source."""
    end: int
    """Offset behind its last character in the source."""


@dataclass
class _Part:
    lines: list[Line]
    path: list[str]
    mark: Mark | None = None
    heading: str = ""
    numbers: dict[int, str] = field(default_factory=dict)


def clauses(text: str) -> list[Clause]:
    """The clauses of an agreement in Markdown or plain text, in order.

    A clause is a numbered part at the level at which a lawyer would cite it: the second (7.2) where sections are
    divided into clauses, else the first (7). Deeper items, (a) or 7.2.1, stay inside. The slices ``[start:end]`` of the
    source are in order and do not overlap. A text without numbers is split into its paragraphs, ``¶1``, ``¶2``...

    Raises DocumentError for a text with nothing to read.
    """
    lines = outline(text)
    found = marks(lines)
    parts = _numbered(lines, found) if found else _paragraphs(lines)
    units = [clause for part in parts if (clause := _clause(part))["text"]]
    if not units:
        raise DocumentError("The document has no clauses and no paragraphs: there is nothing to review in it.")
    return units


def _levels(lines: list[Line], found: list[Mark]) -> dict[tuple[int, int], int]:
    """For every section, by run and first number, the depth at which it is split."""
    depths: dict[tuple[int, int], list[int]] = {}
    for mark, after in zip(found, [*found[1:], None], strict=True):
        whole = _sentence(lines[mark.line : after.line if after else mark.line + 1], mark)
        depths.setdefault((mark.run, mark.path[0]), []).extend([len(mark.path)] if whole else [])
    inner = {key: min([depth for depth in found if depth > 1], default=1) for key, found in depths.items()}
    nested = sum(depth > 1 for depth in inner.values()) * 3 >= len(inner)
    return inner if nested else dict.fromkeys(inner, 1)


def _sentence(lines: list[Line], mark: Mark) -> bool:
    """Whether a part reads as a clause of its own, and not as an item of an enumeration."""
    last = plain(lines[-1].text).rstrip() if len(lines) > 1 else mark.lead.rstrip()
    opening = next((letter for letter in mark.lead if letter.isalpha()), "A")
    return not (opening.islower() or last.endswith((";", ",", "; and", "; or", ", and", ", or")))


def _numbered(lines: list[Line], found: list[Mark]) -> list[_Part]:
    return _Gather(lines, {mark.line: mark for mark in found}, _levels(lines, found)).parts()


@dataclass
class _Gather:
    """Puts the lines of an outline into parts."""

    lines: list[Line]
    marks: dict[int, Mark]
    levels: dict[tuple[int, int], int]
    titles: list[tuple[int, str]] = field(default_factory=list)
    section: str = ""
    done: list[_Part] = field(default_factory=list)

    def parts(self) -> list[_Part]:
        for index, line in enumerate(self.lines):
            mark = self.marks.get(index)
            if mark:
                self.open(line, mark, _heading(line, mark) or self.below(index, mark))
            elif line.heading and line.first:
                self.title(line, plain(line.text))
                self.done.append(_Part([line], self.above(-1), heading=self.titles[-1][1]))
            elif self.done:
                self.add(line)
        return [part for index, part in enumerate(self.done) if self.kept(index, part)]

    def below(self, index: int, mark: Mark) -> str:
        """The heading on the next line, where the number stands alone on its own."""
        after = self.lines[index + 1 : index + 2]
        found = bool(after) and not mark.lead and index + 1 not in self.marks and not after[0].rule
        return _heading(after[0], replace(mark, lead=plain(after[0].text))) if found else ""

    def open(self, line: Line, mark: Mark, heading: str) -> None:
        level = self.levels[mark.run, mark.path[0]]
        if len(mark.path) > level and self.done and self.done[-1].mark:
            self.done[-1].numbers[len(self.done[-1].lines)] = mark.number
            self.done[-1].lines.append(line)
            return
        if len(mark.path) < level or (line.heading and level == 1):
            self.section = "" if line.heading else heading
        if line.heading:
            self.title(line, heading)
        elif len(mark.path) == level == 1:
            self.section = ""
        above = self.above(-1 if line.heading or len(mark.path) < level else None)
        self.done.append(_Part([line], above, mark, heading))

    def title(self, line: Line, heading: str) -> None:
        self.titles = [title for title in self.titles if title[0] < line.heading]
        self.titles.append((line.heading, heading))
        self.section = ""

    def above(self, stop: int | None) -> list[str]:
        headings = [title for _, title in self.titles] + ([self.section] if self.section else [])
        return [heading for heading in headings[:stop] if heading]

    def add(self, line: Line) -> None:
        part = self.done[-1]
        outside = part.mark and self.lines[part.mark.line].items and not line.listed
        if outside or line.rule or _SIGNED.match(plain(line.text)):
            self.done.append(_Part([], self.above(None)))
        if not line.rule:
            self.done[-1].lines.append(line)

    def kept(self, index: int, part: _Part) -> bool:
        """Whether a part stands; short unnumbered text between two clauses is joined to the one before it."""
        words = sum(len(plain(line.text).split()) for line in part.lines if not line.heading)
        if part.mark:
            return len(part.mark.path) >= self.levels[part.mark.run, part.mark.path[0]] or self.intro(index, words)
        before = next((back for back in reversed(self.done[:index]) if back.mark), None)
        if not before or not part.lines or _SIGNED.match(plain(part.lines[0].text)):
            return False
        follows = index + 1 < len(self.done) and self.done[index + 1].mark and not part.heading
        if words < _PROSE and follows and self.done[index - 1] is before:
            before.lines += part.lines
        return words >= _PROSE

    def intro(self, index: int, words: int) -> bool:
        mark, after = self.done[index].mark, self.done[index + 1 : index + 2]
        alone = not (after and after[0].mark and mark and after[0].mark.path[:1] == mark.path[:1])
        return alone or words > _INTRO


def _heading(line: Line, mark: Mark) -> str:
    """The heading that opens a numbered part: a heading's line, bold words, or a short first sentence in capitals."""
    if line.heading:
        return mark.lead.rstrip(" .:")
    markup = re.sub(r"^[\d.)\s*_]*(?=\d)[\d.)]+\s*(?=\*\*|__|<)", "", line.text)
    bold = _BOLD.match(markup)
    if bold and (bold[1][-1] in ".:" or bold[2] in ".:–—-" or bold[1][0] in _QUOTES):
        return plain(bold[1]).lstrip("0123456789.) ").rstrip(" .:")
    span = _SPAN.match(markup)
    if span and (span[2].rstrip()[-1:] in (".", ":") or span[3] or not span[4].strip()):
        return plain(span[2]).rstrip(" .:")
    lead = _LEAD.match(mark.lead)
    words = re.findall(r"[^\W\d_][\w’'-]*", lead[1]) if lead else []
    titled = sum(word[0].isupper() or word.lower() in _SMALL for word in words)
    short = len(words) <= 4 and len(lead[0]) < len(mark.lead) if lead else False
    return lead[1].strip(" –—-") if lead and (short or titled == len(words) <= 10) else ""


def _clause(part: _Part) -> Clause:
    number = part.mark.number if part.mark else ""
    heading = part.heading or next(reversed(part.path), "")
    start, end = (part.lines[0].start, max(line.end for line in part.lines)) if part.lines else (0, 0)
    return Clause(number=number, heading=heading, path=part.path, text=_text(part), start=start, end=end)


def _text(part: _Part) -> str:
    """The words of a part, paragraph by paragraph, without its own number."""
    blocks: dict[int, list[str]] = {}
    for index, line in enumerate(part.lines):
        marker = part.numbers.get(index, f"{line.items[-1].number}.") + " " if line.items else ""
        prefix = "- " if line.bullet else marker
        text = part.mark.lead if part.mark and index == 0 else prefix + line.text
        blocks.setdefault(line.block, []).append(text)
    own = part.lines[0].block if part.mark else -1
    headed = part.mark is not None and part.mark.lead.rstrip(" .:") == part.heading
    texts = [_block(lines, lead=block == own, headed=headed) for block, lines in blocks.items()]
    return "\n\n".join(filter(None, texts))


def _block(lines: list[str], *, lead: bool, headed: bool) -> str:
    if lead:  # its first line is plain already: parsing it again could eat an asterisk that was meant
        rest = plain("\n".join(lines[1:]))
        return f"{lines[0]}\n{rest}".strip() if headed else joined([lines[0], *rest.split("\n")])
    return plain("\n".join(lines))


def _paragraphs(lines: list[Line]) -> list[_Part]:
    """A document without numbers: one part a paragraph, a list kept with the words that introduce it."""
    parts: list[_Part] = []
    titles: list[tuple[int, str]] = []
    blocks = Counter[int]()
    for line in lines:
        if line.heading and line.first:
            titles = [title for title in titles if title[0] < line.heading] + [(line.heading, plain(line.text))]
        elif not line.heading and not line.rule:
            blocks[line.block] += 1
            joins = parts and (blocks[line.block] > 1 or (line.bullet and not parts[-1].lines[0].heading))
            if joins and parts[-1].path == [title for _, title in titles]:
                parts[-1].lines.append(line)
            else:
                parts.append(_Part([line], [title for _, title in titles]))
    return [_counted(part, index) for index, part in enumerate(parts or [_Part(lines, [])], 1) if part.lines]


def _counted(part: _Part, index: int) -> _Part:
    part.mark = None
    part.heading = part.heading or f"¶{index}"
    return part
