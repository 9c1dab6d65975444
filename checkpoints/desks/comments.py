"""What reviewers say to each other about a question, and to whom they hand it over: on record, like decisions."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from treadle.checkpoints.desks.events import note
from treadle.checkpoints.reviews import find, panel_of
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import AnswerInvalid, ReviewClosed

KIND = "comment"


@dataclass(frozen=True)
class Comment:
    """Words about a question; `to` is whom it was handed over to with them."""

    by: str
    at: float
    words: str
    to: str | None = None


def comment(
    saver: SqliteSaver,
    review_id: str,
    words: str,
    *,
    by: str,
    to: str | None = None,
    roles: Collection[str] = (),
    thread: str | None = None,
) -> Comment:
    """Say something about a question; with `to` it is also assigned to that role or person from now on.

    Raises ReviewNotFound, AnswerInvalid (no words), ReviewClosed (it cannot be handed over any more), and NotAllowed:
    who hands a question over must be one of those who may decide on it.
    """
    text = words.strip()
    if not text and not to:
        raise AnswerInvalid("A comment needs words. Nothing was stored.")

    def work(connection: sqlite3.Connection) -> Comment:
        row = find(connection, review_id, thread)
        if to is not None:
            _hand_over(connection, row, to, by, roles)
        key = {"thread_id": row["thread_id"], "interrupt_id": row["interrupt_id"]}
        made = note(connection, KIND, by=by, **key, words=text, to=to)
        return Comment(made.by, made.at, text, to)

    return saver.database.write(work)


def _hand_over(connection: sqlite3.Connection, row: sqlite3.Row, to: str, by: str, roles: Collection[str]) -> None:
    if row["status"] != "pending":
        raise ReviewClosed(f"Review {row['interrupt_id']} waits for nobody any more: it cannot be handed over.")
    panel_of(row).admit(by, roles)
    connection.execute("UPDATE reviews SET assign = ? WHERE seq = ?", (to, row["seq"]))


def comments(saver: SqliteSaver, review_id: str, *, thread: str) -> list[Comment]:
    """What was said about a question of a run, oldest first."""

    def work(connection: sqlite3.Connection) -> list[Comment]:
        rows = connection.execute(
            'SELECT "by", at, content FROM events WHERE thread_id = ? AND interrupt_id = ? AND kind = ? ORDER BY seq',
            (thread, review_id, KIND),
        )
        told = [(row["by"], row["at"], json.loads(row["content"])) for row in rows]
        return [Comment(by, at, said["words"], said.get("to")) for by, at, said in told]

    return saver.database.read(work)
