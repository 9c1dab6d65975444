"""How sure an answer is, by votes, by a judge, by log-probabilities, or by its own word; and where it is known from."""

import asyncio
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END
from pydantic import BaseModel, Field
from scripted import ScriptedModel

from treadle import chain, fan_out, review
from treadle.checkpoints import SqliteSaver, pending, traces
from treadle.errors import GraphBuildError, OutputInvalid
from treadle.graphs.runs import start
from treadle.nodes import Confidence, Votes, prompt, step, vote


class Finding(BaseModel):
    risk: Literal["low", "high"]
    reason: str = ""
    confidence: Confidence = None


def says(*answers: Any) -> ScriptedModel:
    """A model that gives one answer after the other; an exception is raised."""
    left: Iterator[Any] = iter(answers)

    def script(_: str) -> Any:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ScriptedModel(script=script)


def run(graph: Any, saver: SqliteSaver, **state: Any) -> Any:
    return start(graph, state, saver=saver, name="g", thread_id="a")


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "t.db") as opened:
        yield opened


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_what_most_answers_say_is_taken_with_their_share(saver: SqliteSaver, way: str) -> None:
    answers = [{"risk": risk, "reason": str(n)} for n, risk in enumerate(("low", "high", "high", "low", "high"))]
    graph = chain(prompt("finding", "Rate.", output=Finding, confidence=Votes(5, on="risk"), model=says(*answers)))
    made, config = graph.compile(saver), {"configurable": {"thread_id": "a"}}
    found = asyncio.run(made.ainvoke({}, config)) if way == "ainvoke" else made.invoke({}, config)  # type: ignore[call-overload]
    assert (found["finding"]["risk"], found["finding"]["confidence"]) == ("high", 0.6)
    entries = traces(saver, "a")
    assert sorted(entry.get("vote", 1) for entry in entries) == [1, 2, 3, 4, 5]
    (first,) = [entry for entry in entries if "vote" not in entry]
    assert (first["confidence"], first["confidence_source"]) == ({"confidence": 0.6}, "vote share")


def test_answers_that_fail_or_do_not_fit_are_silent_and_in_the_trace(saver: SqliteSaver) -> None:
    model = says({"risk": "low"}, ConnectionError("gone"), {"risk": "none"}, {"risk": "low"})
    graph = chain(prompt("finding", "Rate.", output=Finding, confidence=Votes(4), model=model))
    assert graph.compile(saver).invoke({}, {"configurable": {"thread_id": "a"}})["finding"]["confidence"] == 0.5
    told = [entry for entry in traces(saver, "a") if "vote" in entry]
    assert sum(entry["error"] == "ConnectionError: gone" for entry in told) == 1
    assert sum(entry["gate"] is not None for entry in told) == 1


def test_a_step_can_judge_how_sure_an_answer_is_and_a_person_is_told_who_said_so(saver: SqliteSaver) -> None:
    judge = prompt("judge", "How sure is {finding.risk} of {clause}?", output=float, model=says(0.35))
    rate = prompt("finding", "Rate {clause}.", output=Finding, confidence=judge, model=says({"risk": "low"}))
    assert rate.reads == ("clause",)
    run(chain(rate, review("finding", confidence=0.6)), saver, clause="Fees.")
    (question,) = pending(saver)
    told = question.value
    assert (told["confidence"], told["confidence_source"], told["trigger"]) == (0.35, "classifier", "confidence")
    assert "0.35 (classifier)" in told["why"]


def test_a_function_can_judge_and_one_that_gives_no_share_is_told(saver: SqliteSaver) -> None:
    def sure(finding: dict[str, Any]) -> float:
        return 0.9 if finding["reason"] else 7.0

    def rate(answer: Any) -> Any:
        return prompt("finding", "Rate.", output=Finding, confidence=step(sure), model=says(answer))({})

    assert rate({"risk": "low", "reason": "usual"})["finding"]["confidence"] == 0.9
    with pytest.raises(OutputInvalid, match=r"step 'sure' judges .* and says 7\.0"):
        rate({"risk": "low"})


def test_a_confidence_without_a_field_and_a_vote_of_one_are_refused() -> None:
    with pytest.raises(GraphBuildError, match="its output declares none"):
        prompt("say", "Say.", confidence=Votes(3))
    with pytest.raises(GraphBuildError, match="nobody to agree with"):
        Votes(1)


class Likely(ScriptedModel):
    """Tells the log-probabilities of its tokens as OpenAI's models do."""

    tokens: list[Any] = Field(default_factory=list)

    def _generate(self, *given: Any, **more: Any) -> ChatResult:
        text = "".join(token["token"] for token in self.tokens)
        message = AIMessage(text, response_metadata={"logprobs": {"content": self.tokens}})
        return ChatResult(generations=[ChatGeneration(message=message)])


def token(text: str, *others: tuple[str, float], likely: float = 1.0) -> dict[str, Any]:
    listed = [(text, likely), *others]
    return {
        "token": text,
        "logprob": math.log(likely),
        "top_logprobs": [{"token": one, "logprob": math.log(share)} for one, share in listed],
    }


def test_log_probabilities_are_used_where_a_model_gives_them(saver: SqliteSaver) -> None:
    tokens = [token('{"risk": "'), token("low", ("high", 0.2), ("other", 0.2), likely=0.6), token('"}')]
    model = Likely(script=str, tokens=tokens)
    run(chain(prompt("finding", "Rate.", output=Finding, model=model), review("finding", confidence=0.8)), saver)
    (question,) = pending(saver)
    assert question.value["confidence"] == pytest.approx(0.75)  # 0.6 of the 0.8 that the allowed values have
    assert question.value["confidence_source"] == "log-probability"


def test_log_probabilities_without_alternatives_tell_nothing() -> None:
    bare = [{**token('{"risk": "low", "confidence": 0.5}'), "top_logprobs": []}]
    ask = prompt("finding", "Rate.", output=Finding, model=Likely(script=str, tokens=bare))
    assert ask({})["finding"]["confidence"] == 0.5


def test_the_share_of_a_fan_outs_vote_is_its_confidence(saver: SqliteSaver) -> None:
    def first(text: str) -> str:
        return "low"

    def second(text: str) -> str:
        return "high"

    def third(text: str) -> str:
        return "low"

    voted = fan_out([step(first), step(second), step(third)], into="risk", join=vote, name="ask_three")
    run(chain(voted, review("risk", confidence=0.7, reject=END)), saver, text="Fees.")
    (question,) = pending(saver)
    assert (question.value["confidence"], question.value["confidence_source"]) == (0.666667, "vote share")
    with pytest.raises(GraphBuildError, match="step 'loud' takes 'risk' as str"):
        chain(voted, step(loud))


def loud(risk: str) -> str:
    return risk.upper()


def test_what_a_model_says_of_itself_is_told_as_that(saver: SqliteSaver) -> None:
    model = says({"risk": "low", "confidence": 0.4})
    run(chain(prompt("finding", "Rate.", output=Finding, model=model), review("finding", confidence=0.6)), saver)
    (question,) = pending(saver)
    assert (question.value["confidence"], question.value["confidence_source"]) == (0.4, "self-reported")
    assert json.dumps(question.value)
