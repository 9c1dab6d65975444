"""Decisions: the first wins, answers are checked before they are stored, and the record shows every change."""

import multiprocessing
import operator
import sqlite3
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel, Field

from treadle.checkpoints.decisions import Decision, decide, decisions, verify
from treadle.checkpoints.desks.comments import comment, comments
from treadle.checkpoints.reviews import pending, review
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest
from treadle.errors import AnswerInvalid, ReviewClosed, ReviewNotFound


class Finding(BaseModel):
    category: str
    risk: Literal["low", "high"]
    places: list[int] = Field(default_factory=list)


class Answer(BaseModel):
    action: Literal["approve", "edit", "reject"]
    value: Finding | None = None
    reason: str | None = None
    words: str | None = None
    by: str | None = None
    at: float | None = None
    digest: str | None = None


class State(TypedDict, total=False):
    items: list[dict[str, Any]]
    done: Annotated[list[Any], operator.add]


QUESTION = {"kind": "treadle.review", "title": "Finding", "proposal": {}, "actions": ["approve", "edit", "reject"]}


def ask(item: dict[str, Any]) -> dict[str, Any]:
    return {"done": [interrupt(item["question"], response_schema=item["schema"])]}


def graph(saver: SqliteSaver, schema: Any = Answer, question: Any = QUESTION) -> Any:
    builder: Any = StateGraph(State)
    builder.add_node("ask", lambda item: {"done": [interrupt(question, response_schema=schema)]})
    builder.add_conditional_edges(START, lambda state: [Send("ask", item) for item in state["items"]], ["ask"])
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def asked(saver: SqliteSaver, *, schema: Any = Answer, question: Any = QUESTION, times: int = 1) -> str:
    """The id of a review that waits."""
    graph(saver, schema, question).invoke({"items": [{}] * times}, {"configurable": {"thread_id": "a"}})
    return pending(saver)[0].id


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def test_a_decision_keeps_who_what_and_why(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    made = decide(saver, id_, "reject", reason="wrong category", words="See § 7 – nein.", by="ann", seconds=12)
    assert made.answer["action"] == "reject"
    assert made.answer["words"] == "See § 7 – nein."
    assert (made.answer["by"], made.answer["at"], made.answer["digest"]) == ("ann", made.at, digest(QUESTION))
    assert (made.by, made.reason, made.client, made.seconds) == ("ann", "wrong category", "python", 12.0)
    assert (made.applied_at, made.shown, made.digest) == (None, None, digest(QUESTION))
    assert decisions(saver) == [made]
    found = review(saver, id_)
    assert (found.status, found.decision) == ("decided", made)
    assert pending(saver) == []
    assert (run(saver, "a").status, run(saver, "a").decided) == ("decided", 1)


def test_an_edit_carries_the_edited_value(saver: SqliteSaver) -> None:
    made = decide(saver, asked(saver), "edit", value=Finding(category="term", risk="low", places=[1]), by="ann")
    assert made.answer["value"] == {"category": "term", "risk": "low", "places": [1]}


def test_a_second_decision_is_refused_and_says_who_decided_what(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    decide(saver, id_, "approve", by="ann")
    for _ in range(2):
        with pytest.raises(ReviewClosed, match=r"decided already: approve by ann at \d{4}-"):
            decide(saver, id_, "reject", by="bob")
    assert len(decisions(saver)) == 1
    assert review(saver, id_).decision == decisions(saver)[0]


def test_a_review_whose_run_went_on_without_it_is_closed(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    graph(saver).invoke({"items": []}, {"configurable": {"thread_id": "a"}})
    with pytest.raises(ReviewClosed, match="went on without a decision"):
        decide(saver, id_, "approve", by="ann")


def test_an_unknown_review_is_said_to_be_unknown(saver: SqliteSaver) -> None:
    with pytest.raises(ReviewNotFound, match="No review has the id"):
        decide(saver, "abc", "approve", by="ann")


def test_a_decision_on_what_was_not_shown_is_stale(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    with pytest.raises(ReviewClosed, match="changed after it was shown"):
        decide(saver, id_, "approve", by="ann", digest=digest({"amount": 100}))
    assert decisions(saver) == []
    made = decide(saver, id_, "approve", by="ann", digest=digest(QUESTION))
    assert made.shown == digest(QUESTION)


def test_a_question_that_changed_while_it_was_answered_is_stale(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    shown = review(saver, id_)
    saver.database.write(lambda connection: connection.execute("UPDATE reviews SET digest = 'other'"))
    with pytest.raises(ReviewClosed, match="changed after it was shown"):
        decide(saver, id_, "approve", by="ann", digest=shown.digest)
    assert decisions(saver) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"action": "delete"}, "The action 'delete' is not one of this question's: approve, edit, reject."),
        ({"action": "edit"}, "The action edit needs the edited value"),
        ({}, "A decision needs an action or an answer"),
        ({"action": "edit", "value": {"category": 7, "risk": "low"}}, "at value.category: 7 is not text."),
        (
            {"action": "edit", "value": {"category": "x", "risk": "dire"}},
            'value.risk: "dire" is not one of "low", "high".',
        ),
        ({"action": "edit", "value": {"risk": "low"}}, "at value: 'category' is missing."),
        (
            {"action": "edit", "value": {"category": "x", "risk": "low", "places": [1, "b"]}},
            'at value.places[1]: "b" is not a whole number.',
        ),
        ({"action": "edit", "value": date(2026, 1, 1)}, "not plain data"),
        ({"action": "edit", "value": float("nan")}, "not plain data"),
        ({"answer": "yes"}, 'The answer does not fit: "yes" is not an object.'),
        ({"answer": {}}, "'action' is missing."),
        ({"action": "approve", "words": "\ud800"}, "a character that is no text"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_in_words_and_not_stored(
    saver: SqliteSaver, given: dict[str, Any], words: str
) -> None:
    id_ = asked(saver)
    with pytest.raises(AnswerInvalid) as caught:
        decide(saver, id_, by="ann", **given)
    assert words in str(caught.value)
    assert decisions(saver) == []
    assert review(saver, id_).status == "pending"
    assert run(saver, "a").decided == 0
    assert decide(saver, id_, "approve", by="ann").seq == 1


@pytest.mark.parametrize("answer", ["forty-two", 42, None, ["a", {"b": 1}], {"type": "accept"}])
def test_a_question_without_a_schema_takes_any_plain_answer(saver: SqliteSaver, answer: Any) -> None:
    made = decide(saver, asked(saver, schema=None, question="How much?"), answer=answer, by="ann")
    assert (made.answer, made.action) == (answer, "answer")


@pytest.mark.parametrize("said", [{"words": 5}, {"client": 5}, {"reason": 5}, {"labels": 5}, {"reason": [5]}])
def test_what_is_said_beside_the_answer_is_text_or_refused(saver: SqliteSaver, said: Any) -> None:
    id_ = asked(saver, schema=None, question="How much?")
    with pytest.raises(AnswerInvalid, match="text"):
        decide(saver, id_, answer=42, by="ann", **said)
    assert (decisions(saver), verify(saver)) == ([], [])


def test_a_comment_that_is_no_text_is_refused_and_one_from_before_is_read(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    for words, by in (("\udcff", "ann"), ("Hm.", "\udcff")):
        with pytest.raises(AnswerInvalid, match="no text"):
            comment(saver, id_, words, by=by)
    comment(saver, id_, "Hm?", by="ann")
    half = """UPDATE events SET content = '{"words": "\\udcff", "to": null}'"""
    saver.database.write(lambda connection: connection.execute(half))
    assert [one.words for one in comments(saver, id_, thread="a")] == ["\udcff"]


def test_a_question_that_names_no_actions_asks_for_the_whole_answer(saver: SqliteSaver) -> None:
    with pytest.raises(AnswerInvalid, match="names no actions"):
        decide(saver, asked(saver, schema=None, question="How much?"), "approve", by="ann")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"type": "no such type"},
        {"$ref": "#/$defs/missing"},
    ],
)
def test_a_schema_that_cannot_be_used_checks_nothing_and_fetches_nothing(saver: SqliteSaver, schema: Any) -> None:
    assert decide(saver, asked(saver, schema=schema, question="?"), answer=1, by="ann").answer == 1


def test_of_many_threads_exactly_one_decides(saver: SqliteSaver) -> None:
    id_ = asked(saver)
    outcomes: list[str] = []
    refused: list[str] = []
    gate = threading.Barrier(8)

    def attempt(name: str) -> None:
        gate.wait()
        try:
            decide(saver, id_, "approve", by=name)
            outcomes.append(name)
        except ReviewClosed:
            refused.append(name)

    threads = [threading.Thread(target=attempt, args=(f"reviewer {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.by for each in decisions(saver)] == outcomes
    assert (len(outcomes), len(refused)) == (1, 7)


def race(path: str, ids: list[str], name: str, gate: Any, winners: Any) -> None:
    with SqliteSaver(path) as saver:
        gate.wait()
        for id_ in ids:
            try:
                decide(saver, id_, "approve", by=name)
                winners.put(id_)
            except ReviewClosed:
                continue


def test_of_several_processes_exactly_one_decides_each_review(saver: SqliteSaver, tmp_path: Path) -> None:
    asked(saver, times=20)
    ids = [each.id for each in pending(saver)]
    context = multiprocessing.get_context("fork")
    gate, winners = context.Barrier(3), context.Queue()
    path = str(tmp_path / "treadle.db")
    racers = [context.Process(target=race, args=(path, ids, f"p{number}", gate, winners)) for number in range(3)]
    for racer in racers:
        racer.start()
    won = sorted(winners.get(timeout=60) for _ in ids)
    for racer in racers:
        racer.join(60)
        assert racer.exitcode == 0
    assert won == sorted(ids)
    assert winners.empty()
    assert len(decisions(saver)) == len(ids)
    assert verify(saver) == []


def recorded(saver: SqliteSaver, times: int = 6) -> list[Decision]:
    asked(saver, times=times)
    return [decide(saver, each.id, "approve", by="ann", words="ü") for each in pending(saver)]


def tamper(saver: SqliteSaver, *statements: str) -> list[str]:
    def work(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    saver.database.write(work)
    return verify(saver)


def test_an_untouched_record_is_whole(saver: SqliteSaver) -> None:
    assert verify(saver) == []
    recorded(saver)
    assert verify(saver) == []


def test_what_was_applied_when_is_not_part_of_the_seal(saver: SqliteSaver) -> None:
    recorded(saver)
    assert tamper(saver, "UPDATE decisions SET applied_at = 5") == []


@pytest.mark.parametrize(
    "change",
    [
        'answer = \'{"action":"reject"}\'',
        "\"by\" = 'bob'",
        "at = at + 1",
        "words = NULL",
        "reason = 'x'",
        "seconds = 3",
        "digest = 'x'",
        "client = 'web'",
        "hash = 'x'",
        "interrupt_id = 'x'",
    ],
)
def test_a_changed_row_is_named(saver: SqliteSaver, change: str) -> None:
    recorded(saver)
    problems = tamper(saver, f"UPDATE decisions SET {change} WHERE seq = 3")
    assert any(problem.startswith("Decision 3 (") and "was changed" in problem for problem in problems)


def test_removed_rows_are_named_even_the_last(saver: SqliteSaver) -> None:
    recorded(saver)
    assert "Decision 2 was removed." in tamper(saver, "DELETE FROM decisions WHERE seq = 2")
    assert "Decisions 5 to 6 were removed." in tamper(saver, "DELETE FROM decisions WHERE seq > 4")
    assert any("no decision is recorded" in problem for problem in verify(saver))


def test_reordered_rows_are_named(saver: SqliteSaver) -> None:
    recorded(saver)
    problems = tamper(
        saver,
        "UPDATE decisions SET seq = 99 WHERE seq = 2",
        "UPDATE decisions SET seq = 2 WHERE seq = 3",
        "UPDATE decisions SET seq = 3 WHERE seq = 99",
    )
    assert [problem[:10] for problem in problems[:2]] == ["Decision 2", "Decision 3"]


def test_a_row_forged_with_a_hash_of_its_own_breaks_the_chain(saver: SqliteSaver) -> None:
    from treadle.checkpoints.desks.seals import content, opened, row_hash

    recorded(saver)

    def forge(connection: sqlite3.Connection) -> None:
        row = dict(connection.execute("SELECT * FROM decisions WHERE seq = 3").fetchone()) | {"by": "bob"}
        row["seal"] = opened(row).commitment(content(row))
        connection.execute(
            "UPDATE decisions SET \"by\" = 'bob', seal = ?, hash = ? WHERE seq = 3", (row["seal"], row_hash(row))
        )

    saver.database.write(forge)
    assert any("Decision 4" in problem and "does not follow on" in problem for problem in verify(saver))


def test_the_record_is_listed_newest_first_and_by_page(saver: SqliteSaver) -> None:
    made = recorded(saver)
    assert decisions(saver) == made[::-1]
    assert decisions(saver, limit=2, offset=1) == made[::-1][1:3]
    assert decisions(saver, thread="other") == []
