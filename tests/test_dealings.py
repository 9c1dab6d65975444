"""What the page does to one question, the command line does too."""

from pathlib import Path

import pytest
from gated import asked, graph
from processes import listed, refused, treadle

from treadle.checkpoints import SqliteSaver, decisions, pending, review
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.ledgers.advances import advance

QUESTION = {
    "kind": "treadle.review", "gate": "ask", "title": "Refund", "actions": ["approve", "reject"], "proposal": 5,
    "reasons": ["too much", "too late"], "labels": ["odd", "rude"],
}  # fmt: skip


@pytest.fixture
def id_(tmp_path: Path) -> str:
    """A question that waits in the folder's database."""
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        return asked(saver, QUESTION)


def test_a_question_is_talked_about_and_handed_over(tmp_path: Path, id_: str) -> None:
    said = treadle(tmp_path, "reviews", "comment", id_, "The cap is in 9.1.", "--to", "finance", "--by", "ann")
    assert said.stdout.strip() == "Recorded: a comment by ann, handed over to finance."
    assert "ann, handing over to finance: The cap is in 9.1." in treadle(tmp_path, "reviews", "show", id_).stdout
    assert [one["id"] for one in listed(tmp_path, "reviews", "--assign", "finance")] == [id_]
    refused(treadle(tmp_path, "reviews", "comment", id_, "  "), "A comment needs words")
    refused(treadle(tmp_path, "reviews", "comment", id_, "Hm.", "--by", " "), "name who decides")


def test_a_decision_names_all_its_reasons_and_labels(tmp_path: Path, id_: str) -> None:
    reasons = ("--reason", "too much", "--reason", "too late", "--label", "odd", "--label", "rude")
    refused(treadle(tmp_path, "decide", id_, "reject", "--label", "unheard of"), "unheard of")
    done = treadle(tmp_path, "decide", id_, "reject", *reasons, "--by", "ann")
    assert done.returncode == 0, done.stderr
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        [made] = decisions(saver)
    assert (made.by, made.reasons, made.labels) == ("ann", ["too much", "too late"], ["odd", "rude"])


def test_a_question_is_asked_again_in_a_run_of_its_own(tmp_path: Path, id_: str) -> None:
    refused(treadle(tmp_path, "reviews", "again", id_, "--why", "Hm."), "still open")
    assert treadle(tmp_path, "decide", id_, "approve", "--by", "ann").returncode == 0
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        advance(saver, graph(saver, QUESTION), "t", name="g")
        again = listed(tmp_path, "reviews", "again", id_, "--why", "The cap was raised since.", "--by", "bo")
        assert [one.thread_id for one in pending(saver)] == [again["thread_id"]]
        assert again["thread_id"] != "t"
        assert review(saver, id_, thread="t").status == "closed"
        assert [(one.kind, one.by, one.content["why"]) for one in events(saver)] == [
            ("second look", "bo", "The cap was raised since.")
        ]
