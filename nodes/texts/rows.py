"""Splitting data into its records: a JSON array, JSON lines, or a table of separated values with a header."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from typing_extensions import TypedDict

from treadle.errors import DocumentError

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")


class Record(TypedDict):
    """One record, and where it stands."""

    value: Any
    """What it says: JSON's value, or an object of a row's cells (texts) by the header's names."""
    start: int
    """Offset of its first character in the source."""
    end: int
    """Offset behind its last character in the source."""


def records(text: str) -> list[Record]:
    """The records of a text: a JSON array's, JSON lines, or the rows below a header, cells separated by , ; | or tab.

    Raises:
        DocumentError: for a text with nothing to read, or one that breaks off or breaks its own form; it says where.
    """
    begin = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    if begin == len(text):
        raise DocumentError("The document has no text: there is nothing to split in it.")
    if text[begin] == "[":
        return list(_array(text, begin))
    return list(_lines(text, begin) if text[begin] == "{" else _rows(text, begin))


def _array(text: str, begin: int) -> Iterator[Record]:
    place = _SPACE.match(text, begin + 1).end()  # type: ignore[union-attr]
    while text[place : place + 1] != "]":
        value, end = _value(text, place)
        yield Record(value=value, start=place, end=end)
        place = _SPACE.match(text, end).end()  # type: ignore[union-attr]
        if text[place : place + 1] not in (",", "]"):
            raise _broken(text, place, "a comma or the end of the list is missing")
        if text[place] == ",":
            place = _SPACE.match(text, place + 1).end()  # type: ignore[union-attr]
    if text[place + 1 :].strip():
        raise _broken(text, place + 1, "there is text behind the list")


def _lines(text: str, begin: int) -> Iterator[Record]:
    place = begin
    while place < len(text):
        value, end = _value(text, place)
        yield Record(value=value, start=place, end=end)
        place = _SPACE.match(text, end).end()  # type: ignore[union-attr]


def _rows(text: str, begin: int) -> Iterator[Record]:
    lines = list(io.StringIO(text[begin:], newline=""))
    places = [begin]

    def fed() -> Iterator[str]:
        for line in lines:
            places.append(places[-1] + len(line))
            yield line

    reader = csv.reader(fed(), delimiter=max(",;\t|", key=lines[0].count), strict=True)
    header, start = _row(reader, text, places), places[-1]
    if len(set(header)) < len(header):
        raise _broken(text, begin, "two columns have one name")
    while row := _row(reader, text, places):
        if len(row) != len(header):
            raise _broken(text, places[-2], f"a row of {len(row)} cells stands under a header of {len(header)}")
        source = text[start : places[-1]]
        first = start + len(source) - len(source.lstrip("\r\n"))
        yield Record(value=dict(zip(header, row, strict=True)), start=first, end=start + len(source.rstrip("\r\n")))
        start = places[-1]


def _row(reader: Any, text: str, places: list[int]) -> list[str]:
    """The next row that is not blank; none at the end."""
    try:
        return next((row for row in reader if row), [])
    except csv.Error as error:
        raise _broken(text, places[-1], str(error)) from None


def _value(text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except (json.JSONDecodeError, RecursionError) as error:
        where = error.pos if isinstance(error, json.JSONDecodeError) else place
        raise _broken(text, where, error.msg if isinstance(error, json.JSONDecodeError) else "too deep") from None


def _broken(text: str, place: int, what: str) -> DocumentError:
    line = text.count("\n", 0, place) + 1
    return DocumentError(f"The records cannot be read: {what}, in line {line}.")
