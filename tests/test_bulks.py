"""Many questions at once: previews, decisions that cover all or none, and standing rules."""

import multiprocessing
import operator
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from treadle.checkpoints.bulks import decide_all, enact, preview, revoke, rule, rules
from treadle.checkpoints.bulks.conditions import OPERATORS, Condition, parsed
from treadle.checkpoints.bulks.rules import drafted, matching
from treadle.checkpoints.decisions import decide, decisions, verify
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.reviews import pending, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.workers import Worker
from treadle.errors import BulkRefused, ReviewClosed, RuleInvalid


class Answer(BaseModel):
    action: str
    words: str | None = None


class State(TypedDict, total=False):
    items: list[dict[str, Any]]
    done: Annotated[list[Any], operator.add]


def ask(item: Mapping[str, Any]) -> dict[str, Any]:
    question = {
        "kind": "treadle.review", "gate": "refund", "title": f"Refund {item.get('number')}",
        "proposal": {"amount": item.get("amount", 10), "country": item.get("country", "AT")},
        "actions": ["approve", "edit", "reject"], **item.get("more", {}),
    }  # fmt: skip
    answer = interrupt(question, response_schema=Answer if item.get("typed", True) else None)
    return {"done": [answer.model_dump() if isinstance(answer, Answer) else answer]}


def graph(saver: SqliteSaver) -> Any:
    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", item) for item in state["items"]], ["ask"])
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def start(
    saver: SqliteSaver, items: Sequence[Mapping[str, Any]], *, thread: str = "a", name: str = "shop"
) -> list[str]:
    """The ids of what a run asks, in the order of its items."""
    numbered = [{"number": number, **item} for number, item in enumerate(items)]
    config = {"configurable": {"thread_id": thread}, "metadata": {"graph": name}}
    graph(saver).invoke({"items": numbered}, config)
    return [one.id for one in pending(saver, thread=thread, limit=-1)]


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def amounts(*given: float) -> list[dict[str, Any]]:
    return [{"amount": amount} for amount in given]


# What a decision about many covers


def test_a_preview_has_sums_and_what_stands_out(saver: SqliteSaver) -> None:
    items = amounts(10, 12, 11, 9, 10, 11, 990)
    items[2]["country"] = "KP"
    found = preview(saver, start(saver, items), action="approve")
    assert (found.graph, found.gate, len(found.reviews), found.exceptions) == ("shop", "refund", 7, {})
    (total,) = found.totals
    assert (total.field, total.count, total.sum, total.least, total.median, total.most) == (
        "amount",
        7,
        1053,
        9,
        11,
        990,
    )
    assert {(one.field, one.value, one.title) for one in found.outliers} == {
        ("amount", 990, "Refund 6"), ("country", "KP", "Refund 2"),
    }  # fmt: skip
    assert "median is 11" in next(one.why for one in found.outliers if one.field == "amount")


def test_a_preview_of_equal_or_few_questions_finds_nothing_that_stands_out(saver: SqliteSaver) -> None:
    assert preview(saver, start(saver, amounts(*[5] * 8))).outliers == []
    assert preview(saver, start(saver, amounts(5, 5, 900), thread="b")).outliers == []


def test_a_preview_says_of_each_exception_why(saver: SqliteSaver) -> None:
    ids = start(saver, [{}, {}, {}, {"typed": False}, {"more": {"actions": ["approve"]}}, {"more": {"gate": "other"}}])
    (foreign,) = start(saver, [{}], thread="b", name="lab")
    decide(saver, ids[1], "reject", by="ann")
    found = preview(saver, [*ids, foreign, "none"], action="reject")
    assert len(found.reviews) == 2
    assert found.exceptions == {
        ids[1]: "decided already: reject by ann",
        ids[3]: "with another form of answer than the others",
        ids[4]: "'reject' is not one of its actions",
        ids[5]: "of the review 'other', the others of the review 'refund'",
        foreign: "of the graph 'lab', the others of the graph 'shop'",
        "none": "No review has the id 'none': `treadle reviews` lists those that wait.",
    }


def test_a_decision_about_many_is_recorded_for_each_and_the_run_goes_on_with_all(saver: SqliteSaver) -> None:
    ids = start(saver, amounts(*range(20)))
    made = decide_all(saver, ids, "reject", by="ann", words="Not due.", seconds=40)
    assert [one.interrupt_id for one in made] == ids
    assert {(one.by, one.words, one.answer["words"], one.seconds) for one in made} == {
        ("ann", "Not due.", "Not due.", 2)
    }
    assert verify(saver) == []
    assert Worker(saver, lambda name: graph(saver)).once() == 1
    state = graph(saver).get_state({"configurable": {"thread_id": "a"}})
    assert [one["action"] for one in state.values["done"]] == ["reject"] * 20


