"""The pages without a browser: what they show, what they record, and what they say when something is wrong."""

import json
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import desk
import pytest
import streamlit as st
from langgraph.graph import END
from streamlit.testing.v1 import AppTest

from treadle import chain, fan_out
from treadle.checkpoints.bulks import enact, rules
from treadle.checkpoints.decisions import decide, decisions
from treadle.checkpoints.desks.claims import claim
from treadle.checkpoints.reviews import Review, pending, review
from treadle.checkpoints.runs import run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs.reviews import review as gate
from treadle.graphs.runs import resume, start
from treadle.nodes import step
from treadle.ui import lessons, workers
from treadle.ui.parts import choices

DESK = "desk:graph"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database of the test's own, which the pages show; no worker, unless the test wants one."""
    graphs = tmp_path / "langgraph.json"
    graphs.write_text(json.dumps({"dependencies": ["."], "graphs": {"desk": DESK, "broken": "./missing.py:graph"}}))
    monkeypatch.setenv("TREADLE_DB", str(tmp_path / "treadle.db"))
    monkeypatch.setenv("TREADLE_GRAPHS", str(graphs))
    monkeypatch.setenv("TREADLE_WORKER", "0")
    monkeypatch.setattr(choices, "CALM", 0.0)
    st.cache_resource.clear()
    yield tmp_path / "treadle.db"
    workers.rest()
    st.cache_resource.clear()


