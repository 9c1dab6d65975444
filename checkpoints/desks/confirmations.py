"""Questions of steps that are still to be stored: they are in the queue once everything is that they rest on.

LangGraph stores a checkpoint beside the tasks that start from it, with ``durability="exit"`` even after them, and those
of the graphs around a subgraph by themselves. A process may end in between. The run then asks anew, under another id,
so that nobody must have been asked before: such a question is ``closed`` until the last of those checkpoints comes, and
``rests`` names what was missing.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from treadle.checkpoints.layouts.spaces import Place


def missing(connection: sqlite3.Connection, config: Mapping[str, Any], place: Place) -> dict[str, str]:
    """The checkpoints, by namespace, that a question asked at a place rests on and that are not stored yet."""
    around = config["configurable"].get("checkpoint_map") or {}
    return _missing(connection, place.thread_id, {**around, place.ns: place.id})


def _missing(connection: sqlite3.Connection, thread_id: str, rests: Mapping[str, str]) -> dict[str, str]:
    query = (
        "SELECT 1 FROM spaces s JOIN checkpoints c ON c.space = s.key"
        " WHERE s.thread_id = ? AND s.ns = ? AND c.id = ? AND c.body IS NOT NULL"
    )
    return {ns: id_ for ns, id_ in rests.items() if not connection.execute(query, (thread_id, ns, id_)).fetchone()}


def confirm(connection: sqlite3.Connection, place: Place) -> list[str]:
    """A checkpoint came after questions that rest on it: put those in the queue that rest on no other; their ids."""
    start, end = inside(place.ns)
    rows = connection.execute(
        "SELECT DISTINCT r.seq, r.interrupt_id, r.rests FROM waits w"
        " JOIN reviews r ON r.thread_id = w.thread_id AND r.interrupt_id = w.interrupt_id"
        " WHERE w.thread_id = ? AND (w.ns = ? OR w.ns >= ? AND w.ns < ?) AND r.rests IS NOT NULL",
        (place.thread_id, place.ns, start, end),
    ).fetchall()
    ready = [row for row in rows if not _missing(connection, place.thread_id, json.loads(row["rests"]))]
    for row in ready:
        query = "UPDATE reviews SET status = 'pending', closed_at = NULL, rests = NULL WHERE seq = ?"
        connection.execute(query, (row["seq"],))
    return [row["interrupt_id"] for row in ready]


def inside(ns: str) -> tuple[str, str]:
    """The first namespace inside of another one, and the first after them.

    >>> [inside("a")[0] <= ns < inside("a")[1] for ns in ("a|b:1", "a|b:1|c:2", "a", "ab|c")]
    [True, True, False, False]
    """
    return (ns + "|", ns + "}") if ns else ("", "\U0010ffff")  # "}" comes after "|"