def test_one_that_cannot_be_decided_leaves_all_as_they_were(saver: SqliteSaver) -> None:
    ids = start(saver, amounts(1, 2, 3))
    decide(saver, ids[1], "approve", by="bob")
    with pytest.raises(BulkRefused, match=r"1 of them cannot .* decided already: approve by bob\. Nothing was stored"):
        decide_all(saver, ids, "approve", by="ann")
    assert len(decisions(saver)) == 1
    with pytest.raises(BulkRefused, match="one question at a time"):
        decide_all(saver, ids[2:], "edit", by="ann")


def test_one_that_changed_since_it_was_shown_leaves_all_as_they_were(saver: SqliteSaver) -> None:
    ids = start(saver, amounts(1, 2, 3))
    shown = {id_: review(saver, id_).digest for id_ in ids} | {ids[2]: "another"}
    with pytest.raises(ReviewClosed, match="changed after it was shown"):
        decide_all(saver, ids, "approve", by="ann", shown=shown)
    assert decisions(saver) == []
    assert len(pending(saver)) == 3


# Conditions


@pytest.mark.parametrize(
    ("operator_", "found", "value", "holds"),
    [
        ("<", 49.9, 50, True), ("<", 50, 50, False), ("<", "49", 50, False), ("<", True, 50, False),
        ("<=", 50, 50, True), (">", 51, 50, True), (">=", "b", "a", True), ("<", None, 50, False),
        ("==", "AT", "AT", True), ("==", 1, True, False), ("!=", "AT", "DE", True), ("==", [1], [1], True),
        ("in", "AT", ["AT", "DE"], True), ("in", 1, [True], False), ("in", "A", "AT", False),
        ("contains", "a refund", "refund", True), ("contains", ["a"], "a", True), ("contains", 7, "a", False),
        ("contains", "1", 1, False), ("contains", "null", None, False), ("contains", "x", ["x"], False),
        ("contains", [7, "a"], 7, True), ("contains", [1], True, False), ("contains", [["a"]], ["a"], True),
    ],
)  # fmt: skip
def test_a_condition_holds_between_values_of_one_kind_only(operator_: str, found: Any, value: Any, holds: bool) -> None:
    assert Condition("/x", operator_, value).holds({"x": found}) is holds


@pytest.mark.parametrize("name", OPERATORS)
def test_nothing_holds_of_what_is_not_there(name: str) -> None:
    questions: list[Any] = [{}, {"x": {}}, {"x": []}, {"x": "text"}, None, "text", 7]
    for question in questions:
        assert not Condition("/x/y", name, [1]).holds(question)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("proposal.amount<50", Condition("/proposal/amount", "<", 50)),
        ("/proposal/a~1b == \"x < y\"", Condition("/proposal/a~1b", "==", "x < y")),
        ("confidence >= 0.9", Condition("/confidence", ">=", 0.9)),
        ('proposal.country in ["AT", "DE"]', Condition("/proposal/country", "in", ["AT", "DE"])),
        ("title contains Refund", Condition("/title", "contains", "Refund")),
    ],
)  # fmt: skip
def test_a_condition_is_read_as_it_is_typed(text: str, condition: Condition) -> None:
    assert parsed(text) == condition
    assert parsed(str(condition)) == condition


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("is no condition", lambda: parsed("amount")),
        ("is no operator", lambda: Condition("/x", "~", 1)),
        ("cannot be judged", lambda: Condition("x", "<", 1)),
        ("cannot be judged", lambda: Condition("/x", "<", float("nan"))),
        ("cannot 'edit'", lambda: drafted("g", "r", [Condition("/x", "<", 1)], "edit", by="ann", cap=1)),
        ("and an end", lambda: drafted("g", "r", [Condition("/x", "<", 1)], by="ann")),
        ("needs a condition", lambda: drafted("g", "r", [], by="ann", cap=1)),
    ],
)
def test_a_rule_that_could_not_be_judged_or_would_not_end_is_refused(words: str, make: Any) -> None:
    with pytest.raises(RuleInvalid, match=words):
        make()


# Standing rules

SMALL = [Condition("/proposal/amount", "<", 50)]


def test_a_rule_decides_what_waits_and_what_comes_and_nothing_else(saver: SqliteSaver) -> None:
    start(saver, amounts(10, 60))
    start(saver, amounts(10), thread="b", name="lab")
    made = rule(saver, "shop", "refund", SMALL, by="ann", roles=["lead"], words="Small.", cap=10)
    assert enact(saver) == 1
    (used,) = decisions(saver)
    assert (used.rule, used.by, used.client, used.roles) == (made.id, f"rule {made.id} of ann", "rule", ["lead"])
    assert used.answer["words"] == "Small."
    start(saver, amounts(20, 70), thread="c")
    assert enact(saver) == 1
    assert enact(saver) == 0
    assert [one.uses for one in rules(saver)] == [2]
    assert sorted(one.value["proposal"]["amount"] for one in pending(saver)) == [10, 60, 70]
    assert verify(saver) == []


