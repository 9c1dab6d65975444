"""The command line: what each command prints, how it ends, and what it says to a mistake."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import COMMAND, begun, environment, listed, refused, treadle
from typer.testing import CliRunner

from treadle.checkpoints import SqliteSaver
from treadle.commands import app

CONTRACT = """# Terms

1. **Fees.** The Provider may increase the Fees at any time, by any amount, without notice.

2. **Confidentiality.** Each party shall keep the other's confidential information secret.
"""
SLOW = """
import time
from typing import TypedDict
from langgraph.graph import END, START, StateGraph

class State(TypedDict, total=False):
    seconds: float
    done: list[str]

def first(state: State) -> State:
    return {"done": ["first"]}

def second(state: State) -> State:
    time.sleep(state["seconds"])
    return {"done": [*state["done"], "second"], "seconds": 0.0}

builder = StateGraph(State)
builder.add_node("first", first)
builder.add_node("second", second)
builder.add_edge(START, "first")
builder.add_edge("first", "second")
builder.add_edge("second", END)
graph = builder.compile()
"""
ASK = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

class State(TypedDict, total=False):
    said: str

def ask(state: State) -> State:
    return {"said": interrupt("What shall it be?")}

builder = StateGraph(State)
builder.add_node("ask", ask)
builder.add_edge(START, "ask")
builder.add_edge("ask", END)
graph = builder
"""


STEPS = """
import time
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

class State(TypedDict, total=False):
    said: str

def note(line: str) -> None:
    with open("steps", "a") as file:
        print(line, file=file, flush=True)

def ask(state: State) -> State:
    return {"said": interrupt("Go on?")}

def slow(state: State) -> State:
    note("slow begins")
    time.sleep(1)
    note("slow ends")
    return {}

def last(state: State) -> State:
    note("last")
    return {}

builder = StateGraph(State)
for step in (ask, slow, last):
    builder.add_node(step.__name__, step)
builder.add_edge(START, "ask")
builder.add_edge("ask", "slow")
builder.add_edge("slow", "last")
builder.add_edge("last", END)
graph = builder
"""


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that waits for one review."""
    folder = tmp_path_factory.mktemp("reviewed")
    done = treadle(folder, "run", "contract_review", "--thread", "c1", "--input", json.dumps({"text": CONTRACT}))
    assert done.returncode == 3, done.stderr
    return folder


@pytest.fixture
def waiting(reviewed: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for a test of its own."""
    return Path(shutil.copytree(reviewed, tmp_path / "waiting"))


def graphs(folder: Path, **files: str) -> Path:
    """Write graphs and the langgraph.json that names them."""
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source)
    entries = {name: f"./{name}.py:graph" for name in files}
    (folder / "langgraph.json").write_text(json.dumps({"graphs": entries}))
    return folder


def one(folder: Path) -> str:
    """The id of the review that waits."""
    (review,) = listed(folder, "reviews")
    return str(review["id"])


# Help


def test_help_loads_neither_langgraph_nor_streamlit_nor_pandas() -> None:
    program = (
        "import sys, treadle.commands\n"
        "try: treadle.commands.app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'langgraph', 'langchain_core', 'streamlit', 'pandas', 'sqlite_utils'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    ["demo", "run", "runs", "runs show", "reviews", "reviews show", "decide", "rules", "rules add", "rules revoke",
     "audit verify", "audit list", "audit look", "audit redact", "audit seed",
     "insights", "export", "worker", "ui", "graph",
     "models", "models pull", "models add",
     "db check", "db backup", "db compact", "db prune", "db import", "db export", "doctor"],
)  # fmt: skip
def test_the_help_of_every_command_has_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).stdout
    assert f"Example: treadle {command}" in shown


