"""An answer that was cut short is no answer, whichever model gave it: repair, fallbacks, a person, or an error."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from notebooks import Notebook
from pydantic import BaseModel
from scripted import ScriptedModel

from treadle import chain, fan_out, review
from treadle.errors import AnswerCut
from treadle.nodes import Confidence, Votes, prompt
from treadle.nodes.endings import CUT, cut


class Finding(BaseModel):
    risk: str
    confidence: Confidence = None


class Raising(ScriptedModel):
    """Raises where the other one hands over what there is, as Bedrock's does."""

    def _generate(self, *given: Any, **more: Any) -> ChatResult:
        made = super()._generate(*given, **more)
        message = made.generations[0].message
        if cut(message):
            error = AnswerCut("no room")
            error.partial = message
            raise error
        return made


LONG = "A very long answer that goes on and on"
KINDS = pytest.mark.parametrize("kind", [ScriptedModel, Raising])


def brief(said: str) -> str:
    return "short" if "be briefer" in said else LONG


@pytest.mark.parametrize("word", sorted(CUT))
def test_every_word_that_models_have_for_it_is_known(word: str) -> None:
    assert [cut(AIMessage("", response_metadata={key: word})) for key in ("stop_reason", "stopReason")] == [word] * 2
    assert cut(AIMessage("", response_metadata={"finish_reason": "stop"})) is None


@KINDS
def test_the_model_is_asked_to_be_briefer_and_sees_how_it_began(kind: Callable[..., ScriptedModel]) -> None:
    model, notebook = kind(script=brief, room=12), Notebook()
    assert prompt("memo", "Write.", model=model)({}, notebook.config())["memo"] == "short"
    assert [message.text for message in model.calls[1][:2]] == ["Write.", LONG[:12]]
    first, second = notebook.entries
    assert (first["cut"], first["response"], "cut" in second) == (True, LONG[:12], False)
    assert "cut short for want of room" in first["gate"]


@KINDS
@pytest.mark.parametrize("output", [str, Finding])
def test_the_last_cut_answer_is_an_error_that_has_what_there_is(
    kind: Callable[..., ScriptedModel], output: type
) -> None:
    model = kind(script=lambda _: {"risk": LONG}, room=12)
    with pytest.raises(AnswerCut, match=r"step 'memo': .* was cut short \(length\), in 3 attempts; raise") as raised:
        prompt("memo", "Write.", output=output, model=model, attempts=3)({})
    assert raised.value.partial.text == '{"risk": "A '
    assert len(model.calls) == 3


@KINDS
def test_another_model_another_prompt_and_a_person_come_after(kind: Callable[..., ScriptedModel]) -> None:
    small, large = kind(script=lambda _: LONG, room=12), ScriptedModel(script=lambda _: LONG)
    assert prompt("memo", "Write.", model=small, otherwise=large)({})["memo"] == LONG
    again = prompt("again", "Write.", model=small)
    least = prompt("least", "Write briefly.", model=large)
    assert prompt("memo", "Write.", model=small, otherwise=(again, least))({})["memo"] == LONG
    graph = chain(prompt("memo", "Write.", model=small, otherwise=review("memo"))).compile(InMemorySaver())
    (asked,) = graph.invoke({}, {"configurable": {"thread_id": "t"}})["__interrupt__"]
    assert asked.value["proposal"] == LONG[:12]
    assert "cut short" in asked.value["why"]


@KINDS
def test_it_is_a_branchs_outcome_and_the_others_go_on(kind: Callable[..., ScriptedModel]) -> None:
    model = kind(script=lambda said: LONG if "two" in said else "done", room=12)
    ask = prompt("answer", "Say {word}", model=model)
    graph = fan_out(ask, over="words", item="word", into="answers", attempts=1, join=list).compile()
    outcomes = graph.invoke({"words": ["one", "two", "three"]})["answers"]
    assert [outcome["status"] for outcome in outcomes] == ["success", "failure", "success"]
    assert outcomes[1]["error"]["kind"] == "AnswerCut"


def test_only_what_is_wanted_cut_is_taken_cut() -> None:
    model = ScriptedModel(script=lambda _: LONG, room=12, partial=True)
    assert prompt("memo", "Write.", model=model)({})["memo"] == LONG[:12]
    with pytest.raises(AnswerCut):
        prompt("rate", "Rate.", output=Finding, model=model)({})


@KINDS
def test_a_cut_opinion_is_silent(kind: Callable[..., ScriptedModel]) -> None:
    answers = [{"risk": "low"}, {"risk": LONG}, {"risk": "low"}]
    model = kind(script=lambda _: answers.pop(0), room=20)
    found = prompt("rate", "Rate.", output=Finding, model=model, confidence=Votes(3))({})["rate"]
    assert (found["risk"], found["confidence"]) == ("low", pytest.approx(0.667))
