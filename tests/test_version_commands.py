"""`treadle versions` in the terminal; workers keep each run to the version of the graph that it began with."""

import json
from pathlib import Path

import pytest
from processes import listed, refused, treadle

GRAPHS = """
from langchain_core.language_models import BaseChatModel
from treadle import chain, review
from treadle.graphs.versions import Versions
from treadle.nodes import step


def written(greeting):
    def letter(who: str) -> str:
        return f"{greeting} {who}"

    return chain(step(letter), review("letter", reject="__end__"), name="letters")


old = written("Dear")
both = Versions("letters", {"v1": old, "v2": written("Hello")})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "letters.py").write_text(GRAPHS)
    named(tmp_path, "old")
    assert treadle(tmp_path, "run", "letters", "--thread", "first", "--input", '{"who": "Ada"}').returncode == 3
    named(tmp_path, "both")
    assert treadle(tmp_path, "run", "letters", "--thread", "second", "--input", '{"who": "Ada"}').returncode == 3
    return tmp_path


def named(folder: Path, attribute: str) -> None:
    (folder / "langgraph.json").write_text(json.dumps({"graphs": {"letters": f"./letters.py:{attribute}"}}))


def test_a_worker_takes_each_run_on_with_its_own_version(folder: Path) -> None:
    for review in listed(folder, "reviews"):
        treadle(folder, "decide", review["id"], "approve", "--by", "ada")
    assert treadle(folder, "worker", "--once").stdout.endswith("2 runs advanced.\n")
    assert {run["thread_id"]: run["status"] for run in listed(folder, "runs")} == {"first": "done", "second": "done"}
    versions = {row["fingerprint"]: row["name"] for row in listed(folder, "versions")}
    ran = {run["thread_id"]: versions[run["fingerprint"]] for run in listed(folder, "runs")}
    assert ran == {"first": "v1", "second": "v2"}


def test_versions_are_listed_named_and_told_apart(folder: Path) -> None:
    rows = listed(folder, "versions", "--graph", "letters")
    assert [(row["name"], row["runs"], row["share"]) for row in rows] == [("v1", 1, None), ("v2", 1, None)]
    assert "as the program says" in treadle(folder, "versions").stdout
    told = treadle(folder, "versions", "diff", "letters", "v1", "v2").stdout
    assert "Dear" in told
    assert "Hello" in told
    treadle(folder, "versions", "name", "letters", rows[0]["fingerprint"][:6], "first try")
    assert [row["name"] for row in listed(folder, "versions")] == ["first try", "v2"]
    assert listed(folder, "versions", "--graph", "other") == []


def test_new_runs_take_what_is_pinned_until_it_is_rolled_back(folder: Path) -> None:
    assert treadle(folder, "versions", "split", "letters", "v2").stdout == "v2: 100%\n"
    assert treadle(folder, "versions", "split", "letters", "v1=3", "v2=1").stdout == "v1: 75%, v2: 25%\n"
    assert [row["share"] for row in listed(folder, "versions")] == [0.75, 0.25]
    treadle(folder, "versions", "split", "letters", "v1")
    treadle(folder, "run", "letters", "--thread", "third", "--input", '{"who": "Ada"}')
    (run,) = [run for run in listed(folder, "runs") if run["thread_id"] == "third"]
    assert run["fingerprint"] == listed(folder, "versions")[0]["fingerprint"]
    assert treadle(folder, "versions", "roll-back", "letters").stdout == "v1: 75%, v2: 25%\n"


def test_two_versions_are_compared_in_a_table_and_as_data(folder: Path) -> None:
    told = treadle(folder, "versions", "compare", "letters", "v1", "v2").stdout
    assert "v1: 1 run; v2: 1 run" in told
    assert "may be the same" in told
    found = json.loads(treadle(folder, "versions", "compare", "letters", "v1", "v2", "--json").stdout)
    assert found["runs"] == [1, 1]
    assert set(found["measures"]) == {"gate failures", "overturned", "tokens", "seconds", "cost"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("split", "letters", "v9"), "no single version 'v9'; it has v1, v2"),
        (("split", "letters", "v1=much"), "'v1=much' gives no weight"),
        (("split", "letters", "v1=0"), "one above"),
        (("roll-back", "letters"), "nothing to roll back to"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    refused(treadle(folder, "versions", *arguments), words)
