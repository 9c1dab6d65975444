"""Insights: what decisions say of the model and of those who decide, computed from a real record."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from refunds import applied, asked
from scipy.stats import binomtest

from treadle.checkpoints.decisions import decide, decisions
from treadle.checkpoints.desks.answers import UNSET
from treadle.checkpoints.insights import Pace, agreement, edits, overturns, paces, said, seed
from treadle.checkpoints.ledgers.forks import second_look
from treadle.checkpoints.ledgers.intervals import wilson
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewClosed


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


EDIT = {"amount": 9, "note": "Sorry."}


def decided(
    saver: SqliteSaver, *given: tuple[Mapping[str, Any], Mapping[str, Any]], thread: str = "t"
) -> Sequence[str]:
    """Ask what the first of each pair says, decide as the second says."""
    ids = asked(saver, *[question for question, _ in given], thread=thread)
    for id_, (_, answer) in zip(ids, given, strict=True):
        decide(saver, id_, **{"by": "ann", "action": "approve", **answer}, thread=thread)
    return ids


def sure(confidence: float | None, action: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"confidence": confidence}, {"action": action, "value": EDIT if action == "edit" else UNSET}


def test_overturns_are_counted_by_band_with_wilson_s_interval(saver: SqliteSaver) -> None:
    decided(
        saver,
        *[sure(0.55, "reject")] * 3, *[sure(0.55, "approve")], *[sure(0.97, "approve")] * 5, sure(1.0, "edit"),
        sure(None, "approve"),
    )  # fmt: skip
    found = overturns(saver)
    assert (found.total, found.overturned, found.unknown) == (11, 4, 1)
    bands = {(one.low, one.high): one for one in found.bands}
    low, high = bands[0.5, 0.6], bands[0.95, 1.0]
    assert (low.total, low.overturned, low.rate) == (4, 3, 0.75)
    exact = binomtest(3, 4).proportion_ci(method="wilson")
    assert low.interval == pytest.approx((exact.low, exact.high))
    assert (high.total, high.overturned) == (6, 1)
    assert (bands[0.0, 0.5].rate, bands[0.0, 0.5].interval) == (None, (0.0, 1.0))
    assert overturns(saver, gate="other").total == overturns(saver, since=2e9).total == 0
    assert overturns(saver, graph="shop", gate="refund").total == 11


def test_a_threshold_catches_the_share_of_errors_that_was_chosen(saver: SqliteSaver) -> None:
    errors = [sure(number / 10, "reject") for number in (1, 2, 3, 4, 5, 6, 7, 8, 9)]
    decided(saver, *errors, sure(0.97, "reject"), *[sure(0.95, "approve")] * 10)
    line = overturns(saver, catch=0.9).threshold
    assert line is not None
    assert (line.caught, line.errors, line.share) == (9, 10, 0.9)
    assert 0.9 < line.below < 0.95
    assert line.reviewed == 9 / 20
    assert line.interval == wilson(9, 10)
    everything = overturns(saver, catch=1.0).threshold
    assert everything is not None
    assert (everything.caught, everything.below > 0.97) == (10, True)
    half = overturns(saver, catch=0.5).threshold
    assert half is not None
    assert (half.caught, 0.5 < half.below < 0.6) == (5, True)
    with pytest.raises(ValueError, match="share of the errors"):
        overturns(saver, catch=0)


def test_where_nothing_is_overturned_there_is_no_threshold(saver: SqliteSaver) -> None:
    decided(saver, *[sure(0.5, "approve")] * 2)
    assert overturns(saver).threshold is None
    assert overturns(saver).rate == 0.0


def test_an_edit_that_changes_nothing_overturns_nothing(saver: SqliteSaver) -> None:
    decided(saver, ({}, {"action": "edit", "value": {"amount": 10, "note": "Sorry."}}))
    assert overturns(saver).overturned == 0


def test_edits_are_told_by_field_with_the_most_common_change(saver: SqliteSaver) -> None:
    lines = {"proposal": {"amount": 10, "lines": [{"sum": 1}, {"sum": 2}]}}

    def edit(value: Any) -> dict[str, Any]:
        return {"action": "edit", "value": value}

    decided(
        saver,
        (lines, edit({"amount": 9, "lines": [{"sum": 5}, {"sum": 6}]})),
        (lines, edit({"amount": 9, "lines": [{"sum": 1}, {"sum": 2}]})),
        (lines, edit({"amount": 8, "lines": [{"sum": 1}, {"sum": 7}]})),
        ({}, {}),
    )
    amount, sums = edits(saver)
    assert (amount.field, amount.edits, amount.share, amount.common[0]) == ("amount", 3, 1.0, (10, 9, 2))
    assert (sums.field, sums.edits) == ("lines.*.sum", 2)
    assert len(sums.common) == 3


def test_reasons_and_labels_are_counted_by_action(saver: SqliteSaver) -> None:
    reject = {"action": "reject", "reason": ["not due", "wrong amount"]}
    decided(saver, ({}, reject), ({}, {"action": "reject", "reason": "not due"}), ({}, {"labels": ["goodwill"]}))
    assert [(one.kind, one.words, one.total, one.actions) for one in said(saver)] == [
        ("reason", "not due", 2, {"reject": 2}),
        ("label", "goodwill", 1, {"approve": 1}),
        ("reason", "wrong amount", 1, {"reject": 1}),
    ]


def test_agreement_is_told_over_second_looks_of_other_people(saver: SqliteSaver) -> None:
    actions = ["approve", "approve", "reject", "reject", "approve", "reject"]
    ids = decided(saver, *[({}, {"action": action}) for action in actions])
    applied(saver)
    for place, (id_, action) in enumerate(zip(ids, [*actions[:4], "reject", "approve"], strict=True)):
        second_look(saver, id_, by="bob", why="?", thread="t", target=f"look {place}")
        decide(saver, id_, action, by="bob", thread=f"look {place}")
    found = agreement(saver)
    assert (found.questions, found.raters, found.observed) == (6, 2, 4 / 6)
    (pair,) = found.pairs
    assert (pair.one, pair.other, pair.questions) == ("ann", "bob", 6)
    # By hand: they agree on 4 of 6; each says approve in half, so that chance alone would give a half.
    assert pair.kappa == pytest.approx((4 / 6 - 0.5) / (1 - 0.5))
    assert found.fleiss == pytest.approx((4 / 6 - 0.5) / (1 - 0.5))
    assert agreement(saver, gate="other").questions == 0


def test_where_nobody_decided_twice_there_is_no_agreement_to_tell(saver: SqliteSaver) -> None:
    decided(saver, ({}, {}), ({}, {}))
    found = agreement(saver)
    assert (found.questions, found.observed, found.fleiss, list(found.pairs)) == (0, None, None, [])


def pace(saver: SqliteSaver, by: str) -> Pace:
    return next(one for one in paces(saver) if one.by == by)


LETTER = {"context": {"letter": "word " * 300}}


def test_who_approves_faster_than_one_can_read_is_told(saver: SqliteSaver) -> None:
    quick, slow = {"by": "quick", "seconds": 2}, {"by": "slow", "seconds": 90}
    decided(saver, *[(LETTER, quick)] * 12, *[(LETTER, slow)] * 12)
    fast, careful = pace(saver, "quick"), pace(saver, "slow")
    assert (fast.hasty, fast.timed, fast.seconds, fast.approved) == (12, 12, 2.0, 1.0)
    assert fast.words is not None
    assert 300 < fast.words < 330
    assert fast.warning == "12 of 12 were approved faster than what was shown can be read"
    assert (careful.hasty, careful.warning) == (0, None)


def test_what_was_decided_before_lengths_were_kept_is_judged_alike(saver: SqliteSaver) -> None:
    decided(saver, *[(LETTER, {"by": "quick", "seconds": 2})] * 12, (LETTER, {"by": "quick"}))
    kept = paces(saver)
    saver.database.write(lambda connection: connection.execute("UPDATE decisions SET length = NULL"))
    assert paces(saver) == kept
    assert (kept[0].decisions, kept[0].timed, kept[0].hasty) == (13, 12, 12)


def test_who_sends_back_quickly_is_not_taken_for_careless(saver: SqliteSaver) -> None:
    decided(saver, *[(LETTER, {"by": "quick", "seconds": 2, "action": "reject"})] * 12)
    assert (pace(saver, "quick").hasty, pace(saver, "quick").warning) == (0, None)


def test_who_approves_everything_is_told_after_a_while(saver: SqliteSaver) -> None:
    decided(saver, *[({}, {"by": "yes"})] * 30)
    assert pace(saver, "yes").warning == "all 30 were approved"


def test_questions_of_known_answer_show_who_looks(saver: SqliteSaver) -> None:
    ids = asked(saver, *[{}] * 8)
    for id_ in ids[:4]:
        seed(saver, id_, "reject", by="eva")
    seed(saver, ids[4], "edit", by="eva", value=EDIT)
    for id_ in ids[:4]:
        decide(saver, id_, "approve", by="blind")
    decide(saver, ids[4], "edit", by="sharp", value=EDIT)
    with pytest.raises(ReviewClosed, match="is decided"):
        seed(saver, ids[4], "approve", by="eva")
    blind, sharp = pace(saver, "blind"), pace(saver, "sharp")
    assert (blind.seeded, blind.right, sharp.seeded, sharp.right) == (4, 0, 1, 1)
    assert blind.interval == wilson(0, 4)
    assert blind.warning == "only 0 of 4 questions of known answer were decided right"
    assert sharp.warning is None


def test_decisions_of_rules_say_nothing_of_people(saver: SqliteSaver) -> None:
    from treadle.checkpoints.bulks import enact, rule
    from treadle.checkpoints.bulks.conditions import Condition

    asked(saver, {"confidence": 0.9}, {"confidence": 0.9})
    rule(saver, "shop", "refund", [Condition("/confidence", ">", 0.5)], by="ann", cap=5)
    assert enact(saver) == 2
    assert len(decisions(saver)) == 2
    assert (overturns(saver).total, paces(saver)) == (0, [])


def test_votes_are_each_person_s_own_and_the_decision_they_make_is_nobody_s(saver: SqliteSaver) -> None:
    both = {"quorum": 2}
    ids = asked(saver, both, both, both)
    for id_, first, second in zip(ids, ("approve", "approve", "reject"), ("approve", "reject", "reject"), strict=True):
        decide(saver, id_, first, by="ann", seconds=5)
        decide(saver, id_, second, by="bob", seconds=5)
    found = agreement(saver)
    assert (found.questions, found.raters, found.observed) == (3, 2, 2 / 3)
    assert {(one.by, one.decisions, one.timed) for one in paces(saver)} == {("ann", 3, 3), ("bob", 3, 3)}
    assert all(one.words for one in paces(saver))
    assert overturns(saver).total == 2


def test_votes_of_a_blind_round_that_is_open_are_in_no_number(saver: SqliteSaver) -> None:
    (id_,) = asked(saver, {"quorum": 2, "blind": True})
    decide(saver, id_, "approve", by="ann")
    assert (paces(saver), agreement(saver).questions) == ([], 0)
    decide(saver, id_, "reject", by="bob")
    assert agreement(saver).questions == 1


def test_a_decision_that_was_taken_back_is_in_no_number(saver: SqliteSaver) -> None:
    from treadle.checkpoints.desks.withdrawals import withdraw

    (id_,) = asked(saver, {"withdraw_in": 60})
    decide(saver, id_, "reject", by="ann")
    withdraw(saver, id_, by="ann")
    assert (overturns(saver).total, paces(saver)) == (0, [])
    decide(saver, id_, "approve", by="ann")
    assert (overturns(saver).total, overturns(saver).overturned) == (1, 0)
