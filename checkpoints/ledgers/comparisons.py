"""Comparing two versions of a graph over their runs, with intervals and tests of significance."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from treadle.checkpoints.layouts.packs import unpack
from treadle.checkpoints.ledgers.intervals import Interval, library, wilson
from treadle.checkpoints.versions import Version, version

if TYPE_CHECKING:
    from treadle.checkpoints.savers import SqliteSaver

SHARES = ("gate failures", "overturned")
"""Measures that are shares of all calls, or of all decisions; the others are means over runs."""


@dataclass(frozen=True)
class Measure:
    """One number of two versions."""

    first: float
    second: float
    first_interval: Interval
    """In which the true value lies with 95 per cent confidence (Wilson's for shares, Student's for means)."""
    second_interval: Interval
    p: float
    """How likely so large a difference is by chance (tests: Fisher's for shares, Mann and Whitney's for the rest)."""


@dataclass(frozen=True)
class Comparison:
    """Two versions of a graph, measured over their runs."""

    first: Version
    second: Version
    runs: tuple[int, int]
    measures: dict[str, Measure]
    """``gate failures``, ``overturned`` (edited or rejected by a person), ``tokens``, ``seconds``, ``cost``."""


@dataclass(frozen=True)
class _Sample:
    """What the runs of one version came to."""

    shares: dict[str, tuple[int, int]]
    numbers: dict[str, list[float]]


def compare(saver: "SqliteSaver", graph: str, first: str, second: str) -> Comparison:
    """Compare two versions, by name or fingerprint, over all runs that each has made.

    Raises:
        VersionNotFound: for a version that is not known.
        ModelUnavailable: scipy is not installed, which is an extra: ``pip install 'treadle[statistics]'``.
    """
    one, other = version(saver, graph, first), version(saver, graph, second)
    saver.database.flush()
    left, right = (saver.database.read(partial(_sample, graph=graph, fingerprint=v.fingerprint)) for v in (one, other))
    shares = {name: _share(left.shares[name], right.shares[name]) for name in SHARES}
    means = {name: _mean(left.numbers[name], right.numbers[name]) for name in left.numbers}
    return Comparison(one, other, (len(left.numbers["tokens"]), len(right.numbers["tokens"])), {**shares, **means})


def _sample(connection: sqlite3.Connection, *, graph: str, fingerprint: str) -> _Sample:
    key = (graph, fingerprint)
    runs = connection.execute(
        "SELECT thread_id, tokens_in + tokens_out AS tokens, cost FROM runs WHERE graph = ? AND fingerprint = ?", key
    ).fetchall()
    of = "FROM {0} JOIN runs ON runs.thread_id = {0}.thread_id WHERE runs.graph = ? AND runs.fingerprint = ?"
    rows = connection.execute(f"SELECT traces.thread_id, codec, entry {of.format('traces')}", key)
    calls = [(row["thread_id"], json.loads(unpack(row["codec"], row["entry"]))) for row in rows]
    actions = [row[0] for row in connection.execute(f"SELECT action {of.format('decisions')}", key)]
    decided = [action for action in actions if action in ("approve", "edit", "reject")]
    spent = dict.fromkeys((row["thread_id"] for row in runs), 0.0)
    for thread_id, call in calls:
        spent[thread_id] += call.get("seconds") or 0.0
    return _Sample(
        {
            "gate failures": (sum(call.get("gate") is not None for _, call in calls), len(calls)),
            "overturned": (sum(action != "approve" for action in decided), len(decided)),
        },
        {
            "tokens": [float(row["tokens"]) for row in runs],
            "seconds": list(spent.values()),
            "cost": [float(row["cost"]) for row in runs],
        },
    )


def _share(first: tuple[int, int], second: tuple[int, int]) -> Measure:
    stats = library()
    table = [[hits, total - hits] for hits, total in (first, second)]
    one, other = (hits / total if total else float("nan") for hits, total in (first, second))
    p = float(stats.fisher_exact(table).pvalue)
    return Measure(one, other, wilson(*first), wilson(*second), p)


def _mean(first: Sequence[float], second: Sequence[float]) -> Measure:
    stats = library()
    p = float(stats.mannwhitneyu(first, second).pvalue) if first and second else float("nan")
    one, other = (sum(each) / len(each) if each else float("nan") for each in (first, second))
    return Measure(one, other, _student(stats, first), _student(stats, second), p)


def _student(stats: Any, numbers: Sequence[float]) -> Interval:
    mean = sum(numbers) / len(numbers) if numbers else float("nan")
    if len(numbers) < 2 or min(numbers) == max(numbers):
        return mean, mean
    low, high = stats.t.interval(0.95, len(numbers) - 1, loc=mean, scale=stats.sem(numbers))
    return float(low), float(high)
