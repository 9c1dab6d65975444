"""Votes: where several people must agree, each answer is one, and the rule says when they make a decision.

So many distinct people must answer alike; the newest vote of a person counts. A rejection by who holds a role with veto
decides alone. In a blind first round each votes once, unseen; when all have and do not agree, the votes are shown and
one more person, who has not voted, decides. Votes are rows of the record: nothing about them is ever changed.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.desks import outboxes
from treadle.checkpoints.desks.answers import fields
from treadle.checkpoints.desks.audits import Decision, append, decision, veiled
from treadle.checkpoints.desks.panels import Panel, name, same
from treadle.checkpoints.reviews import find, panel_of
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest
from treadle.errors import NotAllowed, ReviewClosed

PERSONAL = frozenset(("by", "at", "words", "reason", "reasons", "digest", "seconds"))
"""What of an answer is one person's own: two answers that differ only in these are alike."""

Content = dict[str, Any]


@dataclass(frozen=True)
class Tally:
    """Where the voting on a question stands."""

    quorum: int
    """Distinct people who must answer alike."""
    blind: bool
    adjudicating: bool
    """Whether all have voted and do not agree, so that one more person decides."""
    votes: tuple[Decision, ...]
    """The vote of each person that counts, in the order in which they came. What is hidden from the reader has the
    action ``vote`` and no answer."""

    @property
    def missing(self) -> int:
        """How many more must vote at least before there can be a decision."""
        if self.adjudicating:
            return 1
        alike: defaultdict[str, int] = defaultdict(int)
        for vote in self.votes:
            alike[_key(vote.answer)] += 1
        return self.quorum - (len(self.votes) if self.blind else max(alike.values(), default=0))


def votes(saver: SqliteSaver, review_id: str, *, by: str | None = None, thread: str | None = None) -> Tally:
    """The votes on a question that is still open, as the person ``by`` may see them."""

    def work(connection: sqlite3.Connection) -> Tally:
        row = find(connection, review_id, thread)
        panel = panel_of(row)
        found = tuple(
            vote if not row["veiled"] or (by is not None and same(vote.by, by)) else veiled(vote)
            for vote in _standing(connection, row)
        )
        open_ = row["status"] == "pending"
        return Tally(panel.quorum, panel.blind, open_ and panel.many and panel.blind and not row["veiled"], found)

    return saver.database.read(work)


def cast(connection: sqlite3.Connection, row: sqlite3.Row, panel: Panel, content: Content) -> Decision:
    """Append a vote to the record, inside a transaction; what this person cannot vote now is refused in words."""
    before = [vote for vote in _standing(connection, row) if same(vote.by, content["by"])]
    if before and panel.blind and row["veiled"]:
        raise ReviewClosed(f"{content['by']} has voted, and in a blind round a vote stands. Nothing was stored.")
    if before and panel.blind:
        raise NotAllowed(
            f"{content['by']} was one of those who did not agree: somebody who has not voted must decide."
            " Nothing was stored."
        )
    if before and _key(before[0].answer) == _key(content["answer"]):
        raise ReviewClosed(f"{content['by']} has voted so already. Nothing was stored.")
    key = {"thread_id": row["thread_id"], "interrupt_id": row["interrupt_id"]}
    told = {"graph": row["graph"], "gate": row["gate"], "payload": json.loads(row["value"]), "digest": row["digest"]}
    return append(connection, **key, **content, **told, kind="vote")


def outcome(connection: sqlite3.Connection, row: sqlite3.Row, panel: Panel) -> Content | None:
    """The decision that the votes make, as content for the record; None while they make none."""
    cast_ = _standing(connection, row)
    last = cast_[-1]
    if panel.vetoes(last.action, last.roles) or (panel.blind and not row["veiled"]):
        return _content(row, [last])
    alike = [vote for vote in cast_ if _key(vote.answer) == _key(last.answer)]
    if len(alike) >= panel.quorum and (not panel.blind or len(alike) == len(cast_)):
        return _content(row, alike)
    if panel.blind and len(cast_) >= panel.quorum:
        connection.execute("UPDATE reviews SET veiled = 0 WHERE seq = ?", (row["seq"],))
        outboxes.post(connection, "disagreed", row)
    return None


def _standing(connection: sqlite3.Connection, row: sqlite3.Row) -> list[Decision]:
    """The newest vote of each person since the question was asked."""
    rows = connection.execute(
        "SELECT * FROM decisions WHERE thread_id = ? AND interrupt_id = ? AND seq > ? AND kind = 'vote' ORDER BY seq",
        (row["thread_id"], row["interrupt_id"], row["since"]),
    )
    newest: dict[str, Decision] = {}
    for vote in map(decision, rows):
        newest.pop(name(vote.by), None)
        newest[name(vote.by)] = vote
    return list(newest.values())


def _key(answer: Any) -> str:
    """Equal for answers that are alike."""
    own = isinstance(answer, Mapping)
    return digest({key: part for key, part in answer.items() if key not in PERSONAL} if own else answer)


def _content(row: sqlite3.Row, alike: Sequence[Decision]) -> Content:
    """The answer that people agree on, with all their names and words."""
    last = alike[-1]
    by, words = ", ".join(vote.by for vote in alike), _words(alike)
    known = fields(json.loads(row["schema"] or "null"))
    own = {key: part for key, part in {"by": by, "words": words}.items() if part is not None and key in known}
    return {
        **{name: getattr(last, name) for name in _SAID},
        "answer": {**last.answer, **own} if isinstance(last.answer, Mapping) else last.answer,
        "words": words,
        "by": by,
        "roles": sorted({role for vote in alike for role in vote.roles}),
    }


_SAID = (
    "action", "reason", "reasons", "labels", "edits", "confidence", "confidence_source", "at", "shown", "client",
    "seconds",
)  # fmt: skip


def _words(alike: Sequence[Decision]) -> str | None:
    said = [vote for vote in alike if vote.words]
    if len(alike) == 1:
        return alike[0].words
    return "\n".join(f"{vote.by}: {vote.words}" for vote in said) or None
