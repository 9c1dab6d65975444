"""Redactions: what is removed is gone, from copies as well, and the record can still be verified."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from refunds import applied, asked

from treadle.checkpoints.decisions import decide, decisions
from treadle.checkpoints.desks.audits import shown, verify
from treadle.checkpoints.desks.commitments import REMOVED
from treadle.checkpoints.desks.erasures import redact
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.desks.redactions import places, redacted
from treadle.checkpoints.reviews import pending, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import traces

RECORD: dict[str, Any] = {
    "by": "ann",
    "words": "Ada Lovelace wrote twice.",
    "digest": "d",
    "answer": {"action": "edit", "digest": "d", "value": {"name": "A. Lovelace", "sums": [1, 2]}},
    "edits": [
        {"op": "replace", "path": "/name", "value": "A. Lovelace", "was": "Ada Lovelace"},
        {"op": "replace", "path": "/sums/0", "value": 1, "was": 7},
    ],
    "payload": {
        "proposal": {"name": "Ada Lovelace", "sums": [7, 2]},
        "context": {"patients": [{"name": "Ada Lovelace", "age": 36}, {"name": "Bob", "age": 5}], "name": "x"},
    },
}
DIGESTS = {"/digest", "/answer/digest"}


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("/payload/context/patients/*/age", {"/payload/context/patients/0/age", "/payload/context/patients/1/age"}),
        ("age", {"/payload/context/patients/0/age", "/payload/context/patients/1/age"}),
        ("/payload/proposal/sums", {"/payload/proposal/sums", "/answer/value/sums", "/edits/1/value", "/edits/1/was"}),
        ("sums", {"/payload/proposal/sums", "/answer/value/sums", "/edits/1/value", "/edits/1/was"}),
        ("by", {"/by"}),
        ("patients", {"/payload/context/patients", "/payload/proposal/name", "/words", "/edits/0/was"}),
        (
            "patients.name",
            {
                "/payload/context/patients/0/name", "/payload/context/patients/1/name", "/payload/proposal/name",
                "/words", "/edits/0/was",
            },
        ),
        (
            "/answer/value/name",
            {
                "/answer/value/name", "/payload/proposal/name", "/edits/0/value", "/edits/0/was", "/words",
                "/payload/context/patients/0/name",
            },
        ),
    ],
)  # fmt: skip
def test_a_field_goes_with_its_edits_its_copies_and_the_digests(field: str, found: set[str]) -> None:
    assert places(RECORD, [field]) == found | DIGESTS


@pytest.mark.parametrize("field", ["/payload/nothing", "nothing", "/payload/context/patients/*", "*"])
def test_what_is_not_there_leaves_the_record_as_it_is(field: str) -> None:
    if field == "/payload/context/patients/*":
        assert redacted(RECORD, [field])["payload"]["context"]["patients"] == [REMOVED, REMOVED]
    else:
        assert redacted(RECORD, [field]) == RECORD


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def decided(saver: SqliteSaver) -> None:
    ids = asked(saver, {}, {"title": "To ada@example.org"}, {})
    decide(saver, ids[0], "edit", value={"amount": 9, "note": "Dear ada@example.org"}, by="ann")
    decide(saver, ids[1], "approve", by="ann", words="Ada (ada@example.org) called.")
    decide(saver, ids[2], "reject", by="bob")


def test_what_is_removed_is_gone_from_record_queue_and_search_and_the_chain_is_whole(saver: SqliteSaver) -> None:
    decided(saver)
    applied(saver)
    before = decisions(saver)
    done = redact(saver, ["customer.email"], by="dpo", why="asked for")
    assert (done.decisions, done.open, done.bare) == (3, [], [])
    assert verify(saver) == []
    after = decisions(saver)
    assert [(one.seq, one.action, one.by, one.hash) for one in after] == [
        (one.seq, one.action, one.by, one.hash) for one in before
    ]
    assert "ada@" not in json.dumps([shown(saver, one.seq) for one in after] + [repr(one) for one in after])
    found = pending(saver, status=None)
    assert "ada@" not in repr(found)
    assert {one.title for one in found} == {"Refund 0", REMOVED, "Refund 2"}
    assert pending(saver, status=None, search="ada@example.org") == []
    assert pending(saver, status=None, search="money") != []
    assert [one.by for one in events(saver, kind="redaction")] == ["dpo"] * 3
    assert redact(saver, ["customer.email"], by="dpo", why="again").decisions == 0
    assert redact(saver, ["customer"], by="dpo", why="all of it").decisions == 3
    assert verify(saver) == []


def test_what_is_removed_cannot_be_put_back_changed_nor_removed_without_a_word(saver: SqliteSaver) -> None:
    decided(saver)
    applied(saver)
    redact(saver, ["words"], by="dpo", why="asked for")
    (one,) = [each for each in decisions(saver) if each.words == REMOVED]
    with sqlite3.connect(saver.path) as connection:
        connection.execute("UPDATE decisions SET words = 'Bob called.' WHERE seq = ?", (one.seq,))
        opening = json.loads(
            connection.execute("SELECT opening FROM decisions WHERE seq = ?", (one.seq,)).fetchone()[0]
        )
    connection.close()
    assert any(f"Decision {one.seq} (" in problem and "was changed" in problem for problem in verify(saver))
    opening["removed"]["/by"] = "0" * 64
    with sqlite3.connect(saver.path) as connection:
        connection.execute("UPDATE decisions SET opening = ? WHERE seq = ?", (json.dumps(opening), one.seq))
    connection.close()
    assert any("/by was removed, and no event says by whom" in problem for problem in verify(saver))


def test_traces_of_the_run_lose_the_same_fields_and_what_says_the_same(saver: SqliteSaver) -> None:
    decided(saver)
    applied(saver)
    said = {"role": "user", "content": "Answer ada@example.org, please."}
    saver.trace("t", {"step": "reply", "prompt": [said], "response": {"customer": {"email": "bob@example.org"}}})
    saver.trace("t", {"step": "reply", "prompt": [{"role": "user", "content": "Answer."}], "tokens_in": 7})
    saver.trace("else", {"step": "reply", "prompt": [said]})
    done = redact(saver, ["customer.email"], by="dpo", why="asked for")
    first, second = traces(saver, "t")
    assert (done.traces, first["step"], second["tokens_in"]) == (1, "reply", 7)
    assert first["prompt"] == [{"role": "user", "content": REMOVED}]
    assert first["response"] == {"customer": {"email": REMOVED}}
    assert second["prompt"][0]["content"] == "Answer."
    assert traces(saver, "else")[0]["prompt"] == [said]
    assert events(saver, kind="redaction")[0].content["traces"] == 1
    assert verify(saver) == []
    saver.trace("else", {"step": "reply", "response": {"customer": {"email": "eva@example.org"}}})
    assert redact(saver, ["customer.email"], by="dpo", why="asked for", thread="else").traces == 1


def test_what_is_still_open_or_not_taken_over_is_left_alone(saver: SqliteSaver) -> None:
    decided(saver)
    done = redact(saver, ["email"], by="dpo", why="asked for")
    assert (done.decisions, done.open) == (0, [1, 2, 3])
    assert "ada@" in repr(review(saver, decisions(saver)[0].interrupt_id))
    applied(saver)
    assert redact(saver, ["email"], by="dpo", why="asked for", thread="other").decisions == 0
    assert redact(saver, ["email"], by="dpo", why="asked for", thread="t").decisions == 3


def test_nothing_of_it_is_left_in_the_bytes_of_the_file_once_its_run_is_gone(saver: SqliteSaver) -> None:
    from treadle.checkpoints.care.compactions import compact

    decided(saver)
    applied(saver)
    redact(saver, ["email"], by="dpo", why="asked for")
    saver.delete_thread("t")
    compact(saver)
    assert b"ada@" not in Path(saver.path).read_bytes()
    assert verify(saver) == []
