"""The review queue: what waits for a person, in every run on this database."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from treadle.checkpoints.desks.askers import schema
from treadle.checkpoints.desks.audits import Decision, decision
from treadle.checkpoints.desks.filters import ORDERS, Order, Status, clauses, read_in_order
from treadle.checkpoints.desks.panels import Panel, panel
from treadle.checkpoints.disks.connections import named
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewNotFound

Key = tuple[str, str]
"""What tells a review from all others: its run, and its id there."""


@dataclass(frozen=True)
class Claim:
    """That one reviewer has a question before them; times are seconds since 1970, UTC."""

    thread_id: str
    interrupt_id: str
    by: str
    at: float
    """Since when."""
    expires_at: float


@dataclass(frozen=True)
class Review:
    """A question that a run asked and a person answers; times are seconds since 1970, UTC."""

    id: str
    """The interrupt's id."""
    thread_id: str
    graph: str | None
    """Name of the run's graph, where it is known."""
    fingerprint: str | None
    """The version of the graph that asked, where it is known."""
    ns: str
    """Namespace of the graph that asked, with the ids of its tasks."""
    path: str
    """The same without ids: where in the drawing."""
    node: str
    checkpoint_id: str
    task_id: str
    status: Status
    """``pending``, ``decided`` (an answer is recorded, the run has yet to go on), ``closed`` (the run went on)."""
    value: Any
    """What the node asked: the interrupt's value as plain data."""
    schema: dict[str, Any] | None
    """JSON schema of the answer: the node's, else that of a form that is known; None where anything may be right.
    Reviews that are listed together share it."""
    digest: str
    gate: str | None
    title: str | None
    why: str | None
    assign: str | None
    priority: float
    due: float | None
    asked_at: float
    closed_at: float | None
    problem: str | None
    """Why the graph refused the answer before, if it did; of a closed question, why it needs none any more."""
    decision: Decision | None
    """The decision that holds; None while it is pending, and where the run went on without one."""
    claim: Claim | None
    """Who has it before them, also if the claim has expired."""
    escalations: int
    """How many steps of its escalation were taken."""
    held_until: float | None
    """Until when the decision can be taken back, where it can."""

    @property
    def panel(self) -> Panel:
        """Who may decide on it now, and how many must."""
        return panel(self.value, self.escalations)


_ELSEWHERE = ("id", "value", "schema", "decision", "claim")
_STORED = tuple(field.name for field in fields(Review) if field.name not in _ELSEWHERE)

_COLUMNS = ", ".join((*_STORED, "interrupt_id", "value", "schema", '"by"', "at", "expires_at"))
"""All of a question and of the claim on it but the text that is searched, which is as long as the question."""


def load(connection: sqlite3.Connection, rest: str, values: Sequence[Any]) -> Iterator[Review]:
    """The reviews that a query finds, with decision and claim; ``rest`` is what of it comes after the tables."""
    return _reviews(connection, _rows(connection, rest, values))


def known(connection: sqlite3.Connection, keys: Iterable[Key]) -> Iterator[Review]:
    """The reviews of these keys, without those that are gone."""
    query = "WHERE thread_id = ? AND interrupt_id = ?"
    return _reviews(connection, (row for key in keys for row in _rows(connection, query, key)))


def _rows(connection: sqlite3.Connection, rest: str, values: Sequence[Any]) -> Iterator[dict[str, Any]]:
    both = "reviews LEFT JOIN claims USING (thread_id, interrupt_id)"
    return named(connection.execute(f"SELECT {_COLUMNS} FROM {both} {rest}", values))


def _reviews(connection: sqlite3.Connection, rows: Iterable[Mapping[str, Any]]) -> Iterator[Review]:
    schemas = cache(json.loads)  # all questions of a gate have the same, which takes longer to read than all else
    return (_review(connection, row, schemas) for row in rows)


def _review(connection: sqlite3.Connection, row: Mapping[str, Any], schemas: Callable[[str], Any]) -> Review:
    value, given, waits = json.loads(row["value"]), row["schema"], row["status"] == "pending"
    return Review(
        id=row["interrupt_id"],
        value=value,
        schema=schemas(given) if given else schema(value),
        decision=None if waits else decided(connection, row["thread_id"], row["interrupt_id"]),
        claim=_claim(row) if waits and row["by"] is not None else None,
        **{name: row[name] for name in _STORED},
    )


def _claim(row: Mapping[str, Any] | sqlite3.Row) -> Claim:
    return Claim(row["thread_id"], row["interrupt_id"], row["by"], row["at"], row["expires_at"])


