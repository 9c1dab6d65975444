"""A new file is made at once, and is what all migrations would have made of it."""

from pathlib import Path

from tables import migrated, script

from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.disks.schemas import NEWEST


def test_the_script_of_a_new_file_is_that_of_the_newest_tables() -> None:
    assert NEWEST.read_text("utf-8") == script(), "write it anew: python tests/tables.py"


def test_a_new_file_holds_what_its_migrations_would_have_made(tmp_path: Path) -> None:
    other = migrated(tmp_path / "migrated.db")
    Database(tmp_path / "new.db").close()
    other.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
    tables = [name for (name,) in other.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
    assert "spaces" in tables
    assert other.execute("SELECT migration_set, name FROM new._sqlite_migrations ORDER BY id").fetchall()
    for name in ("sqlite_master", *tables):
        columns = "type, name, tbl_name, sql" if name == "sqlite_master" else "*"
        columns = "id, migration_set, name" if name == "_sqlite_migrations" else columns
        one, new = (other.execute(f'SELECT {columns} FROM {of}."{name}"').fetchall() for of in ("main", "new"))
        assert one == new, name
    other.close()
