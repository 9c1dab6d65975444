"""Whoever may not is refused where it is recorded: below every page, button and command."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from gated import asked, graph
from processes import treadle
from streamlit.testing.v1 import AppTest

from treadle import chain
from treadle.checkpoints import SqliteSaver, claim, decide, decisions, pending, review, run
from treadle.checkpoints.bulks import decide_all, enact, revoke, rule, rules
from treadle.checkpoints.bulks.conditions import Condition
from treadle.checkpoints.care.ailments import repair
from treadle.checkpoints.desks.comments import comment
from treadle.checkpoints.desks.erasures import redact
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.desks.withdrawals import withdraw
from treadle.checkpoints.insights import seed
from treadle.checkpoints.ledgers.advances import advance
from treadle.checkpoints.ledgers.forks import second_look
from treadle.checkpoints.ledgers.reruns import rerun
from treadle.checkpoints.ledgers.retries import again
from treadle.errors import NotAllowed, ReviewClosed, RuleInvalid, RunNotFailed
from treadle.graphs.runs import start
from treadle.nodes import step
from treadle.ui import people, workers

QUESTION = {"kind": "treadle.review", "gate": "ask", "actions": ["approve", "reject"], "proposal": 5}

Act = Callable[[SqliteSaver, str, Any], object]

ACTS: dict[str, Act] = {
    "claim": lambda saver, id_, who: claim(saver, id_, **who),
    "take over": lambda saver, id_, who: claim(saver, id_, take=True, **who),
    "hand over": lambda saver, id_, who: comment(saver, id_, "Yours.", to="sales", **who),
    "approve": lambda saver, id_, who: decide(saver, id_, "approve", **who),
    "reject": lambda saver, id_, who: decide(saver, id_, "reject", words="No.", **who),
    "answer": lambda saver, id_, who: decide(saver, id_, answer={"action": "approve"}, **who),
    "bulk": lambda saver, id_, who: decide_all(saver, [id_], "approve", **who),
}
"""What a reviewer can do to a question that waits."""

STRANGERS = [
    ({"roles": ["legal"]}, {"by": "bo", "roles": ["sales"]}),
    ({"roles": ["legal"]}, {"by": "bo", "roles": []}),
    ({"roles": ["legal"], "quorum": 2}, {"by": "bo", "roles": ["sales"]}),
    ({"requester": "bo"}, {"by": " BO", "roles": ["legal"]}),
    ({}, {"by": " ", "roles": ["legal"]}),
]
"""A question's terms, and somebody who may not decide on it: another role, none, no voter, who asked for it, nobody."""


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("terms", "stranger"), STRANGERS)
def test_whoever_may_not_decide_is_refused_and_nothing_is_stored(
    saver: SqliteSaver, act: str, terms: dict[str, Any], stranger: dict[str, Any]
) -> None:
    id_ = asked(saver, QUESTION | terms)
    if act == "take over":
        claim(saver, id_, by="ann", roles=["legal"])
    before = review(saver, id_)
    with pytest.raises(NotAllowed):
        ACTS[act](saver, id_, stranger)
    assert review(saver, id_) == before
    assert decisions(saver) == []
    assert events(saver) == []


def test_only_who_decided_takes_it_back(saver: SqliteSaver) -> None:
    id_ = asked(saver, QUESTION | {"roles": ["legal"], "withdraw_in": 600})
    decide(saver, id_, "approve", by="ann", roles=["legal"])
    for by, role in (("bo", "sales"), ("cy", "legal"), ("", "legal")):
        with pytest.raises(NotAllowed):
            withdraw(saver, id_, by=by, roles=[role])
    assert review(saver, id_).status == "decided"
    assert events(saver) == []


def test_a_rule_decides_nothing_that_its_maker_may_not(saver: SqliteSaver) -> None:
    asked(saver, QUESTION | {"roles": ["legal"]})
    [one] = pending(saver)
    made = rule(saver, "g", str(one.gate), [Condition("/proposal", "<", 50)], by="bo", roles=["sales"], cap=9)
    assert enact(saver) == 0
    assert decisions(saver) == []
    with pytest.raises(NotAllowed, match="the record needs a name"):
        rule(saver, "g", "ask", made.conditions, by=" ", cap=9)
    with pytest.raises(NotAllowed, match="the record needs a name"):
        revoke(saver, made.id, by="")
    assert [each.id for each in rules(saver)] == [made.id]


def test_nobody_says_nothing_and_looks_at_nothing_again(saver: SqliteSaver) -> None:
    id_ = asked(saver, QUESTION)
    with pytest.raises(NotAllowed, match="the record needs a name"):
        comment(saver, id_, "Hm.", by="  ")
    decide(saver, id_, "approve", by="ann")
    advance(saver, graph(saver, QUESTION), "t", name="g")
    assert review(saver, id_).status == "closed"
    with pytest.raises(NotAllowed, match="the record needs a name"):
        second_look(saver, id_, by="", why="I would like to.")
    assert events(saver) == []
    assert pending(saver) == []


