"""Almost-JSON is read for what it means, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.nodes.readings import lenient

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs", "Po")), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | WORDS
NESTED = st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(WORDS, x), max_leaves=8)
DATA = st.dictionaries(WORDS, NESTED)
NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
PLAIN = st.dictionaries(NAMES, st.integers(0, 99) | st.from_regex(r"[a-z ]{0,9}", fullmatch=True), min_size=1)


@given(DATA)
def test_sound_json_means_itself(data: Any) -> None:
    assert lenient(json.dumps(data)) in ((data,), None)


@given(PLAIN)
def test_fences_words_around_it_and_trailing_commas_change_nothing(data: Any) -> None:
    text = json.dumps(data, indent=1)
    assert lenient(f"Sure, here it is:\n```json\n{text[:-1]},}}\n```\nAnything else?") == (data,)
    assert lenient(text.replace('"', "'")) == (data,)


@given(DATA, st.integers(0, 200))
def test_what_is_cut_off_is_never_read_as_if_it_were_whole(data: Any, at: int) -> None:
    text = json.dumps(data)
    assert at >= len(text) or lenient(text[:at]) is None


@given(st.text(max_size=60) | st.text("{}[]'\",:ab 1`", max_size=30))
def test_any_text_is_read_or_refused_without_an_error(text: str) -> None:
    found = lenient(text)
    assert found is None or isinstance(found[0], dict | list)


@pytest.mark.parametrize("text", ["", "no JSON", '{"a" 1}', '{"a": 1} and {"b": 2}', '{"a": [1}', '{"a": 1, "b": "x'])
def test_what_is_not_certain_is_refused(text: str) -> None:
    assert lenient(text) is None
