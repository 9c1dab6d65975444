"""An ailment: one thing that keeps a run or a review from going on."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["wedged", "orphan", "missing", "unknown graph", "unknown gate", "version", "lease", "unapplied"]
Repair = Callable[[sqlite3.Connection], None]


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


def named(row: sqlite3.Row) -> str:
    """A review as findings call it."""
    return f"Review {row['interrupt_id'][:12]} of run {row['thread_id']}"
