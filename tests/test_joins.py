"""Joins keep the order of the items, whatever order the branches came in."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import InputInvalid
from treadle.nodes.joins import as_list, as_text, merge, vote
from treadle.nodes.outcomes import Outcome, failure, ordered, success
from treadle.nodes.texts.stitches import stitch

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


def test_stitched_lists_and_objects_hold_what_overlaps_once() -> None:
    first = {"rows": [{"n": 1}, {"n": 2}], "n": 1, "text": "a b"}
    second = {"rows": [{"n": 2}, {"n": 3}], "n": 2, "text": "b c"}
    rows = [{"n": 1}, {"n": 2}, {"n": 3}]
    assert stitch()(outcomes(first, ValueError("x"), second)) == {"rows": rows, "n": 2, "text": "a b c"}
    assert stitch()(outcomes([1, 2, 1, 2], [1, 2, 3])) == [1, 2, 1, 2, 3]
    assert stitch(overlap=1)(outcomes([1, 2], [1, 2])) == [1, 2, 1, 2]
    assert stitch()([]) == ""


@given(st.lists(st.integers(), min_size=1, unique=True), st.data())
def test_windows_over_a_list_are_stitched_into_that_list(whole: list[int], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(whole)))
    stride = data.draw(st.integers(1, size))
    starts = [*range(0, len(whole) - size, stride), len(whole) - size]
    assert stitch()(outcomes(*(whole[start : start + size] for start in starts))) == whole


def test_stitching_things_of_two_kinds_is_refused() -> None:
    with pytest.raises(InputInvalid, match="lists and texts"):
        stitch()(outcomes([1], "a"))
