"""A race takes the first valid answer, or the one that enough give."""

import threading
from typing import Any

import pytest

from treadle import fan_out
from treadle.errors import GraphBuildError, OutputInvalid
from treadle.nodes import step
from treadle.nodes.policies.alternatives import race


def test_the_first_valid_answer_counts_and_nobody_waits_for_the_slow(run: Any) -> None:
    stop = threading.Event()
    # the whole test times out before this one ends
    slow = step(lambda n: stop.wait(600), into="o", name="slow")
    wrong = step(lambda n: -n, into="o", name="wrong")
    quick = step(lambda n: n, into="o", name="quick")
    first = race(slow, wrong, quick, name="answer", valid=lambda value: value > 0)
    assert run(first, {"n": 3}) == {"answer": 3}
    assert run(fan_out(first, over="ns", item="n").compile(), {"ns": [1, 2]})["results"] == [1, 2]
    stop.set()


def test_the_answer_counts_that_enough_agree_on(run: Any) -> None:
    said = [step(lambda n, v=v: v, into="o", name=f"s{i}") for i, v in enumerate(["a", "b", "c"])]
    with pytest.raises(OutputInvalid, match="at most 1 gave the same valid answer, and 2 must"):
        run(race(*said, name="answer", agree=2), {"n": 1})
    again = step(lambda n: "b", into="o", name="again")
    assert run(race(*said, again, name="answer", agree=2), {"n": 1}) == {"answer": "b"}


def test_the_error_of_all_is_an_error(run: Any) -> None:
    broken = [step(lambda n: 1 // 0, into="o", name=f"b{i}") for i in range(2)]
    with pytest.raises(ZeroDivisionError):
        run(race(*broken, name="answer"), {"n": 1})


def test_a_race_of_one_is_refused() -> None:
    with pytest.raises(GraphBuildError, match="needs two steps"):
        race(step(lambda n: n, into="o", name="w"), name="answer")
