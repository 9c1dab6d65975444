"""The review queue: what waits, in which order, and how it is found."""

import operator
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from treadle.checkpoints.decisions import decide
from treadle.checkpoints.desks.claims import claim
from treadle.checkpoints.reviews import count, pending, review, reviews
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewNotFound


class Answer(BaseModel):
    action: str
    words: str | None = None


class State(TypedDict, total=False):
    items: list[dict[str, Any]]
    done: Annotated[list[Any], operator.add]


class Asked(TypedDict):
    question: Any
    typed: NotRequired[bool]


def ask(item: Asked) -> dict[str, Any]:
    answer = interrupt(item["question"], response_schema=Answer if item.get("typed", True) else None)
    return {"done": [str(answer)]}


def graph(saver: SqliteSaver) -> Any:
    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", item) for item in state["items"]], ["ask"])
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def question(title: str, **more: Any) -> dict[str, Any]:
    return {"question": {"kind": "treadle.review", "title": title, "why": "a rule", "actions": ["approve"]} | more}


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def start(saver: SqliteSaver, thread: str, *items: dict[str, Any], name: str | None = None) -> None:
    metadata = {"graph": name} if name else {}
    config: Any = {"configurable": {"thread_id": thread}, "metadata": metadata}
    graph(saver).invoke({"items": list(items)}, config)


def titles(saver: SqliteSaver, **filters: Any) -> list[str | None]:
    return [each.title for each in pending(saver, **filters)]


def test_the_most_urgent_comes_first_then_the_soonest_due_then_the_oldest(saver: SqliteSaver) -> None:
    start(saver, "a", question("old"), question("due late", due=2000.0), question("due soon", due=1000.0))
    start(saver, "b", question("young"), question("urgent", priority=5))
    assert titles(saver) == ["urgent", "due soon", "due late", "old", "young"]
    assert titles(saver, limit=2, offset=1) == ["due soon", "due late"]


def test_the_order_needs_no_sorting_however_many_wait(saver: SqliteSaver) -> None:
    start(saver, "a", question("one"))
    statements: list[str] = []
    saver.database.read(lambda connection: connection.set_trace_callback(statements.append))
    assert titles(saver) == ["one"]
    saver.database.read(lambda connection: connection.set_trace_callback(None))
    (query,) = (one for one in statements if one.startswith("SELECT"))
    plan = saver.database.read(lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
    assert [row["detail"].partition(" (")[0] for row in plan] == [
        "SCAN reviews USING INDEX reviews_pending",
        "SEARCH claims USING PRIMARY KEY",
    ]


def test_a_review_tells_what_is_asked_and_where(saver: SqliteSaver) -> None:
    before = time.time()
    start(saver, "a", question("Clause 7", gate="finding", assign="legal"), name="contract")
    found = pending(saver)[0]
    assert (found.thread_id, found.graph, found.node, found.path) == ("a", "contract", "ask", "")
    assert (found.gate, found.title, found.why, found.assign) == ("finding", "Clause 7", "a rule", "legal")
    assert found.value["actions"] == ["approve"]
    assert found.schema is not None
    assert "action" in found.schema["properties"]
    assert before <= found.asked_at <= time.time()
    assert (found.status, found.decision, found.problem) == ("pending", None, None)


def test_questions_of_other_programs_are_listed_too(saver: SqliteSaver) -> None:
    start(saver, "a", {"question": "Your age?", "typed": False}, {"question": {"x": [1, None]}, "typed": False})
    found = pending(saver)
    assert sorted(str(each.value) for each in found) == ["Your age?", "{'x': [1, None]}"]
    assert [each.schema for each in found] == [None, None]


def test_questions_that_are_listed_together_have_each_their_own_schema_and_claim(saver: SqliteSaver) -> None:
    start(saver, "a", question("typed"), question("taken"))
    start(saver, "b", question("free") | {"typed": False})
    (taken,) = (one for one in pending(saver) if one.title == "taken")
    made = claim(saver, taken.id, by="ann")
    found = {one.title: one for one in pending(saver)}
    assert {title: one.claim for title, one in found.items()} == {"typed": None, "taken": made, "free": None}
    schema = Answer.model_json_schema()
    assert {title: one.schema for title, one in found.items()} == {"typed": schema, "taken": schema, "free": None}
    assert [one.claim for one in reviews(saver, [(one.thread_id, one.id) for one in found.values()])] == [
        one.claim for one in found.values()
    ]


def test_filters_narrow_the_list_and_the_count_alike(saver: SqliteSaver) -> None:
    start(saver, "a", question("one", gate="g", assign="legal"), question("two", gate="h"), name="contract")
    start(saver, "b", question("three", gate="g"), name="mail")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"thread": "a"}, ["one", "two"]),
        ({"graph": "mail"}, ["three"]),
        ({"gate": "g"}, ["one", "three"]),
        ({"assign": "legal"}, ["one"]),
        ({"graph": "pending"}, []),
        ({"status": "closed"}, []),
        ({"status": None}, ["one", "two", "three"]),
    ]
    for filters, wanted in cases:
        assert sorted(map(str, titles(saver, **filters))) == sorted(wanted)
        assert count(saver, **filters) == len(wanted)


