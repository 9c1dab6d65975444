import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from treadle.errors import AnswerCut, ModelUnavailable, OutputInvalid, PromptTooLong
from treadle.nodes import prompt
from treadle.nodes.local import LocalModel, engines

pytestmark = pytest.mark.weights

SMALL = "smollm2-135m-instruct"

ENDLESS = {
    "title": "Endless",
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 30_000}},
    "required": ["text"],
}
"""Holds an answer that cannot end before the context does."""


class Finding(BaseModel):
    """What a clause means for us."""

    reason: str = Field(max_length=40)
    category: Literal["liability", "payment", "other"]
    harmful: bool


class Plain(TypedDict):
    category: Literal["liability", "payment", "other"]


@dataclass
class Own:
    category: Literal["liability", "payment", "other"]


@pytest.fixture
def model(small_weights: Path) -> LocalModel:
    return LocalModel(weights=SMALL, max_tokens=60)


@pytest.fixture
def endless(small_weights: Path) -> Any:
    return LocalModel(weights=SMALL, max_tokens=4000).bind(
        response_format={"type": "json_schema", "json_schema": {"schema": ENDLESS}}
    )


def test_an_answer_tells_its_model_its_tokens_and_why_it_ended(model: LocalModel) -> None:
    answer = model.invoke("Say hello.")
    assert answer.text
    assert answer.response_metadata["model_name"] == SMALL
    assert answer.response_metadata["finish_reason"] == "stop"
    used = answer.usage_metadata
    assert used is not None
    assert used["input_tokens"] > 5
    assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"]


def test_the_same_question_gets_the_same_answer(model: LocalModel) -> None:
    assert model.invoke("Name a colour.").text == model.invoke("Name a colour.").text


def test_a_stream_adds_up_to_the_answer(model: LocalModel) -> None:
    chunks = list(model.stream("Name a colour."))
    whole = AIMessageChunk(content="")
    for chunk in chunks:
        whole += chunk
    assert len(chunks) > 3
    assert whole.text == model.invoke("Name a colour.").text
    assert whole.usage_metadata is not None
    assert whole.response_metadata["model_name"] == SMALL


def test_many_calls_at_once_each_get_their_own_answer(model: LocalModel) -> None:
    questions: list[Any] = [f"Repeat the word {word}." for word in ("apple", "brick", "cloud", "drum")]
    assert [answer.text for answer in model.batch(questions)] == [model.invoke(question).text for question in questions]


def test_a_stop_word_ends_the_answer_before_it(model: LocalModel) -> None:
    whole = model.invoke("Count: one, two,").text
    word = whole.split()[2]
    assert model.invoke("Count: one, two,", stop=[word]).text == whole[: whole.index(word)]


def test_an_answer_ends_at_the_limit_of_tokens(model: LocalModel) -> None:
    answer = model.invoke("Tell a story.", max_tokens=5)
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 5


def test_log_probabilities_come_when_they_are_asked_for(model: LocalModel) -> None:
    answer = model.invoke("Say hello.", logprobs=True)
    tokens = answer.response_metadata["logprobs"]["content"]
    assert b"".join(bytes(token["bytes"]) for token in tokens).decode() == answer.text


def test_an_unknown_option_is_refused_by_name(model: LocalModel) -> None:
    with pytest.raises(ValueError, match="has no option 'temprature'"):
        model.invoke("Say hello.", temprature=1)


@pytest.mark.parametrize(
    ("declared", "kind"), [(Finding, Finding), (Plain, dict), (Own, Own), (Finding.model_json_schema(), dict)]
)
def test_a_structured_answer_is_of_the_declared_kind(model: LocalModel, declared: Any, kind: type) -> None:
    assert isinstance(model.with_structured_output(declared).invoke("Our liability is unlimited."), kind)


def test_a_plain_type_can_be_asked_for(model: LocalModel) -> None:
    chosen: Any = Literal["yes", "no"]
    assert model.with_structured_output(chosen).invoke("Is the sky blue?") in ("yes", "no")


def test_a_structured_answer_tells_its_confidence_in_each_choice(model: LocalModel) -> None:
    told = model.with_structured_output(Finding, include_raw=True).invoke("Our liability is unlimited.")
    confidence = told["raw"].response_metadata["confidence"]
    assert set(confidence) == {"category", "harmful"}
    assert all(0 < value <= 1 for value in confidence.values())
    assert told["parsing_error"] is None
    assert json.loads(told["raw"].text) == told["parsed"].model_dump()


