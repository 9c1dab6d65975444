"""A route takes the step that a label names."""

from typing import Any, Literal

import pytest
from scripted import ScriptedModel

from treadle import chain, route
from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes import prompt, step
from treadle.nodes.steps import State

refund = step(lambda text: f"refund {text}", into="reply", name="refund")
thanks = step(lambda text: f"thanks {text}", into="reply", name="thanks")


def test_a_key_a_function_and_a_prompt_can_name_the_label() -> None:
    by_key = route("mood", {"bad": refund, "good": thanks}).compile()
    assert by_key.invoke({"mood": "bad", "text": "x"})["reply"] == "refund x"

    def mood(state: State) -> Literal["bad", "good"]:
        return "bad" if "broken" in state["text"] else "good"

    by_function = route(mood, {"bad": refund, "good": thanks}).compile()
    assert by_function.invoke({"text": "broken"})["reply"] == "refund broken"
    model = ScriptedModel(script=lambda said: {"value": "good" if "lovely" in said else "bad"})
    classify = prompt("mood", "{text}", output=Literal["bad", "good"], model=model)
    done = route(classify, {"bad": refund, "good": thanks}).compile().invoke({"text": "lovely"})
    assert (done["mood"], done["reply"]) == ("good", "thanks lovely")


def test_a_label_without_a_target_takes_the_default_or_is_an_error() -> None:
    assert (
        route("mood", {"bad": refund}, default=thanks).compile().invoke({"mood": "?", "text": "x"})["reply"]
        == "thanks x"
    )
    with pytest.raises(InputInvalid, match=r"the label '\?' has no target; the labels are 'bad'"):
        route("mood", {"bad": refund}).compile().invoke({"mood": "?", "text": "x"})


def test_a_route_is_a_step_of_a_chain() -> None:
    made = chain(step(lambda text: "bad", into="mood", name="guess"), route("mood", {"bad": refund}), inputs=("text",))
    assert made.compile().invoke({"text": "x"})["reply"] == "refund x"


def labelled(state: State) -> Literal["a", "b"]:
    return "a"


@pytest.mark.parametrize(
    ("by", "targets"),
    [
        ("mood", {}),
        (labelled, {"a": refund}),
        (prompt("mood", "{text}", output=Literal["a", "b"]), {"b": refund}),
    ],
)
def test_a_route_that_misses_a_label_is_refused(by: Any, targets: Any) -> None:
    with pytest.raises(GraphBuildError, match=r"at least one target|has no target; add one"):
        route(by, targets)