def test_help_lists_the_commands_in_the_order_of_use_and_the_exit_codes() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    places = [shown.index(f"│ {name} ") for name in ("demo", "run", "runs", "reviews", "decide", "worker", "doctor")]
    assert places == sorted(places)
    assert "130 stopped by Ctrl-C" in shown


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert treadle(tmp_path, "--version").stdout.startswith("treadle 0.")


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    assert treadle(tmp_path, "bogus").returncode == 2


# What each command does


def test_a_run_that_needs_a_person_ends_with_3_and_says_what_to_do(waiting: Path) -> None:
    done = treadle(waiting, "run", "contract_review", "--thread", "c1")
    assert done.returncode == 3
    assert "1 review to be decided: treadle ui" in done.stderr


def test_runs_are_listed_for_people_and_for_scripts(waiting: Path) -> None:
    assert "c1" in treadle(waiting, "runs").stdout
    (run,) = listed(waiting, "runs", "--status", "waiting")
    assert (run["thread_id"], run["graph"], run["pending"]) == ("c1", "contract_review", 1)
    assert listed(waiting, "runs", "--status", "done") == []


def test_the_database_is_named_by_an_option_or_a_variable_before_or_after_the_subcommand(waiting: Path) -> None:
    elsewhere = waiting / "elsewhere.db"
    (waiting / "treadle.db").rename(elsewhere)
    for arguments, variables in (
        (("runs", "--db", "elsewhere.db", "show", "c1"), {}),
        (("runs", "show", "c1", "--db", "elsewhere.db"), {}),
        (("runs", "show", "c1"), {"TREADLE_DB": str(elsewhere)}),
    ):
        assert treadle(waiting, *arguments, **variables).stdout.startswith("Run c1")


def test_a_review_is_found_by_its_words_and_shown_whole(waiting: Path) -> None:
    assert listed(waiting, "reviews", "--search", "nothing like it") == []
    (review,) = listed(waiting, "reviews", "--search", "increase fees")
    shown = treadle(waiting, "reviews", "show", review["id"][:6]).stdout
    for part in ("Clause 1 Fees", "because the risk is high", "by any amount, without notice", "category    payment"):
        assert part in shown


def test_an_approval_with_advance_takes_the_run_to_the_next_review(waiting: Path) -> None:
    done = treadle(waiting, "decide", one(waiting), "approve", "--by", "ada", "--advance")
    assert done.returncode == 3, done.stderr
    assert "Recorded: approve by ada on Clause 1 Fees." in done.stdout
    (review,) = listed(waiting, "reviews")
    assert review["gate"] == "memo_review"


