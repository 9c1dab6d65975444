"""The limit: SQLite alone, inserting the same new bytes once, in as many transactions."""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import ormsgpack

from stores.subjects import size


def raw(values: Sequence[object], transactions: int) -> int:
    """Bytes of a file with these values, each in a row of its own, as the serializer makes them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw.db"
        _insert(path, values, transactions)
        return size(path)


def floor(values: Sequence[object], transactions: int, repeats: int) -> float:
    """Median seconds that inserting the values takes, each transaction synced, with nothing around it."""
    taken = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            taken.append(_insert(Path(folder) / "raw.db", values, transactions))
    return statistics.median(taken)


def _insert(path: Path, values: Sequence[object], transactions: int) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, body BLOB)")
    share = -(-len(values) // transactions)
    start = time.perf_counter()
    for first in range(0, len(values), share):
        connection.execute("BEGIN")
        rows = [(ormsgpack.packb(value),) for value in values[first : first + share]]
        connection.executemany("INSERT INTO v (body) VALUES (?)", rows)
        connection.execute("COMMIT")
    taken = time.perf_counter() - start
    connection.close()
    return taken
