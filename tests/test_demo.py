"""The demo, whole: a contract goes in, decisions are made, a memo comes out; killed anywhere, it goes on."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from processes import begun, environment, listed, talk, treadle

from treadle.checkpoints import SqliteSaver
from treadle.nodes.texts.documents import read
from treadle.nodes.texts.splits import clauses

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "examples" / "services_agreement.md"
KEY = json.loads((ROOT / "examples" / "services_agreement.key.json").read_text())
SHARED = ROOT.parent / "shared" / "data"
AGREEMENTS = ["mutual-nda.md", "cloud-service-agreement.md"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a finished review of the shipped document, and what the demo printed."""
    folder = tmp_path_factory.mktemp("finished")
    done = treadle(folder, "demo", "--unattended")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def story(folder: Path) -> Any:
    """What the newest run's story is, as data."""
    return listed(folder, "runs", "show", listed(folder, "runs")[0]["thread_id"])


def memo(output: str) -> str:
    """The memo that the demo printed."""
    return output.partition("\nMemo")[2].partition("\n\n")[2].partition("\nThe whole story:")[0]


def test_the_first_lines_name_the_model_why_and_what_would_be_better(finished: tuple[Path, str]) -> None:
    first, second = finished[1].splitlines()[:2]
    assert first.startswith("Model rules: $TREADLE_MODEL asks for it.")
    assert "no language model" in second
    assert "good for" in second


def test_without_a_language_model_the_command_that_would_give_one_is_named(tmp_path: Path) -> None:
    done = treadle(tmp_path, "demo", TREADLE_MODEL="")
    assert done.returncode == 3
    assert "For a better one:" in done.stdout.splitlines()[0]
    assert "treadle models pull" in done.stdout.splitlines()[0]


def test_the_rule_that_decides_is_stated_and_on_record(finished: tuple[Path, str]) -> None:
    folder, output = finished
    assert "Decided by the rule of --unattended, which nobody stands behind" in output
    assert {decision["by"] for decision in story(folder)["decisions"]} == {"the rule of --unattended"}


def test_every_clause_has_its_finding_in_order_and_the_memo_is_printed(finished: tuple[Path, str]) -> None:
    _, output = finished
    lines = output.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("number"))
    shown = [line.split()[0] for line in lines[start + 1 : start + 1 + len(KEY["clauses"])]]
    assert shown == [clause["number"] for clause in KEY["clauses"]]
    assert "9.1" in memo(output)


