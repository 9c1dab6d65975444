"""The branches of a run's fan-outs: what became of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.markups import Markup, tag
from treadle.ui.texts import chip, line, table
from treadle.ui.times import brief

MOST: Final = 500
"""Branches that are listed; those that failed come first."""

_TONES: Final = {"success": "good", "failure": "bad", "cancelled": "fair"}


@dataclass(frozen=True)
class Branch:
    """One item at one worker of one fan-out."""

    place: str
    """The fan-out, by the names of its steps."""
    outcome: Mapping[str, Any]


def branches(saver: SqliteSaver, thread: str, values: Mapping[str, Any]) -> list[Branch]:
    """What is recorded of branches: what the state holds, and what those that are under way have kept already."""
    stored = list(_stored(values))
    over = {one.place for one in stored}
    kept = [Branch(_place(key), value) for key, value in saver.remembered(thread, "").items() if _is_outcome(value)]
    found = [*stored, *(one for one in kept if one.place.rpartition(" › ")[2] not in over)]
    return sorted(found, key=lambda one: (one.outcome["status"] == "success", one.place, one.outcome["index"]))


def _stored(values: Mapping[str, Any]) -> Iterator[Branch]:
    for name, value in values.items():
        if name.endswith("_outcomes") and isinstance(value, list):
            yield from (Branch(name.removesuffix("_outcomes"), one) for one in value if _is_outcome(one))


def _is_outcome(value: Any) -> bool:
    return isinstance(value, Mapping) and {"index", "worker", "status"} <= value.keys()


def _place(key: str) -> str:
    """A journal's key as the way to the fan-out, without ids and wiring."""
    names = [part.partition(":")[0] for part in key.rsplit("/", 2)[0].split("|")]
    return " › ".join(name for name in names if name and not name.startswith("__"))


def told(found: list[Branch]) -> Markup:
    """The branches as a table, and how many there are of each outcome."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.outcome["status"]] = counts.get(one.outcome["status"], 0) + 1
    chips = [chip(f"{status} {many:,}", tone=_TONES.get(status, "")) for status, many in counts.items()]
    heads = ("Fan-out", "Item", "Worker", "Outcome", "Attempts", "Took", "Value or error")
    rest = (
        tag("p", f"The first {MOST} of {len(found):,} are listed.", kind="faint") if len(found) > MOST else Markup("")
    )
    rows = [_row(one) for one in found[:MOST]]
    return tag("div", *chips, kind="legend") + table(heads, rows, label="Branches") + rest


def _row(one: Branch) -> list[str | Markup]:
    outcome, error = one.outcome, one.outcome.get("error")
    why = f"{error.get('kind')}: {error.get('message')}" if isinstance(error, Mapping) else line(outcome.get("value"))
    by = f" (by {outcome['by']})" if outcome.get("by") else ""
    status = str(outcome["status"])
    return [
        one.place,
        str(outcome["index"] + 1),
        f"{outcome['worker']}{by}",
        chip(status, tone=_TONES.get(status, "")),
        str(outcome.get("attempts", "")),
        brief(outcome.get("seconds") or 0),
        tag("span", line(why), dir="auto"),
    ]
