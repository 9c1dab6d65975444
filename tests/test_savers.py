"""The saver: LangGraph's contract, kept on SQLite as it is kept in memory."""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from processes import program, programmed
from twins import Twins, frozen
from workloads import INPUT, WORKLOADS, answered, steps, waiting

from treadle.checkpoints import SqliteSaver
from treadle.checkpoints.layouts import states
from treadle.checkpoints.runs import run
from treadle.errors import StoreError, StoreReadOnly

DURABILITIES = ("sync", "async", "exit")


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as opened:
        yield opened


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Twins]:
    with Twins(tmp_path / "twins.db") as opened:
        yield opened


def at(thread: str, ns: str = "", id_: str | None = None) -> RunnableConfig:
    named = {"checkpoint_id": id_} if id_ else {}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, **named}}


def checkpoint(values: dict[str, Any], versions: dict[str, Any] | None = None) -> Checkpoint:
    return {**empty_checkpoint(), "channel_values": values, "channel_versions": versions or dict.fromkeys(values, "1")}


def put(saver: SqliteSaver, config: RunnableConfig, values: dict[str, Any], version: str = "1") -> RunnableConfig:
    versions: ChannelVersions = dict.fromkeys(values, version)
    return saver.put(config, checkpoint(values, versions), {"source": "loop", "step": 1}, versions)


def values(saver: SqliteSaver, config: RunnableConfig) -> dict[str, Any]:
    found = saver.get_tuple(config)
    assert found is not None
    return found.checkpoint["channel_values"]


def rows(saver: SqliteSaver, table: str) -> int:
    return saver.database.read(lambda c: int(c.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))


