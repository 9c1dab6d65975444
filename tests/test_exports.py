"""Exports: each form's shape, streamed, from any point, without what is to be left out."""

import csv
import io
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from refunds import applied, asked
from scripted import ScriptedModel

from treadle.checkpoints.decisions import decide
from treadle.checkpoints.exports import FORMS, export, lines, records
from treadle.checkpoints.savers import SqliteSaver


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        ids = asked(opened, *[{"confidence": 0.7}] * 4)
        decide(opened, ids[0], "approve", by="ann", seconds=4)
        edit = {"amount": 8, "note": "Sorry, Ada."}
        decide(opened, ids[1], "edit", value=edit, by="ann", labels=["goodwill"], reason="wrong amount")
        decide(opened, ids[2], "reject", by="bob", words="=HYPERLINK(1)", reason="not due")
        decide(opened, ids[3], "approve", by="bob")
        yield opened


def rows(saver: SqliteSaver, form: str, **wanted: Any) -> list[Any]:
    return [json.loads(line) for _, line in lines(saver, form, **wanted)]


def test_every_decision_is_a_line_with_all_that_was_said_and_shown(saver: SqliteSaver) -> None:
    found = rows(saver, "jsonl")
    assert [one["seq"] for one in found] == [1, 2, 3, 4]
    assert found[1]["edits"][0] == {"op": "replace", "path": "/amount", "value": 8, "was": 10}
    assert found[1]["payload"]["context"]["letter"] == "I want my money back."
    assert (found[2]["reasons"], found[2]["words"], found[2]["by"]) == (["not due"], "=HYPERLINK(1)", "bob")
    assert "hash" not in found[0]


@pytest.mark.parametrize("form", FORMS)
def test_an_export_goes_on_from_where_an_earlier_one_ended(saver: SqliteSaver, form: str) -> None:
    whole = list(lines(saver, form))
    first = io.StringIO()
    export(saver, form, first, gate="refund")
    head = int(form == "csv")
    for since in (1, 2, 3):
        rest = io.StringIO()
        done = export(saver, form, rest, since=since)
        kept = [line for seq, line in whole if seq > since]
        assert rest.getvalue().splitlines(keepends=True)[head:] == kept
        assert done.last == max((seq for seq, _ in whole if seq > since), default=since)
    assert first.getvalue() == "".join(line for _, line in whole)
    assert list(lines(saver, form, graph="other"))[head:] == []


@pytest.mark.parametrize("form", FORMS)
def test_what_is_to_be_left_out_is_in_no_line(saver: SqliteSaver, form: str) -> None:
    left = "".join(line for _, line in lines(saver, form, redact=["email", "by", "note", "letter"]))
    assert [word for word in ("ada@", '"ann"', '"bob"', "Sorry", "money back") if word in left] == []
    assert len(left.splitlines()) == len(list(lines(saver, form)))


def test_rows_to_tune_with_end_in_what_people_approved_or_wrote(saver: SqliteSaver) -> None:
    found = rows(saver, "sft")
    assert [one["metadata"]["outcome"] for one in found] == ["kept", "changed", "kept"]
    assert [turn["role"] for turn in found[1]["messages"]] == ["user", "assistant"]
    assert json.loads(found[1]["messages"][-1]["content"]) == {"amount": 8, "note": "Sorry, Ada."}
    assert "I want my money back." in found[1]["messages"][0]["content"]
    assert found[1]["metadata"]["prompt_from"] == "question"
    assert found[1]["metadata"]["seq"] == 2


def test_a_pair_is_what_was_chosen_over_what_was_proposed(saver: SqliteSaver) -> None:
    (pair,) = rows(saver, "preferences")
    assert json.loads(pair["chosen"][0]["content"])["amount"] == 8
    assert json.loads(pair["rejected"][0]["content"])["amount"] == 10


def test_what_was_sent_back_is_the_worse_of_a_pair_with_what_was_approved_at_last(saver: SqliteSaver) -> None:
    history = [{"action": "reject", "proposal": "Go away."}, {"action": "reject", "proposal": "No."}]
    (id_,) = asked(saver, {"proposal": "We are sorry.", "history": history}, thread="rounds")
    decide(saver, id_, "approve", by="ann", thread="rounds")
    pairs = rows(saver, "preferences", since=4)
    assert [(one["chosen"][0]["content"], one["rejected"][0]["content"]) for one in pairs] == [
        ("We are sorry.", "Go away."), ("We are sorry.", "No."),
    ]  # fmt: skip


