"""What an edit changed: by field, and by word within a text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal

from treadle.digests import digest

ALIKE: Final = 0.3
"""Share of a text that must have stayed for its words to be compared; below, the whole was replaced."""

LIMIT: Final = 4000
"""Words up to which two texts are compared word by word; longer ones are first compared line by line."""


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT: Final[Any] = _Absent()
"""Stands for a value that is on one side only: None is a value."""


@dataclass(frozen=True)
class Change:
    """One field that differs."""

    path: tuple[str | int, ...]
    """Keys and positions from the outermost value inwards; empty for the value itself."""
    before: Any
    after: Any


@dataclass(frozen=True)
class Piece:
    """A stretch of text that both sides have, or one alone."""

    kind: Literal["same", "out", "in"]
    text: str


def changes(before: Any, after: Any) -> list[Change]:
    """Every field in which two values of plain data differ, in reading order; empty if they are equal.

    >>> [change.path for change in changes({"risk": "high", "n": 1}, {"risk": "low", "n": 1})]
    [('risk',)]
    """
    return list(_changes(before, after, ()))


def _changes(before: Any, after: Any, path: tuple[str | int, ...]) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _listed(before, after, path)
    elif not same(before, after):
        yield Change(path, before, after)


def _listed(before: list[Any], after: list[Any], path: tuple[str | int, ...]) -> Iterator[Change]:
    """Items that moved up because one was taken out are no changes."""
    matcher = SequenceMatcher(None, [digest(item) for item in before], [digest(item) for item in after], autojunk=False)
    for _, start, stop, begin, end in (code for code in matcher.get_opcodes() if code[0] != "equal"):
        for place in range(max(stop - start, end - begin)):
            one = before[start + place] if start + place < stop else ABSENT
            other = after[begin + place] if begin + place < end else ABSENT
            number = begin + place if other is not ABSENT else start + place
            yield from _changes(one, other, (*path, number))


def same(before: Any, after: Any) -> bool:
    """Whether two values of plain data are one and the same; True is not 1, but 3.0 is 3."""
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, Mapping | list) or isinstance(after, Mapping | list):
        return type(before) is type(after) and digest(before) == digest(after)
    return bool(before == after)


def words(before: str, after: str) -> list[Piece]:
    """How one text became the other, word by word.

    >>> [(piece.kind, piece.text) for piece in words("a small risk", "a high risk")]
    [('same', 'a '), ('out', 'small'), ('in', 'high'), ('same', ' risk')]
    """
    old, new = _words(before), _words(after)
    pieces = list(_pieces(old, new) if len(old) + len(new) <= LIMIT else _merged(_lines(before, after)))
    kept = sum(len(piece.text.strip()) for piece in pieces if piece.kind == "same")
    if kept < ALIKE * min(len(before.strip()), len(after.strip())):
        return list(_flushed(before, after))
    return pieces


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def _lines(before: str, after: str) -> Iterator[Piece]:
    """Line by line, and word by word within lines that were replaced."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for kind, start, stop, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        one, other = _words("".join(old[start:stop])), _words("".join(new[begin:end]))
        if kind == "replace" and len(one) + len(other) <= LIMIT:
            yield from _pieces(one, other)
        else:
            yield from _block(kind, one, other)


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    parts = [piece for kind, a, b, c, d in codes for piece in _block(kind, old[a:b], new[c:d])]
    return _merged(_smoothed(parts))


def _block(kind: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    if kind == "equal":
        yield Piece("same", "".join(old))
        return
    if old:
        yield Piece("out", "".join(old))
    if new:
        yield Piece("in", "".join(new))


def _smoothed(parts: Sequence[Piece]) -> Iterator[Piece]:
    """A space alone between two changes is part of them: a rewritten phrase reads as one."""
    for place, piece in enumerate(parts):
        inner = 0 < place < len(parts) - 1
        if inner and piece.kind == "same" and piece.text.isspace() and "\n" not in piece.text:
            yield Piece("out", piece.text)
            yield Piece("in", piece.text)
        else:
            yield piece


def _merged(parts: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbours of a kind made one; between two that stay, what went comes before what came."""
    out, came = "", ""
    for piece in parts:
        if piece.kind == "out":
            out += piece.text
        elif piece.kind == "in":
            came += piece.text
        else:
            yield from _flushed(out, came)
            out, came = "", ""
            yield piece
    yield from _flushed(out, came)


def _flushed(out: str, came: str) -> Iterator[Piece]:
    if out:
        yield Piece("out", out)
    if came:
        yield Piece("in", came)
