"""What waits, by shape: the reviews whose questions can be decided together."""

import sqlite3
from dataclasses import dataclass

from treadle.checkpoints.savers import SqliteSaver


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