OPERATE: dict[str, Act] = {
    "make a rule": lambda saver, id_, who: rule(saver, "g", "ask", [Condition("/proposal", "<", 50)], cap=9, **who),
    "revoke a rule": lambda saver, id_, who: revoke(saver, "none", **who),
    "look again": lambda saver, id_, who: second_look(saver, id_, why="?", **who),
    "try again": lambda saver, id_, who: again(saver, "t", **who),
    "run branches again": lambda saver, id_, who: rerun(saver, "t", **who),
    "repair": lambda saver, id_, who: repair(saver, [], **who),
    "remove text": lambda saver, id_, who: redact(saver, ["proposal"], why="?", **who),
    "plant a seed": lambda saver, id_, who: seed(saver, id_, "approve", **who),
}
"""What operators do."""


@pytest.mark.parametrize("act", OPERATE)
def test_where_a_role_is_named_for_operators_python_asks_for_it_too(
    saver: SqliteSaver, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = asked(saver, QUESTION)
    monkeypatch.setenv("TREADLE_OPERATORS", "ops")
    for roles in ([], ["operator"]):
        with pytest.raises(NotAllowed, match="bo may not do this: it takes the role ops"):
            OPERATE[act](saver, id_, {"by": "bo", "roles": roles})
    assert (events(saver), rules(saver)) == ([], [])
    with suppress(RuleInvalid, ReviewClosed, RunNotFailed):  # past the door
        OPERATE[act](saver, id_, {"by": "bo", "roles": ["ops"]})
    monkeypatch.delenv("TREADLE_OPERATORS")
    with suppress(RuleInvalid, ReviewClosed, RunNotFailed):
        OPERATE[act](saver, id_, {"by": "bo", "roles": []})


def test_the_command_line_says_in_which_role_an_operator_acts(saver: SqliteSaver, tmp_path: Path) -> None:
    asked(saver, QUESTION)
    for command in (["export", "jsonl"], ["doctor", "--repair"], ["rules", "revoke", "none"], ["runs", "again", "t"]):
        refused = treadle(tmp_path, *command, TREADLE_OPERATORS="ops")
        assert "it takes the role ops" in refused.stderr, command
        allowed = treadle(tmp_path, *command, "--role", "ops", TREADLE_OPERATORS="ops")
        assert "it takes the role" not in allowed.stderr, command


@pytest.fixture
def headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The headers with which a trusted proxy lets Cy in, as an operator; the page shows the test's own database."""
    given = {"X-User": "cy", "X-Groups": "legal, operator"}
    monkeypatch.setattr(type(st.context), "headers", property(lambda self: given))
    monkeypatch.setenv("TREADLE_DB", str(tmp_path / "treadle.db"))
    monkeypatch.setenv(workers.VARIABLE, "0")
    monkeypatch.setenv(people.USER_HEADER, "X-User")
    monkeypatch.setenv(people.GROUPS_HEADER, "X-Groups")
    st.cache_resource.clear()
    yield given
    st.cache_resource.clear()


def _page() -> None:
    import streamlit as st

    from treadle.ui.app import main

    main(st.query_params["page"])


def _export() -> None:
    from treadle.ui.screens.audit import _file
    from treadle.ui.stores import store

    _file(store(), "jsonl", [])


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_function(_page, default_timeout=30)
    for name, value in {"page": page, **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def told(app: AppTest) -> str:
    return "\n".join(one.value for kind in (app.info, app.warning, app.error, app.text) for one in kind)


REFUSED = "cy may not do this: it takes the role operator"


def test_who_is_no_operator_any_more_is_refused_when_the_button_is_pressed(
    saver: SqliteSaver, headers: dict[str, str]
) -> None:
    id_ = asked(saver, QUESTION, items=2)
    stands = rule(saver, "g", "ask", [Condition("/proposal", ">", 50)], by="ann", cap=9)
    bulk = opened("bulk")
    bulk.session_state["bulk-tab"] = "Standing rules"
    bulk.run()
    bulk.text_area(key="rule-where").set_value("proposal < 50")
    headers["X-Groups"] = "legal"
    bulk.button(key="rule-make").click().run()
    assert REFUSED in told(bulk)
    bulk.button(key=f"revoke-{stands.id}").click().run()
    assert REFUSED in told(bulk)
    assert [(one.id, one.revoked_at) for one in rules(saver)] == [(stands.id, None)]
    for one in pending(saver):
        decide(saver, one.id, "approve", by="ann")
    advance(saver, graph(saver, QUESTION), "t", name="g")
    headers["X-Groups"] = "operator"
    look = opened("review", id=id_, thread="t")
    look.text_input(key=f"look-why-{id_}").set_value("I would like to.")
    headers["X-Groups"] = "legal"
    look.button(key=f"look-go-{id_}").click().run()
    assert REFUSED in told(look)
    assert pending(saver) == []
    assert [one.kind for one in events(saver)] == ["rule made"]


def test_who_is_no_operator_cannot_try_a_run_again_nor_take_the_record_away(
    saver: SqliteSaver, headers: dict[str, str]
) -> None:
    def fail(item: int) -> int:
        raise ValueError("It cannot be.")

    failing = chain(step(fail, into="out"), name="fails")
    assert start(failing, {"item": 1}, saver=saver, name="fails", thread_id="f").status == "failed"
    app = opened("runs", thread="f")
    before = run(saver, "f")
    headers["X-Groups"] = "legal"
    app.button(key="again").click().run()
    assert REFUSED in told(app)
    assert run(saver, "f") == before
    assert REFUSED in AppTest.from_function(_export).run(timeout=30).exception[0].message
    headers["X-Groups"] = "operator"
    assert not AppTest.from_function(_export).run(timeout=30).exception
