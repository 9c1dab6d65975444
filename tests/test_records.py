"""The record of decisions: what it keeps of each, and how a file that was tampered with is told."""

import operator
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from treadle.checkpoints.decisions import decide, decisions
from treadle.checkpoints.desks.audits import append, shown, verify
from treadle.checkpoints.desks.commitments import REMOVED, Opening, leaves, opening, reopened, replaced
from treadle.checkpoints.desks.edits import edits, field, patched
from treadle.checkpoints.desks.events import events, note
from treadle.checkpoints.desks.seals import content
from treadle.checkpoints.reviews import pending
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest
from treadle.errors import AnswerInvalid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)

QUESTION = {
    "kind": "treadle.review",
    "gate": "refund",
    "title": "Refund for Ada",
    "proposal": {"amount": 120, "risk": "high", "lines": ["a", "b"]},
    "actions": ["approve", "edit", "reject"],
    "reasons": ["wrong amount", "not due"],
    "labels": ["fraud", "goodwill"],
    "confidence": 0.62,
    "confidence_source": "log-probabilities",
}


class State(TypedDict, total=False):
    done: Annotated[list[Any], operator.add]


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def ask(saver: SqliteSaver, question: Any = QUESTION, *, times: int = 1, thread: str = "a") -> list[str]:
    """The ids of reviews that wait, each asked by a branch of a run."""
    builder: Any = StateGraph(State)
    builder.add_node("ask", lambda item: {"done": [interrupt(question)]})
    builder.add_conditional_edges(START, lambda state: [Send("ask", {}) for _ in range(times)], ["ask"])
    builder.add_edge("ask", END)
    config = {"configurable": {"thread_id": thread}, "metadata": {"graph": "shop"}}
    builder.compile(checkpointer=saver).invoke({"done": []}, config)
    return [one.id for one in pending(saver, thread=thread, limit=-1)]


def test_a_decision_keeps_everything_that_can_be_learnt_from(saver: SqliteSaver) -> None:
    (id_,) = ask(saver)
    value = {"amount": 100, "risk": "high", "lines": ["b"]}
    made = decide(
        saver, id_, "edit", value=value, by="ann", reason=["wrong amount", "not due"], words="Half of it.",
        labels=["goodwill"], seconds=41, client="page",
    )  # fmt: skip
    assert (made.reason, made.reasons, made.labels) == ("wrong amount", ["wrong amount", "not due"], ["goodwill"])
    assert made.edits == [
        {"op": "replace", "path": "/amount", "value": 100, "was": 120},
        {"op": "remove", "path": "/lines/0", "was": "a"},
    ]
    assert (made.confidence, made.confidence_source) == (0.62, "log-probabilities")
    assert (made.graph, made.gate, made.client, made.seconds) == ("shop", "refund", "page", 41.0)
    assert shown(saver, made.seq) == QUESTION
    assert decisions(saver) == [made]
    assert verify(saver) == []


def test_what_was_shown_outlives_the_run(saver: SqliteSaver) -> None:
    made = decide(saver, ask(saver)[0], "approve", by="ann")
    saver.delete_thread("a")
    assert shown(saver, made.seq) == QUESTION
    assert verify(saver) == []


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"reason": "too dear"}, "'too dear' is none of this question's reasons: wrong amount, not due."),
        ({"labels": ["fraud", "spam"]}, "'spam' is none of this question's labels: fraud, goodwill."),
    ],
)
def test_a_reason_or_label_that_the_question_does_not_name_is_refused(
    saver: SqliteSaver, given_: dict[str, Any], words: str
) -> None:
    (id_,) = ask(saver)
    with pytest.raises(AnswerInvalid) as caught:
        decide(saver, id_, "reject", by="ann", **given_)
    assert words in str(caught.value)
    assert decisions(saver) == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"action_request": {"action": "pay", "args": {"sum": 7}}}, [{"type": "edit", "args": {"args": {"sum": 8}}}]),
        (
            {"action_requests": [{"name": "pay", "args": {"sum": 7}}]},
            {"decisions": [{"type": "edit", "edited_action": {"name": "pay", "args": {"sum": 8}}}]},
        ),
        (
            {"type": "tool_approval", "name": "pay", "args": {"sum": 7}},
            {"type": "edit", "edited_action": {"name": "pay", "args": {"sum": 8}}},
        ),
    ],
)
def test_the_edit_of_another_client_s_form_is_told_field_by_field_too(
    saver: SqliteSaver, question: Any, answer: Any
) -> None:
    made = decide(saver, ask(saver, question)[0], answer=answer, by="ann")
    assert made.edits == [{"op": "replace", "path": "/sum", "value": 8, "was": 7}]


