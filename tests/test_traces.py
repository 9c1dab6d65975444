"""The trace of a run."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from treadle.checkpoints import SqliteSaver, traces


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


ENTRY: dict[str, Any] = {
    "step": "finding",
    "path": "findings|branch",
    "messages": [{"role": "user", "content": "Rate the risk:\n" + "clause " * 500}],
    "response": "high",
    "tokens_in": 500,
    "tokens_out": 3,
    "cost": 0.002,
    "at": 1000.5,
}


def test_records_come_back_in_order_and_whole(saver: SqliteSaver) -> None:
    for attempt in range(5):
        saver.trace("t", {**ENTRY, "attempt": attempt})
    saver.trace("other", {"step": "x", "at": 1})
    assert traces(saver, "t") == [{**ENTRY, "attempt": attempt} for attempt in range(5)]
    assert traces(saver, "nobody") == []


def test_a_record_without_a_time_gets_one(saver: SqliteSaver) -> None:
    saver.trace("t", {"step": "x"})
    assert traces(saver, "t")[0]["at"] > 1_000_000_000


def test_what_is_no_json_is_kept_as_it_shows(saver: SqliteSaver) -> None:
    saver.trace("t", {"at": 1, "parsed": {"x": {1}}, "cost": math.nan, "error": ValueError("bad"), "step": 7})
    assert traces(saver, "t") == [
        {"at": 1, "parsed": {"x": [1]}, "cost": "nan", "error": "ValueError('bad')", "step": 7}
    ]


def test_tokens_and_cost_add_up_in_the_ledger(saver: SqliteSaver) -> None:
    saver.database.write(
        lambda c: c.execute("INSERT INTO runs (thread_id, created_at, updated_at) VALUES ('t', 0, 0)").rowcount
    )
    for _ in range(3):
        saver.trace("t", ENTRY)
    saver.database.flush()
    row = saver.database.read(lambda c: tuple(c.execute("SELECT tokens_in, tokens_out, cost FROM runs").fetchone()))
    assert row == (1500, 9, pytest.approx(0.006))


def test_a_record_made_before_closing_is_there_afterwards(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver:
        saver.trace("t", ENTRY)
    with SqliteSaver(tmp_path / "x.db", readonly=True) as reader:
        assert traces(reader, "t") == [ENTRY]
