"""Versions of graphs: what each is made of, which one new runs take, and which may take on a run of another."""

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from treadle.checkpoints.desks.plains import plain
from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.errors import VersionChanged, VersionNotFound

if TYPE_CHECKING:
    from treadle.checkpoints.runs import Run
    from treadle.checkpoints.savers import SqliteSaver

STAMP = "graph_version"
"""Where the metadata of a compiled graph has its fingerprint."""


@dataclass(frozen=True)
class Version:
    """A graph as it was at a time."""

    graph: str
    fingerprint: str
    name: str | None
    described: Any
    """What the fingerprint was made of: prompts, schemas, models, code, edges, as plain data."""
    at: float
    """When it was first seen, in seconds since 1970."""


def versions(saver: "SqliteSaver", graph: str | None = None) -> list[Version]:
    """The versions of a graph, or of all, oldest first."""
    query = "SELECT * FROM versions WHERE graph = ifnull(?, graph) ORDER BY at, rowid"
    return saver.database.read(lambda connection: [_version(row) for row in connection.execute(query, (graph,))])


def counts(saver: "SqliteSaver") -> dict[tuple[str, str], int]:
    """How many runs each version of each graph has made, by graph and fingerprint."""
    query = "SELECT graph, fingerprint, count(*) FROM runs WHERE fingerprint IS NOT NULL GROUP BY graph, fingerprint"
    return saver.database.read(lambda connection: {(row[0], row[1]): row[2] for row in connection.execute(query)})


def version(saver: "SqliteSaver", graph: str, which: str) -> Version:
    """One version, by its name, its fingerprint or the beginning of it; VersionNotFound says which there are."""
    return saver.database.read(lambda connection: _find(connection, graph, which))


def name(saver: "SqliteSaver", graph: str, which: str, called: str) -> Version:
    """Give a version a name, such as "v2"; a name that another version had passes to this one."""

    def work(connection: sqlite3.Connection) -> Version:
        found = _find(connection, graph, which)
        connection.execute("UPDATE versions SET name = NULL WHERE graph = ? AND name = ?", (graph, called))
        key = (called, graph, found.fingerprint)
        connection.execute("UPDATE versions SET name = ? WHERE graph = ? AND fingerprint = ?", key)
        return _find(connection, graph, found.fingerprint)

    return saver.database.write(work)


def split(saver: "SqliteSaver", graph: str, weights: Mapping[str, float]) -> None:
    """Let new runs take versions by weight; one version alone is pinned so.

    Raises:
        VersionNotFound: for a version that is not known.
        ValueError: without a weight above nought.
    """
    if any(not weight >= 0 or math.isinf(weight) for weight in weights.values()) or not sum(weights.values()):
        raise ValueError(f"the weights of {graph!r} are {dict(weights)}: none below nought, one above, all finite")

    def work(connection: sqlite3.Connection) -> None:
        found = {_find(connection, graph, which).fingerprint: weight for which, weight in weights.items()}
        connection.execute(
            "INSERT INTO splits (graph, weights, at) VALUES (?, ?, ?)", (graph, json.dumps(found), time.time())
        )

    saver.database.write(work)


def weights(saver: "SqliteSaver", graph: str) -> dict[str, float]:
    """The weights that hold, by fingerprint; empty where none were given."""
    found = saver.database.read(lambda connection: _splits(connection, graph, 1))
    return found[0] if found else {}


def roll_back(saver: "SqliteSaver", graph: str) -> dict[str, float]:
    """Let the weights hold that held before; returns them. What was is kept: rolling back twice comes back.

    Raises:
        VersionNotFound: there is nothing to go back to.
    """

    def work(connection: sqlite3.Connection) -> dict[str, float]:
        found = _splits(connection, graph, 2)
        if len(found) < 2:
            raise VersionNotFound(f"The versions of {graph!r} were never changed: there is nothing to roll back to.")
        query = "INSERT INTO splits (graph, weights, at) VALUES (?, ?, ?)"
        connection.execute(query, (graph, json.dumps(found[1]), time.time()))
        return found[1]

    return saver.database.write(work)


def pick(weights: Mapping[str, float], thread_id: str) -> str:
    """The version that a thread falls to, always the same; a change of weights moves as few threads as it can.

    >>> pick({"a": 1.0, "b": 0.0}, "any thread")
    'a'
    """
    return min(sorted(weights), key=lambda each: _draw(each, thread_id, weights[each]))


