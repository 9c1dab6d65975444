"""What keeps runs and reviews from going on: what it means, what helps, and the repair where there is one."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from treadle.checkpoints import versions
from treadle.checkpoints.desks import queues
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.layouts.spaces import Place
from treadle.checkpoints.layouts.writes import written
from treadle.checkpoints.ledgers import forks
from treadle.checkpoints.ledgers.leases import free
from treadle.checkpoints.reviews import find
from treadle.checkpoints.runs import load
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, GraphNotFound, VersionChanged

Kind = Literal["wedged", "orphan", "missing", "unknown graph", "unknown gate", "version", "lease", "unapplied"]
Repair = Callable[[sqlite3.Connection], None]

LATE = 300.0
"""Seconds after which a decision should have been taken over."""


@dataclass(frozen=True)
class Ailment:
    """One thing that keeps a run or a review from going on."""

    kind: Kind
    thread_id: str
    finding: str
    meaning: str
    cure: str
    """What helps; where there is a repair, what that does."""
    interrupt_id: str | None = None
    repair: Repair | None = field(default=None, repr=False, compare=False)


def ailments(saver: SqliteSaver, graphs: Callable[[str], Any] | None = None, *, limit: int = 1000) -> list[Ailment]:
    """What ails the runs on a database, at most ``limit`` of a kind; changes nothing.

    With ``graphs``, which compiles a graph by its name, unknown graphs and gates and changed versions are found too.
    """

    def work(connection: sqlite3.Connection) -> list[Ailment]:
        found = [one for search in _SEARCHES for one in search(connection, saver, limit)]
        return found + (list(_strange(connection, graphs, limit)) if graphs is not None else [])

    return saver.database.read(work)


def repair(saver: SqliteSaver, found: Iterable[Ailment], *, by: str) -> list[Ailment]:
    """Repair what can be repaired, each in a transaction of its own and on record; returns what was."""
    done = []
    for one in found:
        if one.repair is not None:
            saver.database.write(partial(_repair, one=one, by=by))
            done.append(one)
    return done


def _repair(connection: sqlite3.Connection, one: Ailment, by: str) -> None:
    assert one.repair is not None
    one.repair(connection)
    told = {"ailment": one.kind, "finding": one.finding}
    note(connection, "repair", by=by, thread_id=one.thread_id, interrupt_id=one.interrupt_id, **told)


def _wedged(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    """Answers of a wrong shape to questions without a schema: stored before the node failed on them."""
    rows = connection.execute(
        "SELECT r.*, runs.error FROM runs JOIN reviews r ON r.thread_id = runs.thread_id"
        " WHERE runs.status IN ('failed', 'parked') AND r.status = 'closed' AND r.schema IS NULL LIMIT ?",
        (limit,),
    ).fetchall()
    for row in rows:
        if _stuck(connection, row):
            yield Ailment(
                "wedged", row["thread_id"],
                f"{_name(row)} was answered, and the node fails on the answer each time: {row['error']}",
                "LangGraph stored the answer before the node took it, and hands it to the node for ever.",
                "The answer is forgotten by the run (it stays on record) and the question waits again.",
                row["interrupt_id"], partial(_ask_again, saver=saver, row=row),
            )  # fmt: skip


def _stuck(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether the task that asked has an answer and an error, and no result, where its graph stands now."""
    newest = connection.execute(
        "SELECT c.key, c.id FROM spaces s JOIN checkpoints c ON c.space = s.key WHERE s.thread_id = ? AND s.ns = ?"
        " AND c.body IS NOT NULL ORDER BY c.id DESC LIMIT 1",
        (row["thread_id"], row["ns"]),
    ).fetchone()
    if newest is None or newest["id"] != row["checkpoint_id"]:
        return False
    wrote = written(connection, [newest["key"]], task_id=row["task_id"]).get(newest["key"], ())
    return {"__resume__", "__error__"} <= {channel for task, channel, *_ in wrote if task == row["task_id"]}


def _ask_again(connection: sqlite3.Connection, saver: SqliteSaver, row: sqlite3.Row) -> None:
    forks.reopen(connection, saver, find(connection, row["interrupt_id"], row["thread_id"]), row["error"])