def test_the_findings_are_compared_with_what_a_careful_reader_found(
    finished: tuple[Path, str], record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _findings(finished[0])
    pairs = [(found[clause["number"]], clause) for clause in KEY["clauses"]]
    right = {part: sum(one[part] == wanted[part] for one, wanted in pairs) for part in ("category", "risk")}
    for part, count in right.items():
        record_property(f"right_{part}", f"{count} of {len(pairs)}")
    with capsys.disabled():
        print(f"\nrules: {right['category']} categories and {right['risk']} risks of {len(pairs)} right")
    assert right["category"] >= 26
    assert right["risk"] >= 23


def _findings(folder: Path) -> dict[str, dict[str, Any]]:
    numbers = {clause["text"]: clause["number"] for clause in clauses(read(SAMPLE))}
    found = {}
    for step in story(folder)["steps"]:
        if step["step"] == "finding":
            text = step["messages"][-1]["content"].removeprefix("<clause>").removesuffix("</clause>")
            found[numbers[text]] = step["parsed"]
    return found


def test_every_high_and_every_doubtful_finding_and_the_memo_came_to_a_person(finished: tuple[Path, str]) -> None:
    told = story(finished[0])
    asked = {r["value"]["context"]["clause"]["number"] for r in told["reviews"] if r["gate"] == "finding_review"}
    doubtful = {
        number for number, one in _findings(finished[0]).items() if one["risk"] == "high" or one["confidence"] < 0.6
    }
    assert asked == doubtful
    assert [r["title"] for r in told["reviews"] if r["gate"] == "memo_review"] == ["The memo to counsel"]


def test_the_story_has_prompts_responses_tokens_seconds_decisions_who_and_when(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    told = story(folder)
    for step in told["steps"]:
        assert step["messages"]
        assert step["response"]
        assert step["tokens_in"] > 0
        assert step["tokens_out"] > 0
        assert step["seconds"] >= 0
        assert step["model"] == "rules"
    for decision in told["decisions"]:
        assert decision["action"] == "approve"
        assert decision["at"] <= decision["applied_at"]
    shown = treadle(folder, "runs", "show", told["run"]["thread_id"]).stdout
    for part in (
        "<clause>Limit of liability.",
        "answer: {",
        "tokens in",
        "approve by the rule of --unattended",
        "applied 2",
    ):
        assert part in shown


def test_a_finished_demo_prints_its_result_again_and_fresh_begins_anew(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(finished[0], tmp_path / "copy"))
    again = treadle(folder, "demo")
    assert again.returncode == 0
    assert memo(again.stdout) == memo(finished[1])
    assert "--fresh" in again.stdout
    assert treadle(folder, "demo", "--fresh").returncode == 3
    assert len(listed(folder, "runs")) == 2
    assert treadle(folder, "demo", "--unattended").returncode == 0, "the fresh run is the one that goes on"
    assert {run["status"] for run in listed(folder, "runs")} == {"done"}


def test_without_a_terminal_it_stops_with_3_and_says_how_to_go_on(tmp_path: Path) -> None:
    done = treadle(tmp_path, "demo")
    assert done.returncode == 3
    for way in ("treadle ui", "treadle decide ID", "--unattended"):
        assert way in done.stdout


def test_decisions_from_the_command_line_are_taken_up_by_the_demo(tmp_path: Path) -> None:
    treadle(tmp_path, "demo")
    waiting = listed(tmp_path, "reviews")
    for review in waiting[1:]:
        treadle(tmp_path, "decide", review["id"], "approve", "--by", "ada")
    treadle(tmp_path, "decide", waiting[0]["id"], "reject", "--words", "The risk should be low", "--by", "ada")
    done = treadle(tmp_path, "demo", "--unattended")
    assert done.returncode == 0, done.stderr
    assert "approved by ada" in done.stdout
    assert "sent back by ada" in done.stdout


def test_at_a_terminal_a_reviewer_approves_edits_rejects_skips_and_quits(tmp_path: Path) -> None:
    code, shown = talk(
        tmp_path,
        ["demo"],
        [
            ("[d]ecide here", "d"),
            ("[1 of", "a"),
            ("[2 of", "e"), ("reason [", "It can be borne."), ("category [", ""),
            ("risk [", "huge"), ("is not one of these", "medium"), ("confidence [", ""), ("Recorded: edit", ""),
            ("[3 of", "r"), ("In your words", "The risk should be low"),
            ("[4 of", "s"),
            ("[5 of", "q"),
            ("[d]ecide here", "q"),
        ],
    )  # fmt: skip
    assert code == 3
    assert "It goes on with: treadle demo" in shown
    told = story(tmp_path)
    assert [decision["action"] for decision in told["decisions"]] == ["approve", "edit", "reject"]
    assert told["decisions"][1]["answer"]["value"]["reason"] == "It can be borne."
    assert all(decision["client"] == "terminal" for decision in told["decisions"])
    assert sum(step["step"] == "finding" for step in told["steps"]) == len(KEY["clauses"]) + 1


def test_the_memo_is_edited_in_the_editor_and_the_demo_ends(tmp_path: Path) -> None:
    treadle(tmp_path, "demo")
    for review in listed(tmp_path, "reviews"):
        treadle(tmp_path, "decide", review["id"], "approve")
    code, shown = talk(
        tmp_path, ["demo"], [("[d]ecide here", "d"), ("[1 of 1]", "e")],
        {"EDITOR": "sed -i 's/Memo for counsel/Memo, as Ada would have it/'"},
    )  # fmt: skip
    assert code == 0
    assert "# Memo, as Ada would have it" in shown
    assert "Memo (edited by" in shown


def test_ctrl_c_while_deciding_keeps_what_was_decided(tmp_path: Path) -> None:
    code, shown = talk(tmp_path, ["demo"], [("[d]ecide here", "d"), ("[1 of", "a"), ("[2 of", "\x03")])
    assert code == 130
    assert "What was recorded is kept" in shown
    assert "Traceback" not in shown
    assert len(story(tmp_path)["decisions"]) == 1


@pytest.mark.parametrize("name", AGREEMENTS)
def test_real_agreements_go_the_whole_way(tmp_path: Path, name: str) -> None:
    document = SHARED / name
    if not document.exists():
        pytest.skip(f"{document} is not here")
    done = treadle(tmp_path, "demo", "--unattended", "--document", str(document))
    assert done.returncode == 0, done.stderr
    assert memo(done.stdout).strip()
    count = len(clauses(read(document)))
    assert f"{count} clauses:" in done.stdout


def test_two_demos_at_once_decide_and_advance_one_run_and_end_alike(tmp_path: Path, finished: tuple[Path, str]) -> None:
    both = [begun(tmp_path, "demo", "--unattended") for _ in range(2)]
    outputs = [one.communicate(timeout=240) for one in both]
    assert [one.returncode for one in both] == [0, 0], outputs
    assert [memo(output) for output, _ in outputs] == [memo(finished[1])] * 2
    told = story(tmp_path)
    assert len(listed(tmp_path, "runs")) == 1
    _once(told)


def _once(told: Any) -> None:
    """Check that every question was asked and decided once, and every clause rated once."""
    assert told["run"]["status"] == "done"
    ids = [decision["interrupt_id"] for decision in told["decisions"]]
    assert sorted(ids) == sorted({review["id"] for review in told["reviews"]})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_ten_moments_it_goes_on_and_ends_with_the_same_memo(
    tmp_path: Path, finished: tuple[Path, str]
) -> None:
    whole, ends = _progress(finished[0]), []
    for moment in range(10):
        folder = tmp_path / str(moment)
        folder.mkdir()
        killed = begun(folder, "demo", "--unattended")
        while killed.poll() is None and _progress(folder) < whole * moment / 10:
            time.sleep(0.002)
        killed.kill()
        killed.communicate()
        ends.append(killed.returncode)
        _prolong_leases(folder / "treadle.db")
        done = treadle(folder, "demo", "--unattended")
        assert done.returncode == 0, done.stderr
        assert memo(done.stdout) == memo(finished[1])
        _once(story(folder))
    assert ends.count(-signal.SIGKILL) >= 8  # the last may come too late


def _progress(folder: Path) -> int:
    """How much of a run is stored by now: its steps, exchanges and decisions."""
    tables = ("checkpoints", "traces", "decisions")
    try:
        with closing(sqlite3.connect(f"file:{folder}/treadle.db?mode=ro", uri=True)) as connection:
            return sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    except sqlite3.OperationalError:  # not there yet
        return 0


def _prolong_leases(path: Path) -> None:
    """Have what a dead process left last a day: a lease that is waited for would never end."""
    if not path.exists():
        return
    with SqliteSaver(path) as saver:
        saver.database.write(lambda connection: connection.execute("UPDATE runs SET expires_at = expires_at + 86400"))


@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_its_end(tmp_path: Path, finished: tuple[Path, str]) -> None:
    for _ in range(5):
        process = begun(tmp_path, "demo", "--unattended")
        time.sleep(1)
        process.kill()
        process.communicate()
    done = treadle(tmp_path, "demo", "--unattended")
    assert memo(done.stdout) == memo(finished[1])
    _once(story(tmp_path))


def test_the_example_runs_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "contract_review.py"), str(SAMPLE)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "reviews wait" in done.stdout
    assert listed(tmp_path, "runs")[0]["graph"] == "contract_review"


def test_the_example_has_at_most_80_lines() -> None:
    assert len((ROOT / "examples" / "contract_review.py").read_text().splitlines()) <= 80
