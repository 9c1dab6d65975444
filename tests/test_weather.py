"""Bad weather: full disks, missing rights, vanished and damaged files, wrong clocks, large values, odd names."""

import itertools
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from processes import program
from workloads import INPUT, WORKLOADS, waiting

from treadle.checkpoints import SqliteSaver, claim, decide, decisions, pending, run, runs, traces, verify
from treadle.checkpoints.care.backups import backup
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.disks.mounts import ALLOWED, NETWORK, admit, kind
from treadle.errors import StoreCorrupt, StoreError, StoreFull


def at(thread: str) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def put(saver: SqliteSaver, thread: str, value: Any) -> Any:
    versions: Any = {"value": "1"}
    checkpoint: Any = {**empty_checkpoint(), "channel_values": {"value": value}, "channel_versions": versions}
    return saver.put(at(thread), checkpoint, {"source": "input", "step": -1}, versions)


def value(saver: SqliteSaver, thread: str) -> Any:
    found = saver.get_tuple(at(thread))
    assert found is not None
    return found.checkpoint["channel_values"]["value"]


def fill(saver: SqliteSaver) -> int:
    """Store until there is no room; how many values were stored, all of which are there."""
    for number in itertools.count():
        try:
            put(saver, str(number), random.Random(number).randbytes(200_000))
        except StoreError as error:
            assert "no room" in str(error) or "disk" in str(error), error  # noqa: PT017
            return number
    raise AssertionError


# Full disks


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    if (
        not mounted
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_what_was_stored_is_there(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as folder:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(1_000_000))
        with SqliteSaver(folder / "x.db") as saver:
            count = fill(saver)
            assert count > 2
            with pytest.raises(StoreFull, match="nothing of this call was stored"):
                put(saver, "late", random.randbytes(500_000))
            for number in range(count):
                assert value(saver, str(number)) == random.Random(number).randbytes(200_000)
            assert len(runs(saver, limit=100)) == count
            ballast.unlink()
            put(saver, "late", "there is room again")
            assert value(saver, "late") == "there is room again"
            assert checkup(saver) == []


def test_a_backup_to_a_full_disk_blames_that_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "200k") as folder, SqliteSaver(tmp_path / "x.db") as saver:
        put(saver, "t", random.randbytes(300_000))
        with pytest.raises(StoreFull, match=r"disk/copy\.db has no room"):
            backup(saver, folder / "copy.db")
        assert list(folder.iterdir()) == []


