"""Gates let good answers pass and say what is wrong with the others."""

import re
from typing import Any

import pytest
from pydantic import BaseModel

from treadle.nodes.gates import problem


class Short(BaseModel):
    words: int


@pytest.mark.parametrize(
    ("gate", "good", "bad", "told"),
    [
        (r"\d", "a 1", "none", r"does not contain '\\\\d'"),
        (re.compile("yes", re.I), "YES", "no", "does not contain 'yes'"),
        ({"type": "array", "minItems": 1}, [1], [], "non-empty|too short"),
        (Short, {"words": 1}, {"words": "many"}, "words"),
        (lambda text: "too long" if len(text) > 3 else None, "abc", "abcd", "too long"),
    ],
)
def test_a_gate_passes_what_is_good_and_says_what_is_wrong(gate: Any, good: Any, bad: Any, told: str) -> None:
    assert problem(gate, good) is None
    assert re.search(told, problem(gate, bad) or "")


def test_a_gate_that_says_no_without_words_is_named() -> None:
    def is_polite(text: str) -> bool:
        return "please" in text

    assert problem(is_polite, "please") is None
    assert problem(is_polite, "now!") == "is polite refuses it"
