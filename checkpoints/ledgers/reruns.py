"""Branches that failed and were kept as such, run again: in a run of its own, from before their fan-out was joined."""

import sqlite3
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.disks.signals import ring
from treadle.checkpoints.layouts import threads
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.writes import Write, unpacked, written
from treadle.checkpoints.ledgers import cuts
from treadle.checkpoints.runs import Run, load
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import RunNotFailed

BRANCHES = "outcomes"
"""The key, inside a fan-out, under which branches say what became of them; outside it ends in this."""


def rerun(
    saver: SqliteSaver,
    thread_id: str,
    *,
    by: str,
    roles: Collection[str] = (),
    why: str | None = None,
    target: str | None = None,
) -> Run:
    """Run the failed branches of a run again that kept them as outcomes and went on; returns the new run.

    A new thread (``target``, or one that is made) stands where the run stood before those branches ended. What the
    other branches gave is kept, at any depth of fan-outs inside of fan-outs; a branch that failed begins anew. A
    worker, or ``advance``, takes it on: what comes after the fan-out is done again there, **with its effects**. Where
    several fan-outs in a row have failed branches, the first is gone back to. Both histories stay, and are linked
    (``parent_thread``, ``forked_from``).

    Raises RunNotFound, RunNotFailed (no branch failed, or where it did is pruned; a run that failed itself is tried
    again in place, by ``again``), NotAllowed (it takes the role of operators, where one is named).
    """
    operate(by, roles)
    given = target or f"rerun-{uuid.uuid4().hex[:8]}"

    def work(connection: sqlite3.Connection) -> Run:
        _admit(load(connection, thread_id))
        threads.copy(connection, thread_id, given)
        at, branches = _Rewinding(connection, saver, given).go()
        if not branches:
            raise RunNotFailed(f"No branch of run {thread_id} failed, or where it did is pruned. Nothing was changed.")
        connection.execute(
            "UPDATE runs SET status = 'decided', token = 1, forked_from = ?, updated_at = ? WHERE thread_id = ?",
            (at, time.time(), given),
        )
        note(connection, "branches again", by=by, thread_id=thread_id, why=why, target=given, branches=branches)
        return load(connection, given)

    made = saver.database.write(work)
    ring(saver.database.path)
    return made


def _admit(found: Run) -> None:
    if found.status not in ("done", "waiting", "direct"):
        raise RunNotFailed(
            f"The run {found.thread_id} is {found.status}: failed branches are run again of one that is done, or waits."
            " Nothing was changed."
        )


@dataclass(frozen=True)
class _Step:
    """A checkpoint of a namespace, and which of the tasks that started from it run again."""

    checkpoint: int
    id: str
    tasks: dict[str, int] = field(default_factory=dict)
    """How many branches failed in each."""