def test_search_finds_all_words_in_any_case_and_takes_them_literally(saver: SqliteSaver) -> None:
    start(saver, "run-1", question("Liability is unlimited"), question("Notice period"))
    assert titles(saver, search="unlim LIAB") == ["Liability is unlimited"]
    assert titles(saver, search="liability notice") == []
    assert count(saver, search="run-1") == 2
    for hostile in ['"', "liability OR notice*", "NEAR(", "a\0b", "-", "title:x", "%", "'"]:
        assert count(saver, search=hostile) == 0


def test_a_search_finds_what_waits_amid_what_is_over(saver: SqliteSaver) -> None:
    for number in range(5):
        start(saver, f"run-{number}", question("Liability"))
    for number in (0, 2, 4):
        decide(saver, _only(saver, f"run-{number}"), "approve", by="ann")
    assert [one.thread_id for one in pending(saver, search="liab")] == ["run-1", "run-3"]
    assert count(saver, search="liab", status="decided") == 3
    decide(saver, _only(saver, "run-1"), "approve", by="ann")
    decide(saver, _only(saver, "run-3"), "approve", by="ann")
    assert (count(saver, search="liab"), count(saver, search="liab", status=None)) == (0, 5)


def _only(saver: SqliteSaver, thread: str) -> str:
    return pending(saver, thread=thread)[0].id


def test_an_unknown_status_is_refused(saver: SqliteSaver) -> None:
    with pytest.raises(ValueError, match="one of pending, decided, closed"):
        pending(saver, status="open")  # type: ignore[arg-type]


def test_the_beginning_of_an_id_is_enough_where_no_other_has_it(saver: SqliteSaver) -> None:
    start(saver, "a", *[question(str(number)) for number in range(40)])
    whole = pending(saver)[0]
    assert review(saver, whole.id).title == whole.title
    assert review(saver, whole.id[:12]).id == whole.id
    letters = [each.id[0] for each in pending(saver)]
    shared = next(letter for letter in letters if letters.count(letter) > 1)
    with pytest.raises(ReviewNotFound, match=r"Several reviews .* give more of it"):
        review(saver, shared)


def test_an_unknown_id_is_said_to_be_unknown(saver: SqliteSaver) -> None:
    for unknown in ("nothing", "", "%", "'"):
        with pytest.raises(ReviewNotFound, match="No review has the id"):
            review(saver, unknown)


def test_ids_that_two_runs_share_ask_for_the_run(saver: SqliteSaver) -> None:
    start(saver, "a", question("one"))

    def copy(connection: sqlite3.Connection) -> None:
        row = dict(connection.execute("SELECT * FROM reviews").fetchone()) | {"seq": None, "thread_id": "b"}
        connection.execute(
            f"INSERT INTO reviews ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
        )

    saver.database.write(copy)
    id_ = pending(saver, thread="a")[0].id
    with pytest.raises(ReviewNotFound, match="the runs a, b share it"):
        review(saver, id_)
    assert review(saver, id_, thread="b").thread_id == "b"


def test_what_a_run_asks_at_once_is_listed_in_reading_order(saver: SqliteSaver) -> None:
    asked = ["Clause 10.1", "Clause 2.10", "Clause 2.9", "Clause 1.1"]
    start(saver, "a", *(question(title, gate="finding") for title in asked))
    assert titles(saver) == ["Clause 1.1", "Clause 2.9", "Clause 2.10", "Clause 10.1"]
