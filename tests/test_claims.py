"""Claims: one reviewer at a time, renewed, given back, taken over openly, and gone by themselves."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gated import asked

from treadle.checkpoints import SqliteSaver, claim, decide, decisions, release, review, verify
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.disks import clocks
from treadle.errors import ClaimHeld, ReviewClosed


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def test_what_somebody_has_before_them_nobody_else_decides_or_claims(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    made = claim(saver, id_, by="ann")
    assert review(saver, id_).claim == made
    with pytest.raises(ClaimHeld, match="ann has claimed review"):
        decide(saver, id_, "approve", by="bob")
    with pytest.raises(ClaimHeld, match="take the claim over"):
        claim(saver, id_, by="bob")
    assert decisions(saver) == []
    assert decide(saver, id_, "approve", by="Ann").by == "Ann"
    assert review(saver, id_).claim is None


def test_claiming_again_renews_and_keeps_since_when(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    first = claim(saver, id_, by="ann", seconds=10)
    again = claim(saver, id_, by="ann", seconds=100)
    assert again.at == first.at
    assert again.expires_at > first.expires_at + 80


def test_a_claim_that_is_given_back_is_free_and_only_its_holder_gives_it_back(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    claim(saver, id_, by="ann")
    assert not release(saver, id_, by="bob")
    assert release(saver, id_, by="ann")
    assert not release(saver, id_, by="ann")
    assert claim(saver, id_, by="bob").by == "bob"


def test_a_claim_that_has_expired_holds_nobody_up(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    claim(saver, id_, by="ann", seconds=-clocks.TOLERANCE - 0.1)
    assert claim(saver, id_, by="bob").by == "bob"
    assert events(saver) == []  # nothing was taken from anybody


def test_a_claim_lasts_some_seconds_longer_since_clocks_are_apart(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    claim(saver, id_, by="ann", seconds=-clocks.TOLERANCE / 2)
    with pytest.raises(ClaimHeld):
        decide(saver, id_, "approve", by="bob")


def test_a_claim_is_taken_over_on_record_and_its_former_holder_is_told(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    held = claim(saver, id_, by="ann")
    claim(saver, id_, by="bob", take=True)
    (kept,) = events(saver, kind="takeover")
    assert (kept.by, kept.interrupt_id) == ("bob", id_)
    assert (kept.content["before"], kept.content["until"]) == ("ann", held.expires_at)
    with pytest.raises(ClaimHeld, match="bob has claimed"):
        claim(saver, id_, by="ann")
    made = decide(saver, id_, "approve", by="bob")
    assert [one["by"] for one in made.claims] == ["bob"]
    assert verify(saver) == []


def test_the_record_shows_a_takeover_that_was_removed_or_changed(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    claim(saver, id_, by="ann")
    claim(saver, id_, by="bob", take=True)
    saver.database.write(lambda connection: connection.execute("UPDATE events SET \"by\" = 'eve'"))
    assert "was changed" in verify(saver)[0]
    saver.database.write(lambda connection: connection.execute("DELETE FROM events"))
    assert "was removed" in verify(saver)[0]


def test_what_is_decided_cannot_be_claimed(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    decide(saver, id_, "approve", by="ann")
    with pytest.raises(ReviewClosed, match="it is decided"):
        claim(saver, id_, by="bob")


def test_of_many_who_claim_at_once_one_has_it(saver: SqliteSaver) -> None:
    id_ = asked(saver, {})
    got: list[str] = []
    start = threading.Barrier(8)

    def try_(who: str) -> None:
        start.wait()
        try:
            got.append(claim(saver, id_, by=who).by)
        except ClaimHeld:
            time.sleep(0)

    threads = [threading.Thread(target=try_, args=(f"p{number}",)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = review(saver, id_).claim
    assert found is not None
    assert got == [found.by]
