"""One decision about many questions of the same shape: all of them, or none."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from treadle.checkpoints.bulks.previews import preview
from treadle.checkpoints.decisions import record, stated
from treadle.checkpoints.desks.audits import Decision
from treadle.checkpoints.disks.signals import ring
from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import BulkRefused


def decide_all(
    saver: SqliteSaver,
    ids: Iterable[str | Review],
    action: str,
    *,
    by: str,
    roles: Collection[str] = (),
    reason: str | Sequence[str] | None = None,
    words: str | None = None,
    labels: Sequence[str] = (),
    shown: Mapping[str, str] | None = None,
    thread: str | None = None,
    client: str = "python",
    seconds: float | None = None,
) -> list[Decision]:
    """Decide many reviews alike, in one transaction: all of them, or none.

    They must be of one graph, gate and schema, which ``preview`` tells before. ``shown`` has, by id, the digests of
    what was shown. An edit is one question's own, so ``edit`` is refused. ``seconds`` is for all of them together.

    Raises BulkRefused, which says of each that cannot be decided why, and whatever ``decide`` raises; in each case
    nothing was stored.
    """
    if action == "edit":
        raise BulkRefused("An edit is made in one question at a time: decide those that need one by themselves.")
    found = preview(saver, ids, action=action, thread=thread)
    if found.exceptions:
        raise BulkRefused(_refusal(found.exceptions))
    given = {"action": action, "reason": reason, "words": words, "labels": list(labels), "by": by, "roles": roles}
    each = seconds / len(found.reviews) if seconds is not None and found.reviews else None
    contents = [
        stated(one, given, digest=(shown or {}).get(one.id), client=client, seconds=each) for one in found.reviews
    ]

    def work(connection: sqlite3.Connection) -> list[Decision]:
        return [record(connection, one, content) for one, content in zip(found.reviews, contents, strict=True)]

    made = saver.database.write(work)
    ring(saver.database.path)
    return made


def _refusal(exceptions: Mapping[str, str]) -> str:
    first = list(exceptions.items())[:3]
    told = "; ".join(f"{id_} is {words}" if not words.startswith("No ") else words for id_, words in first)
    more = f"; and {len(exceptions) - 3} more" if len(exceptions) > 3 else ""
    return f"{len(exceptions)} of them cannot be decided with the others: {told}{more}. Nothing was stored."
