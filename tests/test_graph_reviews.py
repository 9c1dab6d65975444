"""A review stops the run until a person has decided, and the decision leads where the chain says."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import is_invalid_resume
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import BaseModel, ValidationError
from scripted import ScriptedModel
from typing_extensions import TypedDict

from treadle import chain, fan_out, review
from treadle.errors import GraphBuildError
from treadle.nodes import Deadline, Panel, Source, prompt, step
from treadle.nodes.inquiries.durations import span

Config = RunnableConfig
CONFIG: Config = {"configurable": {"thread_id": "t"}}


class Finding(BaseModel):
    risk: Literal["low", "high"]


def rated(said: str) -> dict[str, str]:
    return {"risk": "high" if "uncapped" in said and "rejected" not in said else "low"}


RATE = ScriptedModel(script=rated)


def high(finding: dict[str, str]) -> str | None:
    return "the risk is high" if finding["risk"] == "high" else None


def one(**changes: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    gate = review("finding", **{"when": high, **changes})
    rate = prompt("finding", "{clause}", output=Finding, model=RATE)
    return chain(rate, gate, step(lambda finding: finding["risk"], into="end", name="end")).compile(InMemorySaver())


def question(graph: CompiledStateGraph[Any, Any, Any, Any]) -> Any:
    (asked,) = graph.get_state(CONFIG).interrupts
    return asked


def answer(graph: CompiledStateGraph[Any, Any, Any, Any], **said: Any) -> dict[str, Any]:
    done: dict[str, Any] = graph.invoke(Command(resume={question(graph).id: said}), CONFIG)
    return done


def test_nobody_is_asked_where_the_condition_does_not_hold() -> None:
    assert one().invoke({"clause": "capped"}, CONFIG)["end"] == "low"


def test_the_question_says_what_why_and_what_follows() -> None:
    graph = one(context=("clause",), title="On {clause}", assign="legal", due="2h", reasons=("wrong",), priority=3)
    graph.invoke({"clause": "uncapped"}, CONFIG)
    asked = question(graph)
    shown = asked.value
    assert (shown["title"], shown["why"], shown["proposal"]) == ("On uncapped", "the risk is high", {"risk": "high"})
    assert (shown["assign"], shown["due_in"], shown["priority"], shown["reasons"]) == ("legal", 7200, 3, ["wrong"])
    assert shown["context"] == {"clause": "uncapped"}
    assert shown["leads_to"]["reject"] == "goes back to finding with your words"
    assert "goes on to end" in shown["leads_to"]["approve"]
    assert "Finding" in asked.response_schema["$defs"]


def test_the_question_says_who_decides_until_when_and_what_holds_otherwise() -> None:
    graph = chain(
        step(lambda contract: contract[6:13], into="quote", name="quote"),
        review(
            "quote",
            reject=END,
            labels=("cap", "term"),
            source=Source("contract", part="quote"),
            panel=Panel(("legal", "sales"), quorum=2, veto=("board",), blind=True, requester="asked_by"),
            due=Deadline("2d", warn="1d", escalate={"36h": "head", "30h": "lead"}, default="reject"),
            withdraw="5m",
        ),
        inputs=("asked_by",),
    ).compile(InMemorySaver())
    graph.invoke({"contract": "It is without a cap.", "asked_by": "ada"}, CONFIG)
    shown = question(graph).value
    assert json.loads(json.dumps(shown)) == shown
    told = {key: shown[key] for key in ("roles", "quorum", "veto", "blind", "requester")}
    assert told == {
        "roles": ["legal", "sales", "board"], "quorum": 2, "veto": ["board"], "blind": True, "requester": "ada"
    }  # fmt: skip
    assert (shown["due_in"], shown["warn_in"], shown["withdraw_in"]) == (172800, 86400, 300)
    assert shown["escalate"] == [{"after": 108000, "to": "lead"}, {"after": 129600, "to": "head"}]
    assert shown["default"] == {"action": "reject"}
    assert shown["source"] == {"key": "contract", "start": 6, "end": 13}
    assert shown["context"] == {"contract": "It is without a cap."}
    assert (shown["labels"], shown["shape"], shown["trigger"], shown["holds"]) == (
        ["cap", "term"], "edit", "always", True
    )  # fmt: skip
    with pytest.raises(ValidationError):
        answer(graph, action="approve", labels=["other"])
    assert answer(graph, action="approve", labels=["cap"])["quote_reviews"][0]["labels"] == ["cap"]


def test_a_default_that_can_no_longer_be_done_is_not_shown() -> None:
    again = ScriptedModel(script=lambda _: {"risk": "high"})
    gate = review("finding", rounds=1, due=Deadline("1d", default="reject"))
    graph = chain(prompt("finding", "{clause}", output=Finding, model=again), gate).compile(InMemorySaver())
    graph.invoke({"clause": "x"}, CONFIG)
    assert question(graph).value["default"] == {"action": "reject"}
    answer(graph, action="reject")
    shown = question(graph).value
    assert (shown["due_in"], shown["default"]) == (86400, None)


def test_an_approval_goes_on_with_the_proposal() -> None:
    graph = one()
    graph.invoke({"clause": "uncapped"}, CONFIG)
    done = answer(graph, action="approve", by="ada")
    assert done["end"] == "high"
    assert [(entry["action"], entry["by"]) for entry in done["finding_reviews"]] == [("approve", "ada")]


def test_an_edit_goes_on_with_the_reviewers_version() -> None:
    graph = one()
    graph.invoke({"clause": "uncapped"}, CONFIG)
    assert answer(graph, action="edit", value={"risk": "low"})["end"] == "low"


def test_a_rejection_goes_back_with_the_reviewers_words() -> None:
    graph = one()
    graph.invoke({"clause": "uncapped"}, CONFIG)
    assert answer(graph, action="reject", words="Look at clause 9.")["end"] == "low"
    assert any("Look at clause 9." in message.text for message in RATE.calls[-1])


def test_rejections_are_bounded_and_the_last_question_offers_none() -> None:
    stubborn = ScriptedModel(script=lambda _: {"risk": "high"})
    gate = review("finding", rounds=2)
    graph = chain(prompt("finding", "{clause}", output=Finding, model=stubborn), gate).compile(InMemorySaver())
    graph.invoke({"clause": "x"}, CONFIG)
    for expected in (1, 2):
        assert question(graph).value["round"] == expected
        answer(graph, action="reject", words="no")
    assert question(graph).value["actions"] == ["approve", "edit"]
    assert len(question(graph).value["history"]) == 2
    with pytest.raises(ValidationError):
        answer(graph, action="reject")
    assert answer(graph, action="approve")["finding"] == {"risk": "high"}


def test_in_a_feedback_loop_the_words_go_back_to_the_model_and_earlier_rounds_are_shown() -> None:
    said: list[str] = []

    def write(conversation: str) -> str:
        said.append(conversation)
        return f"draft {len(said)}"

    model = ScriptedModel(script=write)
    gate = review("draft", shape="feedback", rounds=2)
    graph = chain(prompt("draft", "{topic}", model=model), gate).compile(InMemorySaver())
    graph.invoke({"topic": "x"}, CONFIG)
    shown = question(graph).value
    assert (shown["actions"], shown["shape"]) == (["approve", "respond"], "feedback")
    assert shown["leads_to"]["respond"] == "your words go back to draft"
    with pytest.raises(ValidationError, match="needs words"):
        answer(graph, action="respond", words=" ")
    answer(graph, action="respond", words="Shorter.")
    assert "A reviewer says of this answer: Shorter. Answer again" in said[1]
    answer(graph, action="respond", words="Kinder.")
    shown = question(graph).value
    assert [(entry["proposal"], entry["words"]) for entry in shown["history"]] == [
        ("draft 1", "Shorter."), ("draft 2", "Kinder.")
    ]  # fmt: skip
    assert (shown["round"], shown["rounds"], shown["actions"]) == (3, 2, ["approve"])
    assert answer(graph, action="approve")["draft"] == "draft 3"


def test_a_response_may_go_to_an_earlier_step_and_a_rejection_elsewhere() -> None:
    model = ScriptedModel(script=lambda said: "better" if "Cite it." in said else "plain")
    graph = chain(
        prompt("facts", "{topic}", model=model),
        step(lambda facts: f"On {facts}", into="memo", name="memo"),
        review("memo", actions=("approve", "respond", "reject"), respond="facts", reject=END),
        step(lambda memo: memo.upper(), into="sent", name="send"),
    ).compile(InMemorySaver())
    graph.invoke({"topic": "x"}, CONFIG)
    answer(graph, action="respond", words="Cite it.")
    assert question(graph).value["proposal"] == "On plain"  # the words are for the prompt that wrote this very key
    assert "sent" not in answer(graph, action="reject")


def test_in_an_escalation_the_person_takes_the_step_over_with_the_whole_state_in_view() -> None:
    lost = ScriptedModel(script=lambda _: {"risk": "unclear"})
    graph = chain(
        prompt(
            "finding", "{clause}", output=Finding, model=lost, otherwise=review("finding", shape="escalation")
        ),
        step(lambda finding: finding["risk"], into="end", name="end"),
        inputs=("customer",),
    ).compile(InMemorySaver())  # fmt: skip
    graph.invoke({"clause": "uncapped", "customer": "Ada"}, CONFIG)
    shown = question(graph).value
    assert (shown["shape"], shown["actions"], shown["trigger"]) == ("escalation", ["take_over"], "gate")
    assert shown["context"]["clause"] == "uncapped"
    assert shown["context"]["customer"] == "Ada"
    assert "what you give goes on to end" in shown["leads_to"]["take_over"]
    with pytest.raises(ValidationError, match="take_over needs a value"):
        answer(graph, action="take_over")
    done = answer(graph, action="take_over", value={"risk": "high"})
    assert (done["end"], done["finding_decision"]) == ("high", "take_over")


def test_what_a_model_is_about_to_be_sent_is_reviewed_and_what_the_reviewer_made_of_it_is_sent() -> None:
    model = ScriptedModel(script=lambda said: f"answer to {said}")
    graph = chain(
        prompt("memo", "Sum up: {text}", system="Be brief.", model=model, review=review("request", reject=END)),
        review("memo", shape="feedback"),
    ).compile(InMemorySaver())
    graph.invoke({"text": "the case of Ada"}, CONFIG)
    shown = question(graph)
    sent = [{"role": "system", "content": "Be brief."}, {"role": "human", "content": "Sum up: the case of Ada"}]
    assert shown.value["proposal"] == sent
    assert model.calls == []
    with pytest.raises(ValidationError):
        answer(graph, action="edit", value=[{"role": "boss", "content": "x"}])
    done = answer(graph, action="edit", value=[sent[0], {"role": "human", "content": "Sum up: the case of A."}])
    assert [message.text for message in model.calls[0]] == ["Be brief.", "Sum up: the case of A."]
    assert done["memo"] == "answer to Be brief.\nSum up: the case of A."
    answer(graph, action="respond", words="Shorter.")
    again = question(graph).value
    assert again["proposal"][1]["content"] == "Sum up: the case of Ada"  # put together anew, and reviewed anew
    assert "Shorter." in again["proposal"][-1]["content"]
    assert len(model.calls) == 1
    assert answer(graph, action="reject")["request_decision"] == "reject"
    assert len(model.calls) == 1


def test_what_is_attached_to_a_prompt_stays_with_it_when_a_reviewer_changes_the_words() -> None:
    model = ScriptedModel(script=lambda said: "seen")
    asked = prompt("seen", "Look: {text}", attach=("scan",), model=model, review=review("request", reject=END))
    graph = chain(asked, inputs=("scan",)).compile(InMemorySaver())
    scan = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    graph.invoke({"text": "here", "scan": scan}, CONFIG)
    assert question(graph).value["proposal"] == [{"role": "human", "content": "Look: here"}]
    answer(graph, action="edit", value=[{"role": "human", "content": "Look there"}])
    assert model.calls[0][0].content == [{"type": "text", "text": "Look there"}, scan]


def test_a_prompt_with_a_review_never_asks_a_model_unreviewed() -> None:
    alone = prompt("memo", "{text}", model=ScriptedModel(script=str), review=review("request", reject=END))
    with pytest.raises(GraphBuildError, match="which only a chain puts before it"):
        alone({"text": "x"})
    with pytest.raises(GraphBuildError, match="cannot have a review of its own"):
        prompt("memo", "{text}", otherwise=alone)
    made = fan_out(alone, over="texts", item="text", into="memos").compile(InMemorySaver())
    made.invoke({"texts": ["a", "b"]}, CONFIG)
    assert len(made.get_state(CONFIG).interrupts) == 2


def test_a_rejection_can_end_the_run_or_take_another_step() -> None:
    ended = one(reject=END)
    ended.invoke({"clause": "uncapped"}, CONFIG)
    assert "end" not in answer(ended, action="reject")
    instead = one(reject=step(lambda clause: {"risk": "low"}, into="finding", name="by_hand"))
    instead.invoke({"clause": "uncapped"}, CONFIG)
    assert question(instead).value["leads_to"]["reject"] == "by_hand is taken instead"
    assert answer(instead, action="reject")["end"] == "low"


@pytest.mark.parametrize(
    "wrong", ["yes", {}, {"action": "maybe"}, {"action": "edit"}, {"action": "edit", "value": {"risk": 1}}]
)
def test_a_wrong_answer_is_refused_and_the_question_stays(wrong: Any) -> None:
    graph = one()
    graph.invoke({"clause": "uncapped"}, CONFIG)
    with pytest.raises(ValidationError) as refused:
        graph.invoke(Command(resume={question(graph).id: wrong}), CONFIG)
    assert is_invalid_resume(refused.value)
    assert answer(graph, action="approve")["end"] == "high"


def test_an_answer_to_what_was_not_shown_is_asked_for_again() -> None:
    graph = one()
    graph.invoke({"clause": "uncapped"}, CONFIG)
    answer(graph, action="approve", digest="of another question")
    assert "has changed" in question(graph).value["note"]
    assert answer(graph, action="approve")["end"] == "high"


def test_reviews_in_branches_hold_only_their_own_item_and_are_answered_at_once() -> None:
    rate = chain(prompt("finding", "{clause}", output=Finding, model=RATE), review("finding", when=high), name="rate")
    graph = fan_out(rate, over="clauses", item="clause", into="findings").compile(InMemorySaver())
    for run in (graph.invoke, lambda *given: asyncio.run(graph.ainvoke(*given))):
        config: Config = {"configurable": {"thread_id": repr(run)}}
        run({"clauses": ["uncapped one", "capped", "uncapped two"]}, config)
        asked = graph.get_state(config).interrupts
        assert len(asked) == 2
        done = run(Command(resume={each.id: {"action": "approve"} for each in asked}), config)
        assert [finding["risk"] for finding in done["findings"]] == ["high", "low", "high"]


def test_in_a_graph_of_ones_own_a_review_is_a_node_to_route_after() -> None:
    class State(TypedDict, total=False):
        text: str
        text_decision: str | None
        text_reviews: list[Any]

    graph = StateGraph(State)
    graph.add_node("gate", review("text", actions=("approve", "reject"), reject=END))
    graph.add_node("publish", lambda state: {"text": state["text"].upper()})
    graph.add_edge(START, "gate")
    graph.add_conditional_edges("gate", lambda state: END if state["text_decision"] == "reject" else "publish")
    made = graph.compile(InMemorySaver())
    made.invoke({"text": "hello"}, CONFIG)
    assert answer(made, action="approve")["text"] == "HELLO"


def refuse(**changes: Any) -> Callable[[], Any]:
    return lambda: review("text", **changes)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (refuse(actions=("approve", "sign")), "'sign' is no action"),
        (refuse(actions=()), "nobody can answer it"),
        (refuse(actions=("approve",), reject=END), "has no 'reject'"),
        (refuse(rounds=0), "at least one"),
        (refuse(when=lambda a, b: True), "one argument"),
        (refuse(due="soon"), "'soon' is no time span"),
        (refuse(context="clause"), "is one text, and a list of them is wanted"),
        (refuse(labels=("",)), "labels: '' is no name"),
        (refuse(shape="vote"), "it is one of approval, edit"),
        (lambda: refuse(panel=Panel(quorum=0))(), "at least one person must decide"),
        (lambda: refuse(panel=Panel(roles="legal"))(), "a panel's roles: 'legal' is one text"),
        (lambda: refuse(panel=Panel(blind=True))(), "with one vote nothing is hidden"),
        (refuse(panel=Panel(veto=("legal",)), actions=("approve",)), "gives 'legal' a veto"),
        (lambda: refuse(due=Deadline("1d", warn="2d"))(), "warn comes too late"),
        (lambda: refuse(due=Deadline("1d", escalate={"1d": "lead"}))(), "escalate comes too late"),
        (lambda: refuse(due=Deadline(0))(), "over before anybody is asked"),
        (refuse(due=Deadline("1d", default="sign")), "its default {'action': 'sign'} is no answer"),
        (refuse(due=Deadline("1d", default="edit")), "an edit needs a value"),
        (refuse(withdraw="a while"), "'a while' is no time span"),
    ],
)
def test_a_review_that_could_not_work_is_refused(build: Any, told: str) -> None:
    with pytest.raises(GraphBuildError, match=told):
        build()


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1.5h", 5400), ("2w", 1209600), (90, 90)])
def test_spans_are_seconds(text: Any, seconds: float) -> None:
    assert span(text, where="gate") == seconds
