"""Versions are on record with every run; a run goes on with its own, and new runs fall to them by weight."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedModel

from treadle import chain, review
from treadle.checkpoints import SqliteSaver, Worker, advance, decide, pending, run
from treadle.checkpoints.ledgers.comparisons import compare
from treadle.checkpoints.versions import difference, name, pick, roll_back, split, version, versions, weights
from treadle.errors import VersionChanged, VersionNotFound
from treadle.graphs.runs import compiled, fingerprint, resume, start
from treadle.graphs.versions import Versions
from treadle.nodes import prompt

WEIGHTS = st.dictionaries(st.text(min_size=1, max_size=5), st.floats(0.01, 100), min_size=1, max_size=5)


def letter(template: str = "Write to {who}.", answer: str = "Dear you") -> Any:
    ask = prompt("letter", template, gate=r"\w", model=ScriptedModel(script=lambda _: answer))
    return chain(ask, review("letter", reject="letter"), name="letters")


def asked(saver: SqliteSaver, thread: str, graph: Any) -> Any:
    return start(graph, {"who": "Ada"}, saver=saver, name="letters", thread_id=thread)


def test_every_run_and_every_review_has_its_version(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = letter()
        asked(saver, "a", graph)
        graph.compile(saver).invoke({"who": "Ada"}, {"configurable": {"thread_id": "direct"}})
        assert {run(saver, thread).fingerprint for thread in ("a", "direct")} == {fingerprint(graph)}
        assert [one.fingerprint for one in pending(saver)] == [fingerprint(graph)] * 2


def test_a_run_is_not_taken_on_by_a_changed_graph_and_the_change_is_shown(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        asked(saver, "a", letter())
        (question,) = pending(saver)
        decide(saver, question.id, "approve", by="ada")
        later = letter("Write kindly to {who}.")
        with pytest.raises(VersionChanged, match=r"template\.source.*Write to \{who\}.*Write kindly to \{who\}"):
            resume(later, "a", saver=saver)
        assert run(saver, "a").status == "decided"
        done = resume(later, "a", saver=saver, compatible=True)
        assert (done.status, done.fingerprint) == ("done", fingerprint(later))


def test_a_worker_parks_a_run_whose_graph_has_changed_and_says_why(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        asked(saver, "a", letter())
        decide(saver, pending(saver)[0].id, "approve", by="ada")
        worker = Worker(saver, lambda name: compiled(letter("Other {who}"), saver, name=name))
        worker.once()
        assert run(saver, "a").status == "parked"
        assert "has changed since it paused" in (run(saver, "a").error or "")
        assert resume(letter(), "a", saver=saver).status == "done"


def test_a_run_goes_on_with_its_own_version_while_new_ones_take_the_newest(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        both = Versions("letters", {"v1": letter(answer="one"), "v2": letter("Write well to {who}.", "two")})
        asked(saver, "old", Versions("letters", {"v1": both.known["v1"]}))
        asked(saver, "new", both)
        assert [one.name for one in versions(saver, "letters")] == ["v1", "v2"]
        assert {one.thread_id: one.value["proposal"] for one in pending(saver)} == {"old": "one", "new": "two"}
        for one in pending(saver):
            decide(saver, one.id, "approve", by="ada", thread=one.thread_id)
            assert resume(both, one.thread_id, saver=saver).status == "done"


def test_new_runs_fall_to_versions_by_weight_and_roll_back(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        both = Versions("letters", {"v1": letter(answer="one"), "v2": letter("Write well to {who}.", "two")})
        names = both.register(saver)
        split(saver, "letters", {"v1": 1})
        asked(saver, "a", both)
        split(saver, "letters", {"v2": 1})
        asked(saver, "b", both)
        assert [names[run(saver, thread).fingerprint or ""] for thread in "ab"] == ["v1", "v2"]
        assert [names[one] for one in roll_back(saver, "letters")] == ["v1"]
        assert weights(saver, "letters") == {version(saver, "letters", "v1").fingerprint: 1}
        with pytest.raises(VersionNotFound, match="no single version 'v9'; it has v1, v2"):
            split(saver, "letters", {"v9": 1})
        with pytest.raises(ValueError, match="none below nought"):
            split(saver, "letters", {"v1": 0})
        with pytest.raises(VersionNotFound, match="nothing to roll back to"):
            roll_back(saver, "other")
        assert name(saver, "letters", "v1", "first").name == "first"


@given(WEIGHTS, st.text())
def test_a_thread_always_falls_to_the_same_version(given_: dict[str, float], thread: str) -> None:
    shuffled = dict(reversed(given_.items()))
    assert pick(given_, thread) == pick(shuffled, thread)


@given(WEIGHTS, st.text(), st.floats(1, 5), st.data())
def test_more_weight_for_one_version_moves_threads_to_it_alone(
    given_: dict[str, float], thread: str, times: float, data: st.DataObject
) -> None:
    raised = data.draw(st.sampled_from(sorted(given_)))
    assert pick({**given_, raised: given_[raised] * times}, thread) in (pick(given_, thread), raised)


def test_weights_are_kept_over_many_threads() -> None:
    fell = Counter(pick({"a": 3, "b": 1, "c": 0}, f"thread {number}") for number in range(4000))
    assert 2850 < fell["a"] < 3150
    assert fell["c"] == 0


def test_a_difference_names_the_place_and_both_values() -> None:
    old = {"prompt": {"template": "a", "tags": ["x"]}, "gone": 1}
    new = {"prompt": {"template": "b", "tags": ["x", "y"]}}
    assert difference(old, new) == [
        'prompt.template: "a" -> "b"', "gone: 1 -> nothing", 'prompt.tags.1: nothing -> "y"',
    ]  # fmt: skip


def test_two_versions_are_compared_over_their_runs_with_intervals_and_tests(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        graphs = {"v1": letter(answer="one"), "v2": letter("Write well to {who}.", "two")}
        for number in range(12):
            for which, graph in graphs.items():
                thread = f"{which}-{number}"
                asked(saver, thread, Versions("letters", {which: graph}))
                (question,) = pending(saver, thread=thread)
                bad = which == "v1" and number < 10
                answer: dict[str, Any] = {"action": "edit", "value": "better"} if bad else {"action": "approve"}
                decide(saver, question.id, **answer, by="ada", thread=thread)
                advance(saver, compiled(graph, saver), thread)
        found = compare(saver, "letters", "v1", "v2")
        assert (found.first.name, found.runs) == ("v1", (12, 12))
        overturned = found.measures["overturned"]
        assert (round(overturned.first, 2), overturned.second) == (0.83, 0.0)
        assert overturned.p < 0.01
        assert overturned.first_interval[0] < overturned.first < overturned.first_interval[1]
        assert found.measures["tokens"].p == pytest.approx(1.0)
        assert set(found.measures) == {"gate failures", "overturned", "tokens", "seconds", "cost"}
