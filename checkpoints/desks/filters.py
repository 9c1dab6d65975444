"""Which questions a list of the queue takes, and in which order."""

import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, get_args

Status = Literal["pending", "decided", "closed"]

Order = Literal["urgency", "due", "oldest", "newest"]
"""How a list is sorted: by priority, then due time, then age; by due time; by age."""

# The same expressions as in the indexes on what is pending, which therefore needs no sorting.
ORDERS: Final[Mapping[Order, str]] = {
    "urgency": "priority DESC, ifnull(due, 9e999), asked_at, seq",
    "due": "ifnull(due, 9e999), asked_at, seq",
    "oldest": "asked_at, seq",
    "newest": "asked_at DESC, seq DESC",
}


def clauses(
    *,
    thread: str | None = None,
    graph: str | None = None,
    gate: str | None = None,
    assign: str | Collection[str] | None = None,
    search: str | None = None,
    due_before: float | None = None,
    status: str | None = "pending",
) -> tuple[str, list[Any]]:
    """What stands after WHERE, and its values."""
    several = assign is not None and not isinstance(assign, str)
    wanted = {"thread_id": thread, "graph": graph, "gate": gate, "assign": None if several else assign}
    found = [f"{column} = ?" for column, value in wanted.items() if value is not None]
    values: list[Any] = [value for value in wanted.values() if value is not None]
    if status is not None:
        if status not in get_args(Status):
            raise ValueError(f"No review has the status {status!r}: it is one of {', '.join(get_args(Status))}.")
        # In the text and not as a value, so that SQLite sees which of its small indexes serves.
        found.append(f"status = '{status}'")
        if thread is not None and status != "closed":
            found.append("status <> 'closed'")
    if several and assign is not None:
        found.append(f"assign IN ({', '.join('?' * len(assign))})")
        values += assign
    if due_before is not None:
        found.append("ifnull(due, 9e999) < ?")
        values.append(due_before)
    words = (search or "").replace("\0", " ").strip()
    if words:
        among = _AMONG if status == "pending" else ""
        found.append(f"(thread_id = ? OR seq IN (SELECT rowid FROM reviews_fts WHERE reviews_fts MATCH ?{among}))")
        values += [words, _phrases(words)]
    return " AND ".join(found) or "1", values


_AMONG: Final = (
    " AND rowid BETWEEN (SELECT min(seq) FROM reviews WHERE status = 'pending')"
    " AND (SELECT max(seq) FROM reviews WHERE status = 'pending')"
)
"""What waits came late, as a rule: the search index need not be read for all that came before."""


def _phrases(search: str) -> str:
    """The words as FTS5 takes them literally, each as the beginning of one."""
    return " ".join('"' + word.replace('"', '""') + '"*' for word in search.split())


Row = Mapping[str, Any] | sqlite3.Row
R = TypeVar("R", bound=Row)


def read_in_order(rows: Sequence[R]) -> list[R]:
    """What one run asked within a minute, by title: branches that ask at once are stored in no order of their own."""
    batches: dict[tuple[Any, ...], list[R]] = {}
    for row in rows:
        batches.setdefault(_batch(row), []).append(row)
    return [row for some in batches.values() for row in (sorted(some, key=_title) if len(some) > 1 else some)]


def _batch(row: Row) -> tuple[Any, ...]:
    due = None if row["due"] is None else row["due"] // 60
    return row["priority"], due, row["asked_at"] // 60, row["thread_id"], row["gate"]


def _title(row: Row) -> list[tuple[bool, int, str]]:
    """A title as one counts: 2 before 10; by the length of a number, which may be too long for one of Python's."""
    parts = re.split(r"(\d+)", row["title"] or "")
    numbers = (part.lstrip("0") if part.isdecimal() else None for part in parts)
    return [(n is not None, len(n or ""), n or part) for n, part in zip(numbers, parts, strict=True)]
