"""Who may decide: the question says it, the store holds to it, whatever a client shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gated import asked
from processes import treadle

from treadle.checkpoints import SqliteSaver, claim, decide, decisions, pending, review
from treadle.checkpoints.desks.panels import Panel, panel
from treadle.errors import AnswerInvalid, NotAllowed


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def test_who_holds_none_of_the_roles_is_refused_in_words_and_nothing_is_stored(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"roles": ["legal", "lead"]})
    with pytest.raises(NotAllowed, match=r"it takes the role lead or legal, .* has only sales"):
        decide(saver, id_, "approve", by="bob", roles=["sales"])
    with pytest.raises(PermissionError, match="bob has no role here"):
        decide(saver, id_, "approve", by="bob")
    assert decisions(saver) == []
    assert review(saver, id_).status == "pending"


def test_an_answer_cannot_name_roles_of_its_own(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"kind": "treadle.review", "roles": ["legal"]})
    with pytest.raises((NotAllowed, AnswerInvalid)):
        decide(saver, id_, answer={"action": "approve", "roles": ["legal"]}, by="eve", roles=[])
    saver.database.write(lambda connection: connection.execute("UPDATE reviews SET schema = NULL"))
    with pytest.raises(NotAllowed):
        decide(saver, id_, answer={"action": "approve", "roles": ["legal"]}, by="eve", roles=[])


def test_one_of_the_roles_is_enough_and_the_record_says_under_which_it_was(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"roles": ["legal", "lead"]})
    made = decide(saver, id_, "approve", by="ann", roles=["staff", "legal"])
    assert made.roles == decisions(saver)[0].roles == ["legal", "staff"]


def test_a_role_with_veto_may_decide_as_well(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"roles": ["legal"], "veto": ["board"]})
    assert decide(saver, id_, "reject", by="cleo", roles=["board"]).action == "reject"


@pytest.mark.parametrize("name", ["ann@example.org", "Ann@Example.org ", "ANN@EXAMPLE.ORG"])
def test_who_asked_for_it_cannot_approve_it_however_the_name_is_written(saver: SqliteSaver, name: str) -> None:
    id_ = asked(saver, {"requester": "ann@example.org", "roles": ["lead"]})
    with pytest.raises(NotAllowed, match="asked for this and may not decide on it"):
        decide(saver, id_, "approve", by=name, roles=["lead"])
    with pytest.raises(NotAllowed, match="asked for this"):
        claim(saver, id_, by=name, roles=["lead"])
    assert decide(saver, id_, "approve", by="bob", roles=["lead"]).by == "bob"


def test_a_question_that_names_nobody_is_for_anyone(saver: SqliteSaver) -> None:
    assert decide(saver, asked(saver, {}), "approve", by="anyone").by == "anyone"


@pytest.mark.parametrize(
    "foreign",
    ["text", None, [1], {"roles": "legal", "veto": 7, "quorum": True, "escalate": [{"to": 1}], "requester": " "}],
)
def test_what_other_peoples_interrupts_hold_under_these_names_binds_nobody(foreign: object) -> None:
    assert panel(foreign) == Panel()


def test_the_command_line_says_under_which_roles_somebody_decides(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        asked(saver, {"roles": ["legal"]})
        id_ = pending(saver)[0].id
    refused = treadle(tmp_path, "decide", id_, "approve", "--by", "ann")
    assert (refused.returncode, "it takes the role legal" in refused.stderr) == (2, True), refused.stderr
    done = treadle(tmp_path, "decide", id_, "approve", "--by", "ann", "--role", "legal")
    assert done.returncode == 0, done.stderr


def test_the_terminal_says_who_decides_until_when_and_what_holds_then(tmp_path: Path) -> None:
    question = {
        "roles": ["legal"], "quorum": 2, "blind": True, "veto": ["board"], "requester": "ann",
        "due_in": 3600, "default": {"action": "reject", "words": "Too late."},
    }  # fmt: skip
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        id_ = asked(saver, question)
        claim(saver, id_, by="bob", roles=["legal"])
    shown = " ".join(treadle(tmp_path, "reviews", "show", id_).stdout.split())
    for said in (
        "holds the role board or legal", "2 people must answer alike, each without seeing", "by board decides alone",
        "ann asked for it", "bob has it before them until", "if nobody has decided, reject is what holds (Too late.)",
    ):  # fmt: skip
        assert said in shown
