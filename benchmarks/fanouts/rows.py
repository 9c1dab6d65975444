"""A figure of the benchmark, beside its goal."""

from typing import Any

Row = dict[str, Any]


def row(name: str, value: float, goal: float | None) -> Row:
    """One figure; every goal here is an upper bound."""
    return {"name": name, "value": round(value, 4), "goal": goal, "holds": None if goal is None else value <= goal}