def test_an_answer_without_choices_tells_no_confidence(model: LocalModel) -> None:
    schema = {"title": "T", "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    told = model.with_structured_output(schema, include_raw=True).invoke("How many legs has a dog?")
    assert "confidence" not in told["raw"].response_metadata


NESTED: dict[str, Any] = {
    "title": "Report",
    "type": "object",
    "$defs": {
        "Item": {
            "type": "object",
            "properties": {"kind": {"enum": ["a", "b"]}, "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "required": ["kind", "size"],
        }
    },
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 1, "maxItems": 2},
        "note": {"type": "string", "maxLength": 12},
        "when": {"type": "string", "format": "date"},
        "tree": {"oneOf": [{"$ref": "#/$defs/Item"}, {"const": "none"}]},
    },
    "required": ["items", "tree"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(6))
def test_a_structured_answer_is_valid_whatever_the_dice_say(model: LocalModel, seed: int) -> None:
    hot = LocalModel(weights=SMALL, temperature=1.5, seed=seed, max_tokens=200)
    jsonschema.validate(hot.with_structured_output(NESTED).invoke("Make a report \ud800 \x00 <|im_end|> {x}."), NESTED)


def test_a_structured_answer_that_is_cut_short_is_refused_with_what_to_do(model: LocalModel) -> None:
    with pytest.raises(AnswerCut, match=r"cut short at max_tokens.*raise max_tokens"):
        model.with_structured_output(ENDLESS).invoke("Go.")
    told = model.with_structured_output(ENDLESS, include_raw=True).invoke("Go.")
    assert told["parsed"] is None
    assert isinstance(told["parsing_error"], AnswerCut)


def test_a_step_takes_no_text_that_was_cut_short_unless_it_is_told_to() -> None:
    for output in (str, ENDLESS):
        short = LocalModel(weights=SMALL, max_tokens=5)
        with pytest.raises(AnswerCut, match=r"step 'story': .*cut short.*raise max_tokens="):
            prompt("story", "Tell a story.", output=output, model=short, attempts=1)({})
    told = prompt("story", "Tell a story.", model=LocalModel(weights=SMALL, max_tokens=5, partial=True))({})
    assert told["story"]


def test_an_answer_that_only_pydantic_refuses_is_told_with_the_field(model: LocalModel) -> None:
    class Odd(BaseModel):
        count: Literal[2] = 2
        word: str = Field(max_length=8)

        def model_post_init(self, context: Any) -> None:
            raise ValueError("never right")

    with pytest.raises(OutputInvalid, match="never right"):
        model.with_structured_output(Odd).invoke("Go.")


def test_a_prompt_beyond_the_context_is_refused_with_both_counts(model: LocalModel) -> None:
    with pytest.raises(PromptTooLong, match=r"the prompt has \d+ tokens and the local model's context holds 4096"):
        model.invoke("word " * 6000)


def test_an_image_is_refused_in_words(model: LocalModel) -> None:
    picture = HumanMessage(content=[{"type": "image", "base64": "aGk=", "mime_type": "image/png"}])
    with pytest.raises(ValueError, match="block of type 'image': a local model reads only text"):
        model.invoke([picture])


def test_a_tool_that_must_be_called_is_called(model: LocalModel) -> None:
    def weather(city: str) -> str:
        """The weather in a city."""
        return city

    turn = model.bind_tools([weather, Finding], tool_choice="weather").invoke("How is the weather in Bonn?")
    assert [call["name"] for call in turn.tool_calls] == ["weather"]
    assert set(turn.tool_calls[0]["args"]) == {"city"}


def test_a_tool_that_is_not_there_cannot_be_chosen(model: LocalModel) -> None:
    with pytest.raises(ValueError, match=r"tool_choice='Other' names none of \['Finding'\]"):
        model.bind_tools([Finding], tool_choice="Other")


def test_a_conversation_with_tools_and_late_system_words_is_understood(model: LocalModel) -> None:
    call: Any = {"name": "weather", "args": {"city": "Bonn"}, "id": "1", "type": "tool_call"}
    turns = [
        HumanMessage("How is it?"),
        AIMessage(content="", tool_calls=[call]),
        ToolMessage("sunny", tool_call_id="1", name="weather"),
        SystemMessage("Be brief."),
    ]
    assert model.bind_tools([Finding]).invoke(turns).response_metadata["finish_reason"] == "stop"


async def test_the_event_loop_goes_on_while_a_model_answers(model: LocalModel) -> None:
    ticks = 0
    task = asyncio.create_task(model.ainvoke("Tell a story."))
    while not task.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert task.result().text
    assert ticks > 3


async def test_asynchronous_calls_give_the_same_answers(model: LocalModel) -> None:
    assert (await model.ainvoke("Name a colour.")).text == model.invoke("Name a colour.").text
    pieces = [chunk.text async for chunk in model.astream("Name a colour.")]
    assert "".join(pieces) == model.invoke("Name a colour.").text
    assert len(await model.abatch(["Hello", "Good day", "Bye"])) == 3


@pytest.mark.timeout(60)
async def test_cancelling_a_call_stops_its_engine(model: LocalModel, endless: Any) -> None:
    task = asyncio.create_task(endless.ainvoke("Go."))
    waiting = asyncio.create_task(endless.ainvoke("Go on."))
    engine = _engine()
    while not engine.busy:
        await asyncio.sleep(0.01)
    waiting.cancel()
    task.cancel()
    for cancelled in (task, waiting):
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    assert (await model.ainvoke("Say hello.")).text


@pytest.mark.timeout(60)
def test_leaving_a_stream_stops_its_engine(model: LocalModel, endless: Any) -> None:
    for _ in endless.stream("Go."):
        break
    assert model.invoke("Say hello.").text


@pytest.mark.timeout(60)
async def test_closing_the_engines_ends_running_calls_in_words(model: LocalModel, endless: Any) -> None:
    running = asyncio.create_task(endless.ainvoke("Go."))
    while not _engine().busy:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(engines.close)
    with pytest.raises(ModelUnavailable, match="was closed while it was asked"):
        await running
    assert (await model.ainvoke("Say hello.")).text


def test_equal_models_share_one_engine(model: LocalModel) -> None:
    model.invoke("Say hello.")
    LocalModel(weights=SMALL, temperature=0.5, max_tokens=5).invoke("Say hello.")
    assert len([opening for opening in engines._engines if opening.path.name.startswith("SmolLM2")]) == 1


def test_a_file_that_is_no_model_is_refused_with_its_path(small_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ModelUnavailable, match=r"bad\.gguf cannot be opened as a model of 8192 tokens"):
        LocalModel(weights=str(tmp_path / "bad.gguf")).invoke("Say hello.")


def test_weights_that_are_not_here_are_told_when_the_model_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = LocalModel()
    with pytest.raises(ModelUnavailable, match="treadle models pull"):
        model.invoke("Say hello.")


@pytest.mark.timeout(120)
def test_control_c_ends_an_answer_that_would_go_on(small_weights: Path) -> None:
    done = _python(
        """
        import os, signal, threading, time
        from treadle.nodes.local import engines
        from treadle.nodes.local import LocalModel

        def interrupt():
            while not any(engine.busy for engine in list(engines._engines.values())):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        try:
            endless = {"type": "json_schema", "json_schema": {"schema": ENDLESS}}
            LocalModel(weights=SMALL, max_tokens=4000).invoke("Go.", response_format=endless)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr


@pytest.mark.timeout(120)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_opens_an_engine_of_its_own_and_both_end(small_weights: Path) -> None:
    done = _python(
        """
        import os, sys
        from treadle.nodes.local import LocalModel

        model = LocalModel(weights=SMALL, max_tokens=20)
        before = model.invoke("Name a colour.").text
        child = os.fork()
        same = model.invoke("Name a colour.").text == before
        if child == 0:
            sys.exit(3 if same else 1)
        print(same, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert (done.stdout, done.returncode) == ("True 3\n", 0), done.stderr


@pytest.mark.timeout(60)
def test_a_missing_package_is_told_with_the_command_that_installs_it(small_weights: Path) -> None:
    done = _python(
        """
        import sys
        sys.modules["xllamacpp"] = None
        from treadle.errors import ModelUnavailable
        from treadle.nodes.local import LocalModel
        try:
            LocalModel(weights=SMALL).invoke("Go.")
        except ModelUnavailable as error:
            print(error)
        """
    )
    assert "pip install 'treadle[local]'" in done.stdout, done.stderr


@pytest.mark.timeout(60)
def test_the_package_is_not_imported_before_a_model_is_used() -> None:
    done = _python(
        """
        import sys
        from treadle.nodes.local import LocalModel
        LocalModel(weights=SMALL)
        print("xllamacpp" in sys.modules)
        """
    )
    assert done.stdout == "False\n", done.stderr


def _engine() -> engines.Engine:
    (found,) = [engine for opening, engine in engines._engines.items() if opening.path.name.startswith("SmolLM2")]
    return found


def _python(code: str) -> subprocess.CompletedProcess[str]:
    lines = [f"SMALL, ENDLESS = {SMALL!r}, {ENDLESS!r}", *(line[8:] for line in code.splitlines())]
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=100, check=False
    )