def claimed(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> Claim | None:
    """The claim on a review, whether it has expired or not."""
    row = connection.execute(
        "SELECT * FROM claims WHERE thread_id = ? AND interrupt_id = ?", (thread_id, interrupt_id)
    ).fetchone()
    return _claim(row) if row is not None else None


def panel_of(row: sqlite3.Row) -> Panel:
    """The panel of a row of the queue."""
    return panel(json.loads(row["value"]), row["escalations"])


def decided(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> Decision | None:
    """The newest decision about a review, unless the graph refused it."""
    newest = "thread_id = ? AND interrupt_id = ? AND kind IS NULL ORDER BY seq DESC LIMIT 1"
    found = connection.execute(f"SELECT * FROM decisions WHERE {newest}", (thread_id, interrupt_id))
    row = next(named(found), None)
    return None if row is None or row["action"] == "refused" else decision(row)


def _sorted(order: Order) -> str:
    """The columns of an order; raises ValueError, with those that there are, for any other."""
    if order not in ORDERS:
        raise ValueError(f"No list has the order {order!r}: it is one of {', '.join(ORDERS)}.")
    return ORDERS[order]


def pending(
    saver: SqliteSaver,
    *,
    thread: str | None = None,
    graph: str | None = None,
    gate: str | None = None,
    assign: str | Collection[str] | None = None,
    search: str | None = None,
    due_before: float | None = None,
    status: Status | None = "pending",
    order: Order = "urgency",
    limit: int = 50,
    offset: int = 0,
) -> list[Review]:
    """What waits, most urgent first: by priority, then due time, then age. ``status=None`` takes every status.

    ``assign`` is a role or person, or several of them; ``due_before`` a time in seconds since 1970.

    What one run asked within the same minute comes in the order of its titles, as one reads: 2 before 10.

    ``search`` finds questions that have all its words, or beginnings of words, in any case; or the id of a run.
    """
    where, values = clauses(
        thread=thread, graph=graph, gate=gate, assign=assign, search=search, due_before=due_before, status=status
    )

    def work(connection: sqlite3.Connection) -> list[Review]:
        rest = f"WHERE {where} ORDER BY {_sorted(order)} LIMIT ? OFFSET ?"
        rows = list(_rows(connection, rest, (*values, limit, offset)))
        return list(_reviews(connection, read_in_order(rows) if order == "urgency" else rows))

    return saver.database.read(work)


def keys(saver: SqliteSaver, wanted: Mapping[str, Any], *, order: Order = "urgency", limit: int = 50) -> list[Key]:
    """The keys of what ``pending(saver, **wanted, order=..., limit=...)`` lists, without reading the questions."""
    where, values = clauses(**wanted)
    columns = "thread_id, interrupt_id, priority, due, asked_at, gate, title"
    query = f"SELECT {columns} FROM reviews WHERE {where} ORDER BY {_sorted(order)} LIMIT ?"
    rows = saver.database.read(lambda connection: connection.execute(query, (*values, limit)).fetchall())
    return [(row["thread_id"], row["interrupt_id"]) for row in (read_in_order(rows) if order == "urgency" else rows)]


def count(
    saver: SqliteSaver,
    *,
    thread: str | None = None,
    graph: str | None = None,
    gate: str | None = None,
    assign: str | Collection[str] | None = None,
    search: str | None = None,
    due_before: float | None = None,
    status: Status | None = "pending",
) -> int:
    """How many reviews ``pending`` would list without a limit."""
    where, values = clauses(
        thread=thread, graph=graph, gate=gate, assign=assign, search=search, due_before=due_before, status=status
    )
    return saver.database.read(
        lambda connection: int(connection.execute(f"SELECT count(*) FROM reviews WHERE {where}", values).fetchone()[0])
    )


def review(saver: SqliteSaver, id: str, *, thread: str | None = None) -> Review:  # noqa: A002
    """One review, by its id or the beginning of it that no other has; ReviewNotFound says what to do otherwise."""

    def work(connection: sqlite3.Connection) -> Review:
        row = find(connection, id, thread)
        return next(known(connection, [(row["thread_id"], row["interrupt_id"])]))

    return saver.database.read(work)


def reviews(saver: SqliteSaver, keys: Iterable[Key]) -> list[Review]:
    """The reviews of these keys as they are at one moment; those that are gone are left out."""
    return saver.database.read(lambda connection: list(known(connection, keys)))


def find(connection: sqlite3.Connection, start: str, thread: str | None) -> sqlite3.Row:
    """The one row whose id begins so."""
    rows = connection.execute(
        "SELECT * FROM reviews WHERE interrupt_id >= ? AND interrupt_id < ? AND thread_id = ifnull(?, thread_id)"
        " LIMIT 3",
        (start, start + "\U0010ffff", thread),
    ).fetchall()
    rows = [row for row in rows if row["interrupt_id"] == start] or rows
    if not start or not rows:
        run = f" in run {thread}" if thread else ""
        raise ReviewNotFound(f"No review has the id {start!r}{run}: `treadle reviews` lists those that wait.")
    if len(rows) > 1:
        raise ReviewNotFound(f"Several reviews have ids that begin with {start!r}: {_several(rows)}.")
    found: sqlite3.Row = rows[0]
    return found


def _several(rows: Sequence[sqlite3.Row]) -> str:
    if len({row["interrupt_id"] for row in rows}) == 1:
        return f"the runs {', '.join(row['thread_id'] for row in rows)} share it, so name the run as well"
    return f"{', '.join(row['interrupt_id'] for row in rows)}; give more of it"
