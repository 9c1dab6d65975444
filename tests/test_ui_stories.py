"""A run's story tells what each call took and cost, what was known before, and what was read leniently."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel
from scripted import ScriptedModel

from treadle import chain
from treadle.checkpoints import SqliteSaver
from treadle.nodes import prompt
from treadle.ui import stories

PRICES = "[scripted]\nin = 100.0\nout = 200.0\n"


class Finding(BaseModel):
    risk: Literal["low", "high"]


class Waiting(ScriptedModel):
    """Tells how long it was waited for, as Bedrock's does."""

    def _generate(self, *given: object, **more: object) -> ChatResult:
        (made,) = super()._generate(*given, **more).generations  # type: ignore[arg-type]
        assert isinstance(made.message, AIMessage)
        told = {"queue_seconds": 1.5, "model_seconds": 0.25}
        made.message.response_metadata |= told
        made.message.usage_metadata = {
            "input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_token_details": {"cache_read": 5},
        }  # fmt: skip
        return ChatResult(generations=[ChatGeneration(message=made.message)])


@pytest.fixture
def saver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteSaver]:
    (tmp_path / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("TREADLE_PRICES", str(tmp_path / "prices.toml"))
    with SqliteSaver(tmp_path / "t.db") as opened:
        yield opened


def test_an_answer_read_leniently_is_marked_with_what_it_cost_and_passed(saver: SqliteSaver) -> None:
    model = Waiting(script=lambda _: "Sure: {'risk': 'low',}", confidence={"risk": 0.75})
    ask = prompt("finding", "Rate.", output=Finding, model=model, gate=lambda found: found["risk"] == "low")
    chain(ask).compile(saver).invoke({}, {"configurable": {"thread_id": "a"}})
    events = stories.story(saver, "a")
    shown = str(stories.told(events[0]))
    for words in (
        "almost JSON, read for what it means", "$0.0013", "waited 1.5 s for its turn", "the model took 250 ms",
        "5 of the tokens from the model", "passed the gate", "Measured confidence, by log-probability", "0.75",
    ):  # fmt: skip
        assert words in shown, words
    assert stories.summed(events) == "1 call · 1 read leniently · $0.0013"


def test_an_answer_known_before_is_marked_and_costs_nothing(saver: SqliteSaver) -> None:
    ask = prompt("say", "Say it.", cache=True, model=ScriptedModel(script=lambda _: "said"))
    graph = chain(ask).compile(saver)
    for thread in ("a", "b"):
        graph.invoke({}, {"configurable": {"thread_id": thread}})
    assert "known from the cache" not in str(stories.told(stories.story(saver, "a")[0]))
    assert "known from the cache" in str(stories.told(stories.story(saver, "b")[0]))
    assert stories.summed(stories.story(saver, "b")) == "1 call · 1 known before · $0.00"


def test_a_call_whose_model_has_no_price_is_said_to_have_none(
    saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TREADLE_PRICES")
    ask = prompt("say", "Say it.", model=ScriptedModel(script=lambda _: "unlike anything priced"))
    chain(ask).compile(saver).invoke({}, {"configurable": {"thread_id": "a"}})
    assert stories.summed(stories.story(saver, "a")) == "1 call · 1 without a known price"


def test_a_text_that_was_cut_short_is_marked(saver: SqliteSaver) -> None:
    short = ScriptedModel(script=lambda _: "It begins", room=5, partial=True)
    chain(prompt("memo", "Write.", model=short)).compile(saver).invoke({}, {"configurable": {"thread_id": "a"}})
    (event,) = stories.story(saver, "a")
    assert "cut short for want of room" in str(stories.told(event))
    assert stories.summed([event]).startswith("1 call · 1 cut short")
