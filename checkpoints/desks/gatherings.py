"""Answers that keep coming to one run: it gathers them and goes on with all at once.

LangGraph runs every branch that waits again whenever a run goes on: to go on for each answer alone costs n(n+1)/2
executions for n branches. So a run that has an answer goes on

    at once          when nothing else of it waits
    when it is quiet when no answer came for a while, which is the longer the more branches wait; not where nothing
                     follows in the branches that were answered: they would only wait for the others again
    at the latest    some time after the first answer, which is kept with the run
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from treadle.checkpoints.desks.panels import number
from treadle.dialects import TOGETHER

READY = "(ifnull(gather_until, 0) <= :now OR quiet_at <= :now)"
"""What holds, in SQL, of a run that gathers answers no longer."""

EACH, LONGEST = 0.2, 60.0
"""Seconds without an answer after which a run goes on: for each question that waits, and at most."""

LATEST = 15
"""How many times as long it gathers answers at most, where they keep coming."""

MANY = int(LONGEST / EACH)
"""As many questions as count."""

_OTHERS = (
    "SELECT count(*) FROM (SELECT 1 FROM reviews WHERE thread_id = :thread AND status = 'pending' AND holds = 1"
    " AND seq <> :seq LIMIT :many)"
)

_BESIDE = (
    "SELECT 1 FROM reviews WHERE thread_id = :thread AND status = 'pending' AND holds = 1 AND seq <> :seq"
    " AND together ->> '$.place' = :place LIMIT 1"
)


def kept(question: Any) -> str | None:
    """What a question says of those beside it, as its column holds it."""
    told = question.get(TOGETHER) if isinstance(question, Mapping) else None
    fits = isinstance(told, Mapping) and number(told.get("seconds")) and isinstance(told.get("actions"), list)
    return json.dumps(told) if fits else None


def gather(connection: sqlite3.Connection, row: sqlite3.Row, action: str | None, at: float) -> None:
    """A question is decided: until when its run gathers answers, and when it is quiet enough to go on before."""
    run = connection.execute("SELECT gather_until FROM runs WHERE thread_id = ?", (row["thread_id"],)).fetchone()
    if run is None:
        return
    left, key = _waiting(connection, row), row["thread_id"]
    if not left:  # no time is named, since clocks are apart
        connection.execute("UPDATE runs SET gather_until = NULL, quiet_at = NULL WHERE thread_id = ?", (key,))
        return
    patience, calm = _together(connection, row, action), None
    if patience is None:
        calm = min(EACH * left, LONGEST)
        until = run["gather_until"] or at + LATEST * calm
    else:
        until = min(at + patience, run["gather_until"] or at + patience)
    connection.execute(
        "UPDATE runs SET gather_until = ?, quiet_at = ifnull(? + ?, quiet_at) WHERE thread_id = ?",
        (until, at, calm, key),
    )


def _together(connection: sqlite3.Connection, row: sqlite3.Row, action: str | None) -> float | None:
    """For how long the answer can wait for those beside it; None where something follows it."""
    told = json.loads(row["together"]) if row["together"] else {}
    if action not in told.get("actions", ()):
        return None
    values = {"thread": row["thread_id"], "seq": row["seq"], "place": told.get("place")}
    return told["seconds"] if connection.execute(_BESIDE, values).fetchone() else None


def _waiting(connection: sqlite3.Connection, row: sqlite3.Row) -> int:
    """How many other questions the run waits for, as far as they count."""
    values = {"thread": row["thread_id"], "seq": row["seq"], "many": MANY}
    found: int = connection.execute(_OTHERS, values).fetchone()[0]
    return found
