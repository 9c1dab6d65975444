"""Standing rules: a decision that somebody made beforehand for every question of which some conditions hold.

A rule is capped by a count, a time or both, and can be revoked. It never touches a question at which somebody has a
veto, several must agree, or that came back because the graph refused an answer. Each use is a decision on record that
names the rule.
"""

import json
import sqlite3
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import islice
from typing import Any

from treadle.checkpoints.bulks.conditions import Condition, read, written
from treadle.checkpoints.decisions import record, stated
from treadle.checkpoints.desks.audits import Decision
from treadle.checkpoints.desks.claims import live
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.disks.signals import ring
from treadle.checkpoints.reviews import Review, known, load
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import AnswerInvalid, ClaimHeld, NotAllowed, RuleInvalid

ACTIONS = ("approve", "reject")
"""What a rule can decide: anything else takes a person."""

OVERLAP = 5.0
"""Seconds that are looked at again, since two processes' clocks are a little apart."""

PAGE = 200
"""Questions decided in one transaction, so that others come to write."""


@dataclass(frozen=True)
class Rule:
    """A standing rule; times are seconds since 1970, UTC."""

    id: str
    graph: str
    gate: str
    conditions: Sequence[Condition]
    """All must hold."""
    action: str
    reason: str | None
    words: str | None
    by: str
    """Who made it."""
    roles: Sequence[str]
    """The roles of who made it: it decides only where these may."""
    made_at: float
    cap: int | None
    """How often it may be used in all."""
    until: float | None
    uses: int
    revoked_at: float | None
    revoked_by: str | None

    @property
    def left(self) -> int | None:
        """How often it may still be used; None if only its time ends it."""
        return None if self.cap is None else max(0, self.cap - self.uses)

    def active(self, now: float) -> bool:
        """Whether it decides anything still."""
        return self.revoked_at is None and self.left != 0 and (self.until is None or now < self.until)

    def fits(self, question: Review) -> bool:
        """Whether the rule may decide a question, and its conditions hold of it."""
        panel, value = question.panel, question.value if isinstance(question.value, Mapping) else {}
        alone = not (panel.veto or panel.many or panel.blind)
        free = question.claim is None or not live(question.claim)
        may = alone and free and panel.admits(self.by, self.roles)
        return may and self._unspoiled(question) and all(one.holds(value) for one in self.conditions)

    def _unspoiled(self, question: Review) -> bool:
        """Whether the question waits for its first answer, and takes the rule's."""
        actions = question.value.get("actions") if isinstance(question.value, Mapping) else None
        known = isinstance(actions, list) and self.action in actions
        return known and question.status == "pending" and question.problem is None


_STORED = tuple(field.name for field in fields(Rule) if field.name not in ("conditions", "roles"))


def rule(
    saver: SqliteSaver,
    graph: str,
    gate: str,
    conditions: Sequence[Condition],
    action: str = "approve",
    *,
    by: str,
    roles: Collection[str] = (),
    reason: str | None = None,
    words: str | None = None,
    cap: int | None = None,
    until: float | None = None,
) -> Rule:
    """Make a standing rule; a worker decides by it what waits and what comes.

    ``cap`` is how often it may be used, ``until`` when it ends (seconds since 1970); one of them is needed, and a
    condition. Raises RuleInvalid, NotAllowed (it takes the role of operators, where one is named).
    """
    operate(by, roles)
    made = drafted(
        graph, gate, conditions, action, by=by, roles=roles, reason=reason, words=words, cap=cap, until=until
    )
    saver.database.write(lambda connection: _store(connection, made))
    ring(saver.database.path)
    return made


def drafted(
    graph: str,
    gate: str,
    conditions: Sequence[Condition],
    action: str = "approve",
    *,
    by: str,
    roles: Collection[str] = (),
    reason: str | None = None,
    words: str | None = None,
    cap: int | None = None,
    until: float | None = None,
) -> Rule:
    """A rule as ``rule`` would make it, to see what it would decide (``matching``)."""
    if action not in ACTIONS:
        raise RuleInvalid(f"A rule cannot {action!r}: it can {' or '.join(ACTIONS)}.")
    if not conditions or (cap is None and until is None) or (cap is not None and cap < 1):
        raise RuleInvalid("A rule needs a condition, and an end: how often it may be used (cap), until when, or both.")
    return Rule(
        uuid.uuid4().hex[:8], graph, gate, tuple(conditions), action, reason, words, by, sorted(roles), time.time(),
        cap, until, 0, None, None,
    )  # fmt: skip


def rules(saver: SqliteSaver, *, active: bool = False) -> list[Rule]:
    """The standing rules, newest first; with ``active`` only those that decide anything still."""
    now = time.time()

    def work(connection: sqlite3.Connection) -> list[Rule]:
        return [_rule(row) for row in connection.execute("SELECT * FROM rules ORDER BY made_at DESC")]

    return [one for one in saver.database.read(work) if not active or one.active(now)]