@pytest.mark.parametrize(
    "more",
    [
        {"veto": ["legal"]}, {"quorum": 2}, {"blind": True}, {"roles": ["legal"]}, {"requester": "ann"},
        {"actions": ["reject"]},
    ],
)  # fmt: skip
def test_a_rule_leaves_alone_what_it_must_not_decide(saver: SqliteSaver, more: dict[str, Any]) -> None:
    start(saver, [{"amount": 1, "more": more}])
    rule(saver, "shop", "refund", SMALL, by="ann", roles=["lead"], cap=10)
    assert enact(saver) == 0
    assert decisions(saver) == []


def test_a_rule_decides_where_a_role_of_its_maker_may(saver: SqliteSaver) -> None:
    start(saver, [{"amount": 1, "more": {"roles": ["lead", "legal"]}}])
    rule(saver, "shop", "refund", SMALL, by="ann", roles=["lead"], cap=10)
    assert enact(saver) == 1


def test_a_rule_ends_with_its_count_its_time_or_its_revocation(saver: SqliteSaver) -> None:
    start(saver, amounts(*[1] * 8))
    first = rule(saver, "shop", "refund", SMALL, by="ann", cap=3)
    assert (enact(saver), enact(saver), len(pending(saver))) == (3, 0, 5)
    rule(saver, "shop", "refund", SMALL, by="ann", until=time.time() - 1)
    assert enact(saver) == 0
    third = rule(saver, "shop", "refund", SMALL, by="ann", until=time.time() + 60)
    assert [one.id for one in rules(saver, active=True)] == [third.id]
    assert {one.id for one in matching(saver, third)} == {one.id for one in pending(saver)}
    assert revoke(saver, third.id, by="bob").revoked_by == "bob"
    assert (enact(saver), rules(saver, active=True)) == (0, [])
    assert next((one.kind, one.by) for one in events(saver)) == ("rule revoked", "bob")
    assert [one.content["id"] for one in events(saver, kind="rule made")][-1] == first.id
    with pytest.raises(RuleInvalid, match="no rule 'x'"):
        revoke(saver, "x", by="bob")


def test_a_question_that_the_graph_gave_back_is_left_to_people(saver: SqliteSaver) -> None:
    start(saver, amounts(1))
    saver.database.write(lambda connection: connection.execute("UPDATE reviews SET problem = 'no'"))
    rule(saver, "shop", "refund", SMALL, by="ann", cap=10)
    assert enact(saver) == 0


def race(path: str, gate: Any) -> None:
    with SqliteSaver(path) as saver:
        gate.wait()
        for _ in range(3):
            enact(saver)


@pytest.mark.slow
def test_of_several_workers_each_use_is_made_once_and_the_cap_holds(saver: SqliteSaver) -> None:
    start(saver, amounts(*[1] * 60))
    made = rule(saver, "shop", "refund", SMALL, by="ann", cap=40)
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(3)
    racers = [context.Process(target=race, args=(str(saver.path), gate)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(120)
        assert racer.exitcode == 0
    assert (len(decisions(saver)), len(pending(saver, limit=-1))) == (40, 20)
    assert next(one.uses for one in rules(saver) if one.id == made.id) == 40
    assert verify(saver) == []


def test_a_worker_enacts_the_rules_and_takes_the_run_on(saver: SqliteSaver) -> None:
    start(saver, amounts(1, 2))
    rule(saver, "shop", "refund", SMALL, by="ann", cap=10)
    assert Worker(saver, lambda name: graph(saver)).once() == 1
    state = graph(saver).get_state({"configurable": {"thread_id": "a"}})
    assert [one["action"] for one in state.values["done"]] == ["approve", "approve"]


def test_a_rule_does_not_look_again_at_what_it_has_seen(saver: SqliteSaver) -> None:
    start(saver, amounts(90))
    rule(saver, "shop", "refund", SMALL, by="ann", cap=10)

    def age(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE reviews SET asked_at = asked_at - 100 WHERE status = 'pending'")

    saver.database.write(age)
    start(saver, amounts(95), thread="b")
    assert enact(saver) == 0
    change = "UPDATE reviews SET value = replace(value, '90', '10') WHERE thread_id = 'a'"
    saver.database.write(lambda connection: connection.execute(change))
    assert enact(saver) == 0
    assert len(pending(saver)) == 2