def allow(saver: "SqliteSaver", thread_id: str, later: str) -> None:
    """Declare that runs of the version that a run has can go on with a later one."""

    def work(connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT fingerprint FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
        if row is not None and row[0] not in (None, later):
            connection.execute("INSERT OR IGNORE INTO changes VALUES (?, ?, ?)", (row[0], later, time.time()))

    saver.database.write(work)


def of(graph: Any) -> str | None:
    """The fingerprint that a compiled graph carries."""
    found = ((getattr(graph, "config", None) or {}).get("metadata") or {}).get(STAMP)
    return found if isinstance(found, str) else None


def admit(connection: sqlite3.Connection, run: "Run", later: str | None) -> None:
    """Refuse to take a run on with a graph that is another one than when it paused."""
    if later is None or run.fingerprint in (None, later):
        return
    pair = (run.fingerprint, later)
    if connection.execute("SELECT 1 FROM changes WHERE earlier = ? AND later = ?", pair).fetchone():
        return
    told = "\n".join(f"  {line}" for line in _changes(connection, *pair)) or "  (what it was is not on record)"
    raise VersionChanged(
        f"The graph of run {run.thread_id} has changed since it paused (version {run.fingerprint}, now {later}):\n"
        f"{told}\n"
        "Run it with the version it began with, or declare the change compatible: resume(..., compatible=True)."
    )


def difference(earlier: Any, later: Any) -> list[str]:
    """What is not the same in two descriptions: one line a place, with what was there and what is."""
    old, new = dict(_leaves(earlier)), dict(_leaves(later))
    places = [place for place in dict.fromkeys([*old, *new]) if old.get(place, _NONE) != new.get(place, _NONE)]
    return [f"{place}: {_brief(old.get(place, _NONE))} -> {_brief(new.get(place, _NONE))}" for place in places]


def keep(database: Database, graph: str, fingerprint: str, described: Any) -> None:
    """Store what a version is made of, unless it is known."""
    codec, body = pack(json.dumps(plain(described), ensure_ascii=False).encode())
    row = (graph, fingerprint, codec, body, time.time())
    query = "INSERT OR IGNORE INTO versions (graph, fingerprint, codec, body, at) VALUES (?, ?, ?, ?, ?)"
    database.write(lambda connection: connection.execute(query, row).rowcount)


_NONE = object()


def _changes(connection: sqlite3.Connection, earlier: str, later: str) -> list[str]:
    rows = {row["fingerprint"]: row for row in connection.execute(
        "SELECT * FROM versions WHERE fingerprint IN (?, ?)", (earlier, later)
    )}  # fmt: skip
    if len(rows) < 2:
        return []
    lines = difference(_version(rows[earlier]).described, _version(rows[later]).described)
    return [*lines[:20], *([f"and {len(lines) - 20} more"] if len(lines) > 20 else [])]


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not inner:
        yield place or "graph", value
        return
    for key, part in inner:
        yield from _leaves(part, f"{place}.{key}" if place else str(key))


def _brief(value: Any) -> str:
    if value is _NONE:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _draw(each: str, thread_id: str, weight: float) -> float:
    """A version's lot for a thread: exponential, so that the least of all lots falls to each by its weight."""
    number = int.from_bytes(sha256(f"{each}\x00{thread_id}".encode()).digest()[:7], "big")
    return -math.log((number + 1) / 2**56) / weight if weight > 0 else math.inf


def _splits(connection: sqlite3.Connection, graph: str, limit: int) -> list[dict[str, float]]:
    rows = connection.execute("SELECT weights FROM splits WHERE graph = ? ORDER BY seq DESC LIMIT ?", (graph, limit))
    return [json.loads(row["weights"]) for row in rows]


def _find(connection: sqlite3.Connection, graph: str, which: str) -> Version:
    rows = connection.execute("SELECT * FROM versions WHERE graph = ? ORDER BY at", (graph,)).fetchall()
    exact = [row for row in rows if which in (row["name"], row["fingerprint"])]
    found = exact or [row for row in rows if which and row["fingerprint"].startswith(which)]
    if len(found) != 1:
        known = ", ".join(row["name"] or row["fingerprint"] for row in rows) or "none"
        raise VersionNotFound(f"{graph!r} has no single version {which!r}; it has {known}.")
    return _version(found[0])


def _version(row: sqlite3.Row) -> Version:
    described = json.loads(unpack(row["codec"], row["body"]))
    return Version(row["graph"], row["fingerprint"], row["name"], described, row["at"])