@dataclass(frozen=True)
class _Rewinding:
    """Takes a copy of a run back to before its failed branches ended."""

    connection: sqlite3.Connection
    saver: SqliteSaver
    thread_id: str

    def go(self) -> tuple[str | None, int]:
        """Do it; the outermost checkpoint gone back to, and how many branches run again."""
        query = "SELECT ns, key FROM spaces WHERE thread_id = ? ORDER BY length(ns) DESC"
        spaces = {row["ns"]: row["key"] for row in self.connection.execute(query, (self.thread_id,)).fetchall()}
        steps: dict[str, _Step] = {}
        inside: dict[str, dict[str, int]] = defaultdict(dict)
        for ns, space in spaces.items():
            if (step := self._step(space, inside[ns])) is None:
                continue
            steps[ns] = step
            if ns:
                outer, task_id = cuts.owner(ns)
                inside[outer][task_id] = inside[outer].get(task_id, 0) + sum(step.tasks.values())
        if "" not in steps:
            return None, 0
        kept = dict(_kept("", steps))
        for ns, step in kept.items():
            self._cut(ns, step)
        cuts.drop_others(self.connection, self.thread_id, kept.keys())
        self.connection.execute(
            "DELETE FROM journal WHERE thread_id = ? AND substr(key, 1, 9) = 'deadline:'", (self.thread_id,)
        )
        threads.tidy(self.connection, self.thread_id)
        return steps[""].id, sum(steps[""].tasks.values())

    def _step(self, space: int, inside: Mapping[str, int]) -> _Step | None:
        """The first step of a namespace in which branches failed, in its own tasks or `inside` of them."""
        query = "SELECT key, id FROM checkpoints WHERE space = ? AND body IS NOT NULL ORDER BY id"
        last = None
        for row in self.connection.execute(query, (space,)).fetchall():
            wrote, failed = self._failed(row["key"])
            again = failed | {task: count for task, count in inside.items() if task in wrote}
            if again:
                return _Step(row["key"], row["id"], again)
            last = row
        return _Step(last["key"], last["id"], dict(inside)) if last is not None and inside else None

    def _failed(self, checkpoint: int) -> tuple[set[str], dict[str, int]]:
        """The tasks that wrote beside a checkpoint, and how many failed branches they tell of."""
        rows = self.connection.execute("SELECT codec, body FROM writes WHERE checkpoint = ?", (checkpoint,))
        entries = [(one[0], one[3]) for row in rows for one in unpacked(row)]
        names = sorted({channel for _, channel in entries if channel.endswith(BRANCHES)})
        failed: dict[str, int] = {}
        for write in self._told(checkpoint, names):
            if count := sum(one["status"] == "failure" for one in self._outcomes(write)):
                failed[write[0]] = max(count, failed.get(write[0], 0))
        return {task_id for task_id, _ in entries}, failed

    def _told(self, checkpoint: int, names: list[str]) -> list[Write]:
        return written(self.connection, [checkpoint], channels=names).get(checkpoint, []) if names else []

    def _outcomes(self, write: Write) -> list[Mapping[str, Any]]:
        """What a write tells of branches."""
        value = None if write[0] == cuts.NOBODY else self.saver.serde.loads_typed(write[3])
        if not isinstance(value, list):
            return []
        return [one for one in value if isinstance(one, Mapping) and {"index", "worker", "status"} <= one.keys()]

    def _cut(self, ns: str, step: _Step) -> None:
        """Take one namespace back: what runs again has written nothing."""
        cuts.shorten(self.connection, step.checkpoint, step.id)
        self._forget(ns, [one for write in self._told(step.checkpoint, [BRANCHES]) for one in self._alone(write, step)])

        def change(write: Write) -> Typed | None:
            gone = write[0] in step.tasks or (write[0], write[1]) == (cuts.NOBODY, "__resume__")
            return None if gone else write[3]

        cuts.rewrite(self.connection, self.thread_id, ns, step.checkpoint, change)

    def _alone(self, write: Write, step: _Step) -> list[Mapping[str, Any]]:
        """The outcome of a branch that runs again though it had succeeded: one inside of it failed."""
        found = self._outcomes(write) if write[0] in step.tasks else []
        return found if len(found) == 1 else []

    def _forget(self, ns: str, outcomes: Iterable[Mapping[str, Any]]) -> None:
        """Have the journal forget branches, under whichever fan-out around a namespace they are kept."""
        ends = tuple(f"/{one['index']}/{one['worker']}" for one in outcomes)
        for place in _outwards(ns) if ends else ():
            keys = self.connection.execute(
                "SELECT key FROM journal WHERE thread_id = ? AND key >= ? AND key < ?",
                (self.thread_id, f"{place}/", f"{place}0"),
            ).fetchall()
            gone = [(self.thread_id, row["key"]) for row in keys if row["key"].endswith(ends)]
            self.connection.executemany("DELETE FROM journal WHERE thread_id = ? AND key = ?", gone)


def _kept(ns: str, steps: Mapping[str, _Step]) -> Iterator[tuple[str, _Step]]:
    """A namespace that is gone back in, and those inside of it whose tasks stay."""
    yield ns, steps[ns]
    for inner in steps:
        if inner and cuts.owner(inner)[0] == ns and cuts.owner(inner)[1] in steps[ns].tasks:
            yield from _kept(inner, steps)


def _outwards(ns: str) -> Iterator[str]:
    """A namespace and those around it."""
    while ns:
        yield ns
        ns = ns.rpartition("|")[0]
