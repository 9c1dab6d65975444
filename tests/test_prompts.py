"""A prompt asks, checks, asks again with the problem told, and records the exchange."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel
from scripted import ScriptedModel
from typing_extensions import TypedDict

from treadle.errors import GateFailed, GraphBuildError, InputInvalid, OutputInvalid
from treadle.nodes import Confidence, prompt


class Finding(BaseModel):
    risk: Literal["low", "high"]
    confidence: Confidence = None


class Notebook:
    """A recorder that keeps its entries in a list."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []

    def recall(self, thread_id: str, key: str) -> tuple[Any] | None:
        return None

    def remember(self, thread_id: str, key: str, value: Any) -> None:
        raise AssertionError("a prompt keeps no results")

    def trace(self, thread_id: str, entry: Mapping[str, Any]) -> None:
        self.entries.append(entry)


def recorded(notebook: Notebook) -> RunnableConfig:
    values = {"thread_id": "t", "checkpoint_ns": "rate:1|finding:2", "any private key": notebook}
    return {"configurable": values}


def test_text_goes_to_the_key_of_the_prompts_name() -> None:
    ask = prompt("summary", "Sum up: {text}", model=ScriptedModel(script=lambda said: f"<{said}>"))
    assert ask({"text": "long"}) == {"summary": "<Sum up: long>"}


def test_a_typed_answer_becomes_plain_data() -> None:
    ask = prompt("rate", "{text}", output=Finding, model=ScriptedModel(script=lambda _: {"risk": "low"}), into="found")
    assert ask({"text": ""}) == {"found": {"risk": "low", "confidence": None}}


class Row(TypedDict):
    name: str


@dataclass
class Point:
    x: int


KINDS: list[tuple[Any, Any, Any]] = [
    (Row, {"name": "n"}, {"name": "n"}),
    (Point, {"x": 1}, {"x": 1}),
    (list[Row], {"value": [{"name": "n"}]}, [{"name": "n"}]),
    (Literal["a", "b"], {"value": "b"}, "b"),
    (int, {"value": 3}, 3),
    ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("declared", "said", "plain"), KINDS)
def test_every_declared_kind_becomes_plain_data_and_a_misfit_is_asked_for_again(
    declared: Any, said: Any, plain: Any
) -> None:
    model = ScriptedModel(script=lambda told: said if "cannot be used" in told else {"odd": ["misfit"], "a": "x"})
    assert prompt("found", "{text}", output=declared, model=model)({"text": ""}) == {"found": plain}
    assert asyncio.run(prompt("found", "{text}", output=declared, model=model).ainvoke({"text": ""}))["found"] == plain
    assert len(model.calls) == 4


@given(st.text(), st.text())
def test_any_text_reaches_the_model_as_it_is_in_system_and_question(first: str, second: str) -> None:
    model = ScriptedModel(script=lambda _: "", calls=[])
    prompt("p", "# {first}\n{{braces}} {second}", system="{second}", model=model)({"first": first, "second": second})
    assert [message.content for message in model.calls[0]] == [second, f"# {first}\n{{braces}} {second}"]


def test_a_models_own_measure_of_confidence_is_filled_in() -> None:
    model = ScriptedModel(script=lambda _: {"risk": "low"}, measures_confidence=True, confidence={"risk": 0.7})
    assert prompt("rate", "{text}", output=Finding, model=model)({"text": ""})["rate"]["confidence"] == 0.7


@pytest.mark.parametrize("first", ['{"risk": "huge"}', "no json at all"])
def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_problem(first: str) -> None:
    model = ScriptedModel(script=lambda said: {"risk": "high"} if "cannot be used" in said else first)
    assert prompt("rate", "{text}", output=Finding, model=model)({"text": ""})["rate"]["risk"] == "high"
    assert [message.type for message in model.calls[1]] == ["human", "ai", "human"]