def test_a_case_to_evaluate_with_has_what_is_right(saver: SqliteSaver) -> None:
    found = rows(saver, "evaluation")
    assert [(one["right"], one["expected"] and one["expected"]["amount"]) for one in found] == [
        (True, 10), (False, 8), (False, None), (True, 10),
    ]  # fmt: skip
    assert (found[2]["reasons"], found[1]["labels"], found[0]["confidence"]) == (["not due"], ["goodwill"], 0.7)
    assert found[0]["input"]["letter"] == "I want my money back."


def test_lines_of_a_manifest_have_the_label_and_its_metadata(saver: SqliteSaver) -> None:
    found = rows(saver, "ground-truth")
    assert [set(one) for one in found[:1]] == [{"source", "refund", "refund-metadata"}]
    assert [one["refund"] for one in found] == [0, [1], 2, 0]
    told = found[2]["refund-metadata"]
    assert (told["class-name"], told["type"], told["confidence"]) == ("bad", "groundtruth/label-verification", 1.0)
    assert told["worker-feedback"] == [{"comment": "=HYPERLINK(1)"}]
    assert (told["human-annotated"], told["job-name"]) == ("yes", "labeling-job/shop-refund")
    many = found[1]["refund-metadata"]
    assert many["class-map"] == {"1": "goodwill"}
    assert many["confidence-map"] == {"1": 1.0}
    assert found[1]["refund-corrected"]["amount"] == 8


def test_a_human_loop_has_who_answered_what_and_when(saver: SqliteSaver) -> None:
    first = rows(saver, "a2i")[0]
    assert set(first) == {"flowDefinitionArn", "humanAnswers", "humanLoopName", "inputContent"}
    (answer,) = first["humanAnswers"]
    assert (answer["workerId"], answer["timeSpentInSeconds"]) == ("ann", 4.0)
    assert answer["answerContent"]["action"] == "approve"
    assert answer["acceptanceTime"] < answer["submissionTime"]
    assert answer["submissionTime"].endswith("Z")
    assert first["inputContent"]["title"] == "Refund 0"


def test_confidence_is_the_share_of_the_people_who_said_so(saver: SqliteSaver) -> None:
    (id_,) = asked(saver, {"quorum": 2}, thread="votes")
    for by, action, label in (("ann", "reject", "goodwill"), ("bob", "approve", "fraud"), ("cy", "reject", "fraud")):
        decide(saver, id_, action, by=by, labels=[label], words=f"{by}'s", thread="votes")
    assert rows(saver, "ground-truth", since=4) == []  # the labels differ, so that nobody agrees yet
    decide(saver, id_, "approve", by="Ann ", labels=["fraud"], words="ann's other", thread="votes")
    (line,) = rows(saver, "ground-truth", since=4)
    assert line["refund-metadata"]["class-map"] == {"0": "fraud"}
    assert line["refund-metadata"]["confidence-map"] == {"0": 1.0}
    (loop,) = rows(saver, "a2i", since=4)
    assert [one["workerId"] for one in loop["humanAnswers"]] == ["Ann ", "bob", "cy"]

    (id_,) = asked(saver, {"quorum": 2}, thread="more")
    for by, action in (("ann", "reject"), ("bob", "approve"), ("cy", "approve")):
        decide(saver, id_, action, by=by, words=f"{by}'s", thread="more")
    told = rows(saver, "ground-truth", since=9)[0]["refund-metadata"]
    assert (told["class-name"], told["confidence"], told["human-annotated"]) == ("good", 0.6667, "yes")
    assert [one["comment"] for one in told["worker-feedback"]] == ["ann's", "bob's", "cy's"]


def test_where_no_person_decided_nobody_s_share_is_told(saver: SqliteSaver) -> None:
    (id_,) = asked(saver, {}, thread="late")
    decide(saver, id_, "approve", by="deadline", thread="late")
    told = rows(saver, "ground-truth", since=4)[0]["refund-metadata"]
    assert (told["confidence"], told["human-annotated"]) == (0.0, "no")


