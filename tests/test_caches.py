"""A known answer is not asked for again, equal calls share one, and a hit is recorded as a hit."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy
from scripted import ScriptedModel
from typing_extensions import TypedDict

from treadle import chain
from treadle.checkpoints import SqliteCache, SqliteSaver, run, traces
from treadle.errors import GateFailed, GraphBuildError, StoreCorrupt
from treadle.nodes import prompt, step
from treadle.nodes.steps import drive


def counted(answer: str = "known") -> ScriptedModel:
    return ScriptedModel(script=lambda _: answer, calls=[])


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def test_an_answer_outlives_the_process_and_a_hit_costs_nothing(tmp_path: Path) -> None:
    model = counted()
    for thread in ("a", "b"):
        with SqliteSaver(tmp_path / "t.db") as saver:
            graph = chain(prompt("say", "{text}", cache="1d", model=model)).compile(saver)
            assert graph.invoke({"text": "hello"}, config(thread))["say"] == "known"
            (entry,) = traces(saver, thread)
            assert entry.get("cached") == (None if thread == "a" else "cache")
            assert run(saver, thread).tokens_in == (7 if thread == "a" else 0)
    assert (entry["cost"], entry["tokens_in"], entry["parsed"], len(model.calls)) == (0.0, 0, "known", 1)


def test_another_input_another_prompt_and_another_model_are_asked(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        model = counted()
        for template, text, chosen in (("{a}", "1", model), ("{a}", "2", model), ("<{a}>", "1", model)):
            ask = prompt("say", template, cache=True, model=chosen)
            chain(ask).compile(saver).invoke({"a": text}, config(template + text))
        assert len(model.calls) == 3
        other = ScriptedModel(script=lambda _: "other")
        graph = chain(prompt("say", "{a}", cache=True, model=other)).compile(saver)
        assert graph.invoke({"a": "1"}, config("z"))["say"] == "other"


def test_what_is_too_old_is_asked_again(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        key = (("a", "b"), "k")
        saver.cache.set({key: ("old", 1)})
        assert saver.cache.get([key]) == {key: "old"}
        saver.database.write(lambda connection: connection.execute("UPDATE cache SET expires_at = 1"))
        assert saver.cache.get([key]) == {}
        saver.cache.set({key: ("new", None)})
        saver.cache.clear([("a",)])
        assert asyncio.run(saver.cache.aget([key])) == {}


@pytest.mark.parametrize("world", ["sync", "async"])
def test_equal_calls_under_way_share_one(world: str) -> None:
    begun, go, made = threading.Event(), threading.Event(), []

    def slow(said: str) -> str:
        made.append(said)
        begun.set()
        assert go.wait(10)
        return "once"

    ask = prompt("say", "{text}", cache=True, model=ScriptedModel(script=slow))
    given: Any = {"configurable": {"cache": InMemoryCache[Any]()}}  # for those that come when the first is back

    async def all_at_once() -> list[Any]:
        tasks = [asyncio.create_task(ask.ainvoke({"text": "x"}, given)) for _ in range(10)]
        await asyncio.to_thread(begun.wait, 10)
        go.set()
        return await asyncio.gather(*tasks)

    if world == "async":
        answers = asyncio.run(all_at_once())
    else:
        with ThreadPoolExecutor(10) as pool:
            asked = [pool.submit(ask, {"text": "x"}, given) for _ in range(10)]
            begun.wait(10)
            go.set()
            answers = [one.result() for one in asked]
    assert answers == [{"say": "once"}] * 10
    assert made == ["x"]


def test_what_fails_is_not_cached_and_lets_nobody_wait() -> None:
    answers = ["no", "2026"]
    ask = prompt("year", "x", gate=r"\d", attempts=1, cache=True, model=ScriptedModel(script=lambda _: answers.pop(0)))
    with pytest.raises(GateFailed):
        ask({})
    assert ask({}) == {"year": "2026"}


def test_work_that_is_given_up_lets_the_next_caller_in() -> None:
    ask = prompt("say", "x", cache=True, model=counted())
    left = ask.work({}, {})
    next(left)
    left.close()
    assert drive(ask.work({}, {})) == {"say": "known"}


def test_a_cache_that_the_run_is_given_is_used() -> None:
    model, cache = counted(), InMemoryCache[Any]()
    graph = chain(prompt("say", "x", cache=CachePolicy(ttl=60), model=model)).compile()
    given: Any = {"configurable": {"cache": cache}}
    assert graph.invoke({}, given) == graph.invoke({}, given)
    assert len(model.calls) == 1


def test_our_cache_serves_langgraphs_own_policy_on_any_node(tmp_path: Path) -> None:
    class State(TypedDict, total=False):
        number: int

    made: list[int] = []

    def double(state: State) -> State:
        made.append(state["number"])
        return {"number": state["number"] * 2}

    builder = StateGraph(State)
    builder.add_node("double", double, cache_policy=CachePolicy())
    builder.add_edge(START, "double")
    builder.add_edge("double", END)
    with SqliteSaver(tmp_path / "t.db") as saver:
        assert isinstance(saver.cache, SqliteCache)
        graph = builder.compile(cache=saver.cache)
        assert [graph.invoke({"number": 4}) for _ in range(3)] == [{"number": 8}] * 3
    assert made == [4]


def test_an_answer_that_was_sealed_with_another_key_is_told_in_words(tmp_path: Path) -> None:
    class Cipher:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "turn", plaintext[::-1]

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
            raise AssertionError  # never reached

    key = (("a",), "k")
    with (
        SqliteSaver(tmp_path / "t.db", serde=EncryptedSerializer(Cipher())) as sealed,
        SqliteSaver(sealed.path) as plain,
    ):
        sealed.cache.set({key: ("hidden", None)})
        with pytest.raises(StoreCorrupt, match="another serializer"):
            plain.cache.get([key])


@pytest.mark.parametrize("life", ["soon", 0.5])
def test_a_life_time_that_is_none_is_refused(life: Any) -> None:
    with pytest.raises(GraphBuildError):
        prompt("p", "x", cache=life)


def test_what_a_function_gave_is_kept_by_its_code_and_its_arguments(tmp_path: Path) -> None:
    asked: list[str] = []

    def looked_up(name: str) -> str:
        asked.append(name)
        return f"the address of {name}"

    for thread in ("a", "b"):
        with SqliteSaver(tmp_path / "t.db") as saver:
            graph = chain(step(looked_up, into="address", cache="1d")).compile(saver)
            assert graph.invoke({"name": "Ada"}, config(thread))["address"] == "the address of Ada"
            told = traces(saver, thread)
    assert asked == ["Ada"]
    assert [(one["step"], one["cached"], one["cost"], one["parsed"]) for one in told] == [
        ("looked_up", "cache", 0.0, "the address of Ada")
    ]
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = chain(step(looked_up, into="address", cache="1d")).compile(saver)
        graph.invoke({"name": "Grace"}, config("c"))
        other = chain(step(lambda name: f"Dr {name}", into="address", name="looked_up", cache="1d")).compile(saver)
        assert other.invoke({"name": "Ada"}, config("d"))["address"] == "Dr Ada"
    assert asked == ["Ada", "Grace"]


def test_what_a_function_gave_can_be_left_out_of_the_trace(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = chain(step(lambda name: f"{name}'s letter", into="letter", name="write", cache=True)).compile(saver)
        for thread in ("a", "b"):
            graph.invoke({"name": "Ada"}, {"configurable": {"thread_id": thread, "redact": "letter"}})
        assert [one["parsed"] for one in traces(saver, "b")] == ["[letter]"]
