"""`stitch`: a join for what came of windows that overlap: where one ends as the next begins, that stands once."""

from collections.abc import Mapping
from functools import partial, reduce
from typing import Any

from treadle.errors import InputInvalid
from treadle.nodes.joins import Join
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.templates import shown


def stitch(*, overlap: int = 2000) -> Join:
    """Join texts, lists or objects in item order into one; failed items are left out.

    Where one text or list ends with what the next begins with (at most `overlap` characters or elements), that stands
    once. Objects are stitched key by key; of other values the last one stands. What is neither list nor object is text.

    >>> from treadle.nodes.outcomes import success
    >>> stitch()([success(0, "w", {"rows": [1, 2], "n": "a b"}), success(1, "w", {"rows": [2, 3], "n": "b c"})])
    {'rows': [1, 2, 3], 'n': 'a b c'}

    Raises:
        InputInvalid: when some values are lists or objects and others are not.
    """

    def join(outcomes: list[Outcome]) -> Any:
        found = values(outcomes)
        kinds = {_kind(value) for value in found}
        if len(kinds) > 1:
            raise InputInvalid(f"stitch joins values of one kind, and these are {' and '.join(sorted(kinds))}")
        whole = found if kinds & {"lists", "objects"} else [shown(value) for value in found]
        return reduce(partial(_stitched, overlap), whole) if whole else ""

    return join


def _kind(value: Any) -> str:
    return "objects" if isinstance(value, Mapping) else "lists" if isinstance(value, list | tuple) else "texts"


def _stitched(overlap: int, left: Any, right: Any) -> Any:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        both = {key: _stitched(overlap, left[key], right[key]) for key in left if key in right}
        return {**left, **right, **both}
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return [*left, *right[_shared(left, right, overlap) :]]
    if isinstance(left, str) and isinstance(right, str):
        return left + right[_shared(left, right, overlap) :]
    return right


def _shared(left: Any, right: Any, most: int) -> int:
    """How much `left` ends with that `right` begins with."""
    sizes = range(min(len(left), len(right), most), 0, -1)
    return next((size for size in sizes if left[-size:] == right[:size]), 0)
