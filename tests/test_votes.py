"""Votes: so many distinct people must agree, one may veto, a blind round hides what others said."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from gated import asked, graph, lines
from processes import treadle

from treadle.checkpoints import SqliteSaver, Worker, decide, decisions, pending, review, run, verify, votes
from treadle.errors import NotAllowed, ReviewClosed


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def test_the_run_goes_on_by_itself_when_enough_people_agree(saver: SqliteSaver, tmp_path: Path) -> None:
    log, question = tmp_path / "log", {"quorum": 2}
    id_ = asked(saver, question)
    worker = Worker(saver, lambda name: graph(saver, question, log=log))
    first = decide(saver, id_, "approve", by="ann", words="Fine.")
    assert (first.kind, review(saver, id_).status, run(saver, "t").status) == ("vote", "pending", "waiting")
    assert worker.once() == 0
    second = decide(saver, id_, "approve", by="bob", words="Yes.")
    assert (second.kind, second.by, second.words) == ("decision", "ann, bob", "ann: Fine.\nbob: Yes.")
    assert worker.once() == 1
    assert lines(log) == ["0 approve ann, bob"]
    assert run(saver, "t").status == "done"
    assert verify(saver) == []


def test_one_person_is_counted_once_and_may_change_their_mind(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 2})
    decide(saver, id_, "approve", by="ann")
    with pytest.raises(ReviewClosed, match="has voted so already"):
        decide(saver, id_, "approve", by="ANN ")
    decide(saver, id_, "reject", by="ann")
    decide(saver, id_, "approve", by="bob")
    tally = votes(saver, id_)
    assert [(vote.by, vote.action) for vote in tally.votes] == [("ann", "reject"), ("bob", "approve")]
    assert tally.missing == 1
    assert decide(saver, id_, "reject", by="bob").by == "ann, bob"


def test_edits_agree_only_if_they_say_the_same(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 2})
    decide(saver, id_, "edit", value=30, by="ann")
    assert decide(saver, id_, "edit", value=31, by="bob").kind == "vote"
    made = decide(saver, id_, "edit", value=30, by="cleo", words="As Ann says.")
    assert (made.kind, made.by, made.answer["value"], made.answer["by"]) == ("decision", "ann, cleo", 30, "ann, cleo")


def test_a_rejection_with_veto_decides_alone_and_an_approval_does_not(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 3, "veto": ["legal"]})
    assert decide(saver, id_, "approve", by="cleo", roles=["legal"]).kind == "vote"
    assert decide(saver, id_, "reject", by="ann", roles=["sales"]).kind == "vote"
    made = decide(saver, id_, "reject", by="cleo", roles=["legal"])
    assert (made.kind, made.action, made.by) == ("decision", "reject", "cleo")


def test_a_blind_round_shows_who_voted_and_to_each_only_their_own_vote(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 2, "blind": True})
    decide(saver, id_, "reject", by="ann", words="Too much.")
    seen = votes(saver, id_, by="bob")
    (hidden,) = seen.votes
    assert (hidden.by, hidden.action, hidden.answer, hidden.words) == ("ann", "vote", None, None)
    assert (seen.missing, seen.adjudicating) == (1, False)
    assert votes(saver, id_, by="Ann").votes[0].words == "Too much."
    assert [(one.action, one.words) for one in decisions(saver)] == [("vote", None)]
    with pytest.raises(ReviewClosed, match="in a blind round a vote stands"):
        decide(saver, id_, "approve", by="ann")
    made = decide(saver, id_, "reject", by="bob", words="No.")
    assert (made.kind, made.words) == ("decision", "ann: Too much.\nbob: No.")
    assert [one.action for one in decisions(saver)] == ["reject", "reject", "reject"]
    assert verify(saver) == []


def test_the_command_line_hides_a_blind_vote_as_well(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        id_ = asked(saver, {"quorum": 2, "blind": True})
    done = treadle(tmp_path, "decide", id_, "reject", "--by", "ann", "--words", "Too much.")
    assert "one more person must" in done.stderr, (done.stdout, done.stderr)
    for arguments in (("show", id_), ("show", id_, "--json"), ("votes", id_, "--by", "bob")):
        shown = treadle(tmp_path, "reviews", *arguments)
        assert shown.returncode == 0, shown.stderr
        assert "Too much." not in shown.stdout
    assert "ann" in treadle(tmp_path, "reviews", "votes", id_, "--by", "bob").stdout
    assert "reject" in treadle(tmp_path, "reviews", "votes", id_, "--by", "ann").stdout


def test_when_a_blind_round_disagrees_all_is_shown_and_one_more_person_decides(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 2, "blind": True, "roles": ["lead"]})
    decide(saver, id_, "reject", by="ann", roles=["lead"], words="Too much.")
    assert decide(saver, id_, "approve", by="bob", roles=["lead"]).kind == "vote"
    tally = votes(saver, id_, by="cleo")
    assert (tally.adjudicating, tally.missing) == (True, 1)
    assert [vote.words for vote in tally.votes] == ["Too much.", None]
    for who in ("ann", "bob"):
        with pytest.raises(NotAllowed, match="somebody who has not voted must decide"):
            decide(saver, id_, "approve", by=who, roles=["lead"])
    made = decide(saver, id_, "approve", by="cleo", roles=["lead"])
    assert (made.kind, made.by, made.action) == ("decision", "cleo", "approve")


def test_votes_are_void_when_the_question_changes(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 2})
    decide(saver, id_, "approve", by="ann")
    other = graph(saver, {"quorum": 2, "proposal": 99_999})
    other.invoke(None, {"configurable": {"thread_id": "t"}})
    assert review(saver, id_).value["proposal"] == 99_999
    assert votes(saver, id_).votes == ()
    assert decide(saver, id_, "approve", by="bob").kind == "vote"


def test_the_record_shows_a_vote_that_was_changed(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"quorum": 2})
    decide(saver, id_, "approve", by="ann")
    saver.database.write(lambda connection: connection.execute("UPDATE decisions SET kind = NULL"))
    assert "was changed after it was recorded" in verify(saver)[0]


def _vote(path: Path, who: str, action: str) -> None:
    with SqliteSaver(path) as saver:
        for each in pending(saver, limit=1000):
            try:
                decide(saver, each.id, action, by=who, thread=each.thread_id)
            except ReviewClosed:
                continue


def test_processes_that_vote_at_once_make_one_decision_on_each(saver: SqliteSaver, tmp_path: Path) -> None:
    asked(saver, {"quorum": 3}, items=40)
    fork = multiprocessing.get_context("fork")
    crowd = [fork.Process(target=_vote, args=(saver.database.path, f"p{n}", "approve")) for n in range(4)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    made = decisions(saver, limit=1000)
    assert len([one for one in made if one.kind == "decision"]) == 40
    assert len([one for one in made if one.kind == "vote"]) == 120
    assert all(one.by.count(",") == 2 for one in made if one.kind == "decision")
    assert verify(saver) == []