@pytest.fixture
def saver(path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(path) as opened:
        yield opened


@pytest.fixture
def waiting(saver: SqliteSaver) -> list[Review]:
    """Three findings of one run that wait for a decision."""
    start(desk.graph, desk.clauses(3), saver=saver, name="desk", thread_id="acme")
    return pending(saver)


def _inbox() -> None:
    from treadle.ui.app import main

    main("inbox")


def _review() -> None:
    from treadle.ui.app import main

    main("review")


def _runs() -> None:
    from treadle.ui.app import main

    main("runs")


def _bulk() -> None:
    from treadle.ui.app import main

    main("bulk")


def _insights() -> None:
    from treadle.ui.app import main

    main("insights")


def _audit() -> None:
    from treadle.ui.app import main

    main("audit")


def _graphs() -> None:
    from treadle.ui.app import main

    main("graphs")


def _watched() -> None:
    import streamlit as st

    from treadle.checkpoints.reviews import review
    from treadle.ui.parts import claims
    from treadle.ui.stores import store

    claims.hold(store(), review(store(), st.query_params["id"]))


def opened(page: Callable[[], None], *, by: str = "Ada", **query: str) -> AppTest:
    """A page as it is when somebody opens its address."""
    app = AppTest.from_function(page, default_timeout=30)
    for name, value in {"by": by, **query}.items():
        if value:
            app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def text(app: AppTest) -> str:
    """Everything that the page says, in one string."""
    html = [each.proto.body for each in app.get("html")]
    rest = [each.value for kind in (app.caption, app.error, app.warning, app.info, app.toast) for each in kind]
    links = [each.proto.label for each in app.get("page_link")]
    return "\n".join([*html, *rest, *links]).replace("\\", "")


def links(app: AppTest) -> list[str]:
    """The titles of the reviews that the Inbox lists, in its order."""
    return [each.proto.label.replace("\\", "") for each in app.get("page_link")]


def heading(app: AppTest) -> str:
    """The title of the review on the page."""
    html = str(next(each.proto.body for each in app.get("html") if "<h2" in each.proto.body))
    return html.split("</h2>")[0].split(">")[-1]


def asked(saver: SqliteSaver, value: Any, *, typed: bool = False) -> Review:
    """An interrupt of somebody else's graph, waiting."""
    start(desk.foreign(), {"items": [{"value": value, "typed": typed}]}, saver=saver, name="foreign", thread_id="f")
    return pending(saver, thread="f")[0]


def test_the_inbox_lists_what_waits_with_the_reason(waiting: list[Review]) -> None:
    said = text(opened(_inbox))
    assert "3 reviews wait" in said
    for one in waiting:
        assert str(one.title) in said
    assert "The risk is high" in said
    assert "for legal" in said
    assert "Due in 1 day" in said


def test_the_list_can_be_sorted(waiting: list[Review], saver: SqliteSaver) -> None:
    later = asked(saver, "Which court?")
    app = opened(_inbox)
    app.selectbox(key="inbox-order").set_value("newest").run()
    assert links(app)[0] == later.value
    app.selectbox(key="inbox-order").set_value("due").run()
    assert links(app)[-1] == later.value


def test_a_view_is_kept_by_name_and_shows_the_same_again(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_inbox)
    app.text_input(key="inbox-search").set_value("7.1").run()
    app.text_input(key="inbox-view-name").set_value("one clause").run()
    app.button(key="inbox-keep").click().run()
    again = opened(_inbox)
    assert len(links(again)) == 3
    again.pills(key="inbox-view").set_value("one clause").run()
    assert links(again) == [waiting[1].title]
    assert "one clause" not in opened(_inbox, by="Bo").pills(key="inbox-view").options
    again.button(key="inbox-drop-one clause").click().run()
    assert len(links(again)) == 3


def test_what_is_for_ones_roles_is_a_view_of_its_own(waiting: list[Review], saver: SqliteSaver) -> None:
    asked(saver, "Which court?")
    app = opened(_inbox, roles="legal, risk")
    assert len(links(app)) == 4
    app.pills(key="inbox-view").set_value("For me").run()
    assert links(app) == [one.title for one in waiting]
    app.pills(key="inbox-view").set_value("Overdue").run()
    assert "Nothing matches" in text(app)


def test_an_empty_inbox_says_what_to_do(path: Path) -> None:
    said = text(opened(_inbox))
    assert "Nothing waits for you" in said
    assert "treadle demo" in said


def test_the_search_narrows_and_says_when_nothing_matches(waiting: list[Review]) -> None:
    app = opened(_inbox)
    app.text_input(key="inbox-search").set_value("7.1").run()
    assert "1 review waits and match" in text(app)
    app.text_input(key="inbox-search").set_value("nothing of the kind").run()
    assert "Nothing matches" in text(app)


def _polling() -> None:
    import time

    import streamlit as st

    from treadle.ui.polls import polled
    from treadle.ui.stores import store

    def search() -> int:
        st.session_state["asked"] = st.session_state.get("asked", 0) + 1
        time.sleep(st.session_state.get("takes", 0))
        return int(st.session_state["asked"])

    st.text(str(polled(store(), "search", st.session_state.get("of"), search)))


def test_what_is_asked_again_and_again_is_worked_out_when_something_has_changed(saver: SqliteSaver) -> None:
    app = AppTest.from_function(_polling).run().run()
    assert app.session_state["asked"] == 1
    app.session_state["of"] = "another search"
    assert app.run().run().session_state["asked"] == 2
    start(desk.graph, desk.clauses(1), saver=saver, name="desk", thread_id="new")
    app.session_state["takes"] = 0.2
    assert app.run().session_state["asked"] == 3
    claim(saver, pending(saver)[0].id, by="Bo")
    assert app.run().session_state["asked"] == 3, "what took long rests"


def test_what_comes_in_later_does_not_move_the_list(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_inbox)
    asked(saver, "A new question?")
    app.run()
    assert "A new question?" not in text(app)
    assert app.button(key="inbox-new").label == "1 new, show"
    app.button(key="inbox-new").click().run()
    assert "A new question?" in text(app)


def test_a_row_that_somebody_else_decided_stays_and_says_who(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_inbox)
    decide(saver, waiting[0].id, "approve", by="Bo")
    app.run()
    assert "Approved by Bo" in text(app)
    assert "2 reviews wait" in text(app)


def test_a_review_shows_proposal_context_reason_and_consequences(waiting: list[Review]) -> None:
    app = opened(_review, id=waiting[0].id)
    said = text(app)
    assert heading(app) == waiting[0].title
    assert "the risk is high" in said
    assert waiting[0].value["proposal"]["reason"] in said
    assert waiting[0].value["context"]["clause"]["text"] in said
    assert "48%" in said
    for words in waiting[0].value["leads_to"].values():
        assert words in said


TERMS = {
    "holds": False, "confidence": 0.48, "confidence_source": "log-probabilities", "roles": ["legal"],
    "veto": ["counsel"], "quorum": 1, "requester": "Eve", "default": {"action": "reject", "words": "Too late."},
    "escalate": [{"after": 3600, "to": "lead"}], "withdraw_in": 120, "due_in": 86_400,
}  # fmt: skip


def test_the_terms_of_a_question_are_said_from_the_start(saver: SqliteSaver, path: Path) -> None:
    value = {"title": "Pay?", "why": "w", "actions": ["approve"], "proposal": 5, **TERMS}
    said = text(opened(_review, id=asked(saver, value).id))
    assert "If nobody has decided by the due time, it counts as rejected: “Too late.”." in said
    assert "After 1 hour it goes to lead." in said
    assert "48%, measured by log-probabilities." in said
    assert "a rejection by counsel decides alone" in said
    assert "Eve, who asked for it, may not decide" in said
    assert "This ran already" in said


def test_the_part_of_the_source_that_matters_is_marked(saver: SqliteSaver, path: Path) -> None:
    clause = {"number": "7.2", "text": "All is well. The cap is none. The end."}
    value = {"title": "Cap?", "actions": ["approve"], "proposal": 1, "context": {"clause": clause, "other": "x"}}
    one = asked(saver, {**value, "source": {"key": "clause", "start": 13, "end": 29}})
    assert "<mark>The cap is none.</mark>" in text(opened(_review, id=one.id))


def test_reviewers_comment_and_hand_over(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    app.text_area(key=f"talk-{one.id}-0-words").set_value("Is <b>this</b> capped elsewhere?")
    app.text_input(key=f"talk-{one.id}-0-to").set_value("finance")
    app.button(key=f"talk-{one.id}-0-send").click().run()
    said = text(opened(_review, id=one.id, by="Bo"))
    assert "Ada, handed over to finance" in said
    assert "Is &lt;b&gt;this&lt;/b&gt; capped elsewhere?" in said
    assert review(saver, one.id).assign == "finance"


def test_labels_go_on_record_with_the_decision(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, {"title": "Pay?", "actions": ["approve"], "proposal": 5, "labels": ["vip", "late"]})
    app = opened(_review, id=one.id)
    app.pills(key=f"labels/{one.id}").set_value(["late"])
    app.button(key=f"approve-{one.id}").click().run()
    decision = review(saver, one.id).decision
    assert decision is not None
    assert list(decision.labels) == ["late"]


def test_an_open_review_is_claimed_and_can_be_taken_over_openly(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    opened(_review, id=one.id)
    bo = opened(_review, id=one.id, by="Bo")
    assert "Ada has this before them" in text(bo)
    assert bo.button(key=f"approve-{one.id}").disabled
    assert "Ada is on it" in text(opened(_inbox, by="Cy"))
    bo.button(key=f"over-{one.id}").click().run()
    bo.button(key=f"approve-{one.id}").click().run()
    assert [each.by for each in decisions(saver)] == ["Bo"]


def test_a_claim_is_renewed_as_long_as_its_page_is_open(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    app = opened(_watched, id=one.id)  # what the open page does every few seconds
    change = "UPDATE claims SET expires_at = expires_at - 115"
    saver.database.write(lambda connection: connection.execute(change))
    about_to_end = review(saver, one.id).claim
    app.run()
    renewed = review(saver, one.id).claim
    assert renewed is not None
    assert about_to_end is not None
    assert (renewed.by, renewed.at) == ("Ada", about_to_end.at)
    assert renewed.expires_at > about_to_end.expires_at + 60


def test_whoever_moves_on_gives_back_what_they_had(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_review, id=waiting[0].id)
    app.button(key=f"next-{waiting[0].id}").click().run()
    held = [one.title for one in pending(saver) if one.claim is not None]
    assert held == [waiting[1].title]


def test_the_next_review_is_one_that_nobody_has(waiting: list[Review], saver: SqliteSaver) -> None:
    opened(_review, id=waiting[0].id)
    assert heading(opened(_review, by="Bo")) == waiting[1].title


def test_who_may_not_decide_is_told_and_is_refused_on_the_server(saver: SqliteSaver, path: Path) -> None:
    value = {"title": "Pay?", "actions": ["approve"], "proposal": 5, "roles": ["finance"]}
    one = asked(saver, value)
    app = opened(_review, id=one.id)
    assert "it takes the role finance" in text(app)
    assert app.button(key=f"approve-{one.id}").disabled
    lost = opened(_review, id=one.id, roles="finance")
    lost.text_input(key="roles").set_value("clerk")
    lost.button(key=f"approve-{one.id}").click().run()
    assert "Not recorded." in text(lost)
    assert not decisions(saver)
    allowed = opened(_review, id=one.id, roles="finance")
    allowed.button(key=f"approve-{one.id}").click().run()
    assert [list(each.roles) for each in decisions(saver)] == [["finance"]]


def test_where_several_must_agree_the_votes_are_shown(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, {"title": "Pay?", "actions": ["approve", "reject"], "proposal": 5, "quorum": 2})
    ada = opened(_review, id=one.id)
    ada.button(key=f"approve-{one.id}").click().run()
    assert "Your vote is recorded" in text(ada)
    assert "1 of 2 votes" in text(opened(_inbox, by="Bo"))
    bo = opened(_review, id=one.id, by="Bo")
    assert "Ada: approved" in text(bo)
    assert "1 more vote is needed." in text(bo)
    bo.button(key=f"approve-{one.id}").click().run()
    assert review(saver, one.id).status == "decided"


def test_a_blind_vote_is_not_shown_to_others(saver: SqliteSaver, path: Path) -> None:
    value = {"title": "Pay?", "actions": ["approve", "reject"], "proposal": 5, "quorum": 2, "blind": True}
    one = asked(saver, value)
    opened(_review, id=one.id).button(key=f"approve-{one.id}").click().run()
    said = text(opened(_review, id=one.id, by="Bo"))
    assert "Ada: has voted" in said
    assert "Ada: approved" not in said


def test_a_decision_can_be_taken_back_on_the_next_page(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, {"title": "Pay?", "actions": ["approve"], "proposal": 5, "withdraw_in": 600})
    app = opened(_review, id=one.id)
    app.button(key=f"approve-{one.id}").click().run()
    app.button(key="take-back").click().run()
    assert review(saver, one.id).status == "pending"
    assert heading(app) == "Pay?"


def test_approving_records_at_once_and_shows_the_next(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_review, id=waiting[0].id)
    app.button(key=f"approve-{waiting[0].id}").click().run()
    first = review(saver, waiting[0].id)
    assert first.status == "decided"
    assert first.decision is not None
    assert (first.decision.by, first.decision.action, first.decision.client) == ("Ada", "approve", "page")
    assert first.decision.shown == waiting[0].digest
    assert first.decision.seconds is not None
    assert f"Approved: {waiting[0].title}" in text(app)
    assert heading(app) == waiting[1].title


def test_an_edit_shows_its_diff_and_is_recorded_as_a_typed_value(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    app.button(key=f"edit-{one.id}").click().run()
    assert "Nothing is changed so far." in text(app)
    app.selectbox(key=f"form/{one.id}/0/risk").set_value("low").run()
    assert "<del>high</del><ins>low</ins>" in text(app).replace(" <ins>", "<ins>")
    app.button(key=f"save-edit-{one.id}").click().run()
    decision = review(saver, one.id).decision
    assert decision is not None
    assert decision.answer["value"] == {**one.value["proposal"], "risk": "low"}


def test_a_cancelled_edit_leaves_nothing_behind(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    app.button(key=f"edit-{one.id}").click().run()
    app.selectbox(key=f"form/{one.id}/0/risk").set_value("low").run()
    app.button(key=f"cancel-{one.id}").click().run()
    app.button(key=f"edit-{one.id}").click().run()
    assert app.selectbox(key=f"form/{one.id}/1/risk").value == "high"
    assert review(saver, one.id).status == "pending"


def test_a_rejection_takes_a_reason_and_words(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    app.button(key=f"reject-{one.id}").click().run()
    app.pills(key=f"say/{one.id}/0/reason").set_value(["wrong risk"])
    app.text_area(key=f"say/{one.id}/0/words").set_value("It is capped in 9.1.")
    app.button(key=f"save-reject-{one.id}").click().run()
    decision = review(saver, one.id).decision
    assert decision is not None
    assert (decision.action, decision.reason, decision.words) == ("reject", "wrong risk", "It is capped in 9.1.")


def test_a_response_sends_words_back_and_goes_on_to_the_next(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, {"title": "Answer them?", "actions": ["approve", "respond"], "proposal": "We will pay."})
    app = opened(_review, id=one.id)
    app.button(key=f"respond-{one.id}").click().run()
    app.text_area(key=f"say/{one.id}/0/words").set_value("Promise nothing.").run()
    app.button(key=f"save-respond-{one.id}").click().run()
    assert [each.value for each in app.toast] == ["Responded to: Answer them?"]
    assert [(each.action, each.words) for each in decisions(saver)] == [("respond", "Promise nothing.")]


def test_skip_leaves_a_review_until_the_others_are_done(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_review, id=waiting[0].id)
    app.button(key=f"skip-{waiting[0].id}").click().run()
    assert heading(app) == waiting[1].title
    app.button(key=f"approve-{waiting[1].id}").click().run()
    app.button(key=f"approve-{waiting[2].id}").click().run()
    assert heading(app) == waiting[0].title
    assert len(pending(saver)) == 1


def test_next_only_looks_at_the_next(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_review, id=waiting[0].id)
    app.button(key=f"next-{waiting[0].id}").click().run()
    assert heading(app) == waiting[1].title
    app.button(key=f"approve-{waiting[1].id}").click().run()
    assert heading(app) == waiting[2].title
    app.button(key=f"next-{waiting[2].id}").click().run()
    assert heading(app) == waiting[0].title


def test_the_last_decision_leads_to_an_empty_desk(waiting: list[Review]) -> None:
    app = opened(_review, id=waiting[0].id)
    for one in waiting:
        app.button(key=f"approve-{one.id}").click().run()
    assert "Nothing waits for a decision" in text(app)


def test_a_second_decision_is_told_who_decided_and_changes_nothing(waiting: list[Review], saver: SqliteSaver) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    claim(saver, one.id, by="Bo", take=True)
    decide(saver, one.id, "reject", by="Bo", words="Too broad.")
    app.button(key=f"approve-{one.id}").click().run()
    assert "Not recorded." in text(app)
    assert "Rejected by Bo" in text(app)
    assert "Too broad." in text(app)
    assert [each.by for each in decisions(saver)] == ["Bo"]


def test_a_second_click_of_ones_own_is_no_error(
    waiting: list[Review], saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    decide(saver, one.id, "approve", by="Ada", client="page")
    app.button(key=f"approve-{one.id}").click().run()
    assert not app.error
    assert not app.warning
    assert len(decisions(saver)) == 1


def test_a_click_on_what_has_just_come_into_view_does_nothing(
    waiting: list[Review], saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "CALM", 60.0)
    app = opened(_review, id=waiting[0].id)
    app.button(key=f"approve-{waiting[0].id}").click().run()
    assert not decisions(saver)
    assert heading(app) == waiting[0].title


def test_nobody_decides_without_a_name(waiting: list[Review]) -> None:
    app = opened(_review, by="", id=waiting[0].id)
    assert app.button(key=f"approve-{waiting[0].id}").disabled
    app.text_input(key="by").set_value("Ada").run()
    assert not app.button(key=f"approve-{waiting[0].id}").disabled


def test_every_page_says_that_it_is_in_local_mode(path: Path) -> None:
    for page in (_inbox, _review, _bulk, _runs, _graphs, _insights, _audit):
        app = opened(page)
        assert "Local mode" in text(app)


def test_a_link_to_an_unknown_review_says_so(waiting: list[Review]) -> None:
    said = text(opened(_review, id="0000"))
    assert "This review is not here" in said
    assert "Go to the Inbox" in said


def test_a_link_to_a_decided_review_tells_what_was_decided(waiting: list[Review], saver: SqliteSaver) -> None:
    value = {**waiting[0].value["proposal"], "risk": "low"}
    decide(saver, waiting[0].id, "edit", value=value, by="Bo")
    said = text(opened(_review, id=waiting[0].id))
    assert "Edited by Bo" in said
    assert "<del>high</del>" in said
    assert "as soon as a worker takes it up" in said


def test_an_answer_that_does_not_fit_is_told_in_words_and_stores_nothing(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, {"question": "Which?"}, typed=True)
    app = opened(_review, id=one.id)
    app.button(key=f"answer-{one.id}").click().run()
    assert "Not recorded." in text(app)
    assert not decisions(saver)


def test_a_question_in_plain_text_takes_an_answer_in_plain_text(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, "Which court?")
    app = opened(_review, id=one.id)
    assert "Which court?" in text(app)
    app.button(key=f"answer-{one.id}").click().run()
    assert "Not recorded. Nothing is typed so far" in text(app)
    assert not decisions(saver)
    app.text_area(key=f"form/{one.id}/0/string").set_value("London")
    app.button(key=f"answer-{one.id}").click().run()
    decision = review(saver, one.id).decision
    assert decision is not None
    assert decision.answer == "London"


@pytest.mark.parametrize(("kind", "answer"), [("Yes or no", True), ("Data", {"court": "London"})])
def test_a_question_in_plain_text_takes_other_answers_too(
    saver: SqliteSaver, path: Path, kind: str, answer: Any
) -> None:
    one = asked(saver, "Which court?")
    app = opened(_review, id=one.id)
    app.segmented_control(key=f"as/{one.id}").set_value(kind).run()
    if kind == "Data":
        app.text_area(key=f"form/{one.id}/0/data").set_value('{"court": "London"}')
    else:
        app.toggle(key=f"form/{one.id}/0/boolean").set_value(True)
    app.button(key=f"answer-{one.id}").click().run()
    decision = review(saver, one.id).decision
    assert decision is not None
    assert decision.answer == answer


def test_a_question_with_a_schema_of_its_own_gets_a_form(saver: SqliteSaver, path: Path) -> None:
    one = asked(saver, {"clause": "7.2"}, typed=True)
    app = opened(_review, id=one.id)
    app.selectbox(key=f"form/{one.id}/0/risk").set_value("low")
    for name in ("category", "reason"):
        app.text_input(key=f"form/{one.id}/0/{name}").set_value("liability")
    app.number_input(key=f"form/{one.id}/0/confidence").set_value(0.5)
    app.button(key=f"answer-{one.id}").click().run()
    decision = review(saver, one.id).decision
    assert decision is not None
    assert decision.answer == {"category": "liability", "risk": "low", "reason": "liability", "confidence": 0.5}


MIDDLEWARE = {
    "action_requests": [{"name": "refund", "args": {"amount": 50, "to": "Ann"}, "description": "Refund Ann"}],
    "review_configs": [{"action_name": "refund", "allowed_decisions": ["approve", "edit", "reject"]}],
}
INBOX = [
    {
        "action_request": {"action": "send_mail", "args": {"to": "Ann"}},
        "config": {"allow_accept": True, "allow_edit": True, "allow_respond": False, "allow_ignore": True},
        "description": "A mail to Ann",
    }
]


@pytest.mark.parametrize(
    ("value", "action", "answer"),
    [
        (MIDDLEWARE, "approve", {"decisions": [{"type": "approve"}]}),
        (
            MIDDLEWARE,
            "edit",
            {"decisions": [{"type": "edit", "edited_action": {"name": "refund", "args": {"amount": 50, "to": "Ann"}}}]},
        ),
        (MIDDLEWARE, "reject", {"decisions": [{"type": "reject"}]}),
        (INBOX, "approve", [{"type": "accept", "args": None}]),
        (INBOX, "edit", [{"type": "edit", "args": {"action": "send_mail", "args": {"to": "Ann"}}}]),
        (INBOX, "ignore", [{"type": "ignore", "args": None}]),
        ({"type": "tool_approval", "name": "refund", "args": {"amount": 50}}, "approve", {"type": "approve"}),
    ],
)
def test_questions_of_other_clients_are_answered_in_their_form(
    saver: SqliteSaver, path: Path, value: Any, action: str, answer: Any
) -> None:
    one = asked(saver, value)
    app = opened(_review, id=one.id)
    app.button(key=f"{action}-{one.id}").click().run()
    if action in ("edit", "reject"):
        app.button(key=f"save-{action}-{one.id}").click().run()
    assert not app.error
    decision = review(saver, one.id).decision
    assert decision is not None
    assert decision.answer == answer
    assert decision.action == action


def test_text_of_a_payload_is_shown_as_text(saver: SqliteSaver, path: Path) -> None:
    bad = "<img src=http://elsewhere.invalid/x.png> ![x](http://elsewhere.invalid/y.png)"
    value = {"title": bad, "why": bad, "actions": ["approve"], "proposal": {bad: bad}, "context": {"c": bad}}
    one = asked(saver, value)
    for app in (opened(_review, id=one.id), opened(_inbox), opened(_runs, thread="f")):
        assert "<img" not in "".join(each.proto.body for each in app.get("html"))
        assert not [each for each in app.markdown if "![x](" in each.value]
        assert not [each for each in app.get("page_link") if "![x](" in each.proto.label]


def test_runs_are_listed_with_their_status_in_words(waiting: list[Review]) -> None:
    said = text(opened(_runs))
    assert "acme" in said
    assert "waits for a person" in said
    assert "3 reviews wait" in said


def test_a_run_tells_its_story(waiting: list[Review], saver: SqliteSaver) -> None:
    decide(saver, waiting[0].id, "approve", by="Bo")
    said = text(opened(_runs, thread="acme"))
    assert "Approved by Bo" in said
    assert "Waits for a person: 2" in said
    assert str(waiting[1].title) in said


def test_a_failed_run_shows_its_branches_and_is_tried_again(saver: SqliteSaver, path: Path, tmp_path: Path) -> None:
    cured = tmp_path / "cured"

    def halve(item: int) -> int:
        if item == 3 and not cured.exists():
            raise ValueError("three is odd")
        return item // 2

    graph = chain(fan_out(step(halve, into="half"), over="items", item="item", into="halves", need=3), name="halves")
    start(graph, {"items": [2, 3, 4]}, saver=saver, name="halves", thread_id="h")
    app = opened(_runs, thread="h")
    assert "three is odd (in halves)" in text(app)
    app.session_state["run-tab-h"] = "Branches"
    app.run()
    assert "success 2" in text(app).replace('<span class="t-chip t-good">', "")
    assert "Branches that failed run again" in text(app)
    cured.touch()
    app.button(key="again").click().run()
    assert not app.warning
    assert run(saver, "h").not_before is None
    assert resume(graph, "h", saver=saver).status == "done"
    assert "Try again" not in str(opened(_runs, thread="h").button)


def test_the_failed_branches_of_a_run_that_is_done_are_run_again_in_a_run_of_its_own(
    saver: SqliteSaver, path: Path, tmp_path: Path
) -> None:
    cured = tmp_path / "cured"

    def halve(item: int) -> int:
        if item == 3 and not cured.exists():
            raise ValueError("three is odd")
        return item // 2

    graph = chain(fan_out(step(halve, into="half"), over="items", item="item", into="halves"), name="halves")
    assert start(graph, {"items": [2, 3, 4]}, saver=saver, name="halves", thread_id="h").status == "done"
    app = opened(_runs, thread="h")
    app.session_state["run-tab-h"] = "Branches"
    app.run()
    cured.touch()
    button = app.button(key="rerun")
    assert button.label == "Run the failed branch again"
    button.click().run()
    (made,) = (one for one in runs(saver) if one.parent_thread == "h")
    assert resume(graph, made.thread_id, saver=saver).status == "done"
    other = opened(_runs, thread=made.thread_id)
    other.session_state[f"run-tab-{made.thread_id}"] = "Branches"
    other.run()
    assert "success 3" in text(other).replace('<span class="t-chip t-good">', "")
    assert "Run the failed" not in str(other.button)


def test_a_run_that_gathers_answers_says_until_when(saver: SqliteSaver, path: Path) -> None:
    worker = chain(step(lambda item: item, into="same", name="look"), gate("same", reject=END), name="asks")
    graph = fan_out(worker, over="items", item="item", into="results")
    start(graph, {"items": [1, 2, 3]}, saver=saver, name="g", thread_id="t")
    first, *_ = pending(saver)
    decide(saver, first.id, "approve", by="Ada")
    for shown in (opened(_runs, thread="t"), opened(_review, id=first.id, thread="t")):
        said = text(shown) + "".join(one.value for one in shown.info)
        assert "Recorded. The run goes on when the other 2 are decided, or at " in said
    assert "gathers answers" in text(opened(_runs))


def test_two_runs_are_compared(saver: SqliteSaver, path: Path) -> None:
    def more(n: int) -> int:
        return n + 1

    graph = chain(step(more, into="more"), name="plus")
    for n, name in ((1, "one"), (2, "two")):
        start(graph, {"n": n}, saver=saver, name="plus", thread_id=name)
    app = opened(_runs, thread="one")
    app.session_state["run-tab-one"] = "Compare"
    app.run()
    app.selectbox(key="pair-one").set_value("two").run()
    assert "<del>2</del> <ins>3</ins>" in text(app)


def test_a_question_is_asked_again_in_a_run_of_its_own(waiting: list[Review], saver: SqliteSaver) -> None:
    for one in waiting:
        decide(saver, one.id, "approve", by="Bo")
    resume(desk.graph, "acme", saver=saver)
    app = opened(_review, id=waiting[0].id, thread="acme")
    app.button(key=f"look-go-{waiting[0].id}").click().run()
    assert "Say why it is looked at again" in text(app)
    app.text_input(key=f"look-why-{waiting[0].id}").set_value("The cap was raised since.")
    app.button(key=f"look-go-{waiting[0].id}").click().run()
    asked_again = [one for one in pending(saver) if one.thread_id != "acme"]
    assert [one.title for one in asked_again] == [waiting[0].title]
    [again] = asked_again
    assert "a second look, after acme" in text(opened(_review, id=again.id, thread=again.thread_id))


def test_an_unknown_run_and_no_runs_say_so(path: Path) -> None:
    assert "This run is not here" in text(opened(_runs, thread="nobody"))
    assert "No run yet" in text(opened(_runs))


def test_many_are_decided_at_once_after_what_they_cover_was_shown(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_bulk)
    said = text(app)
    assert "Confidence" in said.title()
    assert app.button(key="bulk-go").disabled
    app.checkbox(key="bulk-sure-0").check().run()
    app.button(key="bulk-go").click().run()
    assert "on 3 questions" in " ".join(each.value for each in app.success)
    assert {each.action for each in decisions(saver)} == {"approve"}
    assert len(decisions(saver)) == 3


def test_what_somebody_decided_meanwhile_keeps_a_bulk_decision_from_being_recorded(
    waiting: list[Review], saver: SqliteSaver
) -> None:
    app = opened(_bulk)
    app.checkbox(key="bulk-sure-0").check().run()
    decide(saver, waiting[0].id, "reject", by="Bo")
    app.button(key="bulk-go").click().run()
    assert "Nothing is recorded." in text(app)
    assert [each.by for each in decisions(saver)] == ["Bo"]


def test_a_rule_is_tried_made_used_and_revoked(waiting: list[Review], saver: SqliteSaver) -> None:
    app = opened(_bulk)
    app.session_state["bulk-tab"] = "Standing rules"
    app.run()
    app.text_area(key="rule-where").set_value("proposal.confidence < 0.5")
    app.button(key="rule-try").click().run()
    assert "It would decide 3" in text(app)
    assert not rules(saver)
    app.button(key="rule-make").click().run()
    made = rules(saver)[0]
    assert (made.by, made.cap) == ("Ada", 200)
    assert enact(saver) == 3
    assert f"rule {made.id} of Ada" in text(opened(_review, id=waiting[0].id, thread="acme"))
    app.button(key=f"revoke-{made.id}").click().run()
    assert "It was used 3 times" in text(app)


def test_what_decisions_teach_is_told(waiting: list[Review], saver: SqliteSaver) -> None:
    decide(saver, waiting[0].id, "edit", value={**waiting[0].value["proposal"], "risk": "low"}, by="Bo")
    decide(saver, waiting[1].id, "reject", reason="wrong risk", by="Bo")
    decide(saver, waiting[2].id, "approve", by="Ada")
    app = opened(_insights)
    until(lambda: "Going through the decisions" not in text(app.run()))
    said = text(app)
    assert "People edited or rejected 2 of 3 proposals: 67%, likely" in said
    assert "<del>high</del> <ins>low</ins>" in said
    assert "wrong risk" in said
    assert "2 of 2 errors would have been caught" in said


def test_what_decisions_teach_is_worked_out_once_for_all_who_look(saver: SqliteSaver, waiting: list[Review]) -> None:
    decide(saver, waiting[0].id, "reject", by="Bo")
    asked: Any = lambda: lessons.lessons(saver, lessons.Choice(), catch=0.9, patience=60)  # noqa: E731
    with ThreadPoolExecutor(4) as many:
        found = [one.result()[0] for one in [many.submit(asked) for _ in range(4)]]
    assert {one["overturns"].value.overturned for one in found} == {1}
    assert len({id(one["paces"]) for one in found}) == 1
    decide(saver, waiting[1].id, "reject", by="Bo")
    until(lambda: asked()[0]["overturns"].value.overturned == 2)


def test_the_record_is_listed_and_verified(waiting: list[Review], saver: SqliteSaver) -> None:
    decide(saver, waiting[0].id, "reject", by="Bo", words="<b>Too broad.</b>", roles=["legal"])
    app = opened(_audit)
    said = text(app)
    assert f"1. Rejected: {waiting[0].title}" in said
    assert "Bo as legal" in said
    assert "&lt;b&gt;Too broad.&lt;/b&gt;" in said
    app.button(key="verify").click().run()
    assert "The record of 1 decision is whole" in " ".join(each.value for each in app.success)
    with sqlite3.connect(saver.database.path) as connection:
        connection.execute("UPDATE decisions SET words = 'Fine.'")
    connection.close()
    app.button(key="verify").click().run()
    assert "The record is not whole." in text(app)
    assert "Decision 1" in text(app)


def test_the_graphs_page_draws_a_graph_with_the_status_of_a_run(waiting: list[Review]) -> None:
    app = opened(_graphs, graph="desk", thread="acme")
    chart = app.get("graphviz_chart")[0].proto
    assert "digraph" in chart.spec
    assert "waiting 3" in chart.spec
    assert not app.error


def test_the_map_shows_where_a_question_stands_once_it_is_opened(waiting: list[Review]) -> None:
    one = waiting[0]
    app = opened(_review, id=one.id)
    assert any("desk › " in each.label and "finding" in each.label for each in app.expander)
    assert not app.get("graphviz_chart")
    app.session_state[f"map-{one.id}"] = True
    app.run()
    [drawn] = app.get("graphviz_chart")
    assert one.node in drawn.proto.spec
    assert "this question stands at" in drawn.proto.alt


def test_a_graph_that_cannot_be_imported_is_one_sentence(path: Path) -> None:
    app = opened(_graphs, graph="broken")
    assert len(app.error) == 1
    assert "missing.py" in text(app)


def test_the_worker_inside_the_page_takes_the_run_on(
    waiting: list[Review], saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREADLE_WORKER", "1")
    app = opened(_review, id=waiting[0].id)
    for one in waiting:
        app.button(key=f"approve-{one.id}").click().run()
    until(lambda: run(saver, "acme").status == "done")
    app = opened(_runs, thread="acme")
    app.session_state["run-tab-acme"] = "State"
    assert "Clause 7.2 could do harm." in text(app.run())


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true; the test's own time limit ends it."""
    import time

    while not true():
        time.sleep(0.05)


def test_a_corrupt_database_is_one_sentence(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)
    app = opened(_inbox)
    assert "The database cannot be used" in text(app)
    assert len(app.error) == 1


def test_a_newer_database_is_one_sentence(path: Path, saver: SqliteSaver) -> None:
    saver.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    app = opened(_inbox)
    assert "The database cannot be used" in text(app)


@pytest.mark.skipif(not hasattr(__import__("os"), "geteuid"), reason="permissions are POSIX's")
def test_a_folder_that_cannot_be_written_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    app = opened(_inbox)
    path.parent.chmod(stat.S_IRWXU)
    assert "The database cannot be used" in text(app)
