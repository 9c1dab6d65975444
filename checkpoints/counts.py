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
