"""The script that makes a new database at once, from what the migrations make of an empty one.

    python tests/tables.py

writes it anew, after a migration was added.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from treadle.checkpoints.disks.migrations import migrate
from treadle.checkpoints.disks.schemas import APPLICATION, NEWEST, VERSION

HEAD = """\
-- All tables of version {version}, as the migrations make them of an empty file: a new file is made by this at once.
-- Written by `python tests/tables.py`. An empty line stands between two statements, and nowhere else.
"""

APPLIED = """\
INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('{}', '{}', strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))"""


def migrated(path: Path | str) -> sqlite3.Connection:
    """A file made by its migrations, one after the other."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    migrate(connection)
    connection.execute("COMMIT")
    return connection


def script() -> str:
    """What makes a new file."""
    connection = migrated(":memory:")
    statements = [f"PRAGMA application_id={APPLICATION}", f"PRAGMA user_version={VERSION}", *_made(connection)]
    connection.close()
    return "\n".join([HEAD.format(version=VERSION), *(f"{statement};\n" for statement in statements)])


def _made(connection: sqlite3.Connection) -> Iterator[str]:
    """All but what SQLite makes by itself."""
    shadows = {name for _, name, kind, *_ in connection.execute("PRAGMA table_list") if kind == "shadow"}
    for name, statement in connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        if name not in shadows and not name.startswith("sqlite_"):
            yield statement
    for applied in connection.execute("SELECT migration_set, name FROM _sqlite_migrations ORDER BY id"):
        yield APPLIED.format(*applied)


if __name__ == "__main__":
    NEWEST.write_text(script(), "utf-8")
