"""Chains run their steps in order, and chains that could not work are refused before anything runs."""

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from scripted import ScriptedModel
from typing_extensions import TypedDict

from treadle import chain, fan_out, review
from treadle.errors import GraphBuildError
from treadle.nodes import prompt, step


class Text(TypedDict):
    text: str


class Words(TypedDict):
    words: list[str]


def words(text: str) -> list[str]:
    return text.split()


def count(words: list[str]) -> int:
    return len(words)


def longest(words: list[str]) -> str:
    return max(words, key=len)


def told(count: int, longest: str) -> str:
    return f"{count} words, the longest is {longest}"


def split(state: Text) -> Words:
    return {"words": state["text"].split()}


ECHO = ScriptedModel(script=lambda said: f"[{said}]")


def test_each_step_feeds_the_next() -> None:
    graph = chain(step(words), step(count), step(longest), step(told))
    assert graph.reads == ("text",)
    assert graph.output == "told"
    done = graph.compile().invoke({"text": "to be or perhaps not"})
    assert done["told"] == "5 words, the longest is perhaps"
    assert set(done) == {"words", "count", "longest", "told"}


def test_sync_and_async_and_streaming_agree() -> None:
    graph = chain(step(words), prompt("ask", "{words}", model=ECHO)).compile()
    done = graph.invoke({"text": "a b"})
    assert asyncio.run(graph.ainvoke({"text": "a b"})) == done
    assert [next(iter(update)) for update in graph.stream({"text": "a b"}, stream_mode="updates")] == ["words", "ask"]
    assert graph.batch([{"text": "a b"}, {"text": "a b"}]) == [done, done]


def test_a_list_of_steps_runs_side_by_side_and_the_next_waits_for_all() -> None:
    graph = chain(step(words), [step(count), step(longest)], step(told)).compile()
    assert graph.invoke({"text": "a bb"})["told"] == "2 words, the longest is bb"
    updates = [set(update) for update in graph.stream({"text": "a bb"}, stream_mode="updates")]
    assert updates[-1] == {"told"}


def test_functions_graphs_and_runnables_are_steps_too() -> None:
    inner = StateGraph(Words)
    inner.add_node("twice", lambda state: {"words": state["words"] * 2})
    inner.add_edge(START, "twice")
    inner.add_edge("twice", END)
    graph = chain(split, chain(step(count), name="counting"), inner.compile(name="doubling"), step(longest))
    assert graph.compile().invoke({"text": "a bb"}) == {"words": ["a", "bb"] * 2, "count": 2, "longest": "bb"}


def test_a_given_state_is_used_and_may_hold_steps_whose_keys_cannot_be_seen() -> None:
    class State(TypedDict, total=False):
        text: str
        words: list[str]
        count: int

    shout: RunnableLambda[Any, Any] = RunnableLambda(lambda state: {"text": state["text"].upper()}, name="shout")
    graph = chain(shout, split, step(count), state=State).compile()
    assert graph.invoke({"text": "a bb"}) == {"text": "A BB", "words": ["A", "BB"], "count": 2}


def test_a_chain_is_a_state_graph_that_can_be_added_to() -> None:
    graph = chain(step(words), step(count))
    assert isinstance(graph, StateGraph)
    graph.add_node("check", lambda state: None)
    graph.add_edge("count", "check")
    assert "check" in graph.compile().get_graph().nodes


def unread(wards: list[str]) -> int:
    return len(wards)


REFUSED: list[tuple[Any, str]] = [
    (lambda: chain(), "at least one step"),
    (lambda: chain(step(words), []), "side by side is empty"),
    (lambda: chain(step(words), step(unread)), r"step 'unread' reads 'wards', which no step.*did you mean 'words'"),
    (
        lambda: chain(step(longest), step(told), step(count)),
        r"step 'told' reads 'count', which only a later step writes",
    ),
    (lambda: chain(step(words), step(words)), "two steps are called 'words'"),
    (lambda: chain(step(words), lambda state: {}), "has no name"),
    (lambda: chain(step(words), 7), "7 is no step"),
    (lambda: chain(step(words), [[step(count)]]), "cannot hold another list"),
    (
        lambda: chain(step(words), [step(count, into="n"), step(longest, into="n")]),
        r"'count' and 'longest' run side by side and both write 'n'",
    ),
    (lambda: chain(step(words), RunnableLambda(str, name="shout")), r"step 'shout': what it reads and writes"),
    (lambda: chain(step(words), output="total"), "output 'total' is no key"),
    (lambda: chain(split, step(count), state=Words), r"step 'split' reads 'text'"),
    (
        lambda: chain(split, step(count, into="n"), state=State0),
        r"step 'count' writes 'n', which the given state does not",
    ),
    (lambda: chain(step(words), review("words")), "that leads nowhere"),
    (lambda: chain(step(words), review("words", reject="wrods")), "'wrods', which is no earlier step"),
    (lambda: chain(step(words), review("text", context=("author",), reject=END)), "reads 'author'"),
    (lambda: chain(step(words), name="no:colons"), "cannot name a step"),
    (
        lambda: chain(step(words), fan_out(prompt("p", "{w}"), over="words")),
        "reads 'w', and a branch is given only item",
    ),
]


class State0(TypedDict, total=False):
    text: str
    words: list[str]


@pytest.mark.parametrize(("build", "told"), REFUSED)
def test_a_chain_that_could_not_work_is_refused_and_told_why(build: Any, told: str) -> None:
    with pytest.raises(GraphBuildError, match=told):
        build()


def test_an_input_that_only_a_later_step_reads_can_be_declared() -> None:
    graph = chain(step(words), prompt("ask", "{words} for {audience}", model=ECHO), inputs=("audience",))
    assert set(graph.reads) == {"text", "audience"}
    assert graph.compile().invoke({"text": "a", "audience": "B"})["ask"].endswith("for B]")
