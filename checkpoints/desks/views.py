"""Views of the queue that reviewers keep under a name: what they filter for, and in which order."""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.savers import SqliteSaver


@dataclass(frozen=True)
class View:
    """A filter with a name, of one reviewer."""

    by: str
    name: str
    wanted: Mapping[str, Any]
    """The filter, as plain data that only the page reads."""


def save(saver: SqliteSaver, name: str, wanted: Mapping[str, Any], *, by: str) -> View:
    """Keep a view; another of the same name and reviewer gives way to it."""
    view = View(by, name.strip(), dict(wanted))
    row = (view.by, view.name, json.dumps(view.wanted, ensure_ascii=False), time.time())
    saver.database.write(
        lambda connection: connection.execute(
            'INSERT OR REPLACE INTO views ("by", name, wanted, at) VALUES (?, ?, ?, ?)', row
        )
    )
    return view


def forget(saver: SqliteSaver, name: str, *, by: str) -> None:
    """Drop a reviewer's view of that name, if there is one."""
    saver.database.write(
        lambda connection: connection.execute('DELETE FROM views WHERE "by" = ? AND name = ?', (by, name))
    )


def views(saver: SqliteSaver, *, by: str) -> list[View]:
    """A reviewer's views, by name."""

    def work(connection: sqlite3.Connection) -> list[View]:
        rows = connection.execute('SELECT "by", name, wanted FROM views WHERE "by" = ? ORDER BY name', (by,))
        return [View(row["by"], row["name"], json.loads(row["wanted"])) for row in rows]

    return saver.database.read(work)
