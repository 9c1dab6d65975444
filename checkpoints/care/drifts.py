"""Questions of graphs that are not known here, or are no more what they were when they asked."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from treadle.checkpoints import versions
from treadle.checkpoints.care.findings import Ailment, named
from treadle.checkpoints.runs import load
from treadle.errors import GraphBuildError, GraphNotFound, VersionChanged


def drifts(connection: sqlite3.Connection, graphs: Callable[[str], Any], limit: int) -> Iterator[Ailment]:
    """Runs that are not over, whose graph is unknown, is another one by now, or has the gate no more."""
    known: dict[str, Any] = {}
    rows = connection.execute(
        "SELECT r.* FROM reviews r WHERE r.status <> 'closed' ORDER BY r.thread_id LIMIT ?", (limit,)
    ).fetchall()
    for row in rows:
        name = row["graph"]
        if name is not None and name not in known:
            known[name] = _compiled(graphs, name)
        made = known.get(name) if name is not None else None
        if made is None or isinstance(made, Exception):
            yield _unknown(row, made)
        elif (step := (row["path"].split("|")[0] or row["node"])) and step not in made.nodes:
            yield _gone(row, step, made.nodes)
        else:
            yield from _drifted(connection, row, made)


def _compiled(graphs: Callable[[str], Any], name: str) -> Any:
    try:
        return graphs(name)
    except (GraphNotFound, GraphBuildError) as error:
        return error


def _unknown(row: sqlite3.Row, error: Exception | None) -> Ailment:
    return Ailment(
        "unknown graph", row["thread_id"],
        f"{named(row)} is of a graph that is not known here: {error or 'its run names none'}",
        "It can be decided, and the run would not go on.",
        "Name the graph in langgraph.json, or resume the run from Python.",
        row["interrupt_id"],
    )  # fmt: skip


def _gone(row: sqlite3.Row, step: str, nodes: Iterable[str]) -> Ailment:
    return Ailment(
        "unknown gate", row["thread_id"], f"{named(row)} was asked at {step!r}, which {row['graph']} has no more.",
        f"The graph was changed since; its steps are {', '.join(sorted(one for one in nodes if one[:2] != '__'))}.",
        "Bring the step back under its name, or run the version of the graph that asked.",
        row["interrupt_id"],
    )  # fmt: skip


def _drifted(connection: sqlite3.Connection, row: sqlite3.Row, made: Any) -> Sequence[Ailment]:
    try:
        versions.admit(connection, load(connection, row["thread_id"]), versions.of(made))
    except VersionChanged as error:
        first = str(error).splitlines()[0].rstrip(":")
        meaning = "A worker does not take it on, so that no run is half of one version and half of another."
        cure = "Run the version that asked, or declare the change compatible: resume(..., compatible=True)."
        return [Ailment("version", row["thread_id"], f"{first}.", meaning, cure, row["interrupt_id"])]
    return []
