"""A question counts when the step that asked it is stored: nobody is asked what the run will ask anew."""

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from lingering import CONFIG, INPUT, graph, lingering
from processes import program

from treadle.checkpoints import SqliteSaver, advance, decide, decisions, pending, run
from treadle.checkpoints.care.ailments import ailments
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.reviews import count, review


def killed(folder: Path, *how: str) -> None:
    """Let a run be killed right after its question is committed, and before the step that asks it is."""
    assert program("import lingering; lingering.main()", folder, *how).returncode == -signal.SIGKILL


def rows(saver: SqliteSaver, table: str) -> int:
    def work(connection: sqlite3.Connection) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return saver.database.read(work)


@pytest.mark.parametrize("shape", ["flat", "nested"])
@pytest.mark.parametrize("durability", ["async", "exit"])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_run_killed_before_the_step_that_asks_is_stored_asks_once_and_anew(
    tmp_path: Path, way: str, durability: str, shape: str
) -> None:
    killed(tmp_path, way, durability, shape)
    with SqliteSaver(tmp_path / "x.db") as saver:
        built = graph(shape, saver)
        (ghost,) = saver.database.read(lambda c: c.execute("SELECT interrupt_id, rests FROM reviews").fetchall())
        assert ghost["rests"] is not None
        assert (pending(saver), count(saver), rows(saver, "deadlines"), rows(saver, "outbox")) == ([], 0, 0, 0)
        assert {problem.kind for problem in checkup(saver)} == {"leftover"}
        assert ailments(saver) == []
        if built.get_state(CONFIG).created_at is None:
            built.invoke(INPUT, CONFIG, durability="sync")
        else:
            advance(saver, built, "t")
        (asked,) = pending(saver)
        assert asked.id != ghost["interrupt_id"]
        assert rows(saver, "deadlines") == 1
        decide(saver, asked.id, answer="yes", by="ann")
        assert advance(saver, built, "t").status == "done"
        assert built.get_state(CONFIG).values == {"number": 2, "said": "yes"}
        assert len(decisions(saver)) == 1
        assert checkup(saver) == []


@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_a_question_that_comes_before_its_step_is_in_the_queue_once_the_step_is_stored(
    tmp_path: Path, shape: str
) -> None:
    with lingering(tmp_path) as saver:
        built = graph(shape, saver)
        built.invoke(INPUT, CONFIG, durability="async")
        (asked,) = pending(saver)
        assert (asked.status, asked.closed_at, run(saver, "t").pending) == ("pending", None, 1)
        assert rows(saver, "deadlines") == 1
        assert checkup(saver) == []
        assert review(saver, asked.id).value["number"] == 2
        saver.copy_thread("t", "copy")
        assert len(pending(saver, thread="copy")) == 1
        decide(saver, asked.id, answer="yes", by="ann", thread="t")
        assert advance(saver, built, "t").status == "done"


def test_a_copy_of_a_run_that_was_killed_waits_for_nothing(tmp_path: Path) -> None:
    killed(tmp_path, "sync", "async", "flat")
    with SqliteSaver(tmp_path / "x.db") as saver:
        saver.copy_thread("t", "copy")
        assert pending(saver, thread="copy", status=None) == []
        assert {problem.kind for problem in checkup(saver)} == {"leftover"}


def test_a_question_of_a_file_from_before_that_nobody_could_answer_is_closed(tmp_path: Path) -> None:
    killed(tmp_path, "sync", "async", "flat")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("UPDATE reviews SET status = 'pending', closed_at = NULL")
        connection.execute("ALTER TABLE reviews DROP COLUMN rests")
        connection.execute("DROP INDEX checkpoints_recent")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name IN ('stored_questions', 'recent_checkpoints')")
        connection.execute("PRAGMA user_version = 8")
    connection.close()
    with SqliteSaver(tmp_path / "x.db") as saver:
        assert pending(saver) == []
        assert {problem.kind for problem in checkup(saver)} == {"leftover"}
        found: Any = advance(saver, graph("flat", saver), "t")
        assert (found.status, found.pending) == ("waiting", 1)
