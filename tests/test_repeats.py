"""A loop goes round until it is good enough, and never for ever."""

import pytest

from treadle import chain, repeat
from treadle.errors import GraphBuildError
from treadle.nodes import step


def halve(n: int) -> int:
    return n // 2


def test_it_stops_as_soon_as_it_is_good_enough_and_keeps_its_rounds() -> None:
    graph = repeat(step(halve, into="n"), until=lambda state: state["n"] < 10, at_most=9, name="halving").compile()
    done = graph.invoke({"n": 50})
    assert (done["n"], done["halving_met"]) == (6, True)
    assert [round_["n"] for round_ in done["halving_rounds"]] == [25, 12, 6]


def test_it_stops_after_the_most_rounds_and_says_that_it_is_not_good_enough() -> None:
    done = repeat(step(halve, into="n"), until=lambda state: False, at_most=2, name="h").compile().invoke({"n": 8})
    assert (done["n"], done["h_met"]) == (2, False)


def test_it_is_a_step_of_a_chain() -> None:
    loop = repeat(step(halve, into="n"), until=lambda state: state["n"] == 0, at_most=9)
    made = chain(loop, step(lambda n: f"ends at {n}", into="told", name="tell"))
    assert made.compile().invoke({"n": 5})["told"] == "ends at 0"


def test_no_round_at_all_is_refused() -> None:
    with pytest.raises(GraphBuildError, match="at least one round"):
        repeat(step(halve), until=lambda state: True, at_most=0)
