"""How far a run's fan-outs are: the newest news of each, for whoever looks from another process."""

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from treadle.checkpoints.desks.plains import plain
from treadle.checkpoints.disks.databases import Database

if TYPE_CHECKING:
    from treadle.checkpoints.savers import SqliteSaver


def tell(database: Database, thread_id: str, news: Mapping[str, Any]) -> None:
    """Keep the newest news of the fan-out at their "place"; it is committed with the next transaction."""
    row = (thread_id, str(news["place"]), time.time(), json.dumps(plain(news)))

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO news (thread_id, place, at, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET at = excluded.at, body = excluded.body",
            row,
        )

    database.post(work)


def news(saver: "SqliteSaver", thread_id: str) -> list[dict[str, Any]]:
    """Return the newest news of each of a run's fan-outs that took more than a second, the latest last.

    Each has what `treadle.graphs.scatters.paces.News` says, and "at", the time in epoch seconds.
    """

    def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
        rows = connection.execute("SELECT at, body FROM news WHERE thread_id = ? ORDER BY at", (thread_id,))
        return [{**json.loads(row["body"]), "at": row["at"]} for row in rows]

    return saver.database.read(work)
