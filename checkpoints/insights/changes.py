"""What people change in what is proposed, field by field, and the reasons and labels they give."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.desks.edits import field
from treadle.checkpoints.desks.seals import listed
from treadle.checkpoints.insights.verdicts import DID, PEOPLE, counted
from treadle.checkpoints.savers import SqliteSaver

SHOWN = 3
"""The most common changes that are told of a field."""


@dataclass(frozen=True)
class Change:
    """A field that people edit."""

    field: str
    """Its name, ``*`` for any place of a list; empty for the whole value."""
    edits: int
    """Decisions that changed it."""
    share: float
    """Of all decisions that edited anything."""
    common: Sequence[tuple[Any, Any, int]]
    """What it was, what it became, how often: the most common. None stands for what was not there."""


@dataclass(frozen=True)
class Said:
    """A reason or a label, and how often it was given."""

    kind: str
    """``reason`` or ``label``."""
    words: str
    total: int
    actions: dict[str, int]
    """How often with each action."""


def edits(saver: SqliteSaver, *, graph: str | None = None, gate: str | None = None, since: float = 0.0) -> list[Change]:
    """What was edited, the field that is changed most often first."""
    decisions: Counter[str] = Counter()
    pairs: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)

    def work(connection: sqlite3.Connection) -> int:
        edited, which = 0, f" AND edits IS NOT NULL{PEOPLE}"
        for row in counted(connection, "edits", which=which, graph=graph, gate=gate, since=since):
            made = listed(row, "edits")
            edited += row["many"] * bool(made)
            for name in {field(edit["path"]) for edit in made}:
                decisions[name] += row["many"]
            for edit in made:
                pairs[field(edit["path"])][_word(edit.get("was")), _word(edit.get("value"))] += row["many"]
        return edited

    edited = saver.database.read(work)
    return [Change(name, count, count / edited, _common(pairs[name])) for name, count in decisions.most_common()]


def said(saver: SqliteSaver, *, graph: str | None = None, gate: str | None = None, since: float = 0.0) -> list[Said]:
    """The reasons and labels that were given, the most common first."""
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def work(connection: sqlite3.Connection) -> None:
        which = f" AND (reasons IS NOT NULL OR labels IS NOT NULL){PEOPLE}"
        columns = f"{DID} AS did", "reasons", "labels"
        for row in counted(connection, *columns, which=which, graph=graph, gate=gate, since=since):
            for kind in ("reason", "label"):
                for word in listed(row, f"{kind}s"):
                    found[kind, word][row["did"]] += row["many"]

    saver.database.read(work)
    told = [Said(kind, words, count.total(), dict(count)) for (kind, words), count in found.items()]
    return sorted(told, key=lambda one: (-one.total, one.kind, one.words))


def _word(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _common(pairs: Counter[tuple[str, str]]) -> list[tuple[Any, Any, int]]:
    return [(json.loads(was), json.loads(now), count) for (was, now), count in pairs.most_common(SHOWN)]