def revoke(saver: SqliteSaver, id: str, *, by: str, roles: Collection[str] = ()) -> Rule:  # noqa: A002
    """End a rule now; what it has decided stays. RuleInvalid if there is no such rule, NotAllowed as for ``rule``."""
    operate(by, roles)

    def work(connection: sqlite3.Connection) -> Rule:
        row = connection.execute("SELECT * FROM rules WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise RuleInvalid(f"There is no rule {id!r}: `treadle rules` lists those that there are.")
        if row["revoked_at"] is None:
            connection.execute("UPDATE rules SET revoked_at = ?, revoked_by = ? WHERE id = ?", (time.time(), by, id))
            note(connection, "rule revoked", by=by, rule=id, uses=row["uses"])
        return _rule(connection.execute("SELECT * FROM rules WHERE id = ?", (id,)).fetchone())

    return saver.database.write(work)


def enact(saver: SqliteSaver) -> int:
    """Decide by every active rule what it fits; how many were decided. Any number of workers may do so at once."""
    done = 0
    for one, seen in saver.database.read(_standing):
        found, later = saver.database.read(partial(_look, one=one, seen=seen))
        for start in range(0, len(found), PAGE):
            done += saver.database.write(partial(_use, id_=one.id, questions=found[start : start + PAGE]))
        if later > seen:
            saver.database.write(partial(_note_seen, id_=one.id, seen=later))
    if done:
        ring(saver.database.path)
    return done


def matching(saver: SqliteSaver, one: Rule) -> list[Review]:
    """What waits now that a rule would decide, the oldest first."""
    return saver.database.read(lambda connection: _matching(connection, one, 0.0, None))


def _store(connection: sqlite3.Connection, made: Rule) -> None:
    row = {name: getattr(made, name) for name in _STORED}
    row |= {"conditions": written(made.conditions), "roles": json.dumps(list(made.roles))}
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(f"INSERT INTO rules ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    told = {name: part for name, part in asdict(made).items() if name not in ("by", "uses", "revoked_at", "revoked_by")}
    note(connection, "rule made", by=made.by, **told)


def _standing(connection: sqlite3.Connection) -> list[tuple[Rule, float]]:
    """The active rules, each with the time up to which it has seen what was asked."""
    now = time.time()
    rows = connection.execute("SELECT * FROM rules WHERE revoked_at IS NULL ORDER BY made_at").fetchall()
    return [(one, row["seen_at"]) for row in rows if (one := _rule(row)).active(now)]


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(
        **{name: row[name] for name in _STORED}, conditions=read(row["conditions"]), roles=json.loads(row["roles"])
    )


def _matching(connection: sqlite3.Connection, one: Rule, since: float, limit: int | None) -> list[Review]:
    asked = load(
        connection,
        "WHERE graph = ? AND gate = ? AND status = 'pending' AND asked_at >= ?"
        " AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.thread_id = reviews.thread_id AND forked_from IS NOT NULL)"
        " ORDER BY asked_at",
        (one.graph, one.gate, since),
    )
    return list(islice(filter(one.fits, asked), limit))


def _use(connection: sqlite3.Connection, id_: str, questions: Sequence[Review]) -> int:
    """Decide, in one transaction, what the rule still fits, as often as it may still be used."""
    one = _rule(connection.execute("SELECT * FROM rules WHERE id = ?", (id_,)).fetchone())
    left = one.left if one.active(time.time()) else 0
    fresh = known(connection, ((question.thread_id, question.id) for question in questions))
    made = islice((_decide(connection, one, question) for question in fresh if one.fits(question)), left)
    uses = sum(decision is not None for decision in made)
    connection.execute("UPDATE rules SET uses = uses + ? WHERE id = ?", (uses, id_))
    return uses


def _look(connection: sqlite3.Connection, one: Rule, seen: float) -> tuple[list[Review], float]:
    """What has come that the rule fits, and up to when it has then seen everything."""
    query = "SELECT max(asked_at) FROM reviews WHERE graph = ? AND gate = ? AND status = 'pending'"
    newest = connection.execute(query, (one.graph, one.gate)).fetchone()[0]
    return _matching(connection, one, seen, one.left), newest - OVERLAP if newest else seen


def _note_seen(connection: sqlite3.Connection, id_: str, seen: float) -> None:
    connection.execute("UPDATE rules SET seen_at = max(seen_at, ?) WHERE id = ?", (seen, id_))


def _decide(connection: sqlite3.Connection, one: Rule, question: Review) -> Decision | None:
    given: dict[str, Any] = {"action": one.action, "reason": one.reason, "words": one.words, "roles": one.roles}
    try:
        content = stated(question, given | {"by": f"rule {one.id} of {one.by}"}, client="rule")
        return record(connection, question, content | {"rule": one.id})
    except (AnswerInvalid, ClaimHeld, NotAllowed):
        return None  # the question takes no such answer, or somebody has it in hand: it is left to people
