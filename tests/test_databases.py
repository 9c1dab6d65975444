"""One SQLite file, many writers."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver as ReadySaver
from processes import program, programmed

from treadle.checkpoints.disks.connections import connect
from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.disks.schemas import APPLICATION, VERSION
from treadle.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreNewer, StoreReadOnly


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "x.db", synchronous="OFF")
    yield opened
    opened.close()


def note(key: object, thread: str = "t") -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        sql = "INSERT INTO journal (thread_id, key, type, body, at) VALUES (?, ?, 'x', x'00', 0)"
        return connection.execute(sql, (thread, str(key))).rowcount

    return work


def keys(database: Database) -> list[str]:
    return database.read(lambda c: [row["key"] for row in c.execute("SELECT key FROM journal ORDER BY key")])


def test_a_write_returns_its_result_after_the_commit(database: Database) -> None:
    assert database.write(note("a")) == 1
    with connect(database.path) as other:
        assert other.execute("SELECT count(*) FROM journal").fetchone()[0] == 1
    other.close()


def test_a_failing_write_undoes_itself_alone(database: Database) -> None:
    start = threading.Barrier(9)
    outcomes: list[object] = []

    def go(number: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            note(number)(connection)
            if number == 4:
                raise LookupError("four")

        start.wait()
        try:
            outcomes.append(database.write(work))
        except LookupError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(outcome) for outcome in outcomes if outcome] == ["four"]
    assert keys(database) == [str(number) for number in range(9) if number != 4]


def test_callers_that_arrive_during_a_transaction_share_the_next_one(database: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()
    statements: list[str] = []
    database.write(lambda connection: connection.set_trace_callback(statements.append))

    def slow(connection: sqlite3.Connection) -> None:
        inside.set()
        go_on.wait(10)

    first = threading.Thread(target=database.write, args=(slow,))
    first.start()
    inside.wait(10)
    others = [threading.Thread(target=database.write, args=(note(number),)) for number in range(5)]
    for thread in others:
        thread.start()
    while len(database._commits._queue) < 5:
        threading.Event().wait(0.001)
    statements.clear()
    go_on.set()
    for thread in (first, *others):
        thread.join()
    assert len(keys(database)) == 5
    assert statements.count("COMMIT") == 2  # the slow one, and one for the five


def test_coroutines_share_transactions_and_leave_the_loop_free(database: Database) -> None:
    async def main() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        assert await asyncio.gather(*(database.awrite(note(number)) for number in range(200))) == [1] * 200
        with pytest.raises(sqlite3.IntegrityError):
            await database.awrite(note(7))
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) > 0
    assert len(keys(database)) == 200
    assert asyncio.run(database.aread(lambda c: c.execute("SELECT count(*) FROM journal").fetchone()[0])) == 200


def test_a_cancelled_coroutine_harms_nobody(database: Database) -> None:
    async def main() -> None:
        tasks = [asyncio.create_task(database.awrite(note(number))) for number in range(20)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [result for result in results if result != 1] in ([], [results[3]])

    asyncio.run(main())
    assert database.write(note("after")) == 1


def test_what_is_posted_is_committed_soon_or_by_flush(database: Database) -> None:
    database.post(note("a"))
    database.flush()
    assert keys(database) == ["a"]
    database.post(note("b"))
    while "b" not in keys(database):
        threading.Event().wait(0.005)


def test_a_posted_write_that_fails_is_logged(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    database.write(note("a"))
    database.post(note("a"))
    database.post(note("b"))
    database.flush()
    while not caplog.records:
        threading.Event().wait(0.005)
    assert "was not stored" in caplog.text
    assert keys(database) == ["a", "b"]


def test_what_was_posted_survives_the_end_of_the_interpreter(tmp_path: Path) -> None:
    code = (
        "import sys; from treadle.checkpoints.disks.databases import Database\n"
        "d = Database(sys.argv[1])\n"
        "d.post(lambda c: c.execute(\"INSERT INTO journal VALUES ('t', 'k', 'x', 0, x'00', 0)\"))\n"
    )
    assert program(code, tmp_path / "x.db").returncode == 0
    with_it = Database(tmp_path / "x.db", readonly=True)
    assert keys(with_it) == ["k"]
    with_it.close()


def test_a_write_inside_a_write_joins_its_transaction(database: Database) -> None:
    def outer(connection: sqlite3.Connection) -> None:
        database.write(note("inner"))
        raise LookupError

    with pytest.raises(LookupError):
        database.write(outer)
    assert keys(database) == []


def test_a_keyboard_interrupt_in_one_write_loses_no_other(database: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()
    caught: list[BaseException] = []

    def stopped(connection: sqlite3.Connection) -> None:
        inside.set()
        go_on.wait(10)
        raise KeyboardInterrupt

    def leader() -> None:
        try:
            database.write(stopped)
        except KeyboardInterrupt as error:
            caught.append(error)

    first = threading.Thread(target=leader)
    first.start()
    inside.wait(10)
    others = [threading.Thread(target=database.write, args=(note(number),)) for number in range(3)]
    for thread in others:
        thread.start()
    go_on.set()
    for thread in (first, *others):
        thread.join(10)
        assert not thread.is_alive()
    assert caught
    assert keys(database) == ["0", "1", "2"]


def test_a_reader_sees_one_moment_and_cannot_write(database: Database) -> None:
    def work(connection: sqlite3.Connection) -> tuple[int, int]:
        before = connection.execute("SELECT count(*) FROM journal").fetchone()[0]
        database.write(note("meanwhile"))
        return before, connection.execute("SELECT count(*) FROM journal").fetchone()[0]

    assert database.read(work) == (0, 0)
    assert keys(database) == ["meanwhile"]
    with pytest.raises(StoreReadOnly):
        database.read(note("no"))


def test_a_forked_child_writes_on_connections_of_its_own(database: Database) -> None:
    database.write(note("parent"))
    code = (
        "import os, sys; from treadle.checkpoints.disks.databases import Database\n"
        "d = Database(sys.argv[1])\n"
        "sql = \"INSERT INTO journal VALUES ('t', ?, 'x', 0, x'00', 0)\"\n"
        "put = lambda key: d.write(lambda c: c.execute(sql, (key,)))\n"
        "put('before')\n"
        "child = os.fork()\n"
        "put('child' if not child else 'after')\n"
        "d.close()\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    assert program(code, database.path).returncode == 0
    assert keys(database) == ["after", "before", "child", "parent"]


def test_what_a_forked_child_writes_is_kept_when_its_parent_closes_in_between(database: Database) -> None:
    code = (
        "import os, sys; from treadle.checkpoints.disks.databases import Database\n"
        "d = Database(sys.argv[1])\n"
        "sql = \"INSERT INTO journal VALUES ('t', ?, 'x', 0, x'00', 0)\"\n"
        "put = lambda key: d.write(lambda c: c.execute(sql, (key,)))\n"
        "put('before'); d.read(lambda c: c.execute('SELECT 1').fetchone())\n"
        "(told, tell), (heard, say) = os.pipe(), os.pipe()\n"
        "child = os.fork()\n"
        "if child: os.read(told, 1); d.close(); os.write(say, b'.'); assert os.waitpid(child, 0)[1] == 0\n"
        "else: put('amid'); os.write(tell, b'.'); os.read(heard, 1); put('after'); d.close()\n"
    )
    database.close()
    assert program(code, database.path).returncode == 0
    assert keys(Database(database.path)) == ["after", "amid", "before"]


def test_a_process_forks_while_its_threads_write_and_nothing_is_lost(tmp_path: Path) -> None:
    code = (
        "import os, sys, threading; from treadle.checkpoints.disks.databases import Database\n"
        "d = Database(sys.argv[1], synchronous='OFF')\n"
        "sql = \"INSERT INTO journal VALUES ('t', ?, 'x', 0, x'00', 0)\"\n"
        "put = lambda key: d.write(lambda c: c.execute(sql, (key,)))\n"
        "go = lambda n: [put(f'{n}-{i}') for i in range(60)]\n"
        "threads = [threading.Thread(target=go, args=(n,)) for n in range(3)]\n"
        "[t.start() for t in threads]\n"
        "for n in range(3):\n"
        "    if not os.fork(): go(f'child-{n}'); d.close(); os._exit(0)\n"
        "[t.join() for t in threads]; d.close()\n"
        "for n in range(3): assert os.wait()[1] == 0\n"
    )
    path = tmp_path / "x.db"
    assert program(code, path).returncode == 0
    assert len(keys(Database(path))) == 6 * 60


def test_a_database_is_closed_while_threads_write_and_they_are_told(tmp_path: Path) -> None:
    code = (
        "import sys, threading; from treadle.checkpoints.disks.databases import Database\n"
        "from treadle.errors import StoreError\n"
        "sql = \"INSERT INTO journal VALUES ('t', ?, 'x', 0, x'00', 0)\"\n"
        "def go(d, n):\n"
        "    try:\n"
        "        for i in range(10**6): d.write(lambda c: c.execute(sql, (f'{n}-{i}',)))\n"
        "    except StoreError as error: assert 'was closed' in str(error), error; told.append(n)\n"
        "for turn in range(30):\n"
        "    d, told = Database(f'{sys.argv[1]}{turn}', synchronous='OFF'), []\n"
        "    threads = [threading.Thread(target=go, args=(d, n)) for n in range(4)]\n"
        "    [t.start() for t in threads]; d.write(lambda c: None); d.close(); [t.join() for t in threads]\n"
        "    assert len(told) == 4, told\n"
    )
    done = program(code, tmp_path / "x.db")
    assert (done.returncode, done.stderr) == (0, "")


def test_processes_that_write_at_once_never_meet_a_lock(tmp_path: Path) -> None:
    code = (
        "import sys, threading; from treadle.checkpoints.disks.databases import Database\n"
        "d = Database(sys.argv[1], synchronous='OFF')\n"
        "def go(n):\n"
        "    for i in range(100):\n"
        "        key = f'{sys.argv[2]}-{n}-{i}'\n"
        "        d.write(lambda c: c.execute(\"INSERT INTO journal VALUES ('t', ?, 'x', 0, x'00', 0)\", (key,)))\n"
        "threads = [threading.Thread(target=go, args=(n,)) for n in range(3)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; d.close()\n"
    )
    path = tmp_path / "x.db"
    processes = [programmed(code, path, n) for n in range(3)]
    assert [process.communicate(120) for process in processes] == [("", "")] * 3
    assert [process.wait() for process in processes] == [0] * 3
    database = Database(path)
    assert len(keys(database)) == 900
    assert database.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
    database.close()


def test_the_file_says_what_it_is_and_commits_to_a_log(database: Database) -> None:
    def work(connection: sqlite3.Connection) -> list[Any]:
        names = ("application_id", "user_version", "journal_mode", "auto_vacuum")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert database.read(work) == [APPLICATION, VERSION, "wal", 2]


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path / "x.db")
        applied = database.read(lambda c: c.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0])
        assert applied == VERSION
        database.close()


def test_a_newer_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    for readonly in (False, True):
        with pytest.raises(StoreNewer, match=r"later treadle.*upgrade"):
            Database(path, readonly=readonly)


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program"):
        Database(path)
    assert path.read_bytes() == before


def test_a_file_of_langgraphs_own_saver_is_refused_with_the_way_to_take_it_over(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with ReadySaver.from_conn_string(str(path)) as ready:
        ready.setup()
    for readonly in (False, True):
        with pytest.raises(StoreCorrupt, match=r"langgraph-checkpoint-sqlite.*treadle db import .*x\.db"):
            Database(path, readonly=readonly)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(StoreCorrupt, match="no SQLite file"):
        Database(path)
    assert path.read_text() == "Dear diary, " * 1000


def test_a_damaged_page_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = Database(path)
    for number in range(500):
        database.write(note(number))
    database.close()
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="damaged"):  # noqa: PT012
        damaged = Database(path)
        try:
            keys(damaged)
        finally:
            damaged.close()


def test_a_folder_a_missing_folder_and_memory_are_refused_in_words(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / ("long" * 100), "cannot be used: File name too long"),
        ("~nobody has this name/x.db", "does not exist"),
        (tmp_path / "no" / "x.db", "does not exist"),
        (":memory:", "a file"),
        ("file:x.db?mode=ro", "by its path.*readonly=True"),
        ("file::memory:?cache=shared", "InMemorySaver"),
        ("sqlite:///x.db", "a URI"),
    ):
        with pytest.raises(StoreError, match=words):
            Database(path)
    with pytest.raises(StoreError, match="does not exist"):
        Database(tmp_path / "x.db", readonly=True)
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(TypeError, match=r"by its path, such as 'treadle.db', not by a Connection"),
    ):
        Database(connection)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="FULL, NORMAL or OFF"):
        Database(tmp_path / "x.db", synchronous="MAYBE")  # type: ignore[arg-type]


def test_an_empty_file_is_no_database_to_read(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    with pytest.raises(StoreError, match="is empty"):
        Database(tmp_path / "x.db", readonly=True)
    Database(tmp_path / "x.db").close()
    Database(tmp_path / "x.db", readonly=True).close()


def test_a_readonly_database_reads_while_another_writes_and_refuses_to_write(database: Database) -> None:
    reader = Database(database.path, readonly=True)
    database.write(note("a"))
    assert keys(reader) == ["a"]
    with pytest.raises(StoreReadOnly, match="reading only"):
        reader.write(note("b"))
    with pytest.raises(StoreReadOnly):
        reader.post(note("b"))
    reader.close()


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anything")
def test_a_file_in_a_folder_that_cannot_be_written_is_read_and_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    database = Database(folder / "x.db")
    database.write(note("a"))
    database.close()
    for place in (*tmp_path.parents, tmp_path):
        if os.geteuid() == 0 and place.owner() == "root" and place != Path("/") and place != Path("/tmp"):
            place.chmod(place.stat().st_mode | 0o055)
    os.chmod(folder / "x.db", 0o444)
    os.chmod(folder, 0o555)
    program = (
        "import sys; from treadle.checkpoints.disks.databases import Database\n"
        "from treadle.errors import StoreReadOnly\n"
        "d = Database(sys.argv[1], readonly=True)\n"
        "assert d.read(lambda c: c.execute('SELECT key FROM journal').fetchone()[0]) == 'a'; d.close()\n"
        "try: Database(sys.argv[1])\n"
        "except StoreReadOnly as error: print('refused:', error)\n"
    )
    command = [sys.executable, "-c", program, str(folder / "x.db")]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    os.chmod(folder, 0o755)
    if "Permission denied" in done.stderr and not done.stdout:
        pytest.skip("the interpreter itself cannot be read by another user here")
    assert "cannot be written" in done.stdout, done.stderr


def test_a_database_locked_for_too_long_is_told_in_words(database: Database) -> None:
    other = connect(database.path)
    database.write(lambda connection: connection.execute("PRAGMA busy_timeout=50").fetchone()[0])
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="another process"):
        database.write(note("a"))
    assert keys(database) == []
    other.execute("ROLLBACK")
    other.close()
    assert database.write(note("a")) == 1


def test_a_full_disk_is_told_in_words_and_nothing_earlier_is_lost(database: Database) -> None:
    database.write(note("a"))

    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")
        connection.execute(
            "INSERT INTO journal (thread_id, key, type, body, at) VALUES ('t', 'big', 'x', zeroblob(999999), 0)"
        )

    with pytest.raises(StoreFull, match="no room"):
        database.write(fill)
    assert keys(database) == ["a"]
    database.write(lambda connection: connection.execute("PRAGMA max_page_count=1073741823").fetchone()[0])
    assert database.write(note("b")) == 1


def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    database.close()
    for use in (database.write, database.read):
        with pytest.raises(StoreError, match="was closed"):
            use(note("a"))
    for wait in (database.awrite, database.aread):
        with pytest.raises(StoreError, match="was closed"):
            asyncio.run(wait(note("a")))


def test_changes_of_anybody_are_seen_and_nothing_else_is(database: Database) -> None:
    other = Database(database.path, synchronous="OFF")
    seen = database.changes()
    database.read(lambda connection: connection.execute("SELECT count(*) FROM reviews").fetchone())
    assert database.changes() == seen
    for each in (database, other):
        each.write(lambda connection: connection.execute("INSERT INTO channels VALUES (random(), 0)"))
        assert database.changes() != seen
        seen = database.changes()
    other.close()
    with pytest.raises(StoreError, match="was closed"):
        other.changes()
