"""The care of a database: checked, backed up, compacted, pruned, imported, exported."""

import io
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver as ReadySaver
from twins import frozen
from typer.testing import CliRunner
from workloads import INPUT, WORKLOADS, answered, waiting

from treadle.checkpoints import SqliteSaver, decide, pending, runs, traces, verify
from treadle.checkpoints.care.backups import backup, verified
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.care.compactions import compact
from treadle.checkpoints.care.exports import export, restore
from treadle.checkpoints.care.imports import load
from treadle.checkpoints.care.prunings import prune
from treadle.checkpoints.decisions import decisions
from treadle.checkpoints.disks.schemas import VERSION
from treadle.checkpoints.ledgers.leases import lease
from treadle.commands import app
from treadle.errors import RunNotFound, StoreCorrupt, StoreError, StoreReadOnly


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


def at(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def graph(saver: Any, name: str) -> Any:
    return WORKLOADS[name]().compile(checkpointer=saver)


def go_on(graph: Any, config: Any) -> Any:
    """Answer everything until the graph ends; the last state."""
    while open_ := waiting(graph, config):
        graph.invoke(answered(sorted(open_)), config)
    return graph.get_state(config).values


def used(saver: SqliteSaver) -> SqliteSaver:
    """A database with a run of every kind, each somewhere else on its way."""
    for number, name in enumerate(WORKLOADS):
        built = graph(saver, name)
        built.invoke(INPUT, at(name))
        if number % 2 and waiting(built, at(name)):
            go_on(built, at(name))
    for review in pending(saver)[:1]:
        decide(saver, review.id, answer="yes", by="ann", thread=review.thread_id)
    saver.remember("fan", "key", {"a": 1})
    saver.trace("fan", {"step": "work", "tokens_in": 3, "response": "the clause is fair"})
    saver.database.flush()
    return saver


def everything(saver: Any, thread: str) -> list[Any]:
    return [frozen(found) for found in saver.list(at(thread))]


def run_sql(saver: SqliteSaver, sql: str, *values: Any) -> None:
    saver.database.write(lambda connection: connection.execute(sql, values).rowcount)


# check


def test_a_used_database_is_sound(saver: SqliteSaver) -> None:
    assert checkup(used(saver)) == []


@pytest.mark.parametrize(
    ("sql", "kind", "words"),
    [
        ("UPDATE decisions SET by = 'mallory'", "record", "was changed"),
        ("DELETE FROM blobs WHERE id = (SELECT max(id) FROM blobs)", "pointer", "is missing"),
        ("DELETE FROM reviews WHERE status = 'pending'", "queue", "not in the queue"),
        ("DELETE FROM waits", "queue", "no task waits"),
        ("UPDATE reviews SET checkpoint_id = 'gone' WHERE status <> 'closed'", "queue", "is not stored"),
        ("DELETE FROM spaces WHERE ns = ''", "pointer", "belong to no thread"),
        ("DELETE FROM checkpoints WHERE key = (SELECT min(checkpoint) FROM writes)", "pointer", "no checkpoint"),
        ("UPDATE writes SET body = x'c1', codec = 0 WHERE body IS NOT NULL", "unreadable", "The write to"),
        ("UPDATE blobs SET body = x'c1', codec = 0", "unreadable", "The field 'document' at checkpoint"),
        ("UPDATE checkpoints SET body = x'00c1'", "unreadable", "The checkpoint"),
        ("UPDATE reviews SET value = 'x'", "unreadable", "The review"),
        ("UPDATE journal SET body = x'c1'", "unreadable", "The journal's entry 'key' of run fan"),
        ("UPDATE traces SET entry = x'c1', codec = 0", "unreadable", "The trace's record"),
        (
            "INSERT INTO blobs (home, type, ordinal, size, codec, body)"
            " SELECT max(home), 'null', 0, 0, 0, x'' FROM spaces",
            "leftover",
            "nothing points to",
        ),
    ],
)
def test_what_is_wrong_is_named(saver: SqliteSaver, sql: str, kind: str, words: str) -> None:
    run_sql(used(saver), sql)
    found = checkup(saver)
    assert [problem for problem in found if problem.kind == kind and words in problem.words], found


def test_a_damaged_file_is_told_and_nothing_else(saver: SqliteSaver, tmp_path: Path) -> None:
    used(saver)
    backup(saver, tmp_path / "copy.db")
    content = bytearray((tmp_path / "copy.db").read_bytes())
    content[-4096 * 3 :] = b"\xa5" * 4096 * 3
    (tmp_path / "copy.db").write_bytes(content)
    with SqliteSaver(tmp_path / "copy.db", readonly=True) as damaged:
        assert {problem.kind for problem in checkup(damaged)} == {"file"}


# backup


def test_a_backup_holds_everything_and_opens_like_any_database(saver: SqliteSaver, tmp_path: Path) -> None:
    used(saver)
    made = backup(saver, tmp_path / "copy.db")
    assert (made.threads, made.bytes) == (len(WORKLOADS), (tmp_path / "copy.db").stat().st_size)
    with SqliteSaver(tmp_path / "copy.db") as copy:
        assert checkup(copy) == []
        assert [everything(copy, name) for name in WORKLOADS] == [everything(saver, name) for name in WORKLOADS]
        assert go_on(graph(copy, "fan"), at("fan")) == go_on(graph(saver, "fan"), at("fan"))


def test_a_backup_that_is_used_is_written_while_it_is_read(
    saver: SqliteSaver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_PATIENCE", "0.1")
    backup(saver, tmp_path / "copy.db")

    def reading(connection: sqlite3.Connection) -> Any:
        found = connection.execute("SELECT count(*) FROM journal").fetchone()[0]
        writer = threading.Thread(target=copy.remember, args=("run", "key", 1))
        writer.start()
        writer.join()
        return found

    with SqliteSaver(tmp_path / "copy.db") as copy:
        assert copy.database.read(reading) == 0
        assert copy.recall("run", "key") == (1,)


def test_a_backup_made_while_others_write_is_of_one_moment(saver: SqliteSaver, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            saver.remember("a", str(number), number)
            saver.remember("b", str(number), number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            backup(saver, tmp_path / f"{number}.db")
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        assert verified(tmp_path / f"{number}.db") == 0
        with sqlite3.connect(tmp_path / f"{number}.db") as copy:
            counts = dict(copy.execute("SELECT thread_id, count(*) FROM journal GROUP BY thread_id"))
        copy.close()
        assert counts.get("a", 0) - counts.get("b", 0) in (0, 1)


def test_a_backup_replaces_no_file_unless_it_is_told_to(saver: SqliteSaver, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    for target in (tmp_path / "copy.db", tmp_path / "x.db", tmp_path, tmp_path / "no" / "copy.db"):
        with pytest.raises(StoreError):
            backup(saver, target)
    assert (tmp_path / "copy.db").read_text() == "mine"
    backup(saver, tmp_path / "copy.db", replace=True)
    assert verified(tmp_path / "copy.db") == 0
    assert sorted(file.name for file in tmp_path.iterdir() if "part" in file.name) == []


def test_a_backup_is_not_read_with_the_log_that_an_earlier_file_left(saver: SqliteSaver, tmp_path: Path) -> None:
    graph(saver, "loop").invoke(INPUT, at("kept"))
    backup(saver, tmp_path / "copy.db")
    with SqliteSaver(tmp_path / "copy.db") as copy:
        graph(copy, "loop").invoke(INPUT, at("forgotten"))
        left = {file.name: file.read_bytes() for file in tmp_path.glob("copy.db*")}
    for name, content in left.items():  # as a process leaves it that is killed
        (tmp_path / name).write_bytes(content)
    assert "copy.db-wal" in left
    backup(saver, tmp_path / "copy.db", replace=True)
    with SqliteSaver(tmp_path / "copy.db") as copy:
        assert [run.thread_id for run in runs(copy)] == ["kept"]
        assert checkup(copy) == []


def test_a_backup_goes_to_no_place_that_is_not_for_it(saver: SqliteSaver, tmp_path: Path) -> None:
    used(saver)
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "x.db-wal", tmp_path / "pipe", tmp_path / ("long" * 100), tmp_path / ("long" * 62)):
        with pytest.raises(StoreError, match="cannot be"):
            backup(saver, target, replace=True)
    assert (tmp_path / "pipe").is_fifo()
    assert checkup(saver) == []


# compact


@pytest.mark.parametrize("rewrite", [True, False])
def test_compacting_gives_room_back_and_loses_nothing(saver: SqliteSaver, rewrite: bool) -> None:
    used(saver)
    for number in range(200):
        saver.remember("big", str(number), f"{number}".encode() * 20_000)
    saver.delete_thread("big")
    before = everything(saver, "fan")
    made = compact(saver, rewrite=rewrite)
    assert made.after < made.before / 2
    assert made.after >= saver.path.stat().st_size
    assert everything(saver, "fan") == before
    assert checkup(saver) == []
    go_on(graph(saver, "fan"), at("fan"))


# prune


def kept(saver: SqliteSaver, thread: str) -> int:
    return len(list(saver.list({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})))


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pruned_run_has_its_newest_states_and_goes_on_to_the_same_end(saver: SqliteSaver, name: str) -> None:
    built = graph(saver, name)
    for thread in ("pruned", "whole"):
        built.invoke(INPUT, at(thread))
    asked, newest = pending(saver, thread="pruned"), built.get_state(at("pruned"), subgraphs=True)
    prune(saver, keep=1, threads=["pruned"])
    assert pending(saver, thread="pruned") == asked
    assert built.get_state(at("pruned"), subgraphs=True) == newest
    ends = [go_on(built, at(thread)) for thread in ("pruned", "whole")]
    assert {**ends[0], "answers": None} == {**ends[1], "answers": None}
    assert len(ends[0].get("answers", [])) == len(ends[1].get("answers", []))
    assert checkup(saver) == []


def test_pruning_by_count_keeps_that_many(saver: SqliteSaver) -> None:
    built = graph(saver, "loop")
    built.invoke(INPUT, at("t"))
    before = everything(saver, "t")
    assert prune(saver, keep=4, dry=True).checkpoints == prune(saver, keep=4).checkpoints > 0
    after = everything(saver, "t")
    assert before[:4] == after[:4]
    assert len(after) < len(before)
    assert prune(saver, keep=4).checkpoints == 0


def test_pruning_by_age_keeps_what_is_young_and_what_is_asked(saver: SqliteSaver) -> None:
    used(saver)
    questions = [review.id for review in pending(saver)]
    assert prune(saver, older=3600, whole=True).checkpoints == 0
    run_sql(saver, "UPDATE checkpoints SET at = at - 7200")
    run_sql(saver, "UPDATE runs SET updated_at = updated_at - 7200, owner = NULL")
    record = decisions(saver)
    done = prune(saver, older=3600, whole=True)
    assert done.runs
    assert "loop" in done.runs
    assert [review.id for review in pending(saver)] == questions
    assert {run.thread_id for run in runs(saver)} == set(WORKLOADS) - set(done.runs)
    assert decisions(saver) == record
    assert verify(saver) == []
    assert checkup(saver) == []


def test_pruning_leaves_a_run_alone_that_a_process_holds(saver: SqliteSaver) -> None:
    graph(saver, "loop").invoke(INPUT, at("t"))
    before = kept(saver, "t")
    with lease(saver, "t"):
        assert prune(saver, keep=1).held == ("t",)
    assert kept(saver, "t") == before


def test_a_question_asked_at_an_old_checkpoint_is_kept_with_it(saver: SqliteSaver) -> None:
    run_sql(saver, "INSERT INTO journal (thread_id, key, type, body, at) VALUES ('t', 'k', 'null', x'', 0)")
    built = graph(saver, "fan")
    built.invoke(INPUT, at("t"))
    run_sql(saver, "UPDATE runs SET owner = NULL")
    place = next(iter(saver.list(at("t")))).config["configurable"]["checkpoint_id"]
    assert {review.checkpoint_id for review in pending(saver)} == {place}
    prune(saver, keep=1, older=0.0)
    assert {review.checkpoint_id for review in pending(saver)} == {place}
    assert checkup(saver) == []


# import


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[ReadySaver]:
    with ReadySaver.from_conn_string(str(tmp_path / "ready.db")) as opened:
        yield opened


@pytest.mark.parametrize("name", WORKLOADS)
def test_an_imported_run_is_equal_and_goes_on_to_the_same_end(
    saver: SqliteSaver, ready: ReadySaver, tmp_path: Path, name: str
) -> None:
    theirs, ours = graph(ready, name), graph(saver, name)
    theirs.invoke(INPUT, at("fresh"))
    theirs.invoke(INPUT, at("halfway"))
    some = sorted(waiting(theirs, at("halfway")))[:2]
    if some:
        theirs.invoke(answered(some), at("halfway"))
    theirs.invoke(INPUT, at("ended"))
    go_on(theirs, at("ended"))
    made = load(saver, tmp_path / "ready.db")
    assert made.runs == ("ended", "fresh", "halfway")
    for thread in made.runs:
        assert sorted(map(repr, everything(saver, thread))) == sorted(map(repr, everything(ready, thread)))
        assert ours.get_state(at(thread)) == theirs.get_state(at(thread))
        open_ = {review.id for review in pending(saver, thread=thread, limit=1000)}
        assert open_ == set(waiting(theirs, at(thread)))
        assert go_on(ours, at(thread)) == go_on(theirs, at(thread))
    assert checkup(saver) == []
    assert load(saver, tmp_path / "ready.db").skipped == made.runs


def test_imported_history_is_as_old_as_it_was(saver: SqliteSaver, ready: ReadySaver, tmp_path: Path) -> None:
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    for number, day in enumerate(("2024-05-01", "2024-05-02", "2024-05-03")):
        made: Any = {**empty_checkpoint(), "ts": f"{day}T00:00:00+00:00", "channel_versions": {}}
        config = ready.put(config, made, {"source": "loop", "step": number}, {})
    load(saver, tmp_path / "ready.db")
    prune(saver, keep=1, older=86_400)
    assert len(everything(saver, "t")) == 1


def test_an_import_says_what_it_cannot_read_and_leaves_nothing_half(
    saver: SqliteSaver, ready: ReadySaver, tmp_path: Path
) -> None:
    graph(ready, "loop").invoke(INPUT, at("good"))
    graph(ready, "loop").invoke(INPUT, at("bad"))
    ready.conn.execute("UPDATE checkpoints SET checkpoint = x'c1' WHERE thread_id = 'bad' AND rowid % 3 = 0")
    ready.conn.commit()
    with pytest.raises(StoreCorrupt, match="of run bad cannot be read"):
        load(saver, tmp_path / "ready.db")
    assert everything(saver, "bad") == []
    assert load(saver, tmp_path / "ready.db", threads=["good"]).runs == ("good",)
    with SqliteSaver(tmp_path / "other.db"), pytest.raises(StoreCorrupt, match=r"is a treadle database.*db export"):
        load(saver, tmp_path / "other.db")
    for path in (saver.path, tmp_path / "none.db", tmp_path):
        with pytest.raises(StoreError):
            load(saver, path)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE checkpoints SET metadata = '{\"step'",
        "UPDATE checkpoints SET metadata = '[1]'",
        "UPDATE checkpoints SET type = 'json', checkpoint = '{}'",
        "UPDATE checkpoints SET parent_checkpoint_id = CAST(x'ff' AS TEXT)",
        "UPDATE writes SET channel = CAST(x'ff' AS TEXT)",
        "DROP TABLE writes",
        "ALTER TABLE checkpoints DROP COLUMN parent_checkpoint_id",
    ],
)
def test_an_import_blames_the_file_that_is_damaged_and_no_other(
    saver: SqliteSaver, ready: ReadySaver, tmp_path: Path, sql: str
) -> None:
    graph(ready, "loop").invoke(INPUT, at("bad"))
    ready.conn.execute(sql)
    ready.conn.commit()
    with pytest.raises(StoreCorrupt) as told:
        load(saver, tmp_path / "ready.db")
    assert str(saver.path) not in str(told.value)
    assert "of run bad" in str(told.value) or "ready.db" in str(told.value)
    assert everything(saver, "bad") == []


def test_an_import_takes_what_the_file_holds_at_one_moment(
    saver: SqliteSaver, ready: ReadySaver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = graph(ready, "fan")
    for thread in ("a", "b"):
        theirs.invoke(INPUT, at(thread))
    before, write = sorted(map(repr, everything(ready, "b"))), saver.database.write

    def meanwhile(work: Any) -> Any:
        done = write(work)
        go_on(theirs, at("b"))  # the other program goes on after the first run was taken over
        return done

    monkeypatch.setattr(saver.database, "write", meanwhile)
    assert load(saver, tmp_path / "ready.db").runs == ("a", "b")
    assert sorted(map(repr, everything(saver, "b"))) == before
    assert checkup(saver) == []


# export


@pytest.mark.parametrize("name", WORKLOADS)
def test_an_exported_run_comes_back_the_same(saver: SqliteSaver, tmp_path: Path, name: str) -> None:
    used(saver)
    file = io.StringIO()
    made = export(saver, name, file)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert len(lines) == made.lines
    assert lines[0]["state"]["number"] == graph(saver, name).get_state(at(name)).values.get("number")
    with SqliteSaver(tmp_path / "other.db", synchronous="OFF") as other:
        graph(other, "loop").invoke(INPUT, at("before"))
        for thread in (name, "renamed"):
            file.seek(0)
            assert restore(other, file, thread_id=thread if thread != name else None).thread_id == thread
            assert everything(other, thread) == everything_as(saver, name, thread)
            assert [review.value for review in pending(other, thread=thread)] == [
                review.value for review in pending(saver, thread=name)
            ]
            assert traces(other, thread) == traces(saver, name)
            assert len(decisions(other, thread=thread)) == len(decisions(saver, thread=name))
        assert other.recall("renamed", "key") == saver.recall(name, "key")
        assert checkup(other) == []
        file.seek(0)
        with pytest.raises(StoreError, match="here already"):
            restore(other, file)
        assert go_on(graph(other, name), at("renamed")) == go_on(graph(saver, name), at(name))


def everything_as(saver: SqliteSaver, name: str, thread: str) -> list[Any]:
    """What ``everything`` would be under another thread id."""

    def renamed(found: Any) -> Any:
        parent = {**found[3], "thread_id": thread} if found[3] else None
        return (*found[:3], parent, *found[4:])

    return [renamed(found) for found in everything(saver, name)]


def test_a_run_that_was_removed_comes_back_without_decisions_twice(saver: SqliteSaver) -> None:
    used(saver)
    thread = decisions(saver)[0].thread_id
    file, before = io.StringIO(), decisions(saver)
    export(saver, thread, file)
    saver.delete_thread(thread)
    file.seek(0)
    restore(saver, file)
    assert decisions(saver) == before
    assert checkup(saver) == []


def test_a_file_that_is_damaged_or_none_of_ours_is_refused_whole(saver: SqliteSaver, tmp_path: Path) -> None:
    used(saver)
    file = io.StringIO()
    export(saver, "fan", file)
    text = file.getvalue()
    with SqliteSaver(tmp_path / "other.db") as other:
        lines, row = text.splitlines(keepends=True), '{"table": "runs", "row": {"thread_id": "fan", "odd": 1}}\n'
        cut = [text[: len(text) * 2 // 3], lines[0], "".join(lines[:-1]), "".join(lines[:1] + lines[3:])]
        odd = [lines[0] + bad + "".join(lines[1:]) for bad in ("[1]\n", "7\n", row, "[" * 100_000 + "\n", lines[1])]
        late = [text + "\n", text + row, text + lines[-1].replace('"waits"', '"nothing"').replace("{", "[")]
        heads = ['"version": "x"', '"version": null', '"no": 1']
        for bad in (
            "",
            "x",
            "[]",
            "{}",
            text.replace('"blobs"', '"sqlite_master"'),
            *cut,
            *odd,
            *late,
            *(text.replace(f'"version": {VERSION}', head) for head in heads),
            text.replace('"thread_id": "fan"', '"thread_id": 5', 1),
        ):
            with pytest.raises(StoreCorrupt):
                restore(other, io.StringIO(bad))
        assert runs(other) == []
    with pytest.raises(RunNotFound):
        export(saver, "nobody", io.StringIO())


# encryption


class Cipher:
    """Enough of a cipher to see what is not handed to one."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "mask", bytes(byte ^ 0x5A for byte in plaintext)

    def decrypt(self, name: str, ciphertext: bytes) -> bytes:
        assert name == "mask"
        return bytes(byte ^ 0x5A for byte in ciphertext)


def test_an_encrypted_database_shows_no_state_no_result_and_no_trace(tmp_path: Path) -> None:
    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    path = tmp_path / "x.db"
    with SqliteSaver(path, serde=EncryptedSerializer(Cipher(), JsonPlusSerializer())) as saver:
        built = graph(saver, "loop")
        built.invoke({**INPUT, "document": "the SECRET clause " * 100, "number": 3, "log": ["SECRET"]}, at("t"))
        saver.remember("t", "k", "a SECRET result")
        saver.trace("t", {"step": "s", "response": "a SECRET answer", "tokens_in": 5})
        assert traces(saver, "t")[0]["response"] == "a SECRET answer"
        assert checkup(saver) == []
        file = io.StringIO()
        export(saver, "t", file)
        prune(saver, keep=2)
        saver.database.flush()
    assert "SECRET" not in file.getvalue()
    content = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"SECRET" not in content
    with SqliteSaver(path) as unlocked:
        assert {problem.kind for problem in checkup(unlocked)} == {"unreadable"}
        with pytest.raises(StoreCorrupt, match="another serializer"):
            traces(unlocked, "t")


# the command line


def treadle(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["db", *arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_the_commands_say_what_they_did(saver: SqliteSaver, tmp_path: Path) -> None:
    used(saver)
    db = ("--db", str(saver.path))
    assert "sound" in treadle("check", *db)
    assert json.loads(CliRunner().invoke(app, ["db", "check", "--json", *db]).stdout) == []
    assert "4 runs" in treadle("backup", str(tmp_path / "copy.db"), *db)
    assert "Would remove" in treadle("prune", "--keep", "1", "--older", "0s", "--dry-run", *db)
    assert "whole" in treadle("prune", "--keep", "1", *db)
    assert "after" in treadle("compact", *db)
    assert "Wrote" in treadle("export", "fan", str(tmp_path / "fan.jsonl"), *db)
    assert json.loads(treadle("export", "fan", *db).splitlines()[0])["thread_id"] == "fan"
    assert "Took over the run copy" in treadle("import", str(tmp_path / "fan.jsonl"), "--thread", "copy", *db)
    with ReadySaver.from_conn_string(str(tmp_path / "ready.db")) as ready:
        graph(ready, "fan").invoke(INPUT, at("theirs"))
    assert "3 open questions" in treadle("import", str(tmp_path / "ready.db"), *db)
    run_sql(saver, "DELETE FROM waits")
    assert "no task waits" in treadle("check", *db, code=1)
    for mistake in (
        ("prune", *db),
        ("prune", "--older", "soon", *db),
        ("import", str(tmp_path / "none"), *db),
        ("export", "none", *db),
        ("backup", str(saver.path), *db),
        ("check", "--db", str(tmp_path / "none.db")),
    ):
        treadle(*mistake, code=2)


def test_an_export_takes_no_place_that_is_not_for_it(
    saver: SqliteSaver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(saver)
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("link.db").symlink_to("x.db")
    Path("file").touch()
    for target in ("x.db", "./x.db", "link.db", "x.db-wal", ".", "file/x", "no/x", "long" * 100):
        for command in (["db", "export", "fan", target], ["export", "jsonl", target]):
            done = CliRunner().invoke(app, [*command, "--db", "x.db"])
            assert done.exit_code == 2, (target, done.exception)
            assert "treadle: The f" in done.stderr
    assert checkup(saver) == []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()))
    read: list[str] = []
    reader.start()
    treadle("export", "fan", "pipe", "--db", "x.db")
    reader.join()
    assert json.loads(read[0].splitlines()[0])["thread_id"] == "fan"
    assert Path("pipe").is_fifo()


def test_a_readonly_database_is_not_compacted(saver: SqliteSaver) -> None:
    with SqliteSaver(saver.path, readonly=True) as readonly, pytest.raises(StoreReadOnly):
        compact(readonly)


def test_pruning_needs_to_be_told_what(saver: SqliteSaver) -> None:
    for given in ({}, {"keep": 0}, {"older": -1.0}, {"keep": 1, "whole": True}):
        with pytest.raises(ValueError, match="keep"):
            prune(saver, **given)