LIMITED = """
import resource, signal, sys
from test_weather import SqliteSaver, fill, put
saver = SqliteSaver(sys.argv[1])
put(saver, "first", "kept")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
print(fill(saver))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put(saver, "late", "room again")
saver.close()
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE") or not hasattr(signal, "SIGXFSZ"), reason="no such limit")
def test_a_file_that_may_not_grow_is_told_and_what_was_stored_is_there(tmp_path: Path) -> None:
    done = program(LIMITED, tmp_path / "x.db")
    assert done.returncode == 0, done.stderr
    with SqliteSaver(tmp_path / "x.db") as saver:
        assert value(saver, "first") == "kept"
        assert value(saver, "late") == "room again"
        for number in range(int(done.stdout)):
            assert value(saver, str(number)) == random.Random(number).randbytes(200_000)
        assert checkup(saver) == []


# Files that go, or are not what they should be


def test_a_file_removed_under_an_open_database_is_told_and_nothing_is_said_to_be_stored(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver:
        put(saver, "t", "kept")
        os.rename(tmp_path / "x.db", tmp_path / "aside.db")
        for use in (lambda: put(saver, "u", 1), lambda: saver.get_tuple(at("t")), lambda: runs(saver)):
            with pytest.raises(StoreError, match="removed or replaced"):
                use()
        assert not (tmp_path / "x.db").exists()
        (tmp_path / "x.db").write_bytes(b"another file")
        with pytest.raises(StoreError, match="removed or replaced"):
            put(saver, "u", 1)
        os.replace(tmp_path / "aside.db", tmp_path / "x.db")
        put(saver, "u", "after")
        assert (value(saver, "t"), value(saver, "u")) == ("kept", "after")
        os.unlink(tmp_path / "x.db")
        with pytest.raises(StoreError, match="removed or replaced"):
            put(saver, "v", 1)
        with pytest.raises(StoreError, match="removed or replaced"):
            saver.database.flush()
        with suppress(StoreError):
            saver.close()


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anything")
def test_a_folder_that_cannot_be_written_is_told() -> None:
    code = (
        "import sys\n"
        "from treadle.checkpoints import SqliteSaver\n"
        "from treadle.errors import StoreReadOnly\n"
        "try: SqliteSaver(sys.argv[1])\n"
        "except StoreReadOnly as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users
        os.chmod(place, 0o555)
        command = [sys.executable, "-W", "ignore", "-c", code, str(Path(place) / "x.db")]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        os.chmod(place, 0o755)
        if "Permission denied" in done.stderr:
            pytest.skip("the interpreter itself cannot be read by another user here")
        assert "cannot be written: check the permissions" in done.stdout, done.stderr
        assert os.listdir(place) == []


def test_a_corrupt_page_is_told_and_what_lies_elsewhere_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with SqliteSaver(path) as saver:
        for number in range(100):
            put(saver, f"t{number}", random.Random(number).randbytes(9000))
    with sqlite3.connect(path) as connection:
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'blobs'").fetchone()[0]
    connection.close()
    content = bytearray(path.read_bytes())
    content[(root - 1) * page : root * page] = random.randbytes(page)
    path.write_bytes(content)
    with SqliteSaver(path, readonly=True) as saver:
        with pytest.raises(StoreCorrupt, match=r"damaged.*restore a copy"):
            saver.get_tuple(at("t7"))
        assert run(saver, "t7").thread_id == "t7"
        assert {problem.kind for problem in checkup(saver)} == {"file"}


def test_a_corrupt_row_harms_its_own_thread_only(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver:
        put(saver, "good", "x" * 5000)
        put(saver, "bad", "y" * 5000)
        saver.database.write(
            lambda c: c.execute("UPDATE blobs SET body = x'00' WHERE home = (SELECT max(home) FROM spaces)").rowcount
        )
        with SqliteSaver(tmp_path / "x.db") as fresh:
            with pytest.raises(StoreCorrupt, match="damaged"):
                fresh.get_tuple(at("bad"))
            assert value(fresh, "good") == "x" * 5000
            found = checkup(fresh)
        assert [(problem.thread_id, problem.kind) for problem in found] == [("bad", "unreadable")]
        assert "field 'value'" in found[0].words


THREADS = ["loop", "fan"]


def lived_in(path: Path) -> dict[str, Any]:
    """Fill a file with something of everything; what can be asked of it, with the right answers."""
    with SqliteSaver(path, synchronous="OFF") as saver:
        for name in THREADS:
            WORKLOADS[name]().compile(checkpointer=saver).invoke(INPUT, at(name))
        decide(saver, pending(saver)[0].id, answer="yes", by="ann")
        for number in range(20):
            saver.remember("fan", f"k{number}", {"words": random.Random(number).randbytes(300).hex()})
        saver.trace("fan", {"step": "x", "response": "y" * 300})
        saver.database.flush()
        return {name: ask() for name, ask in asked(saver).items()}


def asked(saver: SqliteSaver) -> dict[str, Any]:
    each: dict[str, Any] = {
        "state": lambda thread: repr(saver.get_tuple(at(thread))),
        "history": lambda thread: repr(list(saver.list(at(thread)))),
        "run": lambda thread: repr(run(saver, thread)),
        "journal": lambda thread: saver.remembered(thread, ""),
        "trace": lambda thread: traces(saver, thread),
        "queue": lambda thread: pending(saver, thread=thread, status=None),
        "decisions": lambda thread: decisions(saver, thread=thread),
    }
    return {f"{what} of {name}": partial(ask, name) for what, ask in each.items() for name in THREADS}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["noise", "zeros", "bits"])
def test_damage_anywhere_in_the_file_is_told_and_nothing_else_is_raised(tmp_path: Path, way: str) -> None:
    right = lived_in(tmp_path / "x.db")
    sound, size, told = (tmp_path / "x.db").read_bytes(), 2048, 0
    for start in range(0, len(sound), size):
        chance, content, end = random.Random(start), bytearray(sound), min(start + size, len(sound))
        if way == "bits":
            for _ in range(8):
                content[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
        else:
            content[start:end] = chance.randbytes(end - start) if way == "noise" else bytes(end - start)
        path = tmp_path / f"{start}.db"
        path.write_bytes(content)
        try:
            with SqliteSaver(path, synchronous="OFF") as saver:
                told += wrong(saver, right, exact=way != "bits")
        except StoreError:
            told += 1
        path.unlink()
    assert told > len(sound) / size / (4 if way != "bits" else 10)


def wrong(saver: SqliteSaver, right: dict[str, Any], *, exact: bool) -> bool:
    """Ask for everything, and write; whether any of it was refused as damaged. The rest must be right.

    Where only some bits are turned, not ``exact``: SQLite keeps no checksums, so that a letter may have become another.
    """
    refused = False
    for name, ask in asked(saver).items():
        try:
            found = ask()
        except StoreCorrupt:
            refused = True
        else:
            assert found == right[name] or not exact, name
    try:
        put(saver, "new", 1)
        assert value(saver, "new") == 1
    except StoreError:
        refused = True
    return refused


@pytest.mark.parametrize(
    "column", ["reviews.node", "decisions.words", "checkpoints.parent_id", "runs.error", "claims.by", "events.by"]
)
def test_a_text_that_is_none_is_found_by_the_check_since_who_reads_it_fails(tmp_path: Path, column: str) -> None:
    lived_in(tmp_path / "x.db")
    table, _, name = column.partition(".")
    with SqliteSaver(tmp_path / "x.db") as saver:
        if table == "claims":
            claim(saver, pending(saver)[0].id, by="ann")
        if table == "events":
            verify(saver)
            saver.database.write(lambda connection: note(connection, "repair", by="ann"))
        saver.database.write(
            lambda connection: connection.execute(f"UPDATE {table} SET \"{name}\" = CAST(x'61ff' AS TEXT)")
        )
        found = checkup(saver)
    assert found
    assert {problem.kind for problem in found} <= {"unreadable", "file", "record"}


@pytest.mark.parametrize(
    ("column", "ask"),
    [
        ("reviews.value", "queue of fan"),
        ("reviews.asked_at", "queue of fan"),
        ("decisions.answer", "decisions of fan"),
        ("decisions.interrupt_id", "record"),
        ("runs.config", "run of fan"),
        ("traces.entry", "trace of fan"),
        ("blobs.body", "state of loop"),
    ],
)
def test_a_row_that_lost_what_it_must_have_is_told_as_damage(tmp_path: Path, column: str, ask: str) -> None:
    lived_in(tmp_path / "x.db")
    table, _, name = column.partition(".")
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        whole = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        change = "UPDATE sqlite_master SET sql = ? WHERE name = ?"
        connection.execute(change, (whole.replace("NOT NULL", ""), table))
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE {table} SET {name} = NULL")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(change, (whole, table))
    with SqliteSaver(tmp_path / "x.db") as saver:
        with pytest.raises(StoreCorrupt, match="NULL value in"):
            (asked(saver) | {"record": lambda: verify(saver)})[ask]()
        assert {problem.kind for problem in checkup(saver)} == {"file"}


@pytest.mark.parametrize(
    ("column", "content"),
    [
        (column, content)
        for column in (
            "checkpoints.body", "writes.body", "blobs.body", "journal.body", "traces.entry", "reviews.value",
            "runs.config", "decisions.answer",
        )
        for content in (b"", b"\0", b"\xff" * 40)
    ],
)  # fmt: skip
def test_a_row_of_any_kind_that_makes_no_sense_harms_its_own_thread_only(
    tmp_path: Path, column: str, content: bytes
) -> None:
    path, (table, _, name) = tmp_path / "x.db", column.partition(".")
    right = lived_in(path)
    owned = {"checkpoints": "space", "writes": "checkpoint", "blobs": "home"}
    mine = {
        "space": "space IN (SELECT key FROM spaces WHERE thread_id = 'fan')",
        "home": "home IN (SELECT home FROM spaces WHERE thread_id = 'fan')",
        "checkpoint": "checkpoint IN (SELECT c.key FROM checkpoints c JOIN spaces s ON s.key = space"
        " WHERE thread_id = 'fan')",
    }.get(owned.get(table, ""), "thread_id = 'fan'")
    with sqlite3.connect(path) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")  # those that keep what is recorded as it is
        kind = "CAST(? AS TEXT)" if name in ("value", "config", "answer") else "?"
        assert connection.execute(f"UPDATE {table} SET {name} = {kind} WHERE {mine}", (content,)).rowcount > 0
    connection.close()
    with SqliteSaver(path, synchronous="OFF") as saver:
        refused = set()
        for question, ask in asked(saver).items():
            try:
                assert ask() == right[question] or question.endswith("fan"), question
            except StoreCorrupt:
                refused.add(question)
        assert refused
        assert not [question for question in refused if not question.endswith("fan")]
        assert checkup(saver) != []


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0", os.urandom(10_000), b"\0" * 8192])
def test_a_file_of_another_kind_is_refused_and_left_as_it_was(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    if not content:
        SqliteSaver(tmp_path / "x.db").close()  # an empty file is a database to be
        return
    with pytest.raises(StoreCorrupt):
        SqliteSaver(tmp_path / "x.db")
    assert (tmp_path / "x.db").read_bytes() == content


# Clocks


def test_a_clock_set_back_is_told_and_the_newest_state_stays_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = (
        "import sys, time\n"
        "late, now = float(sys.argv[2]), time.time_ns\n"
        "time.time_ns = lambda: now() - int(late * 1e9)\n"
        "from workloads import INPUT, WORKLOADS\n"
        "from treadle.checkpoints import SqliteSaver\n"
        "from treadle.errors import StoreError\n"
        "with SqliteSaver(sys.argv[1]) as saver:\n"
        "    graph = WORKLOADS['loop']().compile(checkpointer=saver)\n"
        "    config = {'configurable': {'thread_id': 't'}}\n"
        "    try: graph.invoke({'number': 0}, config, durability='sync')\n"
        "    except StoreError as error: print(error)\n"
        "    print(graph.get_state(config).values['number'])\n"
    )

    def invoke(late: float) -> str:
        done = program(child, tmp_path / "x.db", late)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert invoke(0) == "9\n"
    with SqliteSaver(tmp_path / "x.db") as saver:
        before = saver.get_tuple(at("t"))
        assert "clock of this machine was set back" in invoke(3600)
        after = saver.get_tuple(at("t"))
        assert before is not None
        assert after is not None
        assert after.checkpoint == before.checkpoint
        assert invoke(0) == "9\n"
        assert checkup(saver) == []


def test_a_lease_outlives_no_process_whatever_the_clock_says(tmp_path: Path) -> None:
    from treadle.checkpoints.ledgers.leases import lease

    with SqliteSaver(tmp_path / "x.db") as saver:
        code = (
            "import os, sys; from treadle.checkpoints import SqliteSaver\n"
            "from treadle.checkpoints.ledgers.leases import acquire\n"
            "saver = SqliteSaver(sys.argv[1]); saver.database.write(acquire('t', seconds=1e6)); os._exit(0)\n"
        )
        assert program(code, saver.path).returncode == 0
        with lease(saver, "t") as held:
            assert held.token == 2


# Large and many


@pytest.mark.slow
def test_a_value_of_200_megabytes_comes_back(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        large = random.Random(1).randbytes(1_000_000) * 200
        put(saver, "large", large)
        put(saver, "small", 1)
        assert value(saver, "large") == large
        assert value(saver, "small") == 1


def _thousand(_: sqlite3.Connection, *, saver: SqliteSaver, start: int) -> None:
    for number in range(start, start + 1000):
        put(saver, f"t{number}", number)


def many(tmp_path: Path, count: int) -> None:
    """That many threads, of which one asks."""
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        for start in range(0, count, 1000):
            saver.database.write(partial(_thousand, saver=saver, start=start))
        graph = WORKLOADS["fan"]().compile(checkpointer=saver)
        graph.invoke(INPUT, {"configurable": {"thread_id": "asks"}})
        began = time.monotonic()
        assert {review.id for review in pending(saver)} == set(waiting(graph, at("asks")))
        assert value(saver, f"t{count - 1}") == count - 1
        assert len(runs(saver, limit=10)) == 10
        assert len(list(saver.list(at("t17")))) == 1
        assert time.monotonic() - began < 60  # what would read every thread takes far longer
        saver.delete_thread("t0")
        assert saver.get_tuple(at("t0")) is None


@pytest.mark.slow
def test_ten_thousand_threads(tmp_path: Path) -> None:
    many(tmp_path, 10_000)


@pytest.mark.slow
@pytest.mark.skipif("TREADLE_FULL" not in os.environ, reason="takes minutes: set TREADLE_FULL=1")
def test_a_hundred_thousand_threads(tmp_path: Path) -> None:
    many(tmp_path, 100_000)


ODD = [
    "it's",
    '"quoted"',
    "nul\0inside",
    "\0",
    "🧵 emoji",
    "a\nline",
    "../../etc",
    "'; DROP TABLE runs; --",
    "%",
    " ",
    "",
]


def test_odd_thread_ids_are_threads_like_any_other(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db") as saver:
        for number, thread in enumerate(ODD):
            put(saver, thread, number)
            saver.remember(thread, thread, number)
        graph = WORKLOADS["fan"]().compile(checkpointer=saver)
        graph.invoke(INPUT, {"configurable": {"thread_id": "it's\0🧵"}})
        assert [value(saver, thread) for thread in ODD] == list(range(len(ODD)))
        assert [saver.recall(thread, thread) for thread in ODD] == [(number,) for number in range(len(ODD))]
        assert len(pending(saver, thread="it's\0🧵")) == 3
        assert {one.thread_id for one in runs(saver)} == {*ODD, "it's\0🧵"}
        saver.delete_thread("nul\0inside")
        assert [value(saver, thread) for thread in ODD if thread != "nul\0inside"] == [
            number for number, thread in enumerate(ODD) if thread != "nul\0inside"
        ]
        assert checkup(saver) == []


# Network file systems


def test_a_network_file_system_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    folder = tmp_path / "a b"
    folder.mkdir()
    point = str(folder).replace(" ", "\\040")
    mounts.write_text(f"none / ext4 rw 0 0\nserver:/x {point} nfs4 rw 0 0\nnone {point}/local xfs rw 0 0\n")
    assert kind(folder / "x.db", mounts) == "nfs4"
    assert kind(folder / "local" / "x.db", mounts) == "xfs"
    assert kind(tmp_path / "x.db", mounts) == "ext4"
    assert kind(tmp_path / "x.db", tmp_path / "none") is None
    with pytest.raises(StoreError, match=r"network file system \(nfs4\).*disk of this machine"):
        admit(folder / "x.db", mounts)
    admit(folder / "local" / "x.db", mounts)
    monkeypatch.setenv(ALLOWED, "allow")
    admit(folder / "x.db", mounts)
    assert kind(tmp_path) not in NETWORK