def test_an_edit_changes_the_finding_and_the_story_shows_the_difference(waiting: Path) -> None:
    value = {"category": "payment", "risk": "medium", "reason": "Seven days of notice are agreed.", "confidence": 1}
    (waiting / "value.json").write_text(json.dumps(value))
    treadle(waiting, "decide", one(waiting), "edit", "--value", "@value.json", "--by", "ada", "--advance")
    treadle(waiting, "decide", one(waiting), "edit", "--value", "Sign it.", "--advance")
    done = treadle(waiting, "run", "contract_review", "--thread", "c1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["memo"] == "Sign it."
    story = treadle(waiting, "runs", "show", "c1").stdout
    assert '-    "risk": "high",' in story.replace('-  "risk"', '-    "risk"')
    assert "Seven days of notice are agreed." in story


def test_a_rejection_sends_the_clause_back_with_the_words(waiting: Path) -> None:
    words = "The risk should be low"
    treadle(waiting, "decide", one(waiting), "reject", "--words", words, "--advance")
    steps = [step for step in listed(waiting, "runs", "show", "c1")["steps"] if step["step"] == "finding"]
    assert len(steps) == 3
    assert words in steps[-1]["messages"][-1]["content"]
    assert steps[-1]["parsed"]["risk"] == "low"


def test_a_question_that_names_no_actions_takes_a_whole_answer(tmp_path: Path) -> None:
    graphs(tmp_path, ask=ASK)
    assert treadle(tmp_path, "run", "ask", "--thread", "a", "--input", "{}").returncode == 3
    refused(treadle(tmp_path, "decide", one(tmp_path), "approve"), "names no actions")
    done = treadle(tmp_path, "decide", one(tmp_path), "--answer", '"tea"', "--advance", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"]["status"] == "done"
    done = treadle(tmp_path, "run", "ask", "--thread", "a")
    assert json.loads(done.stdout) == {"said": "tea"}


def test_a_worker_applies_what_was_decided(waiting: Path) -> None:
    treadle(waiting, "decide", one(waiting), "approve")
    assert listed(waiting, "runs")[0]["status"] == "decided"
    assert treadle(waiting, "worker", "--once").stdout.endswith("Run c1: waiting\n1 run advanced.\n")
    assert listed(waiting, "reviews")[0]["gate"] == "memo_review"


def test_a_worker_with_nothing_to_do_ends_on_ctrl_c(waiting: Path) -> None:
    worker = begun(waiting, "worker")
    assert worker.stdout is not None
    assert "serving" in worker.stdout.readline()
    worker.send_signal(signal.SIGINT)
    output, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert "ended" in output


def test_a_worker_that_is_told_to_end_amid_a_run_ends_it_after_the_step_and_another_goes_on(tmp_path: Path) -> None:
    graphs(tmp_path, steps=STEPS)
    assert treadle(tmp_path, "run", "steps", "--thread", "t", "--input", "{}").returncode == 3
    treadle(tmp_path, "decide", one(tmp_path), "--answer", '"yes"')
    worker, steps = begun(tmp_path, "worker"), tmp_path / "steps"
    while not (steps.exists() and steps.read_text()):
        time.sleep(0.02)
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert steps.read_text().splitlines() == ["slow begins", "slow ends"]
    assert listed(tmp_path, "runs")[0]["status"] not in ("done", "failed")
    treadle(tmp_path, "worker", "--once")
    assert steps.read_text().splitlines() == ["slow begins", "slow ends", "last"]
    assert listed(tmp_path, "runs")[0]["status"] == "done"


@pytest.mark.parametrize(
    ("form", "start"), [("text", "split"), ("dot", "digraph"), ("mermaid", "flowchart"), ("svg", "<svg")]
)
def test_a_graph_is_drawn_in_four_languages(tmp_path: Path, form: str, start: str) -> None:
    done = treadle(tmp_path, "graph", "contract_review", "--format", form, "--output", "drawn")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "drawn").read_text().lstrip().startswith(start)


def test_a_graph_shows_how_far_a_run_has_come(waiting: Path) -> None:
    shown = treadle(waiting, "graph", "contract_review", "--thread", "c1").stdout
    assert "split [done]" in shown
    assert "finding_review (review) [waiting" in shown


def test_graphs_are_listed_with_where_they_are(tmp_path: Path) -> None:
    graphs(tmp_path, ask=ASK)
    assert [entry["name"] for entry in listed(tmp_path, "graph")] == ["ask", "contract_review"]


def test_models_say_whether_they_can_be_used_and_what_they_need(tmp_path: Path) -> None:
    rows = {row["model"]: row for row in listed(tmp_path, "models")}
    assert rows["rules"]["usable"]
    assert rows["rules"]["default"]
    assert not rows["local"]["usable"]
    assert "treadle models pull" in rows["local"]["why"]
    assert not rows["bedrock:MODEL-ID"]["usable"]


def test_a_file_that_holds_no_known_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(b"GGUF")
    refused(treadle(tmp_path, "models", "add", "other.gguf"), "none of the known weights")


def test_the_doctor_finds_nothing_wrong_with_a_sound_place(waiting: Path) -> None:
    found = listed(waiting, "doctor")
    assert not [check for check in found if check["state"] == "wrong"]


def test_the_doctor_names_what_is_wrong_and_ends_with_1(waiting: Path) -> None:
    graphs(waiting, broken="import nowhere_to_be_found")
    treadle(waiting, "decide", one(waiting), "approve")
    with sqlite3.connect(waiting / "treadle.db") as connection:
        connection.execute("UPDATE decisions SET \"by\" = 'somebody else'")
        connection.execute("UPDATE runs SET status = 'running', owner = NULL, expires_at = NULL")
    connection.close()
    done = treadle(waiting, "doctor")
    assert done.returncode == 1
    wrong = "\n".join(line for line in done.stdout.splitlines() if line.startswith("wrong"))
    assert "was changed after it was recorded" in wrong
    assert "1 run stopped in the middle" in wrong
    assert "nowhere_to_be_found" in wrong


# Mistakes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (bytes(range(256)) * 40, "is binary"),
        (b"1. Fees.\n" * 2_300_000, "the limit is 10 MB"),
        (b"---\n\n***\n", "has no clauses"),
        (b"%PDF-1.7 broken", "cannot be read"),
    ],
    ids=["empty", "blank", "binary", "20 MB", "no clauses", "damaged PDF"],
)
def test_a_document_that_cannot_be_reviewed_is_refused_before_anything_is_made(
    tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "document").write_bytes(content)
    refused(treadle(tmp_path, "demo", "--document", "document"), words)
    assert not (tmp_path / "treadle.db").exists()


