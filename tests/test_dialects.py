"""Questions are put to other clients in their forms, and answers in any form are read as what they mean."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from agents import PAID, agent
from desk import foreign
from langchain.agents.middleware.human_in_the_loop import HITLRequest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END
from langgraph.types import Command
from pydantic import BaseModel, TypeAdapter, ValidationError

from treadle import chain, review
from treadle.checkpoints import SqliteSaver, decide, pending
from treadle.checkpoints.workers import advance
from treadle.digests import digest
from treadle.errors import AnswerInvalid
from treadle.nodes import step

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t"}}


class Refund(BaseModel):
    to: str
    amount: int
    partial: bool = False
    note: str | None = None


OFFER = {"to": "Ada", "amount": 100, "partial": False, "note": None}


def refund(offer: dict[str, Any]) -> Refund:
    return offer  # type: ignore[return-value]  # what is stored is plain data; the type is for the form


def gate(**given: Any) -> Any:
    return chain(step(refund, into="refund", name="take"), review("refund", **{"reject": END, **given}))


def asked(graph: Any) -> Any:
    graph.invoke({"offer": OFFER}, CONFIG)
    return graph.get_state(CONFIG).interrupts[0]


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def test_a_question_is_also_put_as_agent_inbox_and_langchain_put_theirs() -> None:
    shown = asked(gate().compile(InMemorySaver())).value
    assert shown["action_request"] == {"action": "refund_review", "args": OFFER}
    assert shown["config"] == {
        "allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True
    }  # fmt: skip
    request = TypeAdapter(HITLRequest).validate_python(
        {key: shown[key] for key in ("action_requests", "review_configs")}
    )
    assert request["action_requests"][0]["args"] == OFFER
    assert shown["action_requests"][0]["arguments"] == OFFER
    assert request["review_configs"][0]["allowed_decisions"] == ["approve", "edit", "reject"]


def test_what_is_said_to_other_clients_is_neither_stored_nor_part_of_the_digest(saver: SqliteSaver) -> None:
    found = asked(gate().compile(saver))
    (queued,) = pending(saver)
    assert "action_request" in found.value
    assert "action_request" not in queued.value
    assert queued.digest == digest(queued.value)


EDITED = {**OFFER, "amount": 7, "partial": True, "note": "half"}
AS_TEXT = {"to": "Ada", "amount": "7", "partial": "true", "note": "half"}
ANSWERS: list[tuple[Any, str, Any]] = [
    ([{"type": "accept", "args": None}], "approve", OFFER),
    ({"type": "accept"}, "approve", OFFER),
    ([{"type": "edit", "args": {"action": "refund_review", "args": AS_TEXT}}], "edit", EDITED),
    ([{"type": "ignore", "args": None}], "reject", OFFER),
    ([{"type": "response", "args": "Too much."}], "reject", OFFER),
    ({"decisions": [{"type": "approve"}]}, "approve", OFFER),
    ({"decisions": [{"type": "edit", "edited_action": {"name": "refund_review", "args": EDITED}}]}, "edit", EDITED),
    ({"decisions": [{"type": "reject", "message": "Too much."}]}, "reject", OFFER),
    ({"type": "edit", "edited_action": {"name": "refund_review", "args": AS_TEXT}}, "edit", EDITED),
    ({"action": "edit", "value": EDITED}, "edit", EDITED),
]


@pytest.mark.parametrize(("said", "action", "value"), ANSWERS)
def test_any_clients_answer_resumes_the_run_as_it_is(said: Any, action: str, value: Any) -> None:
    graph = gate().compile(InMemorySaver())
    asked(graph)
    done = graph.invoke(Command(resume=said), CONFIG)
    assert (done["refund_decision"], done["refund"]) == (action, value)
    if "Too much." in str(said):
        assert done["refund_reviews"][0]["words"] == "Too much."


@pytest.mark.parametrize(("said", "action", "value"), ANSWERS)
def test_any_clients_answer_is_recorded_as_what_it_means(
    saver: SqliteSaver, said: Any, action: str, value: Any
) -> None:
    graph = gate().compile(saver)
    found = asked(graph)
    made = decide(saver, found.id, by="ada", answer=said)
    assert made.action == action
    assert (made.words == "Too much.") == ("Too much." in str(said))
    advance(saver, graph, "t")
    done = graph.get_state(CONFIG).values
    assert (done["refund_decision"], done["refund"]) == (action, value)
    assert done["refund_reviews"][0]["by"] == "ada"


def test_a_proposal_that_is_no_object_is_an_argument_called_value() -> None:
    graph = chain(step(lambda offer: offer["amount"], into="sum", name="sum"), review("sum", reject=END))
    made = graph.compile(InMemorySaver())
    assert asked(made).value["action_request"]["args"] == {"value": 100}
    edit = [{"type": "edit", "args": {"action": "sum_review", "args": {"value": "7"}}}]
    assert made.invoke(Command(resume=edit), CONFIG)["sum"] == 7


def test_words_go_back_to_the_model_where_that_is_offered_and_a_step_can_be_taken_over() -> None:
    loop = gate(actions=("take_over", "respond"), respond="take", reject=None).compile(InMemorySaver())
    asked(loop)
    loop.invoke(Command(resume=[{"type": "response", "args": "Look again."}]), CONFIG)
    assert loop.get_state(CONFIG).values["refund_reviews"][0]["action"] == "respond"
    edit = {"decisions": [{"type": "edit", "edited_action": {"name": "refund_review", "args": EDITED}}]}
    assert loop.invoke(Command(resume=edit), CONFIG)["refund_decision"] == "take_over"


MALFORMED: list[Any] = [
    [], {}, None, "accept", [{"type": "accept"}, {"type": "accept"}], {"decisions": []}, {"decisions": "approve"},
    {"decisions": [{"type": "approve"}, {"type": "approve"}]}, [{"type": "edit", "args": None}], {"type": "bless"},
    [{"type": "edit", "args": {"action": "x", "args": {"to": "Ada", "amount": "much"}}}],
    {"type": "accept", "extra": 1}, {"type": ["accept"]}, {"decisions": [{"type": "edit"}]},
]  # fmt: skip


@pytest.mark.parametrize("said", [one for one in MALFORMED if one is not None])
def test_an_answer_in_no_form_is_refused_everywhere_and_the_question_stays(saver: SqliteSaver, said: Any) -> None:
    graph = gate().compile(saver)
    found = asked(graph)
    with pytest.raises(AnswerInvalid, match=r"Nothing was stored\."):
        decide(saver, found.id, by="ada", answer=said)
    with pytest.raises(ValidationError):
        graph.invoke(Command(resume={found.id: said}), CONFIG)
    assert [each.id for each in pending(saver)] == [found.id]
    assert graph.invoke(Command(resume=[{"type": "accept"}]), CONFIG)["refund_decision"] == "approve"


# Agents that treadle did not build

Mode = Literal["batched", "per_call"]
TWO = (("Ada", 5), ("Bo", 7))


def started(saver: SqliteSaver, mode: Mode, *payments: tuple[str, int]) -> Any:
    PAID.clear()
    made = agent(saver, mode, *payments)
    made.invoke({"messages": [("user", "pay them")]}, CONFIG)
    return made


def last(made: Any) -> str:
    return str(made.get_state(CONFIG).values["messages"][-1].text)


def test_an_agent_that_asks_once_a_turn_is_answered_at_the_desk(saver: SqliteSaver) -> None:
    made = started(saver, "batched", *TWO)
    (found,) = pending(saver)
    assert found.schema is not None
    assert found.schema["properties"]["decisions"]["minItems"] == 2
    with pytest.raises(AnswerInvalid, match="decisions"):
        decide(saver, found.id, by="ada", answer={"decisions": [{"type": "approve"}]})
    edits = [{"to": "Ada", "amount": 6}, {"to": "Bo", "amount": 8}]
    assert decide(saver, found.id, "edit", by="ada", value=edits).action == "edit"
    run = advance(saver, made, "t")
    assert (run.status, sorted(PAID)) == ("done", [("Ada", 6), ("Bo", 8)])


def test_an_agent_that_asks_once_a_call_is_answered_call_by_call(saver: SqliteSaver) -> None:
    made = started(saver, "per_call", *TWO)
    first, second = sorted(pending(saver), key=lambda each: str(each.value["args"]["to"]))
    assert first.schema is not None
    with pytest.raises(AnswerInvalid):
        decide(saver, first.id, "edit", by="ada", value={"to": "Ada", "amount": "much"})
    decide(saver, first.id, "edit", by="ada", value={"to": "Ada", "amount": "6"})
    decide(saver, second.id, "reject", by="ada", reason="unknown", words="Who is Bo?")
    run = advance(saver, made, "t")
    assert (run.status, PAID) == ("done", [("Ada", 6)])
    assert "unknown. Who is Bo?" in last(made)


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@pytest.mark.parametrize(
    ("said", "paid", "told"),
    [
        ([{"type": "accept", "args": None}], [("Ada", 5)], "paid 5"),
        ({"decisions": [{"type": "approve"}]}, [("Ada", 5)], "paid 5"),
        ({"type": "edit", "args": {"action": "pay", "args": {"to": "Ada", "amount": "6"}}}, [("Ada", 6)], "paid 6"),
        ([{"type": "response", "args": "It is paid."}], [], "It is paid."),
        ([{"type": "ignore", "args": None}], [], "rejected"),
    ],
)
def test_an_agents_question_takes_the_answers_of_every_client(
    saver: SqliteSaver, mode: Mode, said: Any, paid: Any, told: str
) -> None:
    made = started(saver, mode, ("Ada", 5))
    decide(saver, pending(saver)[0].id, by="ada", answer=said)
    assert advance(saver, made, "t").status == "done"
    assert paid == PAID
    assert told in last(made)


INBOX = {
    "action_request": {"action": "pay", "args": {"amount": 5}},
    "config": {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": False},
    "description": "Pay?",
}


@pytest.mark.parametrize(
    ("value", "given", "got"),
    [
        (INBOX, {"action": "approve"}, [{"type": "accept", "args": None}]),
        ([INBOX], {"action": "edit", "value": {"amount": "6"}},
         [{"type": "edit", "args": {"action": "pay", "args": {"amount": 6}}}]),
        (INBOX, {"answer": {"decisions": [{"type": "respond", "message": "later"}]}},
         [{"type": "response", "args": "later"}]),
        ("Your age?", {"answer": 42}, 42),
        ({"question": "Your age?"}, {"answer": {"age": [1, None]}}, {"age": [1, None]}),
        ("Go on?", {"answer": [{"type": "accept"}]}, [{"type": "accept"}]),
    ],
)  # fmt: skip
def test_other_peoples_questions_get_their_answers_in_their_form(
    saver: SqliteSaver, value: Any, given: Any, got: Any
) -> None:
    graph = foreign().compile(checkpointer=saver)
    graph.invoke({"items": [{"value": value}]}, CONFIG)
    decide(saver, pending(saver)[0].id, by="ada", **given)
    assert advance(saver, graph, "t").status == "done"
    assert graph.get_state(CONFIG).values["answers"] == [got]


def test_what_other_peoples_questions_do_not_allow_is_refused(saver: SqliteSaver) -> None:
    graph = foreign().compile(checkpointer=saver)
    graph.invoke({"items": [{"value": INBOX}]}, CONFIG)
    (found,) = pending(saver)
    refused: list[dict[str, Any]] = [
        {"action": "ignore"}, {"answer": [{"type": "ignore", "args": None}]}, {"answer": 7}, {"answer": []}
    ]  # fmt: skip
    for given in refused:
        with pytest.raises(AnswerInvalid):
            decide(saver, found.id, by="ada", **given)
    with pytest.raises(AnswerInvalid, match="give value="):
        decide(saver, found.id, "edit", by="ada")
    assert decide(saver, found.id, "approve", by="ada").action == "approve"
