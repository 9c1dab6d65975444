"""What a reviewer saw is what happens: a state that changed after the decision is asked about before any effect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END

from treadle import chain, review
from treadle.checkpoints import SqliteSaver, decide, decisions, pending, verify
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.workers import advance
from treadle.errors import ReviewClosed
from treadle.graphs.runs import start
from treadle.nodes import step

PAID: list[int] = []


def pay(amount: int) -> str:
    PAID.append(amount)
    return f"paid {amount}"


def take(offer: int) -> int:
    return offer


GRAPH = chain(step(take, into="amount", name="take"), review("amount", reject="take"), step(pay, into="end"))
CONFIG: Any = {"configurable": {"thread_id": "t"}}


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    PAID.clear()
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        start(GRAPH, {"offer": 100}, saver=opened, name="refunds", thread_id="t")
        yield opened


@pytest.mark.parametrize("node", [None, "take"])
def test_a_state_that_was_changed_after_the_decision_is_asked_about_again(saver: SqliteSaver, node: str | None) -> None:
    graph = GRAPH.compile(saver)
    (asked,) = pending(saver)
    decide(saver, asked.id, "approve", by="ada", digest=asked.digest)
    graph.update_state(CONFIG, {"amount": 99_999}, as_node=node)
    run = advance(saver, graph, "t")
    assert (run.status, run.pending, PAID) == ("waiting", 1, [])
    (again,) = pending(saver)
    assert again.value["proposal"] == 99_999
    assert again.problem == "The state was changed after this had been decided on: please decide again."
    told = [(one.action, one.applied_at) for one in decisions(saver, thread="t")]
    assert told == [("refused", None), ("approve", None)]
    assert (verify(saver), checkup(saver)) == ([], [])
    decide(saver, again.id, "approve", by="ada", digest=again.digest)
    assert (advance(saver, graph, "t").status, PAID) == ("done", [99_999])


def test_a_later_round_does_not_say_so_again(saver: SqliteSaver) -> None:
    graph = GRAPH.compile(saver)
    decide(saver, pending(saver)[0].id, "approve", by="ada")
    graph.update_state(CONFIG, {"amount": 7})
    advance(saver, graph, "t")
    decide(saver, pending(saver)[0].id, "reject", by="ada")
    advance(saver, graph, "t")
    (round_two,) = pending(saver)
    assert (round_two.value["round"], round_two.problem) == (2, None)


def test_a_question_that_changed_since_it_was_shown_is_not_decided(saver: SqliteSaver) -> None:
    (shown,) = pending(saver)
    graph = GRAPH.compile(saver)
    graph.update_state(CONFIG, {"amount": 99_999})
    advance(saver, graph, "t")
    with pytest.raises(ReviewClosed, match="Nothing was stored"):
        decide(saver, shown.id, "approve", by="ada", digest=shown.digest)
    assert (pending(saver)[0].value["proposal"], PAID) == (99_999, [])


def test_a_rejection_ends_a_run_before_its_effect(saver: SqliteSaver) -> None:
    ends = chain(step(take, into="amount", name="take"), review("amount", reject=END), step(pay, into="end"))
    start(ends, {"offer": 5}, saver=saver, name="refunds", thread_id="u")
    (asked,) = pending(saver, thread="u")
    decide(saver, asked.id, "reject", by="ada")
    assert (advance(saver, ends.compile(saver), "u").status, PAID) == ("done", [])
