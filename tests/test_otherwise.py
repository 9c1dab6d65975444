"""Where a bad answer leads: to repair, to another model, to another prompt, to a person, or to an error."""

from typing import Any, Literal, cast

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from notebooks import Notebook
from pydantic import BaseModel
from scripted import ScriptedModel

from treadle import chain, fan_out, repeat, review, route
from treadle.errors import GateFailed, GraphBuildError, OutputInvalid
from treadle.nodes import accept, prompt, step

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t"}}


class Finding(BaseModel):
    risk: Literal["low", "high"]


def says(*answers: Any) -> ScriptedModel:
    """A model that gives these answers in turn, the last one for ever."""
    left = list(answers)
    return ScriptedModel(script=lambda _: left.pop(0) if len(left) > 1 else left[0], calls=[])


def test_every_plain_gate_is_told_at_once_and_in_the_trace() -> None:
    notebook = Notebook()
    model = says("no", "the year 2026")
    ask = prompt("year", "When?", gate=[r"\d{4}", lambda text: len(text) > 5 or "too short"], model=model)
    assert ask({}, notebook.config())["year"] == "the year 2026"
    first, second = (entry["gates"] for entry in notebook.entries)
    assert [check["problem"] for check in first] == [r"it does not contain '\\d{4}'", "too short"]
    assert [check["problem"] for check in second] == [None, None]


def test_a_classifier_prompt_is_asked_only_about_what_other_gates_let_pass() -> None:
    judge = says("rude", "polite")
    polite = prompt("tone", "Is it polite, {customer}?\n{reply}", output=Literal["polite", "rude"], model=judge)
    writer = says("short", "longer but rude", "longer and kind")
    reply = prompt("reply", "Answer.", gate=[r".{10}", accept(polite, "polite")], attempts=3, model=writer)
    assert set(reply.reads) == {"customer"}
    assert reply({"customer": "Ada"}) == {"reply": "longer and kind"}
    assert len(judge.calls) == 2
    assert "tone calls it 'rude', and it must be 'polite'" in writer.calls[2][-1].text


def test_a_classifier_that_says_yes_or_no_is_a_gate_as_it_is() -> None:
    fine = prompt("fine", "Is it?\n{memo}", output=bool, model=says({"value": True}))
    assert prompt("memo", "Write.", gate=fine, model=says("x"))({}) == {"memo": "x"}
    vague = prompt("vague", "What is it?\n{memo}", output=Literal["a", "b"], model="rules")
    with pytest.raises(GraphBuildError, match="say with which labels its gate 'vague'"):
        prompt("memo", "Write.", gate=vague)
    with pytest.raises(GraphBuildError, match="no label lets an answer pass"):
        accept(vague)


def test_another_model_is_asked_when_the_attempts_are_used_up() -> None:
    notebook, weak, strong = Notebook(), says("no"), says("2026")
    ask = prompt("year", "When?", gate=r"\d", model=weak, otherwise=strong)
    assert ask({}, notebook.config()) == {"year": "2026"}
    assert [entry["attempt"] for entry in notebook.entries] == [1, 2, 3]
    assert (len(weak.calls), len(strong.calls)) == (2, 1)


def test_another_prompt_is_asked_after_that_and_writes_the_same_key() -> None:
    simple = prompt("simpler", "Just the year of {event}.", gate=r"\d", model=says("2026"))
    ask = prompt("year", "When?", gate=r"\d", attempts=1, model=says("no"), otherwise=[says("never"), simple])
    assert ask.reads == ("event",)
    assert ask({"event": "it"}) == {"year": "2026"}
    with pytest.raises(GraphBuildError, match="fallback 'other' declares another output"):
        prompt("year", "When?", otherwise=prompt("other", "x", output=int))


def test_an_answer_that_nobody_makes_good_is_an_error_with_gate_value_and_attempts() -> None:
    bad = prompt("other", "Again?", gate=r"\d", model=says("neither"))
    ask = prompt("year", "When?", gate=r"\d", model=says("no"), otherwise=[says("nor"), bad])
    with pytest.raises(GateFailed, match=r"step 'year'.*gate.*\\d.*in 4 attempts.*nor"):
        ask({})


def guarded() -> Any:
    bad = says({"risk": "high"})
    ask = prompt("finding", "Rate.", output=Finding, gate=lambda one: one["risk"] == "low" or "too bad", model=bad,
                 otherwise=review("finding", assign="legal"))  # fmt: skip
    return chain(ask, step(lambda finding: finding["risk"], into="end", name="end"))


