"""A scripted model says what its file says."""

import json
from pathlib import Path

import pytest

from treadle import chain
from treadle.errors import ModelUnavailable
from treadle.nodes import model, prompt


def script(tmp_path: Path, replies: object) -> str:
    path = tmp_path / "script.json"
    path.write_text(json.dumps(replies))
    return f"scripted:{path}"


def test_replies_are_used_one_by_one_and_the_last_for_ever(tmp_path: Path) -> None:
    chat = model(script(tmp_path, ["one", "two"]))
    assert [chat.invoke("?").text for _ in range(3)] == ["one", "two", "two"]


def test_a_reply_to_what_is_asked_wins(tmp_path: Path) -> None:
    chat = model(script(tmp_path, ["anything", {"when": "risk of .*rent", "say": "high"}]))
    assert [chat.invoke(text).text for text in ("the risk of a\nlate rent", "?")] == ["high", "anything"]


def test_a_chain_runs_on_a_script(tmp_path: Path) -> None:
    spec = script(tmp_path, [{"when": "Count", "say": {"value": 3}}, {"when": "Tell of 3", "say": "three"}])
    steps = chain(
        prompt("number", "Count {text}", output=int, model=spec), prompt("words", "Tell of {number}", model=spec)
    )
    assert steps.compile().invoke({"text": "a b c"})["words"] == "three"


@pytest.mark.parametrize(("text", "words"), [("{}", "not a list"), ("[]", "not a list"), ("nothing", "not JSON")])
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)
    with pytest.raises(ModelUnavailable, match=words):
        model(f"scripted:{path}")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        model(f"scripted:{tmp_path / 'none.json'}")


def test_a_question_without_a_reply_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="has no reply to 'why"):
        model(script(tmp_path, [{"when": "how", "say": "so"}])).invoke("why?")
