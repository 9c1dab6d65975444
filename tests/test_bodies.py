"""Checkpoints on disk rest on earlier ones: each reads back as it was, whatever became of those."""

import random
import sqlite3
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
import sqlite_utils
from langgraph.checkpoint.base import empty_checkpoint
from twins import frozen

from treadle.checkpoints import SqliteSaver, pending
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.care.prunings import prune
from treadle.checkpoints.disks.migrations import migrations
from treadle.checkpoints.disks.schemas import APPLICATION
from treadle.checkpoints.layouts.packs import pack

START: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


def put(saver: SqliteSaver, config: Any, number: int, **metadata: Any) -> Any:
    versions: Any = {f"channel {n}": f"{number}.{n}" for n in range(12)}
    values = {name: f"{name} at {number}, and more words than lie in a checkpoint" * 3 for name in versions}
    checkpoint: Any = {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}
    described: Any = {"source": "loop", "step": number, **metadata}
    return saver.put(config, checkpoint, described, versions)


def line(saver: SqliteSaver, length: int, start: Any = START, **metadata: Any) -> list[Any]:
    configs = [start]
    for number in range(length):
        configs.append(put(saver, configs[-1], number, **metadata))
    return configs[1:]


def whole(saver: SqliteSaver) -> dict[str, Any]:
    return {found.config["configurable"]["checkpoint_id"]: frozen(found) for found in saver.list(START)}


def ask(saver: SqliteSaver, query: str) -> list[Any]:
    return saver.database.read(lambda connection: connection.execute(query).fetchall())


@pytest.fixture
def saver(tmp_path: Path) -> Any:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


def test_a_long_line_takes_little_room_and_few_rows_to_read(saver: SqliteSaver) -> None:
    line(saver, 300)
    sizes = [row[0] for row in ask(saver, "SELECT length(body) FROM checkpoints ORDER BY key")]
    assert sum(sizes[1:]) / len(sizes[1:]) < 0.6 * sizes[0]
    bases = dict(tuple(row) for row in ask(saver, "SELECT key, base FROM checkpoints"))
    depths = []
    for key in bases:
        at, depth = bases[key], 0
        while at is not None:
            at, depth = bases[at], depth + 1
        depths.append(depth)
    assert max(depths) <= 5


@pytest.mark.parametrize("forgets", [False, True])
def test_what_is_left_of_a_tree_after_pruning_reads_as_before(saver: SqliteSaver, forgets: bool) -> None:
    chance, configs = random.Random(3), [START]
    for number in range(120):
        parent = configs[-1] if chance.random() < 0.8 else chance.choice(configs)
        configs.append(put(saver, parent, number, run_id=f"run {number % 7}"))
        if forgets:
            saver._memory = type(saver._memory)()
    before = whole(saver)
    saver.delete_for_runs(["run 2", "run 5"])
    left = whole(saver)
    assert 0 < len(left) < len(before)
    assert left.items() <= before.items()
    prune(saver, keep=9)
    assert len(whole(saver)) == 9
    assert whole(saver).items() <= before.items()
    put(saver, configs[-1], 1000)
    assert checkup(saver) == []


def test_a_process_that_remembers_what_another_pruned_stores_nothing_on_it(saver: SqliteSaver) -> None:
    configs = line(saver, 23)
    with SqliteSaver(saver.path) as other:
        prune(other, keep=1)
    for number in range(23, 40):
        configs.append(put(saver, configs[-1], number))
    with SqliteSaver(saver.path) as other:
        assert len(whole(other)) == 18
        assert checkup(other) == []


def test_a_checkpoint_that_is_put_again_leaves_those_that_rest_on_it_as_they_were(saver: SqliteSaver) -> None:
    configs = line(saver, 10)
    saver.put_writes(configs[3], [("channel 1", "written")], "task")
    before = whole(saver)
    again: Any = {**empty_checkpoint(), "id": configs[3]["configurable"]["checkpoint_id"]}
    saver.put(configs[2], again, {"source": "loop", "step": 3}, {})
    after = whole(saver)
    changed = [id_ for id_ in before if before[id_] != after[id_]]
    assert changed == [again["id"]]
    found = saver.get_tuple(configs[3])
    assert found is not None
    assert found.pending_writes == [("task", "channel 1", "written")]
    assert {problem.kind for problem in checkup(saver)} == {"leftover"}  # the values that it had before


