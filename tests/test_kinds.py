"""Types that both sides declare must be able to meet; plain data reaches a function as the model it declares."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel
from scripted import ScriptedModel
from typing_extensions import TypedDict

from treadle import chain, fan_out
from treadle.errors import GraphBuildError, InputInvalid
from treadle.graphs.kinds import fits
from treadle.nodes import prompt, step


class Finding(BaseModel):
    risk: Literal["low", "high"]


class Clause(TypedDict):
    text: str


class Number(TypedDict):
    text: int


@pytest.mark.parametrize(
    ("written", "taken", "meets"),
    [
        (str, str, True), (bool, int, True), (str, int, False), (list[str], str, False), (list[str], list[int], False),
        (list[Clause], list[dict[str, Any]], True), (Finding, dict[str, Any], True), (Finding, Finding, True),
        (Finding, str, False), (Clause, Number, False), (Literal["a", "b"], str, True), (Literal["a"], int, False),
        (Literal["a"], Literal["b"], False), (str | None, str, True), (int | None, str, False), (None, str, False),
        (list, list[int], True), ("Later", int, True), (dict[str, int], dict[str, str], False), (Any, int, True),
    ],
)  # fmt: skip
def test_types_meet_or_cannot(written: Any, taken: Any, meets: bool) -> None:
    assert fits(written, taken) is meets


def count(text: str) -> int:
    return len(text)


def shout(count: str) -> str:
    return count.upper()


def risk(finding: Finding) -> str:
    return finding.risk


def test_a_step_that_takes_a_key_as_something_else_is_refused_when_it_is_built() -> None:
    with pytest.raises(GraphBuildError, match="step 'shout' takes 'count' as str, and it is int there"):
        chain(step(count), step(shout))


def test_a_nested_chain_is_checked_too() -> None:
    with pytest.raises(GraphBuildError, match="'inner' takes 'count' as str"):
        chain(step(count), chain(step(shout), name="inner"))


def test_two_steps_cannot_take_one_input_as_different_things() -> None:
    with pytest.raises(GraphBuildError, match="takes 'text' as int"):
        chain(step(count), step(lambda_int, into="n"))


def lambda_int(text: int) -> int:
    return text


def test_plain_data_becomes_the_model_that_a_parameter_declares() -> None:
    model = ScriptedModel(script=lambda _: {"risk": "high"})
    graph = chain(prompt("finding", "Rate.", output=Finding, model=model), step(risk))
    assert graph.compile().invoke({}) == {"finding": {"risk": "high"}, "risk": "high"}
    with pytest.raises(InputInvalid, match="step 'risk': 'finding' is not what it takes"):
        step(risk)({"finding": {"risk": "none"}})


def unit(text: str, unit: str = "words") -> str:
    return f"{text} {unit}"


def test_a_key_that_may_be_left_out_is_an_input_of_the_graph() -> None:
    graph = chain(step(count), chain(step(unit), name="inner"))
    assert graph.reads == ("text",)
    assert graph.compile().invoke({"text": "a", "unit": "letters"})["unit"] == "a letters"
    assert graph.compile().invoke({"text": "a"})["unit"] == "a words"


def length(clause: Clause) -> int:
    return len(clause["text"])


def double(number: int) -> int:
    return number * 2


def total(doubled: list[int]) -> int:
    return sum(doubled)


def numbers(text: str) -> list[int]:
    return [len(word) for word in text.split()]


def test_a_worker_that_takes_its_items_as_something_else_is_refused_when_it_is_built() -> None:
    with pytest.raises(
        GraphBuildError, match=r"step 'lengths' takes 'numbers' as Iterable\[.*Clause\], and it is list"
    ):
        chain(step(numbers), fan_out(step(length), over="numbers", item="clause", into="lengths"))
    with pytest.raises(GraphBuildError, match="'lengths' takes 'count'"):
        chain(step(count), fan_out(step(length), over="count", item="clause", into="lengths"))


def test_what_a_fan_out_joins_into_a_list_has_the_type_of_its_workers_results() -> None:
    doubled = fan_out(step(double), over="numbers", item="number", into="doubled")
    graph = chain(step(numbers), doubled, step(total))
    assert graph.compile().invoke({"text": "a bb ccc"})["total"] == 12
    with pytest.raises(GraphBuildError, match=r"step 'shout' takes 'doubled' as str, and it is list\[int\]"):
        chain(step(numbers), doubled, step(lambda_text, into="loud", name="shout"))


def lambda_text(doubled: str) -> str:
    return doubled


def test_what_every_item_is_given_beside_it_is_checked_too() -> None:
    with pytest.raises(GraphBuildError, match="takes 'unit' as str, and it is int there"):
        chain(
            [step(numbers), step(count, into="unit")],
            fan_out(step(labelled), over="numbers", item="number", into="labels", context=("unit",)),
        )


def labelled(number: int, unit: str) -> str:
    return f"{number} {unit}"
