"""The numbering of a document: which lines open a numbered part, and the whole number of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from treadle.nodes.texts.outlines import Item, Line, plain

Path = tuple[int, ...]

_MANY = re.compile(r"(\d{1,3}(?:\.\d{1,3})+)[.)]?(?:\s+(.*)|$)", re.DOTALL)
_ONE = re.compile(r"(\d{1,3})[.)](?:\s+(.*)|$)", re.DOTALL)
_BARE = re.compile(r"(\d{1,2})\s+([^\W\d_a-z](?!.*\b\d{4}\b).{1,70})$")
_WORD = re.compile(r"(article|section|clause|§)\s*(\d{1,3}(?:\.\d{1,3})*|[IVXLC]{1,7}\b)\s*([.:)–—-]*)\s*(.*)$", re.I)
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_FAR = 20  # a leap in the numbers that is still believed, at the start of a paragraph


@dataclass(frozen=True)
class Mark:
    """A line that opens a numbered part."""

    line: int
    """Index of the line in the outline."""
    path: Path
    """The whole number: ``(7, 2)`` is 7.2."""
    lead: str
    """What follows the number on its line, without markup."""
    run: int
    """Numbers start anew under an unnumbered heading, such as a schedule's: each run counts one up."""

    @property
    def number(self) -> str:
        """The number as it is written, such as ``"7.2"``."""
        return ".".join(map(str, self.path))


def marks(lines: list[Line]) -> list[Mark]:
    """The numbered parts of an outline, in order: list items, numbered headings and numbered paragraphs.

    Lists that start anew at every level get their whole number (the second item of the seventh is 7.2). A number that
    cannot follow the one before it, such as a cross-reference at the start of a wrapped line, opens nothing.
    """
    return list(_Count().over(lines))


@dataclass
class _Count:
    last: Path = ()
    anchor: Path = ()
    """The last number that stood in a heading or a paragraph: a list below it counts its parts."""
    word: str = ""
    run: int = 0
    paths: dict[int, Path] = field(default_factory=dict)

    def over(self, lines: list[Line]) -> Iterator[Mark]:
        for index, line in enumerate(lines):
            found = self.at(line)
            if found:
                self.last, lead = found
                yield Mark(index, self.last, lead, self.run)
            elif line.heading and line.first:
                self.last, self.anchor, self.word = (), (), ""
                self.run += 1

    def at(self, line: Line) -> tuple[Path, str] | None:
        listed = [path for path in map(self.listed, line.items) if path]
        if listed:
            self.last = listed[-1]
        written = self.written(line)
        if written:
            self.anchor = written[0]
        return written or ((listed[-1], plain(line.text)) if listed else None)

    def listed(self, item: Item) -> Path | None:
        if item.list not in self.paths:
            self.paths[item.list] = (*self.base(item), 0)
        *base, before = self.paths[item.list]
        number = item.number if item.number > before else before + 1
        if (number > before + _FAR and before) or number > 200:
            return None
        self.paths[item.list] = (*base, number)
        return self.paths[item.list]

    def base(self, item: Item) -> Path:
        inside = self.paths.get(item.parent, ())
        if inside:
            return self.last if self.last[: len(inside)] == inside else inside
        return self.anchor if self.anchor and item.number <= self.anchor[0] else ()

    def written(self, line: Line) -> tuple[Path, str] | None:
        if not (line.first or line.text[:1] in "0123456789*_<"):
            return None
        text = plain(line.text)
        return self.worded(line, text) or self.numbered(line, text)

    def numbered(self, line: Line, text: str) -> tuple[Path, str] | None:
        for pattern in (_MANY, _ONE, _BARE):
            match = pattern.match(text)
            if not match:
                continue
            path, rest = tuple(map(int, match[1].split("."))), (match[2] or "").strip()
            strict = not line.first or (pattern is _BARE and not line.heading)
            if pattern is _BARE and not line.heading and (rest[-1:] in ".,;:" or len(rest.split()) > 8):
                return None
            if strict and not (rest[:1].isupper() or rest[:1] in "“\"'(‘[" or not rest):
                return None
            return (path, rest) if _follows(self.last, path, 1 if strict else _FAR) else None
        return None

    def worded(self, line: Line, text: str) -> tuple[Path, str] | None:
        match = _WORD.match(text)
        if not match or not line.first or not (line.heading or match[3] or len(text) < 60):
            return None
        word, rest = match[1].lower(), match[4].strip()
        if rest and not (rest[0].isupper() or rest[0] in "“\"'"):
            return None
        path = tuple(_value(part) for part in match[2].split("."))
        if len(path) == 1 and self.word and word != self.word and self.last:
            path = (self.last[0], *path)  # Article II, Section 1
        else:
            self.word = self.word or word
        return (path, rest) if _follows(self.last, path, _FAR) else None


def _follows(last: Path, path: Path, leap: int) -> bool:
    """Whether a number can come after another: its first part, the next one, or the next of what holds it."""
    if not last or path[: len(last)] == last:
        rest = path[len(last) :]
        return bool(rest) and all(number <= 1 for number in rest[1:]) and rest[0] <= leap
    at = next((i for i, (a, b) in enumerate(zip(last, path, strict=False)) if a != b), None)
    return at is not None and last[at] < path[at] <= last[at] + leap and all(n <= 1 for n in path[at + 1 :])


def _value(text: str) -> int:
    if text.isdigit():
        return int(text)
    digits = [_ROMAN[letter] for letter in text.upper()]
    return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0], strict=True))