def test_a_person_sees_an_answer_that_no_attempt_made_good_and_why() -> None:
    graph = guarded().compile(InMemorySaver())
    graph.invoke({}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    assert (asked.value["why"], asked.value["assign"]) == ("too bad", "legal")
    assert asked.value["actions"] == ["approve", "edit", "reject"]
    done = graph.invoke(Command(resume={asked.id: {"action": "edit", "value": {"risk": "low"}}}), CONFIG)
    assert (done["end"], done["finding_problem"]) == ("low", "too bad")


def test_nobody_is_asked_about_a_good_answer() -> None:
    ask = prompt("year", "When?", gate=r"\d", model=says("2026"), otherwise=review("year", reject="year"))
    assert chain(ask).compile(InMemorySaver()).invoke({}, CONFIG)["year"] == "2026"


def test_what_is_not_of_the_declared_type_cannot_be_approved() -> None:
    ask = prompt("finding", "Rate.", output=Finding, model=says("no idea"), otherwise=review("finding"))
    graph = chain(ask).compile(InMemorySaver())
    graph.invoke({}, CONFIG)
    (asked,) = graph.get_state(CONFIG).interrupts
    assert asked.value["proposal"] == "no idea"
    assert asked.value["actions"] == ["edit", "reject"]


def test_steps_side_by_side_and_workers_may_each_wait_for_a_person() -> None:
    ask = prompt("year", "When was {item}?", gate=r"\d", model=says("no"), otherwise=review("year"))
    beside = chain([ask, step(lambda item: item, into="same", name="same")]).compile(InMemorySaver())
    beside.invoke({"item": "a"}, CONFIG)
    assert len(beside.get_state(CONFIG).interrupts) == 1
    wide = chain(fan_out(ask, over="items")).compile(InMemorySaver())
    wide.invoke({"items": ["a", "b"]}, CONFIG)
    assert len(wide.get_state(CONFIG).interrupts) == 2


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: prompt("p", "x", otherwise=[review("p"), "rules"]), "ends with review"),
        (lambda: prompt("p", "x", otherwise=review("q")), r"ends with review\('p'\)"),
        (lambda: chain(prompt("p", "x", otherwise=step(lambda p: p, into="p", name="s"))), "ends with review"),
        (lambda: prompt("p", "x", gate="("), "no regular expression"),
        (lambda: prompt("p", "x", gate=[cast(Any, 7)]), "7 is no gate"),
        (lambda: prompt("p", "{a}", inputs=("a", "b")), "its template never uses 'b'"),
        (lambda: prompt("p", "{a} {b}", inputs=("a",)), "uses and inputs= does not name 'b'"),
        (lambda: chain(prompt("p", "{a}"), inputs=("b",)), "input 'b' is read by no step"),
        (
            lambda: route(prompt("p", "x", output=Literal["a"], otherwise=review("p")), {"a": prompt("a", "x")}),
            "cannot wait for a person",
        ),
    ],
)  # fmt: skip
def test_a_declaration_that_leads_nowhere_is_refused_when_it_is_made(build: Any, told: str) -> None:
    with pytest.raises(GraphBuildError, match=told):
        build()


def test_a_loop_ends_when_a_gate_lets_the_result_pass() -> None:
    model = says("one", "two", "3")
    graph = repeat(prompt("number", "Which?", model=model), until=r"\d", at_most=5).compile()
    done = graph.invoke({})
    assert (done["repeat_number_met"], len(done["repeat_number_rounds"])) == (True, 3)


def test_almost_json_is_read_once_and_the_trace_says_so() -> None:
    notebook, model = Notebook(), says("Here: ```json\n{'risk': 'low',}\n```")
    assert prompt("rate", "x", output=Finding, model=model)({}, notebook.config()) == {"rate": {"risk": "low"}}
    assert [entry.get("lenient") for entry in notebook.entries] == [True]


def test_a_single_value_may_come_without_the_object_around_it() -> None:
    assert prompt("n", "x", output=int, model=says(" `42` "))({}) == {"n": 42}
    assert prompt("n", "x", output=Literal["a", "b"], model=says("'a'"))({}) == {"n": "a"}


def test_what_is_cut_off_or_means_something_else_is_not_read_leniently() -> None:
    for answer in ('{"risk": "low", "reason": "the', "{'risk': 'huge'}", "low"):
        with pytest.raises(OutputInvalid):
            prompt("rate", "x", output=Finding, model=says(answer))({})
