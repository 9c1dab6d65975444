"""SQLite's log gets room before it is needed, and nothing that was committed is lost by that."""

import shutil
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from treadle.checkpoints.disks import logs
from treadle.checkpoints.disks.connections import connect
from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.disks.logs import AFTER, PLACES, STEP

pytestmark = pytest.mark.skipif(not PLACES, reason="this system cannot write at a place of a file")


@pytest.fixture(autouse=True)
def _disk_with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SPARE", 0)


def note(database: Database, *names: object) -> None:
    for name in names:
        database.write(partial(_insert, name=str(name)))


def _insert(connection: sqlite3.Connection, name: str) -> None:
    sql = "INSERT INTO journal (thread_id, key, type, body, at) VALUES ('t', ?, 'x', x'00', 0)"
    connection.execute(sql, (name,))


def noted(path: Path) -> int:
    connection = connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return int(connection.execute("SELECT count(*) FROM journal").fetchone()[0])
    finally:
        connection.close()


def log(path: Path) -> bytes:
    return path.with_name(path.name + "-wal").read_bytes()


def test_a_log_is_made_longer_after_some_commits_and_again_when_that_is_used_up(tmp_path: Path) -> None:
    with_room = Database(tmp_path / "x.db")
    note(with_room, *range(AFTER))
    assert any(log(with_room.path)[-4096:])
    note(with_room, "more")
    first = len(log(with_room.path))
    assert not any(log(with_room.path)[-STEP // 2 :])
    note(with_room, *range(100, 120))
    assert len(log(with_room.path)) == first
    with_room.write(lambda connection: connection.execute("UPDATE journal SET body = zeroblob(40000)"))
    note(with_room, "last")
    assert len(log(with_room.path)) >= first + STEP
    with_room.close()
    assert noted(with_room.path) == AFTER + 22


def test_what_was_committed_is_read_from_a_log_with_room_as_a_crash_leaves_it(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    note(database, *range(30))
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("x.db", "x.db-wal"):
        shutil.copy(tmp_path / name, copy / name)
    torn = copy / "x.db-wal"
    torn.write_bytes(torn.read_bytes()[:-1000])  # amid the zeros
    assert noted(copy / "x.db") == 30
    database.close()


def test_two_who_write_make_room_once(tmp_path: Path) -> None:
    one, other = Database(tmp_path / "x.db"), Database(tmp_path / "x.db")
    note(one, *range(20))
    size = len(log(one.path))
    note(other, *range(100, 120))
    note(one, "again")
    assert len(log(one.path)) == size
    one.close()
    other.close()
    assert noted(one.path) == 41


def test_a_log_that_was_cut_off_gets_room_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    note(database, *range(20))
    with sqlite3.connect(database.path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    assert not log(database.path)
    note(database, "a", "b", "c")
    assert len(log(database.path)) >= STEP
    database.close()
    assert noted(database.path) == 23


def test_no_room_is_made_where_nothing_is_synced_or_the_disk_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsynced = Database(tmp_path / "normal.db", synchronous="NORMAL")
    note(unsynced, *range(20))
    assert any(log(unsynced.path)[-4096:])
    unsynced.close()
    monkeypatch.setattr(logs, "SPARE", 2**62)
    full = Database(tmp_path / "full.db")
    note(full, *range(20))
    assert any(log(full.path)[-4096:])
    full.close()
