"""Joins keep the order of the items, whatever order the branches came in."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import InputInvalid
from treadle.nodes.joins import as_list, as_text, merge, vote
from treadle.nodes.outcomes import Outcome, failure, ordered, success

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def outcomes(*values: Any) -> list[Outcome]:
    """Successes for values, failures for errors."""
    return [
        failure(index, "w", value) if isinstance(value, Exception) else success(index, "w", value)
        for index, value in enumerate(values)
    ]


@given(st.lists(PLAIN), st.randoms())
def test_a_list_is_in_item_order_and_holds_each_branch_once(values: list[Any], rng: random.Random) -> None:
    arrived = outcomes(*values) * 2
    rng.shuffle(arrived)
    assert as_list(ordered(arrived)) == values


def test_failed_items_are_left_out_of_lists_and_texts() -> None:
    mixed = outcomes("a", ValueError("x"), "c")
    assert as_list(mixed) == ["a", "c"]
    assert as_text(", ")(mixed) == "a, c"


def test_a_vote_counts_failed_branches_as_silent() -> None:
    assert vote(outcomes("yes", "no", "yes", ValueError("x"))) == {"value": "yes", "share": 0.5}
    assert vote(outcomes({"a": [1]}, {"a": [2]}, {"a": [2]})) == {"value": {"a": [2]}, "share": 2 / 3}


def test_one_and_true_are_different_votes() -> None:
    assert vote(outcomes(1, True, True))["value"] is True


def test_a_vote_of_nobody_is_an_error() -> None:
    with pytest.raises(InputInvalid, match="none of 1 branches"):
        vote(outcomes(ValueError("x")))


def test_objects_are_merged_deeply() -> None:
    merged = merge(outcomes({"a": 1, "n": {"x": [1]}}, ValueError("x"), {"b": 2, "n": {"x": [2], "y": 3}}))
    assert merged == {"a": 1, "b": 2, "n": {"x": [1, 2], "y": 3}}


def test_merging_what_is_no_object_names_the_item() -> None:
    with pytest.raises(InputInvalid, match="item 1"):
        merge(outcomes({}, "text"))
