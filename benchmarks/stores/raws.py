"""The limit: SQLite alone, inserting the same new bytes once, in as many transactions."""

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ormsgpack

from stores.subjects import size


def raw(values: Sequence[object], transactions: int) -> int:
    """Bytes of a file with these values, each in a row of its own, as the serializer makes them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw.db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, body BLOB)")
        share = -(-len(values) // transactions)
        for start in range(0, len(values), share):
            connection.execute("BEGIN")
            rows = [(ormsgpack.packb(value),) for value in values[start : start + share]]
            connection.executemany("INSERT INTO v (body) VALUES (?)", rows)
            connection.execute("COMMIT")
        connection.close()
        return size(path)