def test_the_last_misfit_is_an_error_that_names_the_step() -> None:
    model = ScriptedModel(script=lambda _: {"risk": "huge"})
    with pytest.raises(OutputInvalid, match=r"step 'rate': risk: .*after 3 attempts"):
        prompt("rate", "{text}", output=Finding, model=model, attempts=3)({"text": ""})
    assert len(model.calls) == 3


def test_a_gate_that_refuses_to_the_last_is_an_error_with_step_gate_value_and_attempts() -> None:
    model = ScriptedModel(script=lambda _: "no digits")
    with pytest.raises(GateFailed, match=r"step 'year'.*does not contain.*2 attempts.*no digits"):
        prompt("year", "{text}", gate=r"\d{4}", model=model)({"text": ""})


def test_a_gate_lets_the_repaired_answer_pass() -> None:
    model = ScriptedModel(script=lambda said: "2026" if "does not contain" in said else "this year")
    assert prompt("year", "{text}", gate=r"\d{4}", model=model)({"text": ""}) == {"year": "2026"}


def test_system_text_and_examples_come_before_the_question() -> None:
    model = ScriptedModel(script=lambda _: {"risk": "low"})
    ask = prompt(
        "rate", "{text}", output=Finding, system="You read for {side}.", examples=[("q", {"risk": "high"})], model=model
    )
    ask({"text": "t", "side": "the buyer"})
    told = [(message.type, message.text) for message in model.calls[0]]
    assert told == [
        ("system", "You read for the buyer."),
        ("human", "q"),
        ("ai", '{\n  "risk": "high"\n}'),
        ("human", "t"),
    ]


def test_a_reviewers_words_reach_the_model() -> None:
    model = ScriptedModel(script=lambda said: said)
    rejected = {"action": "reject", "proposal": "first", "reason": "too long", "words": "One line."}
    ask = prompt("memo", "Write.", model=model)
    answer = ask({"memo_reviews": [{"action": "edit", "proposal": "x"}, rejected]})["memo"]
    assert "first" in answer
    assert "too long. One line" in answer
    assert len(model.calls[0]) == 3


def test_every_attempt_is_recorded_with_prompt_response_and_tokens() -> None:
    notebook = Notebook()
    model = ScriptedModel(script=lambda said: {"risk": "high"} if "cannot" in said else "x")
    prompt("rate", "{text}", output=Finding, model=model)({"text": "clause"}, recorded(notebook))
    first, second = notebook.entries
    assert (first["attempt"], first["path"], first["messages"]) == (
        1,
        "rate|finding",
        [{"role": "human", "content": "clause"}],
    )
    assert "not the JSON" in first["gate"]
    assert (second["parsed"], second["gate"]) == ({"risk": "high", "confidence": None}, None)
    assert (second["tokens_in"], second["tokens_out"], second["model"]) == (7, 3, "scripted")


def test_the_run_names_the_model_for_prompts_that_name_none() -> None:
    model = ScriptedModel(script=lambda _: "hello")
    assert prompt("greet", "Hi")({}, {"configurable": {"model": model}}) == {"greet": "hello"}
    assert asyncio.run(prompt("greet", "Hi").ainvoke({}, {"configurable": {"model": model}})) == {"greet": "hello"}


def test_a_missing_key_is_an_error_before_the_model_is_called() -> None:
    model = ScriptedModel(script=lambda _: "")
    with pytest.raises(InputInvalid, match=r"needs \{text\}"):
        prompt("sum", "{text}", model=model)({})
    assert model.calls == []


@pytest.mark.parametrize("made", [{"name": "no name"}, {"attempts": 0}, {"template": "{"}, {"output": pytest.Session}])
def test_a_prompt_that_cannot_work_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(GraphBuildError):
        prompt(
            made.get("name", "p"),
            made.get("template", "{t}"),
            **{k: v for k, v in made.items() if k in ("attempts", "output")},
        )
