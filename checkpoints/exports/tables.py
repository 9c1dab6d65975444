"""Decisions as a table for a spreadsheet, in which no cell is taken for a formula."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from treadle.checkpoints.desks.edits import field
from treadle.checkpoints.exports.records import Record

COLUMNS = (
    "seq", "at", "graph", "gate", "title", "action", "reasons", "words", "labels", "fields", "confidence", "by", "rule",
    "seconds", "client", "thread_id", "interrupt_id",
)  # fmt: skip


def header() -> str:
    """The first line of a CSV file (RFC 4180, with line feeds)."""
    return _line(COLUMNS)


def row(record: Record) -> str:
    """The line of a decision."""
    payload, edits = record.get("payload"), record.get("edits")
    told = {
        **record,
        "at": datetime.fromtimestamp(record["at"], UTC).isoformat(timespec="seconds"),
        "title": payload.get("title") if isinstance(payload, dict) else None,
        "fields": sorted({field(one["path"]) for one in edits}) if isinstance(edits, list) else None,
    }
    return _line([_cell(told.get(name)) for name in COLUMNS])


def _line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([neutral(cell) for cell in cells])
    return buffer.getvalue()


def neutral(cell: Any) -> Any:
    """A cell that a spreadsheet takes for what it is: a text that could be a formula gets an apostrophe before it.

    >>> neutral("=HYPERLINK(1)"), neutral(-3), neutral(" @x"), neutral("a=b")
    ("'=HYPERLINK(1)", -3, "' @x", 'a=b')
    """
    if not isinstance(cell, str):
        return cell
    risky = cell.lstrip()[:1] in ("=", "+", "-", "@", "|", "%") or cell[:1] in ("\t", "\r", "\n")
    return f"'{cell}" if risky else cell


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
