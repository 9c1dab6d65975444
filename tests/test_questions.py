"""Questions are plain data, bound by a digest, and take only answers that fit."""

import json
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from treadle.nodes.inquiries.questions import Question, answer_type


class Finding(BaseModel):
    risk: Literal["low", "high"]


def question(**changes: Any) -> Question:
    fields: dict[str, Any] = {
        "gate": "g",
        "title": "t",
        "why": "w",
        "proposal": {"a": 1},
        "actions": ("approve",),
        "leads_to": {},
    }
    return Question(**{**fields, **changes})


def test_a_payload_is_plain_data_and_its_digest_is_that_of_its_json() -> None:
    payload = question(reasons=("x", "y")).payload()
    assert json.loads(json.dumps(payload)) == payload
    assert payload["kind"] == "treadle.review"


def test_another_proposal_has_another_digest() -> None:
    assert question().digest == question().digest
    assert question(proposal={"a": 2}).digest != question().digest


ANSWERS: list[tuple[dict[str, Any], bool]] = [
    ({"action": "approve"}, True),
    ({"action": "edit", "value": {"risk": "low"}, "by": "ada", "at": 1.5}, True),
    ({"action": "edit"}, False),
    ({"action": "edit", "value": {"risk": "huge"}}, False),
    ({"action": "reject"}, False),
    ({}, False),
    ({"action": "approve", "sure": True}, False),
    ({"action": "approve", "words": 7}, False),
]


@pytest.mark.parametrize(("answer", "fits"), ANSWERS)
def test_the_type_and_the_stored_schema_agree_on_what_is_an_answer(answer: dict[str, Any], fits: bool) -> None:
    kind = answer_type(["approve", "edit"], Finding)
    assert Draft202012Validator(kind.model_json_schema()).is_valid(answer) is fits
    if fits:
        assert kind.model_validate(answer).action == answer["action"]
    else:
        with pytest.raises(ValidationError):
            kind.model_validate(answer)


def test_a_value_of_a_type_without_a_schema_may_be_anything() -> None:
    assert answer_type(["edit"], pytest.Session).model_validate({"action": "edit", "value": [1]}).value == [1]