def _orphans(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    rows = connection.execute(
        "SELECT r.* FROM reviews r WHERE r.status <> 'closed' AND (NOT EXISTS (SELECT 1 FROM waits w"
        " WHERE w.thread_id = r.thread_id AND w.interrupt_id = r.interrupt_id) OR NOT EXISTS (SELECT 1 FROM spaces s"
        " JOIN checkpoints c ON c.space = s.key WHERE s.thread_id = r.thread_id AND s.ns = r.ns"
        " AND c.id = r.checkpoint_id AND c.body IS NOT NULL)) LIMIT ?",
        (limit,),
    )
    for row in rows.fetchall():
        yield Ailment(
            "orphan", row["thread_id"], f"{_name(row)} is open, and no task of its run waits for it.",
            "The run went on, or its state was removed, in a way that the queue was not told of.",
            "The question is closed; an answer that was recorded stays on record.",
            row["interrupt_id"], partial(_close, thread_id=row["thread_id"], interrupt_id=row["interrupt_id"]),
        )  # fmt: skip


def _close(connection: sqlite3.Connection, thread_id: str, interrupt_id: str) -> None:
    queues.close(connection, thread_id, [interrupt_id])


def _missing(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    """Runs that wait for a person, and nothing of them is in the queue."""
    rows = connection.execute(
        "SELECT thread_id FROM runs WHERE status = 'waiting' AND NOT EXISTS (SELECT 1 FROM reviews r"
        " WHERE r.thread_id = runs.thread_id AND r.status <> 'closed') LIMIT ?",
        (limit,),
    )
    for (thread_id,) in rows.fetchall():
        if asked := list(_asked(connection, thread_id)):
            yield Ailment(
                "missing", thread_id,
                f"Run {thread_id} waits for {len(asked)} answers, and the queue does not have the questions.",
                "Rows of the queue were removed; nobody would ever be asked.",
                "The questions are put back from the state of the run.",
                repair=partial(_queue, saver=saver, thread_id=thread_id),
            )  # fmt: skip


def _asked(connection: sqlite3.Connection, thread_id: str) -> Iterator[tuple[Place, str, str, Any]]:
    """Every interrupt without an answer at the newest checkpoint of a namespace: place, task, its path, its value."""
    for space in connection.execute("SELECT key, ns FROM spaces WHERE thread_id = ?", (thread_id,)).fetchall():
        newest = connection.execute(
            "SELECT key, id FROM checkpoints WHERE space = ? AND body IS NOT NULL ORDER BY id DESC LIMIT 1",
            (space["key"],),
        ).fetchone()
        wrote = written(connection, [newest["key"]]).get(newest["key"], []) if newest else []
        done = {task for task, channel, *_ in wrote if channel not in queues.CONTROL}
        for task, channel, path, value in wrote:
            if channel == "__interrupt__" and task not in done:
                yield Place(thread_id, space["ns"], newest["id"]), task, path, value


def _queue(connection: sqlite3.Connection, saver: SqliteSaver, thread_id: str) -> None:
    """The innermost first, as LangGraph tells of them."""
    asked = sorted(_asked(connection, thread_id), key=lambda one: -one[0].ns.count("|") - bool(one[0].ns))
    for place, task, path, value in asked:
        found = saver.serde.loads_typed(value)
        interrupts = [one for one in (found if isinstance(found, list | tuple) else [found]) if hasattr(one, "id")]
        queues.ask(connection, place, interrupts, task, path.rpartition(", ")[2], 0)


def _leases(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    rows = connection.execute(
        "SELECT * FROM runs WHERE status = 'running' AND expires_at IS NOT NULL LIMIT ?", (limit,)
    )
    for row in rows.fetchall():
        if free(row):
            yield Ailment(
                "lease", row["thread_id"], f"Run {row['thread_id']} is held by {row['owner']}, which is gone.",
                "Its process ended, or showed no life for too long, in the middle of a step.",
                "The lease is given back; a worker takes the run on from its last step.",
                repair=partial(_give_back, thread_id=row["thread_id"], token=row["token"]),
            )  # fmt: skip


def _give_back(connection: sqlite3.Connection, thread_id: str, token: int) -> None:
    row = connection.execute("SELECT * FROM runs WHERE thread_id = ? AND token = ?", (thread_id, token)).fetchone()
    if row is not None and free(row):
        connection.execute("UPDATE runs SET owner = NULL, expires_at = NULL WHERE thread_id = ?", (thread_id,))


def _unapplied(connection: sqlite3.Connection, saver: SqliteSaver, limit: int) -> Iterator[Ailment]:
    rows = connection.execute(
        "SELECT r.thread_id, runs.status, count(*) AS many, max(d.at) AS at FROM reviews r"
        " JOIN runs ON runs.thread_id = r.thread_id JOIN decisions d ON d.thread_id = r.thread_id"
        " AND d.interrupt_id = r.interrupt_id AND d.kind IS NULL WHERE r.status <> 'closed' AND r.status = 'decided'"
        " AND ifnull(r.held_until, 0) < ? AND runs.status <> 'running' GROUP BY r.thread_id HAVING max(d.at) < ?"
        " LIMIT ?",
        (time.time(), time.time() - LATE, limit),
    )
    for row in rows.fetchall():
        lost = row["status"] != "decided"
        yield Ailment(
            "unapplied", row["thread_id"],
            f"Run {row['thread_id']} has {row['many']} decisions since {LATE / 60:.0f} minutes and more that it did not"
            f" take over; its status is {row['status']}.",
            "No worker would ever look at it." if lost else "No worker serves this database, or none knows its graph.",
            "The run is marked to be taken on." if lost else "Start treadle worker, or treadle ui.",
            repair=partial(_mark, thread_id=row["thread_id"]) if lost else None,
        )  # fmt: skip


def _mark(connection: sqlite3.Connection, thread_id: str) -> None:
    connection.execute(
        "UPDATE runs SET status = 'decided', attempts = 0, not_before = NULL, updated_at = ? WHERE thread_id = ?"
        " AND status <> 'running'",
        (time.time(), thread_id),
    )


_SEARCHES = (_wedged, _orphans, _missing, _leases, _unapplied)


def _strange(connection: sqlite3.Connection, graphs: Callable[[str], Any], limit: int) -> Iterator[Ailment]:
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
        f"{_name(row)} is of a graph that is not known here: {error or 'its run names none'}",
        "It can be decided, and the run would not go on.",
        "Name the graph in langgraph.json, or resume the run from Python.",
        row["interrupt_id"],
    )  # fmt: skip


def _gone(row: sqlite3.Row, step: str, nodes: Iterable[str]) -> Ailment:
    return Ailment(
        "unknown gate", row["thread_id"], f"{_name(row)} was asked at {step!r}, which {row['graph']} has no more.",
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


def _name(row: sqlite3.Row) -> str:
    return f"Review {row['interrupt_id'][:12]} of run {row['thread_id']}"