def test_a_missing_row_on_which_others_rest_is_told(saver: SqliteSaver) -> None:
    line(saver, 5)
    saver.database.write(lambda connection: connection.execute("DELETE FROM checkpoints WHERE key = 1").rowcount)
    assert {problem.kind for problem in checkup(saver)} >= {"pointer", "unreadable"}


def test_a_joined_value_is_stored_as_what_its_branches_wrote(saver: SqliteSaver) -> None:
    chance = random.Random(5)
    words = [[bytes(chance.choices(range(97, 123), k=900)).decode()] for _ in range(60)]
    config = put(saver, START, 0)
    for number, word in enumerate(words):
        saver.put_writes(config, [("joined", word), ("done", None)], f"task {number}", f"~path {number:05}")
    state: Any = {**empty_checkpoint(), "channel_versions": {"joined": "1"}}
    state["channel_values"] = {"joined": [word for (word,) in words]}
    saver.put(config, state, {"source": "loop", "step": 1}, {"joined": "1"})
    sizes = [row[0] for row in ask(saver, "SELECT length(body) FROM blobs ORDER BY size DESC")]
    assert sizes[0] < 60 * 40  # though the value is 54,000 bytes that can hardly be compressed
    saver.prune(["t"])
    with SqliteSaver(saver.path) as other:
        found = other.get_tuple(START)
        assert found is not None
        assert found.checkpoint["channel_values"] == state["channel_values"]
        assert checkup(other) == []


def test_a_file_of_an_earlier_version_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    checkpoint: Any = {**empty_checkpoint(), "id": "1", "channel_versions": {"big": "1", "small": "1"}}
    _earlier(path, checkpoint)
    with SqliteSaver(path) as saver:
        found = saver.get_tuple(START)
        assert found is not None
        assert found.checkpoint["channel_values"] == {"big": "words " * 300, "small": 7}
        assert found.metadata == {"source": "loop", "step": 3}
        assert found.pending_writes == [("task", "big", "words " * 300), ("task", "small", 8)]
        saver.put_writes(found.config, [("other", 1), ("small", 9)], "task")
        assert [write[2] for write in saver.get_tuple(START).pending_writes] == ["words " * 300, 8]  # type: ignore[union-attr]
        put(saver, found.config, 4)
        assert len(whole(saver)) == 2
        assert pending(saver) == []
        assert checkup(saver) == []


def _earlier(path: Path, checkpoint: Any) -> None:
    """A file as it was made by the third version of the tables."""
    serde = SqliteSaver(path.with_name("other.db")).serde
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    db = sqlite_utils.Database(connection)
    migrations.apply(db, stop_before="bodies_and_writes")
    head = serde.dumps_typed(({k: v for k, v in checkpoint.items() if k != "channel_values"}, _METADATA))
    big, small = serde.dumps_typed("words " * 300), serde.dumps_typed(7)
    codec, body = pack(ormsgpack.packb((head, {"small": ("1", small), "big": ("1", 5)})))
    connection.execute("INSERT INTO spaces VALUES (1, 't', '', 1)")
    connection.execute(
        "INSERT INTO checkpoints (key, space, id, step, at, body) VALUES (4, 1, '1', 3, 0, ?)",
        (bytes((codec,)) + body,),
    )
    connection.execute(
        "INSERT INTO blobs (id, home, type, ordinal, size, codec, body) VALUES (5, 1, ?, 0, ?, ?, ?)",
        (big[0], len(big[1]), *pack(big[1])),
    )
    rows = [(0, "big", None, None, None, 5), (1, "small", "msgpack", 0, serde.dumps_typed(8)[1], None)]
    connection.executemany(
        "INSERT INTO writes (checkpoint, task_id, task_path, idx, channel, type, codec, body, blob)"
        " VALUES (4, 'task', '', ?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute("PRAGMA user_version=3")
    connection.close()


_METADATA = {"source": "loop", "step": 3}