def test_a_document_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(treadle(tmp_path, "demo", "--document", "nowhere.md"), "There is no file nowhere.md")


@pytest.mark.parametrize(
    ("spec", "words"),
    [("local", "treadle models pull"), ("gpt", "no model is called 'gpt'"), ("bedrock:some.model", "credentials")],
)
def test_a_model_that_cannot_be_used_is_refused_with_what_would_help(tmp_path: Path, spec: str, words: str) -> None:
    refused(treadle(tmp_path, "demo", "--model", spec), words)
    assert not (tmp_path / "treadle.db").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No graph is called 'mine'"),
        ("{", "is not JSON"),
        ('{"graphs": []}', '"graphs", an object'),
        ('{"graphs": {"mine": "./mine.py:graph"}}', "there is no file"),
    ],
    ids=["missing", "malformed", "no object", "no such file"],
)
def test_a_langgraph_json_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "langgraph.json").write_text(content)
    refused(treadle(tmp_path, "run", "mine", "--input", "{}"), words)


def test_a_graph_that_fails_to_import_is_told_with_its_place(tmp_path: Path) -> None:
    graphs(tmp_path, mine="import treadle\n1 / 0\n")
    refused(treadle(tmp_path, "run", "mine", "--input", "{}"), "ZeroDivisionError", "mine.py:2")


@pytest.mark.parametrize("given", ["{", "@nowhere.json"])
def test_an_input_that_is_no_json_is_refused(tmp_path: Path, given: str) -> None:
    refused(treadle(tmp_path, "run", "contract_review", "--input", given), "--input")


def test_an_input_that_lacks_what_the_graph_reads_is_refused(tmp_path: Path) -> None:
    refused(treadle(tmp_path, "run", "contract_review", "--input", "{}"), "lacks text")


def test_new_input_for_a_run_that_waits_is_refused(waiting: Path) -> None:
    done = treadle(waiting, "run", "contract_review", "--thread", "c1", "--input", '{"text": "1. Other terms."}')
    refused(done, "is waiting already")


def test_a_run_that_fails_ends_with_1_and_says_where(tmp_path: Path) -> None:
    graphs(tmp_path, bad=SLOW.replace('time.sleep(state["seconds"])', 'raise ValueError("no such thing")'))
    done = treadle(tmp_path, "run", "bad", "--thread", "b", "--input", '{"seconds": 0}')
    assert done.returncode == 1
    assert "ValueError: no such thing (in second)" in done.stderr


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused(treadle(tmp_path, "runs"), "There is no database", "treadle demo")
    assert not (tmp_path / "treadle.db").exists()


