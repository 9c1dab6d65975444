"""A limit of tokens a minute is charged with what a call is expected to cost, and then with what it did cost."""

import asyncio
from typing import Any

import pytest
from scripted import ScriptedModel

from treadle import chain, fan_out
from treadle.nodes import prompt, step
from treadle.nodes.limits import Limit
from treadle.nodes.meters import ANSWER, Costs


def standing(**said: float) -> Limit:
    """A limit whose clock stands still, so that nothing is filled up again."""
    return Limit("standing", adaptive=False, clock=lambda: 0.0, **said)  # type: ignore[arg-type]


def charged(shared: Limit) -> float:
    """Tokens that were taken: as a call that needs all that can be there at once would have to wait for them."""
    permit = shared.ask(tokens=15_000)
    seconds = shared.pump(permit) or 0.0
    shared.leave(permit)
    return round(seconds * 1000)


def asking(name: str, said: str) -> Any:
    return prompt(name, "Say something of {n}", model=ScriptedModel(script=lambda _: said))


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_what_models_used_is_charged_at_whatever_depth(ahead: bool, deep: bool) -> None:
    shared = standing(tokens=60_000)
    ask = asking("ask", "one two three")
    worker = chain(ask, step(lambda ask: ask, into="out", name="end"), name="deep") if deep else ask
    graph = fan_out(worker, over="ns", item="n", limits=[shared], limit=1).compile()
    given: Any = {"ns": ["a", "b", "c"]}
    done = asyncio.run(graph.ainvoke(given)) if ahead else graph.invoke(given)
    assert done["results"] == ["one two three"] * 3
    used = ScriptedModel(script=lambda _: "one two three").invoke("Say something of a").usage_metadata
    assert used is not None
    assert charged(shared) == 3 * used["total_tokens"]


def test_a_worker_that_asks_no_model_is_charged_what_it_was_expected_to_cost() -> None:
    shared = standing(tokens=60_000)
    graph = fan_out(step(lambda n: n, into="out", name="w"), over="ns", item="n", limits=[shared]).compile()
    graph.invoke({"ns": ["x" * 4000]})
    assert charged(shared) == 1001 + ANSWER


def test_costs_are_learnt() -> None:
    costs = Costs()
    given = {"n": "x" * 400}
    assert costs.expected(given) == 101 + ANSWER
    costs.note(given, None)
    assert costs.expected(given) == 101 + ANSWER
    costs.note(given, 2 * (101 + ANSWER))
    assert costs.expected({"n": "x" * 800}) == 2 * (201 + ANSWER)
