"""What people decided on what was proposed, counted where it is on record: a million rows are not carried out of it."""

import json
import sqlite3
from typing import Any, Final, Literal

from treadle.checkpoints.exports.records import LEARNT, before, named

Outcome = Literal["kept", "changed", "refused", "other"]

DID: Final = "CASE WHEN action = 'answer' THEN named(answer) ELSE action END"
"""What a row of ``decisions`` did: of a free answer the action that it names. It takes ``speak``."""

SOME: Final = "seq > ? AND graph IS ifnull(?, graph) AND gate IS ifnull(?, gate) AND at >= ?"
"""The rows of a graph, a gate, and since a time; its values are those of ``wanted``."""

PEOPLE: Final = f" AND rule IS NULL AND \"by\" <> 'deadline'{LEARNT}"
"""The decisions of people that hold: those of rules say nothing of people."""


def counted(
    connection: sqlite3.Connection, *columns: str, which: str, graph: str | None, gate: str | None, since: float
) -> sqlite3.Cursor:
    """What decisions have in some columns, everything that occurs once, and how ``many`` have it.

    ``columns`` are expressions of SQL with their names, ``which`` a condition; ``since`` is in seconds since 1970.
    """
    speak(connection)
    places = ", ".join(str(place + 1) for place in range(len(columns)))
    query = f"SELECT {', '.join(columns)}, count(*) AS many FROM decisions WHERE {SOME}{which} GROUP BY {places}"
    return connection.execute(query, wanted(connection, graph, gate, since))


def wanted(connection: sqlite3.Connection, graph: str | None, gate: str | None, since: float) -> tuple[Any, ...]:
    """The values for ``SOME``."""
    return before(connection, since=since), graph, gate, since


def speak(connection: sqlite3.Connection) -> None:
    """Teach a connection to read the action out of a free answer."""
    connection.create_function("named", 1, lambda answer: named(json.loads(answer)), deterministic=True)


def outcome(action: str, *, changed: bool) -> Outcome:
    """What became of what was proposed."""
    if action in ("reject", "ignore", "respond", "response"):
        return "refused"
    if action in ("approve", "accept", "edit"):
        return "changed" if changed else "kept"
    return "other"
