"""How much waits, and for what: read from small indexes, not from the questions."""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass

from treadle.checkpoints.savers import SqliteSaver


@dataclass(frozen=True)
class Counts:
    """Reviews that wait for a person."""

    total: int
    overdue: int
    graphs: Mapping[str, int]
    """By the name of the graph, where it is known."""
    assigned: Mapping[str, int]
    """By whom they are assigned to, where they are."""


def counts(saver: SqliteSaver) -> Counts:
    """Count what waits."""

    def work(connection: sqlite3.Connection) -> Counts:
        rows = connection.execute(
            "SELECT graph, assign, count(*) AS many FROM reviews WHERE status = 'pending' GROUP BY graph, assign"
        ).fetchall()
        late = connection.execute(
            "SELECT count(*) FROM reviews WHERE status = 'pending' AND ifnull(due, 9e999) < ?", (time.time(),)
        ).fetchone()[0]
        return Counts(sum(row["many"] for row in rows), late, _by(rows, "graph"), _by(rows, "assign"))

    return saver.database.read(work)


def _by(rows: list[sqlite3.Row], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        if row[name] is not None:
            found[row[name]] = found.get(row[name], 0) + row["many"]
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Group:
    """The questions of one review that wait."""

    graph: str | None
    gate: str
    many: int


def groups(saver: SqliteSaver) -> list[Group]:
    """The reviews with questions that wait, the fullest first; those without a gate's name are left out."""

    def work(connection: sqlite3.Connection) -> list[Group]:
        rows = connection.execute(
            "SELECT graph, gate, count(*) AS many FROM reviews WHERE status = 'pending' AND gate IS NOT NULL"
            " GROUP BY graph, gate ORDER BY many DESC, gate"
        )
        return [Group(**row) for row in rows]

    return saver.database.read(work)


def gates(saver: SqliteSaver) -> list[tuple[str, str]]:
    """The reviews, each as graph and gate, about which anything was decided, by name."""
    query = "SELECT graph, gate FROM decisions WHERE (graph, gate) > (?, ?) ORDER BY graph, gate LIMIT 1"

    def work(connection: sqlite3.Connection) -> list[tuple[str, str]]:
        found = [("", "")]
        while row := connection.execute(query, found[-1]).fetchone():  # from one to the next: each may have millions
            found.append((row["graph"], row["gate"]))
        return found[1:]

    return saver.database.read(work)