@pytest.mark.parametrize("linger", [0, 1])
async def test_the_conformance_suite_passes_whole(tmp_path: Path, linger: float) -> None:
    made: list[Path] = []

    async def make() -> AsyncIterator[SqliteSaver]:
        made.append(tmp_path / f"{len(made)}.db")
        with SqliteSaver(made[-1], synchronous="OFF", linger=linger) as opened:
            yield opened

    report = await validate(checkpointer_test(name="SqliteSaver")(make))
    assert {name: result.failures for name, result in report.results.items() if result.failures} == {}
    assert all(result.detected and result.passed and not result.tests_skipped for result in report.results.values())


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_graph_reads_back_what_memory_would(twins: Twins, name: str, durability: Any) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=twins)
    graph.invoke(INPUT, at("t"), durability=durability)
    for _ in range(4):  # one question after the other, then all that are left
        first = sorted(waiting(graph, at("t")))[:1]
        if first:
            graph.invoke(answered(first), at("t"), durability=durability)
    while open_ := waiting(graph, at("t")):
        graph.invoke(answered(open_), at("t"), durability=durability)
    assert not graph.get_state(at("t")).next
    assert twins.agree()


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("name", WORKLOADS)
async def test_an_async_graph_reads_back_what_memory_would(twins: Twins, name: str, durability: Any) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=twins)
    await graph.ainvoke(INPUT, at("t"), durability=durability)
    while open_ := {one.id: one.value for one in (await graph.aget_state(at("t"))).interrupts}:
        await graph.ainvoke(answered(sorted(open_)[: max(1, len(open_) // 2)]), at("t"), durability=durability)
    assert not (await graph.aget_state(at("t"))).next
    listed = [found async for found in twins.alist(at("t"))]
    assert [frozen(found) for found in listed] == [frozen(found) for found in twins.memory.list(at("t"))]
    assert twins.agree()


@pytest.mark.parametrize("name", WORKLOADS)
def test_forks_updates_and_time_travel_read_back_what_memory_would(twins: Twins, name: str) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=twins)
    graph.invoke(INPUT, at("t"))
    history = list(graph.get_state_history(at("t")))
    for past in history[-1], history[len(history) // 2], history[0]:
        graph.invoke(None, past.config)
        fork = graph.update_state(past.config, {"log": ["by hand"], "table": {"by": "hand"}})
        if waiting(graph, fork):
            graph.invoke(answered(waiting(graph, fork)), fork)
        else:
            graph.invoke(None, fork)
    graph.update_state(at("t"), None, as_node="__copy__")
    graph.update_state(at("t"), {"grown": ["a", "b"], "log": ["last"]})
    assert twins.agree()


def test_an_encrypted_store_reads_back_what_memory_would(tmp_path: Path) -> None:
    class Cipher:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "turn", os.urandom(4) + plaintext[::-1]

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
            return ciphertext[4:][::-1]

    with Twins(tmp_path / "x.db", serde=EncryptedSerializer(Cipher())) as twins:
        graph = WORKLOADS["loop"]().compile(checkpointer=twins)
        graph.invoke(INPUT, at("t"))
        assert twins.agree()
        assert b"reasonable skill" not in (tmp_path / "x.db-wal").read_bytes()


def test_values_are_stored_once_and_growing_ones_as_what_was_added(saver: SqliteSaver) -> None:
    document = os.urandom(100_000).hex()
    config, growing = at("t"), list[str]()
    for step in range(300):
        growing = [*growing, f"{step} {os.urandom(20).hex()}"]
        state = checkpoint({"document": document, "growing": growing}, {"document": "1", "growing": str(step)})
        new: ChannelVersions = {"growing": str(step), **({"document": "1"} if not step else {})}
        config = saver.put(config, state, {"source": "loop", "step": step}, new)
    stored = saver.database.read(lambda c: c.execute("SELECT sum(length(body)) FROM blobs").fetchone()[0])
    assert stored < 100_000 * 1.3 + 6 * 300 * 45
    assert len(list(saver.list(at("t")))) == 300
    for step, found in enumerate(reversed(list(saver.list(at("t"))))):
        assert found.checkpoint["channel_values"] == {"document": document, "growing": growing[: step + 1]}


def test_the_newest_state_is_read_in_few_rows_however_long_the_history(saver: SqliteSaver) -> None:
    config = at("t")
    growing: list[str] = []
    for step in range(1000):
        growing.append(f"entry {step}, long enough to be kept outside")
        config = put(saver, config, {"growing": list(growing)}, str(step))
    looked: list[str] = []

    def fetch(connection: Any) -> None:
        connection.set_trace_callback(looked.append)

    saver.database.read(fetch)
    assert values(saver, at("t"))["growing"] == growing
    assert len(looked) < 30


def test_forks_that_use_a_version_again_keep_their_own_values(saver: SqliteSaver) -> None:
    root = put(saver, at("t"), {"x": ["root" * 100]}, "1")
    left = put(saver, root, {"x": ["root" * 100, "left" * 100]}, "2")
    right = put(saver, root, {"x": ["root" * 100, "right" * 100]}, "2")
    for fork, word in ((left, "left"), (right, "right")):
        child = saver.put(fork, checkpoint({}, {"x": "2"}), {"source": "loop", "step": 3}, {})
        assert values(saver, child)["x"] == ["root" * 100, word * 100]


def test_a_value_that_another_process_removed_is_never_pointed_at(saver: SqliteSaver) -> None:
    first = put(saver, at("t"), {"x": ["a" * 500]}, "1")
    with SqliteSaver(saver.path) as other:
        other.delete_thread("t")
        put(other, at("t"), {"y": ["b" * 500]}, "1")
    second = put(saver, first, {"x": ["a" * 500, "c" * 500]}, "2")
    assert values(saver, second)["x"] == ["a" * 500, "c" * 500]
    third = saver.put(second, checkpoint({"x": 1}, {"x": "2"}), {"source": "loop", "step": 3}, {})
    assert values(saver, third)["x"] == ["a" * 500, "c" * 500]


def test_writes_may_come_before_their_checkpoint(saver: SqliteSaver) -> None:
    late = checkpoint({"x": 1})
    saver.put_writes(at("t", id_=late["id"]), [("x", "early")], "task")
    assert saver.get_tuple(at("t")) is None
    assert list(saver.list(at("t"))) == []
    saver.put(at("t"), late, {"source": "loop", "step": 1}, {"x": "1"})
    found = saver.get_tuple(at("t"))
    assert found is not None
    assert found.pending_writes == [("task", "x", "early")]


def test_a_checkpoint_put_again_under_its_own_config_is_changed_and_nothing_is_lost(saver: SqliteSaver) -> None:
    WORKLOADS["loop"]().compile(saver).invoke(INPUT, at("t"))
    before = [*saver.list(at("t"))]
    for found in before:
        saver.put(found.config, found.checkpoint, cast(Any, {**found.metadata, "note": "kept"}), {})
    with SqliteSaver(saver.path) as reopened:
        after = [*reopened.list(at("t"), filter={"note": "kept"})]
        history = reopened.get_delta_channel_history(config=before[0].config, channels=["grown", "none"])
    assert [(one.checkpoint, one.parent_config) for one in after] == [
        (one.checkpoint, one.parent_config) for one in before
    ]
    assert "seed" in history["grown"]


def test_of_a_regular_write_the_first_stays_and_of_a_special_one_the_last(saver: SqliteSaver) -> None:
    config = put(saver, at("t"), {"x": 1})
    for word in ("first", "second"):
        saver.put_writes(config, [("x", word), ("y", word)], "task")
        saver.put_writes(config, [("__error__", word)], "task")
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes == [("task", "__error__", "second"), ("task", "x", "first"), ("task", "y", "first")]


def test_reading_inside_a_listing_does_not_lock(saver: SqliteSaver) -> None:
    config = at("t")
    for step in range(60):
        config = put(saver, config, {"x": step}, str(step))
    seen: list[int] = []
    for found in saver.list(at("t")):
        assert saver.get_tuple(found.config) is not None
        put(saver, at("other"), {"x": len(seen)})
        seen.append(found.checkpoint["channel_values"]["x"])
    assert seen == list(range(59, -1, -1))
    assert [one.checkpoint["channel_values"]["x"] for one in saver.list(at("t"), limit=20)] == seen[:20]


async def test_one_saver_serves_threads_and_coroutines_at_once(saver: SqliteSaver) -> None:
    graph = WORKLOADS["loop"]().compile(checkpointer=saver)
    threads = [threading.Thread(target=graph.invoke, args=(INPUT, at(f"thread {n}"))) for n in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(graph.ainvoke(INPUT, at(f"coroutine {n}")) for n in range(4)))
    for thread in threads:
        await asyncio.to_thread(thread.join)
    numbers = {
        graph.get_state(at(f"{kind} {n}")).values["number"] for kind in ("thread", "coroutine") for n in range(4)
    }
    assert numbers == {9}


def test_copies_with_other_allowed_types_share_the_database(tmp_path: Path) -> None:
    saver = SqliteSaver(tmp_path / "x.db", serde=JsonPlusSerializer(allowed_msgpack_modules=[]))
    clone = saver.with_allowlist([("somewhere", "Thing")])
    assert clone is not saver
    assert isinstance(clone, SqliteSaver)
    config = put(clone, at("t"), {"x": 1})
    assert values(saver, config) == {"x": 1}
    assert clone.database is saver.database
    saver.close()


@pytest.mark.parametrize("thread", ['it\'s "quoted"', "nul\0inside", "emoji 🧵", " ", "%_", "-" * 5000])
def test_any_text_is_a_thread_id(saver: SqliteSaver, thread: str) -> None:
    config = put(saver, at(thread), {"x": 1})
    assert config["configurable"]["thread_id"] == thread
    assert values(saver, at(thread)) == {"x": 1}
    assert [found.config for found in saver.list(at(thread))] == [config]
    saver.delete_thread(thread)
    assert saver.get_tuple(at(thread)) is None


def test_a_thread_that_is_named_by_a_uuid_or_a_number_is_removed_pruned_and_copied_by_it(saver: SqliteSaver) -> None:
    for thread in cast(list[str], [uuid.UUID(int=7), 1.5, True]):
        for _ in range(2):
            put(saver, at(thread), {"x": 1})
        saver.prune([thread])
        assert len(list(saver.list(at(thread)))) == 1
        saver.copy_thread(thread, cast(str, b"copy"))
        found = {one.config["configurable"]["thread_id"] for one in saver.list(None)}
        assert found == {str(thread), "b'copy'"}
        for gone in (thread, cast(str, b"copy")):
            saver.delete_thread(gone)
    assert list(saver.list(None)) == []


def test_a_checkpoint_is_found_by_its_uuid(saver: SqliteSaver) -> None:
    first, second = put(saver, at("t"), {"x": 1}), put(saver, at("t"), {"x": 2})
    by_uuid = [at("t", id_=cast(str, uuid.UUID(one["configurable"]["checkpoint_id"]))) for one in (first, second)]
    assert [values(saver, one) for one in by_uuid] == [{"x": 1}, {"x": 2}]
    for config in (at("t"), None):
        assert [found.config for found in saver.list(config, before=by_uuid[1])] == [first]


def test_what_a_run_made_is_removed_by_its_uuid(saver: SqliteSaver) -> None:
    run_id, other = uuid.uuid4(), uuid.uuid4()
    for one in (run_id, other):
        saver.put(at("t"), checkpoint({}), cast(Any, {"source": "loop", "step": 1, "run_id": str(one)}), {})
    saver.delete_for_runs(cast(list[str], [run_id]))
    saver.delete_for_runs(str(run_id))
    (left,) = saver.list(at("t"))
    assert cast(Any, left.metadata)["run_id"] == str(other)


async def test_runs_that_are_given_one_by_one_go_though_the_work_is_done_again(saver: SqliteSaver) -> None:
    saver.put(at("t"), checkpoint({}), cast(Any, {"source": "loop", "step": 1, "run_id": "r"}), {})
    held, gate = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        gate.wait()

    holds = asyncio.create_task(asyncio.to_thread(saver.database.write, hold))
    await asyncio.to_thread(held.wait)
    goes = asyncio.create_task(saver.adelete_for_runs(cast(list[str], iter(["r"]))))
    fails = asyncio.create_task(saver.database.awrite(lambda connection: connection.execute("no SQL")))
    await asyncio.sleep(0)  # both wait for the next transaction, which the second one undoes
    gate.set()
    await asyncio.gather(holds, goes)
    with pytest.raises(sqlite3.OperationalError):
        await fails
    assert list(saver.list(at("t"))) == []


def test_half_a_character_is_refused_in_words(saver: SqliteSaver) -> None:
    put(saver, at("t"), {"x": 1})
    for attempt in (
        lambda: put(saver, at("half \ud83d"), {"x": 1}),
        lambda: saver.get_tuple(at("half \ud83d")),
        lambda: saver.delete_thread("half \ud83d"),
        lambda: list(saver.list(at("t"), filter={"source": "half \ud83d"})),
    ):
        with pytest.raises(StoreError, match=r"'half \\ud83d' .* no text in UTF-8, but has '\\ud83d' in it"):
            attempt()
    assert len(list(saver.list(None))) == 1


def test_no_checkpoint_has_a_step_beyond_64_bits(saver: SqliteSaver) -> None:
    put(saver, at("t"), {"x": 1})
    for step in (2**63, 2**80, -(2**80)):
        assert list(saver.list(at("t"), filter={"step": step})) == []


def test_a_type_that_cannot_be_stored_is_refused_with_the_name_of_its_field(saver: SqliteSaver) -> None:
    with pytest.raises(TypeError) as caught:
        put(saver, at("t"), {"fine": 1, "handle": threading.Lock()})
    assert "'handle'" in "".join(caught.value.__notes__)
    assert saver.get_tuple(at("t")) is None


def test_a_deleted_thread_leaves_nothing_behind(saver: SqliteSaver) -> None:
    graph = WORKLOADS["nested"]().compile(checkpointer=saver)
    graph.invoke(INPUT, at("gone"))
    saver.remember("gone", "key", 1)
    saver.trace("gone", {"step": "a"})
    saver.database.flush()
    assert rows(saver, "reviews") > 0
    saver.delete_thread("gone")
    tables = ("spaces", "checkpoints", "blobs", "writes", "reviews", "waits", "runs", "journal", "traces")
    assert {table: rows(saver, table) for table in tables} == dict.fromkeys(tables, 0)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_copied_thread_goes_on_by_itself(saver: SqliteSaver, name: str) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=saver)
    graph.invoke(INPUT, at("a"))
    saver.copy_thread("a", "b")
    before = [frozen(found) for found in saver.list(at("a", ""))]
    assert [frozen(found) for found in saver.list(at("b", ""))] == [
        (*one[:3], {**one[3], "thread_id": "b"} if one[3] else None, one[4]) for one in before
    ]
    saver.delete_thread("a")
    while open_ := waiting(graph, at("b")):
        graph.invoke(answered(open_), at("b"))
    assert not graph.get_state(at("b")).next
    with pytest.raises(ValueError, match="exists already"):
        saver.copy_thread("b", "b")


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pruned_thread_has_its_newest_state_and_can_go_on(saver: SqliteSaver, name: str) -> None:
    graph = WORKLOADS[name]().compile(checkpointer=saver)
    graph.invoke(INPUT, at("t"))
    before, questions = graph.get_state(at("t")).values, waiting(graph, at("t"))
    blobs = rows(saver, "blobs")
    saver.prune(["t"])
    assert rows(saver, "blobs") <= blobs
    assert graph.get_state(at("t")).values == before
    assert waiting(graph, at("t")) == questions
    while open_ := waiting(graph, at("t")):
        graph.invoke(answered(open_), at("t"))
    assert not graph.get_state(at("t")).next
    saver.prune(["t"], strategy="delete")
    assert rows(saver, "blobs") == rows(saver, "checkpoints") == 0
    with pytest.raises(ValueError, match="keep_latest"):
        saver.prune(["t"], strategy="some")


def test_pruning_keeps_what_growing_values_rest_on(saver: SqliteSaver) -> None:
    config = at("t")
    growing: list[str] = []
    for step in range(50):
        growing.append(f"entry {step}, long enough to be kept outside of its checkpoint")
        config = put(saver, config, {"growing": list(growing)}, str(step))
    saver.prune(["t"])
    assert values(saver, at("t"))["growing"] == growing
    config = put(saver, config, {"growing": [*growing, "more"]}, "50")
    assert values(saver, config)["growing"] == [*growing, "more"]


def test_a_version_sorts_after_those_before_it_whoever_made_them(saver: SqliteSaver) -> None:
    made: list[Any] = [None, InMemorySaver().get_next_version(None, None)]
    for _ in range(120):
        made.append(saver.get_next_version(made[-1], None))
    assert made[1:] == sorted(made[1:])
    assert len({saver.get_next_version(made[-1], None) for _ in range(100)}) == 100


def test_the_ledger_has_a_row_for_a_thread_that_nobody_started_through_it(saver: SqliteSaver) -> None:
    graph = WORKLOADS["loop"]().compile(checkpointer=saver)
    graph.invoke(INPUT, {**at("t"), "metadata": {"graph": "loop"}})
    found = run(saver, "t")
    assert (found.thread_id, found.graph, found.status, found.steps) == ("t", "loop", "direct", 9)


def test_a_readonly_saver_reads_and_refuses_to_write(saver: SqliteSaver) -> None:
    config = put(saver, at("t"), {"x": 1})
    with SqliteSaver(saver.path, readonly=True) as reader:
        assert values(reader, at("t")) == {"x": 1}
        with pytest.raises(StoreReadOnly, match="reading only"):
            put(reader, config, {"x": 2})


async def test_what_opened_langgraphs_saver_opens_ours(tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "x.db")) as opened:
        put(opened, at("t"), {"x": 1})
    async with SqliteSaver.from_conn_string(str(tmp_path / "x.db")) as opened:
        found = await opened.aget_tuple(at("t"))
        assert found is not None
        assert found.checkpoint["channel_values"] == {"x": 1}


def test_two_processes_may_run_graphs_on_one_file(tmp_path: Path) -> None:
    code = (
        "import sys; from workloads import INPUT, WORKLOADS; from treadle.checkpoints import SqliteSaver\n"
        "with SqliteSaver(sys.argv[1]) as saver:\n"
        "    graph = WORKLOADS['loop']().compile(checkpointer=saver)\n"
        "    for n in range(4):\n"
        "        graph.invoke(INPUT, {'configurable': {'thread_id': f'{sys.argv[2]}-{n}'}})\n"
    )
    processes = [programmed(code, tmp_path / "x.db", name) for name in "ab"]
    assert [process.communicate(120) for process in processes] == [("", "")] * 2
    with SqliteSaver(tmp_path / "x.db") as saver:
        for name in "ab":
            for n in range(4):
                assert values(saver, at(f"{name}-{n}"))["number"] == 9


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL", "OFF"])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, synchronous: Literal["FULL", "NORMAL", "OFF"]) -> None:
    code = (
        "import os, sys, workloads; from treadle.checkpoints import SqliteSaver\n"
        "saver = SqliteSaver(sys.argv[1], synchronous=sys.argv[2])\n"
        "def dies(state): os.kill(os.getpid(), 9)\n"
        "config = {'configurable': {'thread_id': 't'}}\n"
        "workloads.steps(dies).compile(saver).invoke({'total': 1}, config, durability='sync')\n"
    )
    assert program(code, tmp_path / "x.db", synchronous).returncode == -9
    with SqliteSaver(tmp_path / "x.db") as saver:
        graph = steps(lambda state: {"total": 10}).compile(saver)
        assert graph.get_state(at("t")).next == ("last",)
        assert graph.invoke(None, at("t")) == {"total": 14}


FORKED = """
import os, signal, sys
from langgraph.checkpoint.base import empty_checkpoint
from treadle.checkpoints import SqliteSaver

saver = SqliteSaver(sys.argv[1], synchronous="OFF")
at = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
config = saver.put(at, empty_checkpoint(), {"source": "loop", "step": 0}, {})
with saver._memory._mutex, saver._memory.tails._mutex:  # as a thread has them for some moments, with each commit
    child = os.fork()
    if not child:
        signal.alarm(30)
        saver.put(config, empty_checkpoint(), {"source": "loop", "step": 1}, {})
        os._exit(saver.get_tuple(at).metadata["step"] != 1)
raise SystemExit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forks_while_a_thread_remembers_what_it_stored_and_the_child_goes_on(tmp_path: Path) -> None:
    assert program(FORKED, tmp_path / "x.db").returncode == 0


def test_strict_unpacking_works_with_plain_data(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", serde=JsonPlusSerializer(allowed_msgpack_modules=[])) as saver:
        config = put(saver, at("t"), {"x": {"a": [1, 2.5, None, "é"]}})
        assert values(saver, config) == {"x": {"a": [1, 2.5, None, "é"]}}


STRICT = """
import sys
from typing import Any, TypedDict
sys.path.insert(0, sys.argv[1])
from langchain_core.messages import HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from oddities import Color, Model, Pair
from treadle.checkpoints import SqliteSaver, pending

class State(TypedDict, total=False):
    pair: Pair
    model: Model
    color: Color
    messages: list[Any]
    said: Any

made = {"pair": Pair(1), "model": Model(x=1), "color": Color.RED, "messages": [HumanMessage("h", id="h")]}
built = StateGraph(State)
built.add_node("make", lambda state: made)
built.add_node("ask", lambda state: {"said": interrupt({"title": "Go on?"})})
built.add_edge(START, "make")
built.add_edge("make", "ask")
for given, asked in (({"said": "no"}, 1), (Command(resume="yes"), 0)):
    with SqliteSaver(sys.argv[2]) as saver:
        found = built.compile(saver).invoke(given, {"configurable": {"thread_id": "t"}})
        assert {name: found[name] for name in made} == made, found
        assert len(pending(saver)) == asked
assert found["said"] == "yes"
"""


def test_strict_unpacking_of_langgraphs_knows_the_types_of_a_graph_s_state(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", STRICT, str(Path(__file__).parent), str(tmp_path / "x.db")]
    done = subprocess.run(
        command, env={**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_threads_are_listed_newest_first_whatever_their_ids_look_like(saver: SqliteSaver) -> None:
    chance = random.Random(5)
    ids = [empty_checkpoint()["id"] for _ in range(40)]
    ids += ["".join(chance.choices("019af-zé", k=chance.randint(1, 20))) for _ in range(60)]
    ids = list(dict.fromkeys(ids))
    for number, id_ in enumerate(chance.sample(ids, len(ids))):
        checkpoint: Any = {**empty_checkpoint(), "id": id_}
        saver.put(at(f"t{number % 7}", "ab"[number % 2]), checkpoint, {"source": "loop", "step": number % 3}, {})
    saver.put_writes(at("t1", "a", "zz is not put"), [("x", 1)], "task")
    expected = sorted(ids, key=str.encode, reverse=True)
    assert listed(saver) == expected
    for limit in (1, 17, 50, len(ids)):
        assert listed(saver, limit=limit) == expected[:limit]
    for place in (3, 44, len(ids) - 1):
        assert listed(saver, before=at("t1", "a", expected[place]), limit=30) == expected[place + 1 :][:30]
    some = listed(saver, filter={"step": 1})
    assert some == [id_ for id_ in expected if id_ in set(some)]
    assert len(some) == len(ids) // 3


def listed(saver: SqliteSaver, **how: Any) -> list[str]:
    return [found.checkpoint["id"] for found in saver.list(None, **how)]


def test_the_newest_of_all_threads_are_found_without_looking_at_the_others(saver: SqliteSaver) -> None:
    put(saver, at("t"), {"x": 1})

    def plan(connection: sqlite3.Connection) -> str:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        states.page(connection, [], [], 5, everywhere=True)
        connection.set_trace_callback(None)
        return " ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}"))

    assert "SCAN c USING INDEX checkpoints_recent" in saver.database.read(plan)