def test_no_cell_of_a_table_is_a_formula(saver: SqliteSaver) -> None:
    ids = asked(saver, *[{"title": f"{sign}cmd"} for sign in "=+-@\t"], thread="formulas")
    for id_ in ids:
        decide(saver, id_, "approve", by="=ann", words='a\nb "c", d', thread="formulas")
    found = list(csv.DictReader(io.StringIO("".join(line for _, line in lines(saver, "csv")))))
    assert len(found) == 9
    assert [one["title"][0] for one in found[4:]] == ["'"] * 5
    assert {one["by"] for one in found[4:]} == {"'=ann"}
    assert found[5]["words"] == 'a\nb "c", d'
    assert (found[2]["words"], found[1]["fields"]) == ("'=HYPERLINK(1)", "amount, note")


def test_a_decision_that_the_graph_refused_teaches_nothing_but_is_on_record(saver: SqliteSaver) -> None:
    from treadle.checkpoints.ledgers.settlements import refuse

    found = next(records(saver))
    saver.database.write(lambda connection: refuse(connection, "t", [found["interrupt_id"]], "no"))
    assert [one["seq"] for one in records(saver)] == [2, 3, 4]
    assert [one["action"] for one in rows(saver, "jsonl")] == ["approve", "edit", "reject", "approve", "refused"]
    assert len(rows(saver, "sft")) == 2


def test_another_client_s_form_of_answer_is_read_for_what_it_means(saver: SqliteSaver) -> None:
    args = {"action_requests": [{"name": "pay", "args": {"sum": 7}}], "proposal": {"sum": 7}}
    ids = asked(saver, *[{**args, "title": name} for name in ("a", "b", "c")], thread="agent")
    decide(saver, ids[0], answer={"decisions": [{"type": "approve"}]}, by="ann", thread="agent")
    edit = {"type": "edit", "edited_action": {"name": "pay", "args": {"sum": 5}}}
    decide(saver, ids[1], answer={"decisions": [edit]}, by="ann", thread="agent")
    decide(saver, ids[2], answer=[{"type": "accept"}], by="ann", thread="agent")
    found = rows(saver, "evaluation", since=4)
    assert [(one["right"], one["expected"]["sum"]) for one in found] == [(True, 7), (False, 5), (True, 7)]


def test_a_row_to_tune_with_has_the_very_prompt_where_the_trace_has_it(tmp_path: Path) -> None:
    from langgraph.graph import END

    from treadle import chain, review
    from treadle.checkpoints import pending
    from treadle.graphs.runs import start
    from treadle.nodes import prompt

    model = ScriptedModel(script=lambda asked: "Dear Ada, no.")
    graph = chain(
        prompt("reply", "Answer this letter kindly:\n{letter}", model=model),
        review("reply", reject=END),
        name="replies",
    )
    with SqliteSaver(tmp_path / "replies.db") as opened:
        start(graph, {"letter": "I want my money back."}, saver=opened, name="replies", thread_id="t")
        decide(opened, pending(opened)[0].id, "edit", value="Dear Ada, gladly.", by="ann")
        (row,) = rows(opened, "sft")
        assert row["metadata"]["prompt_from"] == "trace"
        assert row["messages"][-1] == {"role": "assistant", "content": "Dear Ada, gladly."}
        assert row["messages"][-2] == {"role": "user", "content": "Answer this letter kindly:\nI want my money back."}
        (pair,) = rows(opened, "preferences")
        assert pair["rejected"][0]["content"] == "Dear Ada, no."
        (bare,) = rows(opened, "sft", redact=["letter"])
        assert (bare["metadata"]["prompt_from"], "money" in json.dumps(bare)) == ("question", False)


def test_a_record_longer_than_a_page_is_exported_whole(saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    applied(saver)
    monkeypatch.setattr(import_module("treadle.checkpoints.exports.records"), "PAGE", 2)
    assert [seq for seq, _ in lines(saver, "jsonl")] == [1, 2, 3, 4]


def test_votes_are_on_record_and_in_no_other_form_and_blind_ones_are_not_seen(saver: SqliteSaver) -> None:
    (open_, blind) = asked(saver, {"quorum": 2}, {"quorum": 2, "blind": True}, thread="votes")
    decide(saver, open_, "approve", by="eva", thread="votes")
    decide(saver, blind, "approve", by="eva", thread="votes")
    assert [one.get("kind") for one in rows(saver, "jsonl", since=4)] == ["vote"]
    assert rows(saver, "sft", since=4) == []
    decide(saver, open_, "approve", by="max", thread="votes")
    assert [one["metadata"]["by"] for one in rows(saver, "sft", since=4)] == ["eva, max"]
