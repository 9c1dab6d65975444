"""Forms: what a JSON schema and a value become as fields, and what is read back."""

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from streamlit.testing.v1 import AppTest

from treadle.nodes.inquiries.questions import answer_type
from treadle.ui.diffs import same
from treadle.ui.fields import ABSENT, Field, plan, said
from treadle.ui.forms import Unreadable, read
from treadle.ui.schemas import settled


class Party(BaseModel):
    name: str
    share: float | None = None


class Finding(BaseModel):
    category: Literal["liability", "payment"]
    risk: Literal["low", "medium", "high"]
    reason: str
    confidence: float | None = None
    urgent: bool = False
    parties: list[Party] = []
    tags: list[str] = []


FINDING: dict[str, Any] = {
    "category": "liability",
    "risk": "high",
    "reason": "No limit on what the customer pays.",
    "confidence": 0.4837,
    "urgent": True,
    "parties": [{"name": "Acme", "share": 0.5}, {"name": "Bolt", "share": None}],
    "tags": ["uncapped"],
}


def schema() -> dict[str, Any]:
    """The schema of an answer to a review of a finding, as the queue stores it."""
    return answer_type(("approve", "edit"), Finding).model_json_schema()


def form(value: Any = FINDING) -> Field:
    whole = schema()
    return plan(whole["properties"]["value"], value, key="f", root=whole)


def kinds(field: Field) -> dict[str, str]:
    return {name: inner.kind for name, inner in field.fields}


def test_every_kind_of_field_gets_a_widget_of_its_own() -> None:
    assert kinds(form()) == {
        "category": "choice",
        "risk": "choice",
        "reason": "text",
        "confidence": "number",
        "urgent": "switch",
        "parties": "list",
        "tags": "list",
    }
    assert dict(form().fields)["risk"].options == ("low", "medium", "high")
    assert dict(form().fields)["confidence"].null


def test_a_form_that_nobody_touched_gives_the_proposal_back() -> None:
    assert read(form(), {}) == FINDING


def test_what_is_read_fits_the_schema_of_the_answer() -> None:
    value = read(form(), {"f/risk": "low", "f/reason": "Capped.", "f/confidence": None})
    assert value == {**FINDING, "risk": "low", "reason": "Capped.", "confidence": None}
    Draft202012Validator(schema()).validate({"action": "edit", "value": value})


def test_a_long_text_gets_a_box_of_several_lines() -> None:
    assert plan({"type": "string"}, "word " * 40, key="f").kind == "prose"
    assert plan({"type": "string"}, "one\ntwo", key="f").kind == "prose"
    assert plan({"type": "string"}, "short", key="f").kind == "text"


def test_items_of_a_list_can_be_taken_out_and_added() -> None:
    state = {"f/parties/items": [1, 2], "f/parties/2/name": "Crane", "f/parties/2/share": 0.25}
    assert read(form(), state)["parties"] == [{"name": "Bolt", "share": None}, {"name": "Crane", "share": 0.25}]


def test_a_value_without_a_schema_gets_the_form_that_it_suggests() -> None:
    field = plan({}, {"to": "a@example.com", "count": 3, "force": False, "more": {"note": "x"}}, key="f")
    assert kinds(field) == {"to": "text", "count": "integer", "force": "switch", "more": "object"}
    assert read(field, {"f/count": 4}) == {"to": "a@example.com", "count": 4, "force": False, "more": {"note": "x"}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, "not a number"),
        ({"enum": ["a", "b"]}, "c"),
        ({"type": "integer"}, 2**60),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, None),
        ({"$ref": "https://elsewhere.invalid/schema"}, None),
        ({"type": "array", "items": {"type": "string"}}, ["word"] * 1000),
        ({"type": "array"}, []),
        ({"type": "object"}, {}),
        (True, None),
    ],
)
def test_what_no_widget_can_hold_is_edited_as_json_and_survives(schema: Any, value: Any) -> None:
    field = plan(schema, value, key="f")
    assert field.kind == "json"
    assert read(field, {}) == value


def test_a_schema_that_points_to_itself_ends_in_json() -> None:
    tree = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    value: dict[str, Any] = {}
    for _ in range(12):
        value = {"next": value}
    assert read(plan(tree, value, key="f"), {}) == value
    assert settled({"$ref": "#"}, {"$ref": "#"}) == ({}, False)


