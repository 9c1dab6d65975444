"""Declared outputs become schemas for models and plain data for the state."""

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from typing_extensions import TypedDict

from treadle.errors import GraphBuildError, OutputInvalid
from treadle.nodes.outputs import Confidence, Output


class Finding(BaseModel):
    risk: Literal["low", "high"]
    reason: str
    confidence: Confidence = None


class Row(TypedDict):
    name: str
    count: int


@dataclass
class Point:
    x: int


DECLARED: list[tuple[Any, Any, Any]] = [
    (Finding, {"risk": "low", "reason": "r", "confidence": 0.5}, {"risk": "low", "reason": "r", "confidence": 0.5}),
    (Row, {"name": "n", "count": 2}, {"name": "n", "count": 2}),
    (Point, {"x": 1}, {"x": 1}),
    (list[Row], {"value": [{"name": "n", "count": 2}]}, [{"name": "n", "count": 2}]),
    (Literal["a", "b"], {"value": "a"}, "a"),
    (int, {"value": 3}, 3),
    ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("declared", "answer", "plain"), DECLARED)
def test_an_answer_that_fits_becomes_plain_data(declared: Any, answer: Any, plain: Any) -> None:
    assert Output(declared, "step").parse(answer) == plain


@pytest.mark.parametrize(("declared", "answer", "plain"), DECLARED)
def test_a_model_is_asked_for_an_object_with_a_title_which_the_answer_fits(
    declared: Any, answer: Any, plain: Any
) -> None:
    schema = Output(declared, "step").asked(measured=False)
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["title"]
    Draft202012Validator(schema).validate(answer)


@pytest.mark.parametrize(
    ("declared", "answer"),
    [(Finding, {"risk": "huge", "reason": "r"}), (list[Row], {"value": [{"name": 1}]}), (DECLARED[-1][0], {"a": "x"})],
)
def test_an_answer_that_does_not_fit_is_refused_with_step_and_place(declared: Any, answer: Any) -> None:
    with pytest.raises(OutputInvalid, match=r"step 'rate': .*(risk|0\.name|\$\.a)"):
        Output(declared, "rate").parse(answer)


def test_a_model_that_measures_its_confidence_is_not_asked_for_it() -> None:
    output = Output(Finding, "rate")
    assert "confidence" in output.asked(measured=False)["properties"]
    assert "confidence" not in output.asked(measured=True)["properties"]
    parsed = output.parse({"risk": "low", "reason": "r"})
    assert output.measure(parsed, {"risk": 0.81234, "category": 0.9})["confidence"] == 0.812


def test_a_confidence_outside_of_zero_and_one_is_refused() -> None:
    with pytest.raises(OutputInvalid, match="confidence"):
        Output(Finding, "rate").parse({"risk": "low", "reason": "r", "confidence": 7})


def test_a_type_without_a_schema_is_refused_when_the_step_is_made() -> None:
    with pytest.raises(GraphBuildError, match="'rate'"):
        _ = Output(pytest.Session, "rate").schema
