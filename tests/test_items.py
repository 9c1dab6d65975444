"""What goes into a fan-out is looked at before anything runs, and every branch knows itself again."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel
from typing_extensions import TypedDict

from treadle import chain, fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, InputInvalid, OutputInvalid, QuorumNotMet
from treadle.graphs.scatters.items import alike
from treadle.nodes import Batch, Retry, idempotency_key, step

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}


def echo(n: Any) -> Any:
    return n


UNSTORABLE: list[tuple[Any, str]] = [
    (lambda: 1, "function"),
    (threading.Lock(), "lock"),
    (iter([1]), "iterator"),
    (2**70, "int"),
    ({"deep": [object()]}, "dict"),
]


@pytest.mark.parametrize(("bad", "kind"), UNSTORABLE)
@pytest.mark.parametrize("saver", [InMemorySaver, None])
def test_an_item_that_cannot_be_stored_is_named_before_anything_runs(
    bad: Any, kind: str, saver: Any, tmp_path: Path
) -> None:
    ran: list[Any] = []
    work = (
        step(ran.append, into="out", name="work") if False else step(lambda n: ran.append(n), into="out", name="work")
    )
    kept = saver() if saver else SqliteSaver(tmp_path / "t.db")
    graph = chain(step(lambda: [1, bad], into="ns", name="make"), fan_out(work, over="ns", item="n")).compile(kept)
    with pytest.raises(InputInvalid, match=rf"'results': item 1 \(.*{kind}.*\) cannot be stored.* Give plain data"):
        graph.invoke({}, THREAD)
    assert ran == []


def test_without_a_checkpointer_an_item_can_be_anything() -> None:
    graph = fan_out(step(lambda n: n(), into="out", name="work"), over="ns", item="n").compile()
    assert graph.invoke({"ns": [lambda: 1, lambda: 2]})["results"] == [1, 2]


def test_a_result_that_cannot_be_stored_is_told_with_its_worker_and_item(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(lambda n: echo, into="out", name="work"), over="ns", item="n").compile(saver)
        with pytest.raises(OutputInvalid, match="worker 'work' gave for item 0 what cannot be stored"):
            graph.invoke({"ns": [1]}, THREAD)


@pytest.mark.parametrize("ahead", [False, True])
def test_an_item_of_ten_megabytes_is_stored_once(tmp_path: Path, ahead: bool) -> None:
    rng = "".join(chr(33 + n * n % 93) for n in range(10_000))
    large = [rng * 1000 + str(n) for n in range(2)]
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(len_of), over="texts", item="text").compile(saver)
        given = {"texts": [*large, "small"]}
        done = asyncio.run(graph.ainvoke(given, THREAD)) if ahead else graph.invoke(given, THREAD)
        assert done["results"] == [10_000_001, 10_000_001, 5]
        assert graph.get_state(THREAD).values["texts"] == given["texts"]
    raw = [path.stat().st_size for path in tmp_path.iterdir()]
    assert sum(raw) < 2 * sum(map(len, large))


def len_of(text: str) -> int:
    return len(text)


def test_a_generator_in_the_state_is_refused_with_what_to_do() -> None:
    graph = fan_out(step(echo), over="ns", item="n").compile()
    with pytest.raises(InputInvalid, match="must be a list and is generator; give over= a function"):
        graph.invoke({"ns": (n for n in [1, 2])})


ROWS = [{"id": "a", "n": 1}, {"id": "b", "n": -1}]


def positive(row: dict[str, Any]) -> int:
    if row["n"] < 0:
        raise ValueError("negative")
    return int(row["n"])


@pytest.mark.parametrize("key", ["id", lambda row: row["id"]])
def test_items_have_the_names_that_key_gives_them(key: Any) -> None:
    done = fan_out(step(positive), over="rows", item="row", key=key).compile().invoke({"rows": ROWS})
    assert [(one["item"], one["status"]) for one in done["results_outcomes"]] == [("a", "success"), ("b", "failure")]
    graph = fan_out(step(positive), over="rows", item="row", key=key, need=2).compile()
    with pytest.raises(QuorumNotMet, match="item b: ValueError: negative"):
        graph.invoke({"rows": ROWS})


def test_what_key_does_not_get_along_with_is_named() -> None:
    graph = fan_out(step(positive), over="rows", item="row", key=lambda row: row["name"]).compile()
    with pytest.raises(InputInvalid, match="item 0 has no name, since key= raised KeyError: 'name'"):
        graph.invoke({"rows": ROWS})


def test_two_items_of_one_name_are_refused_and_so_is_one_without() -> None:
    graph = fan_out(step(positive), over="rows", item="row", key="id").compile()
    with pytest.raises(InputInvalid, match="items 0 and 2 are both called 'a'; key= must tell items apart"):
        graph.invoke({"rows": [*ROWS, ROWS[0]]})
    with pytest.raises(InputInvalid, match="item 1 has no 'id' to be called by"):
        graph.invoke({"rows": [ROWS[0], {"n": 3}]})
    with pytest.raises(GraphBuildError, match="name the list with over"):
        fan_out([step(echo), step(positive)], key="id")


def test_the_key_of_a_branch_reaches_whatever_runs_in_it_and_stays_the_same() -> None:
    seen: list[tuple[str, str | None]] = []
    tries = iter([True, False])

    def plain(n: int) -> int:
        seen.append(("function", idempotency_key()))
        if n == 0 and next(tries):
            raise ConnectionError("lost")
        return n

    async def soon(n: int, idempotency_key: str) -> int:
        seen.append(("argument", idempotency_key))
        return n

    def foreign(state: Given) -> Made:
        seen.append(("node", idempotency_key()))
        return {"out": state["plain"]}

    first = chain(step(plain), foreign, name="deep")
    second = chain(step(plain), step(soon), name="told", inputs=("idempotency_key",))
    retry = Retry(attempts=2, first=0)
    done = asyncio.run(fan_out(first, over="ns", item="n", attempts=retry, into="r").compile().ainvoke({"ns": [0, 1]}))
    assert [one["attempts"] for one in done["r_outcomes"]] == [2, 1]
    keys = {key for _, key in seen}
    assert len(seen) == 5
    assert len(keys) == 2
    assert None not in keys
    seen.clear()
    done = asyncio.run(fan_out(second, over="ns", item="n", into="r").compile().ainvoke({"ns": [1]}))
    assert {kind for kind, _ in seen} == {"function", "argument"}
    assert {key for _, key in seen} == {done["r_outcomes"][0]["key"]}
    assert idempotency_key() is None


class Given(TypedDict):
    plain: int


class Made(TypedDict):
    out: int


def test_the_parts_of_a_batch_that_is_split_have_keys_of_their_own() -> None:
    calls: list[tuple[tuple[int, ...], str]] = []

    def work(ns: list[int], idempotency_key: str) -> list[int]:
        calls.append((tuple(ns), idempotency_key))
        if 3 in ns:
            raise ValueError("three")
        return ns

    graph = fan_out(step(work), over="all", item="ns", batch=Batch(4), attempts=1).compile()
    assert graph.invoke({"all": [1, 2, 3, 4]})["results"] == [1, 2, 4]
    assert len({key for _, key in calls}) == len({ns for ns, _ in calls}) == len(calls) == 5


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, -0.0, "", "1", b"1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", 1]), inner, max_size=2),
    max_leaves=5,
)


def exact(value: Any) -> Any:
    """Equal only for equal values of equal types."""
    if isinstance(value, dict):
        return frozenset((exact(key), exact(part)) for key, part in value.items())
    return tuple(map(exact, value)) if isinstance(value, list) else (type(value), repr(value))


@given(st.lists(VALUES, max_size=12))
def test_equal_items_are_those_of_equal_values_and_types(items: list[Any]) -> None:
    found = alike(dict(enumerate(items)))
    assert sorted(place for same in found.values() for place in same) == list(range(len(items)))
    assert all(lead == same[0] for lead, same in found.items())
    signs = [exact(item) for item in items]
    for same in found.values():
        assert len({signs[place] for place in same}) == 1
    assert len(found) == len(set(signs))


def test_what_cannot_be_compared_is_equal_to_nothing_else() -> None:
    class Model(BaseModel):
        n: int

    lock = threading.Lock()
    assert len(alike(dict(enumerate([Model(n=1), Model(n=1), Model(n=2), lock, lock])))) == 4


def test_every_branch_that_carries_a_large_object_is_pointed_at(caplog: pytest.LogCaptureFixture) -> None:
    document = {"title": "T", "pages": ["x" * 9_000] * 3}
    items = [{"n": 1, "all": document}, {"n": 2, "all": document}]
    graph = fan_out(step(lambda n, law: 1, into="out", name="w"), over="ns", item="n", context=("law",)).compile()
    graph.invoke({"ns": items, "law": document})
    assert "each of 2 branches carries the same 'law', 27001 characters long: about 13500 tokens" in caplog.text
    assert "carries the same 'all'" in caplog.text
    caplog.clear()
    graph.invoke({"ns": items[:1], "law": document})
    assert caplog.text == ""


@pytest.mark.parametrize(("most", "told"), [(2, True), (16, False), (None, False)])
@pytest.mark.parametrize("ahead", [False, True])
def test_a_lower_limit_in_the_config_is_told(
    most: int | None, told: bool, ahead: bool, caplog: pytest.LogCaptureFixture
) -> None:
    inner = fan_out(step(echo), over="row", item="n", into="same", limit=500)
    graph = fan_out(inner, over="rows", item="row").compile()
    config: RunnableConfig = {"max_concurrency": most} if most else {}
    given_ = {"rows": [[1, 2], [3]]}
    done = asyncio.run(graph.ainvoke(given_, config)) if ahead else graph.invoke(given_, config)
    assert done["results"] == [[1, 2], [3]]
    said = [record.getMessage() for record in caplog.records if "max_concurrency" in record.getMessage()]
    assert len(said) == told
    assert all("'results': max_concurrency=2 in the config does not hold" in one for one in said)


def dawdle(n: int) -> int:
    time.sleep(1.6 if n else 0)
    return n


Call = Callable[[int], Any]


async def blocking(n: int) -> int:
    return dawdle(n)


@pytest.mark.parametrize(("work", "told"), [(blocking, True), (dawdle, False)])
def test_a_worker_that_blocks_the_loop_is_told_with_its_place(
    work: Call, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    graph = fan_out(step(work, into="out", name="work"), over="ns", item="n").compile()
    assert asyncio.run(graph.ainvoke({"ns": [0, 1]}))["results"] == [0, 1]
    said = [record.getMessage() for record in caplog.records if "stood still" in record.getMessage()]
    assert len(said) == told
    assert all("'results'" in one and f"dawdle() at {__file__}:" in one for one in said)
