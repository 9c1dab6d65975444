"""A function becomes a step that reads and writes state keys, in both worlds."""

import asyncio
import operator
import threading
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes import step
from treadle.nodes.steps import Ask, Block, Pause, Work, adrive, drive


def count(text: str, unit: str = "words") -> int:
    return len(text.split()) if unit == "words" else len(text)


def test_parameters_are_keys_and_defaults_are_optional() -> None:
    counted = step(count, into="size")
    assert (counted.name, counted.reads, dict(counted.writes)) == ("count", ("text",), {"size": int})
    assert counted({"text": "a b"}) == {"size": 2}
    assert counted({"text": "a b", "unit": "letters"}) == {"size": 3}


def test_a_missing_key_is_named_with_the_step() -> None:
    with pytest.raises(InputInvalid, match=r"step 'count' reads 'text'.*its keys: other"):
        step(count)({"other": 1})


async def test_an_async_function_runs_on_the_loop_and_a_blocking_one_beside_it() -> None:
    async def here(text: str) -> int:
        return threading.get_ident()

    def there(text: str) -> int:
        return threading.get_ident()

    assert (await step(here).ainvoke({"text": ""}))["here"] == threading.get_ident()
    assert (await step(there).ainvoke({"text": ""}))["there"] != threading.get_ident()


def test_an_async_function_in_a_sync_run_says_what_to_do() -> None:
    async def here(text: str) -> int:
        return 1

    with pytest.raises(TypeError, match="here is async: run its graph with ainvoke"):
        step(here)({"text": ""})


@pytest.mark.parametrize("function", [lambda x: x, print])
def test_a_function_that_cannot_be_a_step_is_refused(function: Any) -> None:
    with pytest.raises(GraphBuildError):
        step(function)


def test_what_an_effect_raises_is_raised_inside_the_work_in_both_worlds() -> None:
    def boom() -> None:
        raise ValueError("boom")

    def work() -> Work:
        try:
            yield Block(boom)
        except ValueError as error:
            yield Pause(0)
            return {"caught": str(error)}
        return {}

    assert drive(work()) == asyncio.run(adrive(work())) == {"caught": "boom"}


def test_an_ask_is_given_up_after_its_time() -> None:
    release = threading.Event()
    slow = step(lambda text: release.wait(10), into="slow", name="slow")

    def work() -> Work:
        try:
            yield Ask(slow, {"text": ""}, RunnableConfig(), timeout=0.05)
        except TimeoutError:
            return {"late": True}
        return {}

    assert drive(work()) == {"late": True}
    release.set()


def test_a_step_is_a_node_of_any_state_graph() -> None:
    class State(TypedDict, total=False):
        text: str
        sizes: Annotated[list[int], operator.add]

    graph = StateGraph(State)
    graph.add_node("count", step(lambda text: [len(text)], into="sizes", name="count"))
    graph.add_edge(START, "count")
    graph.add_edge("count", END)
    assert graph.compile().invoke({"text": "abc"})["sizes"] == [3]
    assert asyncio.run(graph.compile().ainvoke({"text": "abc"}))["sizes"] == [3]
