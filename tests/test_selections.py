"""Joins that choose or condense, alone and in a fan-out."""

import operator
from typing import Any

import pytest
from scripted import ScriptedModel

from treadle import fan_out
from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes import prompt, step
from treadle.nodes.judges import best_of
from treadle.nodes.outcomes import Outcome, failure, success
from treadle.nodes.selections import distinct, fold, rank
from treadle.nodes.texts.stitches import stitch
from treadle.nodes.trees import tree


def outcomes(*values: Any) -> list[Outcome]:
    return [
        failure(i, "w", value) if isinstance(value, Exception) else success(i, "w", value)
        for i, value in enumerate(values)
    ]


def test_equal_values_stand_once_and_similar_ones_where_that_is_asked_for() -> None:
    assert distinct()(outcomes("a", {"x": 1}, "a", {"x": 1}, ValueError("x"), 1)) == ["a", {"x": 1}, 1]
    assert distinct(key=str.lower)(outcomes("a", "A", "b")) == ["a", "b"]
    assert distinct(similar=0.8)(outcomes("the fee is due", "the fee was due", "notice")) == [
        "the fee is due",
        "notice",
    ]


def test_values_are_ranked_and_cut() -> None:
    assert rank(len, top=2)(outcomes("a", "ccc", ValueError("x"), "bb", "ddd")) == ["ccc", "ddd"]


def test_overlapping_windows_are_stitched() -> None:
    assert stitch()(outcomes("abcd", "cdef", "xy")) == "abcdefxy"
    assert stitch()(outcomes()) == ""


def test_a_reducer_is_a_join() -> None:
    assert fold(operator.add)(outcomes([1], [2])) == [1, 2]
    graph = fan_out(step(lambda n: n, into="out", name="work"), over="ns", item="n", join=operator.add).compile()
    assert graph.invoke({"ns": [1, 2, 3]})["results"] == 6


def judging(said: str) -> Any:
    return best_of(prompt("judge", "{candidates}", model=ScriptedModel(script=lambda _: said)))


def judged(said: str, *values: str) -> Any:
    work = step(lambda n: n, into="out", name="work")
    return fan_out(work, over="ns", item="n", join=judging(said)).compile().invoke({"ns": list(values)})["results"]


def test_a_judge_chooses_among_the_candidates() -> None:
    assert judged("2", "a", "b", "c") == "b"
    assert judged("no matter", "a") == "a"
    with pytest.raises(InputInvalid, match="said '7', and 7 is no number from 1 to 2"):
        judged("7", "a", "b")


def ranked(said: str, *values: str, top: int | None = None) -> Any:
    judge = prompt("judge", "{candidates}", output=list[int], model=ScriptedModel(script=lambda _: said))
    work = step(lambda n: n, into="out", name="work")
    graph = fan_out(work, over="ns", item="n", join=rank(judge, top=top), need=0).compile()
    return graph.invoke({"ns": list(values)})["results"]


def test_a_judge_ranks_the_candidates_and_what_it_leaves_out_comes_last() -> None:
    assert ranked("[2, 3, 1]", "a", "b", "c") == ["b", "c", "a"]
    assert ranked("[3, 3]", "a", "b", "c") == ["c", "a", "b"]
    assert ranked("[3, 1]", "a", "b", "c", top=2) == ["c", "a"]
    assert ranked("nobody is asked", "a") == ["a"]
    assert ranked("nobody is asked") == []
    with pytest.raises(InputInvalid, match=r"said \[1, 4\], and 4 is no number from 1 to 3"):
        ranked("[1, 4]", "a", "b", "c")
    with pytest.raises(InputInvalid, match="there is no number from 1 to 2"):
        ranked("[]", "a", "b")


def test_a_judge_sees_successes_alone() -> None:
    seen: list[str] = []

    def order(candidates: str) -> str:
        seen.append(candidates)
        return "2 before 1"

    def work(n: str) -> str:
        if n == "bad":
            raise ValueError(n)
        return n

    graph = fan_out(step(work), over="ns", item="n", join=rank(step(order))).compile()
    assert graph.invoke({"ns": ["a", "bad", "c"]})["results"] == ["c", "a"]
    assert seen == ["[1]\na\n\n[2]\nc"]


@pytest.mark.parametrize("join", [best_of, rank])
def test_a_judge_that_reads_something_else_is_refused(join: Any) -> None:
    with pytest.raises(GraphBuildError, match="must read 'candidates' alone"):
        join(prompt("judge", "{text}"))


def test_texts_are_summed_up_level_by_level_within_the_budget() -> None:
    asked: list[str] = []

    def shorten(parts: str) -> str:
        asked.append(parts)
        return "+".join(part[0] for part in parts.split("\n\n"))

    work = step(lambda n: n, into="out", name="work")
    join = tree(step(shorten, into="short"), budget=20, tokens=len)
    done = fan_out(work, over="ns", item="n", join=join).compile().invoke({"ns": ["a" * 9, "b" * 9, "c" * 9, "d" * 9]})
    assert done["results"] == "a+c"
    assert asked == [f"{'a' * 9}\n\n{'b' * 9}", f"{'c' * 9}\n\n{'d' * 9}", "a+b\n\nc+d"]


def test_a_reducer_without_anything_to_start_from_says_so() -> None:
    made: dict[str, Any] = {"over": "ns", "item": "n"}
    work = step(lambda n: n, into="out", name="work")
    with pytest.raises(InputInvalid, match=r"none of 0 branches gave a value; say .* join=fold\(add, start\)"):
        fan_out(work, join=operator.add, **made).compile().invoke({"ns": []})
    assert fan_out(work, join=fold(operator.add, 0), **made).compile().invoke({"ns": []})["results"] == 0
