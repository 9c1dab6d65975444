"""Commits that are synced, turn by turn: into a log that has room, and into one that every commit makes longer."""

import os
import sqlite3
import tempfile
import time
from pathlib import Path

from stores.claims import Claim, Claims
from treadle.checkpoints.disks.logs import AFTER, Room
from treadle.checkpoints.disks.schemas import PAGE


def claims(*, repeats: int, quick: bool) -> Claims:
    """How long a commit of four small rows takes in each; it depends on who else uses the disk."""
    with tempfile.TemporaryDirectory() as folder:
        roomy, growing = (_opened(Path(folder) / f"{name}.db") for name in ("roomy", "growing"))
        room, taken = Room(Path(folder) / "roomy.db"), (list[float](), list[float]())
        for turn in range(AFTER + 60 * repeats):
            for connection, found in zip((roomy, growing), taken, strict=True):
                seconds = _commit(connection, room if connection is roomy else None)
                found += [seconds] if turn > AFTER else []
        roomy.close()
        growing.close()
    for which, place in (("median", 0.5), ("the fastest tenth", 0.1)):
        with_room, without = (sorted(found)[int(len(found) * place)] for found in taken)
        note = f"{with_room * 1e6:.0f} and {without * 1e6:.0f} microseconds"
        yield Claim(
            f"a synced commit into a log with room over one that grows: {which}", with_room / without, 1, note=note
        )


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for words in (f"page_size={PAGE}", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
        connection.execute(f"PRAGMA {words}")
    connection.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, body BLOB)")
    return connection


def _commit(connection: sqlite3.Connection, room: Room | None) -> float:
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO v (body) VALUES (?)", [(os.urandom(300),)] * 4)
    if room is not None:
        room.keep()
    connection.execute("COMMIT")
    return time.perf_counter() - start