@pytest.mark.parametrize("command", [("runs",), ("demo",), ("decide", "x", "approve")], ids=lambda command: command[0])
def test_a_corrupt_database_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "treadle.db").write_bytes(b"This is no database at all. " * 400)
    refused(treadle(tmp_path, *command), "treadle.db", "damaged or is no SQLite file")


def test_a_newer_database_is_told(waiting: Path) -> None:
    with sqlite3.connect(waiting / "treadle.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused(treadle(waiting, "reviews"), "later treadle")
    assert "later treadle" in treadle(waiting, "doctor").stdout


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anything")
def test_a_database_that_cannot_be_written_is_listed_and_not_decided_on(waiting: Path) -> None:
    review = one(waiting)
    (waiting / "treadle.db").chmod(0o444)
    waiting.chmod(0o555)
    command = [*COMMAND] if os.geteuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *COMMAND]

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *arguments], cwd=waiting, env=environment(waiting), capture_output=True, text=True, check=False
        )

    listing, decision = run("reviews"), run("decide", review, "approve")
    waiting.chmod(0o755)
    assert review[:12] in listing.stdout, listing.stderr
    refused(decision, "cannot be written")


def test_a_locked_database_is_waited_for_and_then_told(waiting: Path) -> None:
    review = one(waiting)
    connection = sqlite3.connect(waiting / "treadle.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = treadle(waiting, "decide", review, "approve", TREADLE_PATIENCE="1.5")
        refused(done, "kept locked by another process (waited 1.5 s)")
    finally:
        connection.close()
    refused(treadle(waiting, "decide", review, "approve", TREADLE_PATIENCE="long"), "TREADLE_PATIENCE is 'long'")
    assert treadle(waiting, "decide", review, "approve").returncode == 0


def test_a_decision_for_an_unknown_review_is_refused(waiting: Path) -> None:
    refused(treadle(waiting, "decide", "ffffffff", "approve"), "No review has the id 'ffffffff'", "treadle reviews")


def test_half_a_character_is_printed_for_what_it_is(waiting: Path) -> None:
    answer = {"action": "edit", "value": {"category": "payment", "risk": "low", "reason": "\ud83d é", "confidence": 1}}
    done = treadle(waiting, "decide", one(waiting), "--answer", json.dumps(answer), "--by", "ada")
    assert done.returncode == 0, done.stderr
    assert "\\ud83d é" in treadle(waiting, "runs", "show", "c1").stdout


def test_bytes_that_are_no_text_are_told(waiting: Path) -> None:
    for words in (("reviews", "show"), ("decide", "x", "approve", "--thread"), ("runs", "show")):
        refused(treadle(waiting, *words, "\udcff"), "no text in UTF-8")


def test_a_second_decision_is_refused_and_says_who_decided(waiting: Path) -> None:
    review = one(waiting)
    treadle(waiting, "decide", review, "approve", "--by", "ada")
    refused(treadle(waiting, "decide", review, "reject", "--by", "bob"), "decided already", "approve by ada")


def test_a_decision_for_a_review_that_the_run_has_left_behind_is_refused(waiting: Path) -> None:
    review = one(waiting)
    treadle(waiting, "decide", review, "approve", "--by", "ada", "--advance")
    refused(treadle(waiting, "decide", review, "approve"), "decided already", "by ada")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shrug",), "'shrug' is not one of this question's"),
        (("edit",), "needs the edited value"),
        (("edit", "--value", '{"risk": "huge"}'), "value.risk"),
        (("edit", "--value", "{"), "--value is not JSON"),
        (("approve", "--value", "{}"), "--value goes with the action edit"),
        ((), "Say what you decide"),
        (("approve", "--by", " "), "--by is empty"),
    ],
)
def test_a_decision_that_does_not_fit_the_question_is_refused_and_nothing_is_stored(
    waiting: Path, arguments: tuple[str, ...], words: str
) -> None:
    review = one(waiting)
    refused(treadle(waiting, "decide", review, *arguments), words)
    assert one(waiting) == review


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(
            treadle(tmp_path, "ui", "--port", str(taken.getsockname()[1])), "Address already in use", "another port"
        )


