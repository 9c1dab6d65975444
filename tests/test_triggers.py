"""What brings a value to a person: conditions, rules, gates, doubts and samples, and the words that tell why."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END
from langgraph.types import Command
from pydantic import BaseModel
from scripted import ScriptedModel

from treadle import chain, review
from treadle.checkpoints import SqliteSaver
from treadle.errors import GraphBuildError
from treadle.nodes import Below, Confidence, accept, prompt, step

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t"}}


def pass_on(value: Any) -> Any:
    return value


def asked(value: Any, *, thread: str = "t", **given: Any) -> dict[str, Any] | None:
    """The question that a value brings about, or None."""
    graph = chain(step(pass_on, into="refund", name="take"), review("refund", reject=END, **given), inputs=()).compile(
        InMemorySaver()
    )
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    graph.invoke({"value": value}, config)
    found = graph.get_state(config).interrupts
    return found[0].value if found else None


def why(value: Any, **given: Any) -> tuple[str, str] | None:
    found = asked(value, **given)
    return (found["trigger"], found["why"]) if found else None


def large(refund: dict[str, Any]) -> bool:
    return bool(refund["amount"] > 500)


RULES = {
    "the amount is over 500": large,
    "the customer is new": {"properties": {"customer": {"const": "new"}}, "required": ["customer"]},
}


def test_without_any_of_them_every_value_comes() -> None:
    assert why({"amount": 1}) == ("always", "it is always reviewed")


def test_a_condition_is_told_in_its_words_or_by_its_name() -> None:
    assert why({"amount": 501}, when=large) == ("condition", "large")
    assert why({"amount": 501}, when=lambda refund: "too much") == ("condition", "too much")
    assert why({"amount": 501}, when=lambda refund: True) == ("condition", "a condition holds")
    assert why({"amount": 5}, when=large) is None


def test_rules_are_told_by_their_words_all_that_apply() -> None:
    assert why({"amount": 501, "customer": "new"}, when=RULES) == (
        "rule",
        "the amount is over 500; the customer is new",
    )
    assert why({"amount": 5, "customer": "new"}, when=RULES) == ("rule", "the customer is new")
    assert why({"amount": 5, "customer": "old"}, when=RULES) is None


def test_what_a_gate_refuses_comes_with_the_problem() -> None:
    schema = {"type": "object", "properties": {"amount": {"maximum": 500}}}
    found = why({"amount": 501}, gate=schema)
    assert found is not None
    assert found[0] == "gate"
    assert "501 is greater than the maximum" in found[1]
    assert why({"amount": 500}, gate=schema) is None
    assert why("no number", gate=r"\d") == ("gate", "it does not contain '\\\\d'")


def test_several_that_fire_are_all_told_and_the_first_names_the_trigger() -> None:
    assert why({"amount": 501}, when=large, gate=lambda refund: "no receipt", confidence=0.5) == (
        "condition",
        "large; no receipt; its confidence is not known",
    )


def test_doubt_is_told_with_the_number_and_where_it_is_known_from() -> None:
    found = asked({"amount": 5, "confidence": 0.48}, confidence=0.7)
    assert found is not None
    assert (found["trigger"], found["confidence"], found["confidence_source"]) == (
        "confidence", 0.48, "refund.confidence"
    )  # fmt: skip
    assert found["why"] == "its confidence, 0.48 (refund.confidence), is below 0.7"
    assert why({"confidence": 0.7}, confidence=0.7) is None


def test_a_confidence_may_stand_anywhere_in_the_state() -> None:
    found = asked({"vote": {"share": 0.6}}, confidence=Below(0.7, at="refund.vote.share", source="share of votes"))
    assert found is not None
    assert (found["confidence"], found["confidence_source"]) == (0.6, "share of votes")


@pytest.mark.parametrize("odd", [{}, {"confidence": None}, {"confidence": "high"}, {"confidence": True}, 7])
def test_a_confidence_that_is_not_known_is_a_doubt(odd: Any) -> None:
    assert why(odd, confidence=0.7) == ("confidence", "its confidence is not known")


class Rating(BaseModel):
    category: str
    sure: Confidence = None


@pytest.mark.parametrize(("measures", "told"), [(True, "log-probability"), (False, "self-reported")])
def test_a_prompt_tells_the_review_behind_it_where_its_confidence_is_known_from(measures: bool, told: str) -> None:
    model = ScriptedModel(
        script=lambda _: {"category": "cap", "sure": 0.4}, measures_confidence=measures, confidence={"category": 0.4}
        if measures else {},
    )  # fmt: skip
    graph = chain(prompt("rating", "{clause}", output=Rating, model=model), review("rating", confidence=0.5))
    made = graph.compile(InMemorySaver())
    made.invoke({"clause": "x"}, CONFIG)
    (found,) = made.get_state(CONFIG).interrupts
    assert (found.value["confidence"], found.value["confidence_source"]) == (0.4, told)
    assert told in found.value["why"]


def test_a_sample_is_the_same_each_time_and_about_as_large_as_asked_for() -> None:
    first = [asked({"n": number}, sample=0.3) is not None for number in range(60)]
    again = [asked({"n": number}, sample=0.3) is not None for number in range(60)]
    assert first == again
    assert 8 <= sum(first) <= 28
    other = [asked({"n": number}, sample=0.3, thread="other") is not None for number in range(60)]
    assert other != first
    assert why({"n": 1}, sample=1.0) == ("sample", "it was picked for a sample of 100% of them")
    assert why({"n": 1}, sample=0.0, when=lambda refund: False) is None


def test_what_a_sampled_value_became_after_it_was_sent_back_comes_again() -> None:
    answers = iter(["first", "second"])
    model = ScriptedModel(script=lambda _: next(answers))
    gate = review("text", shape="feedback", sample=0.5)
    graph = chain(prompt("text", "{topic}", model=model), gate).compile(InMemorySaver())
    thread = next(
        name for name in map(str, range(100))
        if _picks(gate, name, "first") and not _picks(gate, name, "second")
    )  # fmt: skip
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    graph.invoke({"topic": "x"}, config)
    (found,) = graph.get_state(config).interrupts
    graph.invoke(Command(resume={found.id: {"action": "respond", "words": "shorter"}}), config)
    (found,) = graph.get_state(config).interrupts
    assert found.value["proposal"] == "second"
    assert found.value["why"] == "it was sent back after it had been picked for a sample"


def _picks(gate: Any, thread: str, text: str) -> bool:
    from treadle.nodes.inquiries.triggers import picked

    return picked(gate.triggers.sample, [thread, gate.name, text, {}])


def test_a_classifier_that_brings_a_value_to_a_person_is_not_asked_again_when_the_run_goes_on(tmp_path: Path) -> None:
    verdicts = iter(["rude", "kind", "kind"])
    judge = ScriptedModel(script=lambda _: next(verdicts))
    tone = prompt("tone", "Which tone?\n{text}", model=judge)
    graph = chain(step(pass_on, into="text", name="take"), review("text", gate=accept(tone, "kind"), reject=END))
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        made = graph.compile(saver)
        made.invoke({"value": "Go away."}, CONFIG)
        (found,) = made.get_state(CONFIG).interrupts
        assert found.value["why"] == "tone calls it 'rude', and it must be 'kind'"
        done = made.invoke(Command(resume={found.id: {"action": "approve"}}), CONFIG)
    assert done["text_decision"] == "approve"
    assert len(judge.calls) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sample": 1.5}, "a share, from 0 to 1"),
        ({"confidence": 70}, "a number from 0 to 1"),
        ({"when": {"large": lambda one, two: True}}, "one argument"),
        ({"gate": "("}, "no regular expression"),
        ({"gate": 7}, "is no gate"),
    ],
)
def test_what_could_never_be_asked_is_refused(given: Any, told: str) -> None:
    with pytest.raises(GraphBuildError, match=told):
        review("refund", **given)
