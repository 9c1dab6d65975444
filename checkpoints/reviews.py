"""The review queue: what waits for a person, in every run on this database."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from treadle.checkpoints.desks.askers import schema
from treadle.checkpoints.desks.audits import Decision, decision
from treadle.checkpoints.desks.filters import ORDERS, Order, Status, clauses, read_in_order
from treadle.checkpoints.desks.panels import Panel, panel
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
    """JSON schema of the answer: the node's, else that of a form that is known; None where anything may be right."""
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


def load(connection: sqlite3.Connection, row: sqlite3.Row) -> Review:
    """A row of the queue as a Review, with its decision."""
    value, given = json.loads(row["value"]), row["schema"]
    return Review(
        id=row["interrupt_id"],
        value=value,
        schema=json.loads(given) if given else schema(value),
        decision=None if row["status"] == "pending" else decided(connection, row["thread_id"], row["interrupt_id"]),
        claim=None if row["status"] != "pending" else claimed(connection, row["thread_id"], row["interrupt_id"]),
        **{field.name: row[field.name] for field in fields(Review) if field.name not in _ELSEWHERE},
    )


def claimed(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> Claim | None:
    """The claim on a review, whether it has expired or not."""
    row = connection.execute(
        "SELECT * FROM claims WHERE thread_id = ? AND interrupt_id = ?", (thread_id, interrupt_id)
    ).fetchone()
    return Claim(**row) if row is not None else None


def panel_of(row: sqlite3.Row) -> Panel:
    """The panel of a row of the queue."""
    return panel(json.loads(row["value"]), row["escalations"])


def decided(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> Decision | None:
    """The newest decision about a review, unless the graph refused it."""
    row = connection.execute(
        "SELECT * FROM decisions WHERE thread_id = ? AND interrupt_id = ? AND kind IS NULL ORDER BY seq DESC LIMIT 1",
        (thread_id, interrupt_id),
    ).fetchone()
    return None if row is None or row["action"] == "refused" else decision(row)


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
        rows = connection.execute(
            f"SELECT * FROM reviews WHERE {where} ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?", (*values, limit, offset)
        ).fetchall()
        rows = read_in_order(rows) if order == "urgency" else rows
        return [load(connection, row) for row in rows]

    return saver.database.read(work)


def keys(saver: SqliteSaver, wanted: Mapping[str, Any], *, order: Order = "urgency", limit: int = 50) -> list[Key]:
    """The keys of what ``pending(saver, **wanted, order=..., limit=...)`` lists, without reading the questions."""
    where, values = clauses(**wanted)
    columns = "thread_id, interrupt_id, priority, due, asked_at, gate, title"
    query = f"SELECT {columns} FROM reviews WHERE {where} ORDER BY {ORDERS[order]} LIMIT ?"
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
        return load(connection, find(connection, id, thread))

    return saver.database.read(work)


def reviews(saver: SqliteSaver, keys: Iterable[Key]) -> list[Review]:
    """The reviews of these keys as they are at one moment; those that are gone are left out."""
    query = "SELECT * FROM reviews WHERE thread_id = ? AND interrupt_id = ?"

    def work(connection: sqlite3.Connection) -> list[Review]:
        rows = (connection.execute(query, key).fetchone() for key in keys)
        return [load(connection, row) for row in rows if row is not None]

    return saver.database.read(work)


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