def test_ctrl_c_in_a_run_loses_nothing_and_the_same_run_goes_on(tmp_path: Path) -> None:
    graphs(tmp_path, slow=SLOW)
    run = begun(tmp_path, "run", "slow", "--thread", "s", "--input", '{"seconds": 3}')
    _await(tmp_path, "first")
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "Traceback" not in errors
    assert "What was recorded is kept" in errors
    done = treadle(tmp_path, "run", "slow", "--thread", "s")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] == ["first", "second"]


def _await(folder: Path, step: str) -> None:
    """Wait until a step's result is stored."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if (folder / "treadle.db").exists():
            with SqliteSaver(folder / "treadle.db") as saver:
                found = saver.get_tuple({"configurable": {"thread_id": "s"}})
            if found and step in found.checkpoint["channel_values"].get("done", ()):
                return
        time.sleep(0.1)
    pytest.fail(f"{step} was never stored")


def test_a_pipe_that_closes_early_makes_no_traceback(waiting: Path) -> None:
    shell = f"{' '.join(COMMAND)} runs show c1 | head -1"
    done = subprocess.run(
        shell, shell=True, cwd=waiting, env=environment(waiting), capture_output=True, text=True, check=False
    )
    assert done.stdout == "Run c1\n"
    assert "Traceback" not in done.stderr


def test_the_record_is_verified_and_a_row_that_was_tampered_with_is_named(waiting: Path) -> None:
    assert treadle(waiting, "decide", one(waiting), "approve", "--by", "ann").returncode == 0
    sound = treadle(waiting, "audit", "verify")
    assert (sound.returncode, sound.stdout.startswith("The record of 1 decision is whole. Head: 1:")) == (0, True)
    head = sound.stdout.split()[-1]
    assert treadle(waiting, "audit", "verify", "--head", head).returncode == 0
    assert treadle(waiting, "audit", "verify", "--head", "1:" + "0" * 64).returncode == 1
    assert treadle(waiting, "audit", "verify", "--head", "x").returncode == 2
    assert treadle(waiting, "audit", "verify", "--since", head).returncode == 0
    assert treadle(waiting, "audit", "verify", "--since", "1:" + "0" * 64).returncode == 1
    assert "approve" in treadle(waiting, "audit", "list").stdout
    with sqlite3.connect(waiting / "treadle.db") as connection:
        connection.execute("UPDATE decisions SET action = 'reject'")
    connection.close()
    told = treadle(waiting, "audit", "verify")
    assert (told.returncode, "Decision 1 (reject by ann" in told.stdout) == (1, True)


def test_the_prices_that_hold_are_listed_with_those_of_ones_own_over_them(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[nova-lite]\nin = 7\nout = 8\n")
    done = treadle(tmp_path, "models", "prices", "--json", TREADLE_PRICES=str(tmp_path / "mine.toml"))
    found = json.loads(done.stdout)
    assert found["nova-lite"] == {"in": 7.0, "out": 8.0}
    assert found["rules"] == {"in": 0.0, "out": 0.0}
    assert "nova-lite" in treadle(tmp_path, "models", "prices").stdout


def test_several_reviews_are_shown_first_and_decided_with_yes(waiting: Path) -> None:
    shown = treadle(waiting, "decide", "all", "approve", "--by", "ann")
    assert (shown.returncode, "say --yes" in shown.stderr, "1 review of" in shown.stdout) == (0, True, True)
    assert len(listed(waiting, "reviews")) == 1
    made = treadle(waiting, "decide", "all", "approve", "--by", "ann", "--yes")
    assert (made.returncode, "Recorded: approve by ann on 1 review." in made.stdout) == (0, True), made.stderr
    assert "cannot be decided" in treadle(waiting, "decide", "nobody,", "approve", "--yes").stderr


def test_a_rule_is_made_tried_listed_and_revoked(waiting: Path) -> None:
    (review,) = listed(waiting, "reviews")
    rule = ("rules", "add", review["graph"], review["gate"], "--where", "proposal.risk == high", "--by", "ann")
    assert treadle(waiting, *rule).returncode == 2
    assert "it fits 1 review waiting now" in treadle(waiting, *rule, "--cap", "1", "--dry-run").stdout
    assert listed(waiting, "rules") == []
    made = json.loads(treadle(waiting, *rule, "--cap", "1", "--json").stdout)["rule"]
    assert "0 of 1" in treadle(waiting, "rules").stdout
    assert treadle(waiting, "worker", "--once").returncode == 0
    assert [one["rule"] for one in listed(waiting, "audit", "list")] == [made["id"]]
    assert treadle(waiting, "rules", "revoke", made["id"], "--by", "bob").returncode == 0
    assert treadle(waiting, "rules", "revoke", "nothing").returncode == 2


def test_decisions_are_exported_redacted_and_learnt_from(waiting: Path) -> None:
    assert treadle(waiting, "audit", "seed", one(waiting), "reject", "--by", "eva").returncode == 0
    assert treadle(waiting, "decide", one(waiting), "approve", "--by", "ann", "--advance").returncode == 3
    made = treadle(waiting, "export", "jsonl", "out.jsonl", "--redact", "by")
    assert (made.returncode, "Go on later with --since 1." in made.stderr) == (0, True), made.stderr
    (row,) = [json.loads(line) for line in (waiting / "out.jsonl").read_text().splitlines()]
    assert (row["action"], row["by"]) == ("approve", "[redacted]")
    assert treadle(waiting, "export", "csv", "--since", "1").stdout.count("\n") == 1
    assert treadle(waiting, "export", "xml").returncode == 2
    told = treadle(waiting, "insights")
    assert (told.returncode, "1 decision, 0 overturned" in told.stdout, "0 of 1" in told.stdout) == (0, True, True)
    assert json.loads(treadle(waiting, "insights", "--json", "--last", "1h").stdout)["overturns"]["total"] == 1
    assert treadle(waiting, "audit", "redact", "by", "--why", "asked for", "--by", "dpo").returncode == 0
    assert [one["by"] for one in listed(waiting, "audit", "list")] == ["[redacted]"]
    assert treadle(waiting, "audit", "verify").returncode == 0


def test_a_decision_is_looked_at_again_in_a_run_of_its_own(waiting: Path) -> None:
    id_ = one(waiting)
    assert "still open" in treadle(waiting, "audit", "look", id_, "--why", "?").stderr
    treadle(waiting, "decide", id_, "approve", "--advance")
    again = json.loads(treadle(waiting, "audit", "look", id_, "--why", "?", "--json").stdout)
    assert (again["id"], again["status"], again["thread_id"].startswith("look-")) == (id_, "pending", True)
    done = treadle(waiting, "decide", id_, "reject", "--thread", again["thread_id"], "--words", "No.", "--advance")
    assert done.returncode == 3, done.stderr


def test_the_doctor_repairs_what_can_be_repaired_and_keeps_it_on_record(waiting: Path) -> None:
    with sqlite3.connect(waiting / "treadle.db") as connection:
        connection.execute("DELETE FROM waits")
    connection.close()
    told = treadle(waiting, "doctor")
    assert (told.returncode, "orphan" in told.stdout, "treadle doctor --repair" in told.stdout) == (1, True, True)
    assert "repaired:" in treadle(waiting, "doctor", "--repair", "--by", "eva").stdout
    assert "orphan" not in treadle(waiting, "doctor").stdout
    assert [one["by"] for one in listed(waiting, "audit", "list", "--events")] == ["eva"]