@settings(deadline=None)
@given(JSON, JSON)
def test_edits_make_the_one_of_the_other_and_say_what_was(before: Any, after: Any) -> None:
    told = edits(before, after)
    assert patched(before, told) == after
    assert (told == []) == (digest(before) == digest(after))
    assert all(("was" in one) == (one["op"] != "add") for one in told)


def test_a_field_is_named_whichever_place_of_a_list_it_has() -> None:
    assert [field("/lines/3/sum"), field("/a~1b/-"), field("")] == ["lines.*.sum", "a/b.*", ""]


def table(path: Path, *statements: str) -> None:
    """Change the file behind treadle's back."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def recorded(saver: SqliteSaver) -> SqliteSaver:
    for id_ in ask(saver, times=6):
        decide(saver, id_, "reject", by="ann", reason="not due", words="ü", seconds=3)
    for number in range(4):
        saver.database.write(partial(note, kind="noted", by="ann", number=number))
    return saver


@pytest.mark.parametrize(
    "change",
    [
        "confidence = 0.9", "confidence_source = NULL", "labels = '[\"fraud\"]'", "reasons = NULL", "edits = '[]'",
        "rule = 'r'", "roles = '[\"legal\"]'", "claims = '[]'", "graph = 'x'", "gate = NULL", "payload = NULL",
        "payload = x'0022'", "secret = x'00'", "seal = NULL", "seal = 'x'", "shown = 'x'", "previous = 'x'",
        "thread_id = 'x'", "action = 'approve'", "answer = 'nonsense'",
    ],
)  # fmt: skip
def test_a_row_that_was_changed_in_the_file_is_named(recorded: SqliteSaver, change: str) -> None:
    table(recorded.path, f"UPDATE decisions SET {change} WHERE seq = 3")
    assert any(problem.startswith("Decision 3 (") and "was changed" in problem for problem in verify(recorded))


def test_what_came_after_a_head_is_verified_alone(recorded: SqliteSaver) -> None:
    change = "UPDATE decisions SET words = 'other' WHERE seq = {}"
    recorded.database.write(lambda connection: connection.execute(change.format(2)))
    assert any(told.startswith("Decision 2 ") for told in verify(recorded))
    assert verify(recorded, since=2) == []
    recorded.database.write(lambda connection: connection.execute(change.format(3)))
    assert [told[:10] for told in verify(recorded, since=2)] == ["Decision 3"]
    recorded.database.write(lambda connection: connection.execute("DELETE FROM decisions WHERE seq = 3"))
    assert "Decision 3 was removed." in verify(recorded, since=2)


def test_rows_that_changed_places_are_named_with_the_places_they_had(recorded: SqliteSaver) -> None:
    table(
        recorded.path,
        "UPDATE decisions SET seq = 99 WHERE seq = 2",
        "UPDATE decisions SET seq = 2 WHERE seq = 5",
        "UPDATE decisions SET seq = 5 WHERE seq = 99",
    )
    told = verify(recorded)
    assert any(one.startswith("Decision 2 (") and one.endswith("it was decision 5, and moved.") for one in told)
    assert any(one.startswith("Decision 5 (") and one.endswith("it was decision 2, and moved.") for one in told)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE events SET \"by\" = 'bob' WHERE seq = 2", "Event 2 (noted by bob) was changed"),
        ("UPDATE events SET content = '{}' WHERE seq = 2", "Event 2 (noted by ann) was changed"),
        ("DELETE FROM events WHERE seq = 2", "Event 2 was removed."),
        ("DELETE FROM events WHERE seq > 2", "Events 3 to 4 were removed."),
    ],
)
def test_an_event_that_was_changed_or_removed_is_named(recorded: SqliteSaver, change: str, words: str) -> None:
    assert len(events(recorded, kind="noted")) == 4
    table(recorded.path, change)
    assert any(words in problem for problem in verify(recorded))


def test_a_record_written_anew_from_a_row_on_is_told_by_the_events(recorded: SqliteSaver) -> None:
    def rewrite(connection: sqlite3.Connection) -> None:
        rows = [dict(row) for row in connection.execute("SELECT * FROM decisions ORDER BY seq")]
        connection.execute("DELETE FROM decisions")
        connection.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'decisions'")
        for row in rows:
            append(connection, **{**row, **content(row), "by": "bob"})

    recorded.database.write(rewrite)
    told = verify(recorded)
    assert told
    assert all("is not the one that event" in one for one in told)


def test_a_record_of_before_is_verified_by_its_own_rule(saver: SqliteSaver) -> None:
    """Rows that an earlier treadle wrote have no commitment; a new one follows on from them."""
    first = {
        "seq": 1, "thread_id": "a", "interrupt_id": "i", "action": "approve", "answer": '{"action":"approve"}',
        "reason": None, "words": "ü", "by": "ann", "at": 1.5, "digest": "d", "shown": None, "client": "python",
        "seconds": None, "previous": "",
    }  # fmt: skip
    names = ", ".join(f'"{name}"' for name in (*first, "hash"))

    def write(connection: sqlite3.Connection) -> None:
        values = (*first.values(), digest(first))
        connection.execute(f"INSERT INTO decisions ({names}) VALUES ({', '.join('?' * len(values))})", values)

    saver.database.write(write)
    decide(saver, ask(saver)[0], "approve", by="ann")
    assert verify(saver) == []
    assert [one.words for one in decisions(saver)] == [None, "ü"]
    table(saver.path, "UPDATE decisions SET words = 'u' WHERE seq = 1")
    assert verify(saver) != []


@settings(deadline=None)
@given(JSON, st.data())
def test_what_is_removed_leaves_the_commitment_as_it_was_and_cannot_be_put_back_changed(
    value: Any, data: st.DataObject
) -> None:
    key = opening()
    root = key.commitment(value)
    every = list(leaves(value))
    gone = data.draw(st.sets(st.sampled_from(every))) if every else set()
    left = replaced(value, gone)
    key = key.without(value, gone)
    again = reopened(key.secret, key.text())
    assert again.commitment(left) == root
    assert set(again.removed) == gone
    assert not gone & set(again.salts)
    for at in set(every) - gone:
        assert again.commitment(replaced(left, {at})) != root or _value(left, at) == REMOVED


def _value(value: Any, at: str) -> Any:
    from jsonpointer import resolve_pointer

    return resolve_pointer(value, at)


def test_a_part_is_removed_in_steps_and_a_whole_that_holds_a_removed_one_too() -> None:
    value = {"a": {"b": "secret", "c": [1, 2]}, "d": "e"}
    key = opening()
    root = key.commitment(value)
    key, left = key.without(value, {"/a/b"}), replaced(value, {"/a/b"})
    key, left = key.without(left, {"/a"}), replaced(left, {"/a"})
    assert (left, set(key.removed), set(key.salts)) == ({"a": REMOVED, "d": "e"}, {"/a"}, {"/d"})
    assert key.commitment(left) == root
    assert isinstance(key, Opening)
