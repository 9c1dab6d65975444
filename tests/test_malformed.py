"""A thousand answers that are none, against every kind of question: all are refused in words, and none does harm."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from agents import agent
from desk import foreign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import is_invalid_resume
from langgraph.graph import END
from langgraph.types import Command
from pydantic import BaseModel, ValidationError

from treadle import chain, review
from treadle.checkpoints import SqliteSaver, decide, pending
from treadle.checkpoints.workers import advance
from treadle.errors import AnswerInvalid
from treadle.nodes import step


class Part(BaseModel):
    name: str
    amount: int


class Offer(BaseModel):
    to: str
    kind: Literal["refund", "voucher"]
    parts: list[Part]


OFFER: dict[str, Any] = {"to": "Ada", "kind": "refund", "parts": [{"name": "shoes", "amount": 5}]}
INBOX = {
    "action_request": {"action": "pay", "args": {"amount": 5}},
    "config": {"allow_accept": True, "allow_edit": True, "allow_respond": False, "allow_ignore": True},
}


def typed(offer: Any) -> Offer:
    return offer  # type: ignore[no-any-return]  # what is stored is plain data; the type is for the form


def text(offer: Any) -> str:
    return str(offer)


def gate(make: Any, **said: Any) -> Any:
    return chain(step(make, into="offer_made", name="take"), review("offer_made", **said))


@dataclass(frozen=True)
class Kind:
    """A question, and an answer that it takes."""

    graph: Any
    input: Any
    right: Any
    native: bool = False


TWICE = {"decisions": [{"type": "approve"}] * 2}
AGENT = {"messages": [("user", "pay")]}
APPROVED: dict[str, Any] = {"action": "approve"}
EDITED: dict[str, Any] = {"action": "edit", "value": {**OFFER, "kind": "voucher"}}


def kinds(saver: Any) -> dict[str, Kind]:
    def own(right: Any, make: Any = typed, **said: Any) -> Kind:
        return Kind(gate(make, **said).compile(saver), {"offer": OFFER}, right, native=True)

    def other(value: Any, right: Any, **more: Any) -> Kind:
        return Kind(foreign().compile(checkpointer=saver), {"items": [{"value": value, **more}]}, right)

    back = {"respond": "take"}
    return {
        "approval": own(APPROVED, shape="approval", reject=END),
        "edit": own(EDITED, reject=END, labels=("late", "dear")),
        "text": own({"action": "edit", "value": "Yes."}, text, reject=END),
        "escalation": own({"action": "take_over", "value": OFFER}, shape="escalation"),
        "feedback": own(APPROVED, shape="feedback", **back),
        "batched": Kind(
            agent(saver, "batched", ("Ada", 5), ("Bo", 7)), AGENT, {"decisions": [{"type": "approve"}] * 2}
        ),
        "per call": Kind(agent(saver, "per_call", ("Ada", 5)), AGENT, {"type": "approve"}),
        "inbox": other(INBOX, [{"type": "accept", "args": None}]),
        "a schema": other("Rate it.", {"category": "c", "risk": "low", "reason": "r", "confidence": 0.5}, typed=True),
    }


# Answers that are none. Each is wrong by how it is made, for every kind above.

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
wrong_action = st.fixed_dictionaries({"action": plain.filter(lambda one: one not in ("approve", "edit", "reject"))})
no_words = st.sampled_from(
    [{"action": "respond"}, {"action": "respond", "words": ""}, {"action": "respond", "words": 1}]
)
surplus = st.builds(lambda key, part: {"action": "approve", f"x{key}": part}, st.text(max_size=5), plain)
wrong_parts = st.sampled_from(["words", "by", "reason", "at", "labels"]).flatmap(
    lambda name: st.builds(
        lambda part: {"action": "approve", name: part}, st.dictionaries(st.text(max_size=3), plain, max_size=2)
    )
)
wrong_values = st.one_of(
    st.integers(), st.booleans(), st.lists(plain, max_size=3), st.dictionaries(st.text(max_size=3), plain, max_size=2),
    st.sampled_from([{**OFFER, "kind": "gift"}, {**OFFER, "parts": [{"name": "shoes"}]}, {**OFFER, "to": 5}]),
)  # fmt: skip
wrong_edits = st.builds(
    lambda action, value: {"action": action, "value": value}, st.sampled_from(["edit", "take_over"]), wrong_values
)
TYPES = ("approve", "edit", "reject", "respond", "accept", "ignore", "response")
NONE: list[dict[str, Any]] = [
    {"type": "edit"}, {"type": "edit", "edited_action": {"name": "pay"}},
    {"type": "response"}, {"type": "edit", "args": "x"}, {"type": None}, {"type": "respond"},
]  # fmt: skip
decisions = st.builds(
    lambda kind: {"type": kind}, st.text(max_size=8).filter(lambda one: one not in TYPES)
) | st.sampled_from(NONE)
clients = st.one_of(
    decisions,
    st.lists(decisions, max_size=3),
    st.builds(lambda many: {"decisions": many}, st.lists(decisions, max_size=3)),
    st.just([{"type": "accept"}] * 3),
    st.just({"decisions": [{"type": "approve"}] * 3}),
)
malformed = st.one_of(plain, wrong_action, no_words, surplus, wrong_parts, wrong_edits, clients)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    with ExitStack() as stack:
        yield stack.enter_context(SqliteSaver(tmp_path / "treadle.db", synchronous="OFF")), InMemorySaver()


@pytest.mark.slow
def test_a_thousand_malformed_answers_are_refused_and_every_question_can_still_be_answered(
    stores: tuple[Any, Any],
) -> None:
    saver, memory = stores
    desk, bare = kinds(saver), kinds(memory)
    for name in desk:
        desk[name].graph.invoke(desk[name].input, {"configurable": {"thread_id": name}})
        bare[name].graph.invoke(bare[name].input, {"configurable": {"thread_id": name}})
    asked = {each.thread_id: each.id for each in pending(saver)}
    assert sorted(asked) == sorted(desk)
    tried: list[str] = []

    @settings(max_examples=1000, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    @given(st.sampled_from(sorted(desk)), malformed)
    def refused(name: str, answer: Any) -> None:
        tried.append(name)
        with pytest.raises(AnswerInvalid) as told:
            decide(saver, asked[name], by="ada", thread=name, answer=answer)
        assert "Nothing was stored." in str(told.value) or "is not one of" in str(told.value)
        if desk[name].native and len(tried) % 4 == 0:  # a resume costs far more than a decision
            config: Any = {"configurable": {"thread_id": name}}
            with pytest.raises(ValidationError) as problem:
                bare[name].graph.invoke(Command(resume={asked_bare[name]: answer}), config)
            assert is_invalid_resume(problem.value)

    asked_bare = {name: kind.graph.get_state({"configurable": {"thread_id": name}}).interrupts[0].id
                  for name, kind in bare.items()}  # fmt: skip
    refused()
    assert len(tried) >= 1000
    assert set(tried) == set(desk)
    assert {each.thread_id: each.id for each in pending(saver)} == asked
    for name, kind in desk.items():
        decide(saver, asked[name], by="ada", thread=name, answer=kind.right)
        assert advance(saver, kind.graph, name).status == "done", name
