"""Every example runs by its one command and says what it promises."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from treadle.examples import contract_review

EXAMPLES = Path(__file__).parents[1] / "examples"
DIALOGUES = Path(__file__).parents[2] / "shared" / "data" / "support-dialogues.jsonl"
SAYS = {
    "single_call": "positive",
    "templating": "{7}",
    "sequence_of_steps": "Subject:",
    "side_by_side": "[billing, negative]",
    "one_of_several": "passed this on",
    "every_item": "negative  They fell apart",
    "service_call": "on its way",
    "repaired_answer": "passes",
    "human_input": "done. Sent: We are sorry.",
    "support_summary": "89",
    "shop_feedback": "negative, delivery, quality",
}


def said(name: str, capsys: Any, *arguments: str) -> str:
    sys.argv[1:] = arguments
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return str(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREADLE_MODEL", "rules")
    monkeypatch.setattr(sys, "argv", ["example"])


@pytest.mark.parametrize("name", SAYS)
def test_an_example_says_what_it_promises(name: str, capsys: Any) -> None:
    assert SAYS[name] in said(name, capsys)


@pytest.mark.parametrize("name", SAYS)
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 60


def test_no_example_is_left_out() -> None:
    files = {file.stem for file in EXAMPLES.glob("*.py")}
    assert files == {*SAYS, "__init__", "contract_review"}


def test_an_example_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "repaired_answer.py"], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.count("attempt") == 3


def test_the_support_example_sums_up_other_peoples_dialogues(capsys: Any) -> None:
    if not DIALOGUES.exists():
        pytest.skip(f"the dialogues are not here: {DIALOGUES}")
    assert len(said("support_summary", capsys, str(DIALOGUES)).strip().splitlines()) >= 100


def test_the_memo_of_the_contract_example_is_told_what_stands_out_the_worst_first_and_in_brief() -> None:
    rated = [("medium", "m" * 500), ("low", "l"), ("high", "word " * 100), ("high", "short")]
    clauses: list[Any] = [{"number": str(at), "heading": "Fees", "text": ""} for at in range(5)]
    outcomes: list[Any] = [{"index": at, "value": {"risk": r, "reason": why}} for at, (r, why) in enumerate(rated)]
    lost: Any = {"index": 4, "status": "failure"}
    made = contract_review.table(clauses, [*outcomes, lost])
    assert [(one["number"], one["risk"]) for one in made["findings"]] == [
        ("2", "high"), ("3", "high"), ("0", "medium"), ("4", "unknown"),
    ]  # fmt: skip
    assert max(len(one["reason"]) for one in made["findings"]) <= 120
    assert made["rows"][2]["reason"] == "word " * 100
    assert (made["total"], len(made["rows"])) == (5, 5)
