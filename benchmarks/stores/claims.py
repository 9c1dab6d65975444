"""A claim: what was measured, and the goal that it has to meet."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Claim:
    """A measured value beside its goal."""

    name: str
    value: float
    goal: float | None = None
    at_least: bool = False
    """Whether the goal is a lower bound; otherwise it is an upper one."""
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def row(self) -> dict[str, Any]:
        """The claim as plain data."""
        bound = ">=" if self.at_least else "<="
        value = float(f"{self.value:.4g}")
        goal = None if self.goal is None else f"{bound} {self.goal:g}"
        return {"name": self.name, "value": value, "goal": goal, "holds": self.holds}


_HOLDS = {True: "yes", False: "NO", None: ""}


def show(claims: Iterable[Claim], console: Console) -> list[Claim]:
    """Print the claims as a table and return them."""
    table = Table("claim", "value", "goal", "holds", "measured")
    shown = list(claims)
    for claim in shown:
        row = claim.row()
        table.add_row(row["name"], f"{row['value']:g}", row["goal"], _HOLDS[claim.holds], claim.note)
    console.print(table)
    return shown


def save(claims: Iterable[Claim], path: Path) -> None:
    """Write the claims as JSON."""
    path.write_text(json.dumps([claim.row() for claim in claims], indent=2) + "\n", encoding="utf-8")


Claims = Iterator[Claim]