def test_json_that_cannot_be_read_names_the_field_and_the_line() -> None:
    field = plan({"type": "object", "properties": {"extra": {}}}, {"extra": None}, key="f")
    with pytest.raises(Unreadable, match=r"Extra is not JSON, line 2"):
        read(field, {"f/extra": '{"a": 1,\n b}'})


def test_a_number_that_was_cleared_is_asked_for() -> None:
    field = plan(
        {"type": "object", "properties": {"pages": {"type": "integer"}}, "required": ["pages"]}, {"pages": 3}, key="f"
    )
    with pytest.raises(Unreadable, match="Pages is empty: fill it in"):
        read(field, {"f/pages": None})


def test_an_optional_field_that_was_not_there_is_left_out_unless_it_is_filled() -> None:
    field = plan({"properties": {"note": {"type": "string"}}}, {}, key="f")
    assert read(field, {}) == {}
    assert read(field, {"f/note": "seen"}) == {"note": "seen"}


def test_a_whole_number_stays_whole_where_the_schema_allows_any() -> None:
    field = plan({"type": "number"}, 3, key="f")
    assert json.dumps(read(field, {"f": 3.0})) == "3"
    assert json.dumps(read(field, {"f": 3.5})) == "3.5"


def test_a_field_of_one_value_cannot_be_changed() -> None:
    assert read(plan({"const": "email"}, "email", key="f"), {"f": "sms"}) == "email"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_any_value_comes_back_from_a_form_that_nobody_touched(value: Any) -> None:
    assert same(read(plan({}, value, key="f"), {}), value) or value == read(plan({}, value, key="f"), {})


@given(PLAIN)
def test_any_value_comes_back_from_the_form_of_another_schema(value: Any) -> None:
    whole = schema()
    field = plan(whole["properties"]["value"], value, key="f", root=whole)
    if value is not None and not isinstance(value, dict):  # there, what is missing is asked for
        assert read(field, {}) == value


def test_labels_are_words() -> None:
    assert said("clause_number") == "Clause number"
    assert said("") == ""


def _app() -> None:
    import streamlit as st

    from treadle.ui.fields import plan
    from treadle.ui.forms import Unreadable, draw, read

    field = plan(
        st.session_state["schema"]["properties"]["value"],
        st.session_state["value"],
        key="f",
        root=st.session_state["schema"],
    )
    draw(field)
    try:
        st.session_state["out"] = read(field)
    except Unreadable as error:
        st.session_state["out"] = str(error)


def drawn(value: Any) -> AppTest:
    app = AppTest.from_function(_app)
    app.session_state["schema"] = schema()
    app.session_state["value"] = value
    app.run()
    assert not app.exception
    return app


def test_a_drawn_form_reads_what_was_typed() -> None:
    app = drawn(FINDING)
    assert app.session_state["out"] == FINDING
    app.selectbox(key="f/risk").set_value("low")
    app.text_input(key="f/reason").set_value("**bold** <b>x</b>")
    app.number_input(key="f/confidence").set_value(0.9)
    app.toggle(key="f/urgent").set_value(False)
    app.run()
    assert app.session_state["out"] == {
        **FINDING, "risk": "low", "reason": "**bold** <b>x</b>", "confidence": 0.9, "urgent": False,
    }  # fmt: skip


def test_items_are_added_and_taken_out_by_buttons() -> None:
    app = drawn(FINDING)
    app.button(key="f/parties/0/out").click().run()
    app.button(key="f/parties/add").click().run()
    app.text_input(key="f/parties/2/name").set_value("Crane").run()
    assert not app.exception
    assert app.session_state["out"]["parties"] == [{"name": "Bolt", "share": None}, {"name": "Crane", "share": None}]


def test_labels_and_values_with_markdown_are_drawn_as_text() -> None:
    app = drawn({**FINDING, "![x](http://elsewhere.invalid/a.png)": "![y](http://elsewhere.invalid/b.png)"})
    labels = [each.label for each in app.text_input]
    assert not any("![x](" in label for label in labels)
    assert app.session_state["out"]["![x](http://elsewhere.invalid/a.png)"] == "![y](http://elsewhere.invalid/b.png)"


def test_a_field_that_is_absent_has_no_value() -> None:
    assert plan({"type": "string"}, key="f").value is ABSENT
    assert plan({"type": "string", "default": "x"}, key="f").start == "x"
