"""Splitting a text where its structure allows: at headings, paragraphs, sentences, or into windows of so many tokens.

Every piece knows its place: ``source[piece["start"]:piece["end"]] == piece["text"]``, in order.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from typing_extensions import TypedDict

from treadle.errors import DocumentError
from treadle.nodes.estimates import tokens as expected
from treadle.nodes.texts.outlines import Line, outline, plain


class Passage(TypedDict):
    """A piece of a text, as it stands there."""

    text: str
    """Its characters, markup included."""
    start: int
    """Offset of its first character in the source."""
    end: int
    """Offset behind its last character in the source."""


class Section(Passage):
    """A piece of a text under a heading."""

    heading: str
    """Its heading without markup; empty for what stands before the first one."""
    path: list[str]
    """The headings above it, outermost first."""


def sections(text: str, *, level: int = 6) -> list[Section]:
    """The sections of a Markdown text, each from its heading to the next one of `level` (1 to 6) or above.

    Deeper headings stay inside. What stands before the first heading is a section without one.

    Raises:
        DocumentError: for a text with nothing to read.
    """
    heads = [line for line in _read(text) if line.first and 0 < line.heading <= level]
    places = [0, *(head.start for head in heads), len(text)]
    titles: list[tuple[int, str]] = []
    found = []
    for head, place in zip([None, *heads], pairwise(places), strict=True):
        if head is not None:
            titles = [title for title in titles if title[0] < head.heading] + [(head.heading, plain(head.text))]
        *path, heading = [title for _, title in titles] or [""]
        found += [Section(**piece, heading=heading, path=path) for piece in _trimmed(text, [place])]
    return found


def paragraphs(text: str) -> list[Passage]:
    """The paragraphs of a Markdown or plain text; headings and the items of lists are paragraphs of their own.

    Raises:
        DocumentError: for a text with nothing to read.
    """
    blocks: dict[int, list[Line]] = {}
    for line in _read(text):
        blocks.setdefault(line.block, []).append(line)
    return [_piece(text, block[0].start, block[-1].end) for block in blocks.values()]


def sentences(text: str, *, language: str = "en") -> list[Passage]:
    """The sentences of a text in a language (a code of two letters); abbreviations and quotations do not end one.

    Raises:
        DocumentError: for a text with nothing to read.
    """
    import sentencex

    ends: list[int] = []
    for sentence in sentencex.segment(language, _clean(text)):  # pyright: ignore[reportAttributeAccessIssue]
        ends.append((ends[-1] if ends else 0) + len(sentence))
    return _some(_trimmed(text, zip([0, *ends], ends, strict=False)))


def windows(
    text: str, *, tokens: int = 1000, overlap: int = 0, count: Callable[[str], int] = expected
) -> list[Passage]:
    """Split a text of any kind into windows of at most so many tokens, of which neighbours may share `overlap`.

    A window ends at the largest break that fits: of paragraphs, else lines, sentences, words. `count` counts tokens
    (default: a token for four characters; a model's tokenizer is exact). ``stitch`` joins what came of windows that
    overlap.

    Raises:
        DocumentError: for a text with nothing to read, or an overlap that is not below `tokens`.
    """
    from semantic_text_splitter import TextSplitter

    if not 0 <= overlap < tokens:
        raise DocumentError(f"Windows of {tokens} tokens cannot share {overlap}: the overlap is 0 or more, and less.")
    splitter = TextSplitter.from_callback(count, tokens, overlap=overlap, trim=False)
    found = splitter.chunk_indices(_clean(text))
    return _some(_apart(_trimmed(text, ((start, start + len(chunk)) for start, chunk in found))))


def _read(text: str) -> list[Line]:
    lines = [line for line in outline(text) if not line.rule]
    if not lines:
        raise DocumentError("The document has no text: there is nothing to split in it.")
    return lines


def _clean(text: str) -> str:
    """Put a character in place of each half of a surrogate pair, which no encoding has."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _trimmed(text: str, places: Iterable[tuple[int, int]]) -> Iterator[Passage]:
    """The pieces without the white space around them; those that are nothing else are left out."""
    for start, end in places:
        words = text[start:end]
        left, right = start + len(words) - len(words.lstrip()), end - len(words) + len(words.rstrip())
        if left < right:
            yield _piece(text, left, right)


def _apart(pieces: Iterable[Passage]) -> Iterator[Passage]:
    """The pieces that hold something which their neighbours do not: trimmed, an overlap may be all that is left."""
    last: Passage | None = None
    for piece in pieces:
        if last is not None and piece["start"] > last["start"]:
            if piece["end"] <= last["end"]:
                continue
            yield last
        last = piece
    if last is not None:
        yield last


def _some(pieces: Iterable[Passage]) -> list[Passage]:
    found = list(pieces)
    if not found:
        raise DocumentError("The document has no text: there is nothing to split in it.")
    return found


def _piece(text: str, start: int, end: int) -> Passage:
    return Passage(text=text[start:end], start=start, end=end)
