"""Templates are filled once, with any text, and wrong ones are refused when they are made."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes.templates import Template


@given(st.text())
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    assert Template("<a>{text}</a>", "step").fill({"text": text}) == f"<a>{text}</a>"


def test_a_value_is_never_read_as_a_template() -> None:
    assert Template("{first} {second}", "step").fill({"first": "{second}", "second": "{first}"}) == "{second} {first}"


def test_doubled_braces_are_text() -> None:
    assert Template('{{"key": {value}}}', "step").fill({"value": "1"}) == '{"key": 1}'


def test_a_field_can_name_a_part_of_a_value() -> None:
    template = Template("{clause.heading}: {clause.text}", "step")
    assert template.keys == ("clause",)
    assert template.fill({"clause": {"heading": "Term", "text": "Two years."}}) == "Term: Two years."


def test_what_is_not_text_is_shown_as_json() -> None:
    assert json.loads(Template("{list}", "step").fill({"list": [{"é": 1}]})) == [{"é": 1}]


@pytest.mark.parametrize("source", ["{", "}", "{}", "{0}", "{a!r}", "{a:>3}", "{a-b}", "{a.}", "{a[0]}"])
def test_a_template_that_cannot_be_filled_is_refused_with_the_name_of_its_prompt(source: str) -> None:
    with pytest.raises(GraphBuildError, match="'summary'"):
        Template(source, "summary")


@pytest.mark.parametrize("state", [{}, {"clause": "text"}, {"clause": {"heading": "x"}}])
def test_a_missing_value_is_named(state: dict[str, object]) -> None:
    with pytest.raises(InputInvalid, match=r"prompt 'rate' needs \{clause\.text\}"):
        Template("{clause.text}", "rate").fill(state)
