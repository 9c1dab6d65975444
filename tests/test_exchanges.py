"""What a prompt sends, streams and leaves in the trace: history, files, seconds, cost, and what is left out."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from notebooks import Notebook
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripted import ScriptedModel

from treadle import chain
from treadle.errors import DocumentError, InputInvalid
from treadle.nodes import attachment, prompt
from treadle.nodes.compositions import question
from treadle.nodes.prices import VARIABLE, cost

ECHO = ScriptedModel(script=lambda said: f"<{said}>")


def test_a_conversation_is_sent_with_the_question_and_grows_by_it() -> None:
    model = ScriptedModel(script=lambda _: "Fine.", calls=[])
    graph = chain(prompt("reply", "{question}", history="messages", model=model)).compile(InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    graph.invoke({"question": "How are you?", "messages": [{"role": "user", "content": "Hello"}]}, config)
    done = graph.invoke({"question": "And now?"}, config)
    assert [message.text for message in model.calls[1]] == ["Hello", "How are you?", "Fine.", "And now?"]
    assert [message.type for message in done["messages"]] == ["human", "human", "ai", "human", "ai"]


def test_a_history_of_something_else_is_refused_with_the_name_of_the_step() -> None:
    with pytest.raises(InputInvalid, match="step 'p': its history holds what is no message"):
        prompt("p", "x", history="past", model=ECHO)({"past": [7]})


def test_files_go_to_the_model_as_blocks_and_to_the_trace_as_digests(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(b"not really a picture")
    notebook, model = Notebook(), ScriptedModel(script=lambda _: "a cat", calls=[])
    look = prompt("look", "What is on it?", attach=("scan",), model=model)
    assert look.reads == ("scan",)
    look({"scan": attachment(tmp_path / "scan.png")}, notebook.config())
    sent = model.calls[0][-1].content
    assert [part["type"] for part in sent if isinstance(part, dict)] == ["text", "image"]
    (turn,) = notebook.entries[0]["messages"]
    assert (turn["content"], turn["attachments"][0]["mime_type"]) == ("What is on it?", "image/png")
    assert "base64" not in str(turn)


def test_a_path_in_the_state_is_not_opened_and_a_model_of_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="must hold content blocks"):
        prompt("look", "x", attach=("scan",), model=ECHO)({"scan": "/etc/hostname"})
    with pytest.raises(InputInvalid, match="the model rules reads only text"):
        prompt("look", "x", attach=("scan",), model="rules")({"scan": {"type": "image", "base64": ""}})
    with pytest.raises(DocumentError, match="no known kind"):
        attachment(tmp_path / "thing.qqq")


def test_tokens_are_streamed_through_from_a_model_that_streams() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("one two three"), AIMessage("one two three")]))
    graph = chain(prompt("say", "Count.", model=model)).compile()
    pieces = [piece[0].text for piece in graph.stream({}, stream_mode="messages") if isinstance(piece, tuple)]
    assert len(pieces) > 3
    assert "".join(pieces) == "one two three"

    async def soon() -> list[Any]:
        return [piece async for piece in graph.astream({}, stream_mode="messages")]

    assert len(asyncio.run(soon())) == len(pieces)


def test_the_trace_has_seconds_by_part_cost_and_the_source_of_confidence(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "prices.toml").write_text("[scripted]\nin = 1000\nout = 2000\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "prices.toml"))
    notebook = Notebook()
    prompt("say", "x", model=ECHO)({}, notebook.config())
    (entry,) = notebook.entries
    assert entry["cost"] == pytest.approx(7 * 1000 / 1e6 + 3 * 2000 / 1e6)
    assert entry["seconds"] == pytest.approx(entry["seconds_queue"] + entry["seconds_model"], abs=1e-5)


def test_prices_take_the_longest_name_and_count_cached_tokens_apart(tmp_path: Path, monkeypatch: Any) -> None:
    prices = {"haiku": {"in": 1.0, "out": 5.0}, "claude-haiku": {"in": 2.0, "out": 5.0, "cached": 0.5}}
    usage = {"input_tokens": 1_000_000, "output_tokens": 0, "input_token_details": {"cache_read": 400_000}}
    assert cost("eu.claude-haiku-v1", usage, prices=prices) == pytest.approx(0.6 * 2 + 0.4 * 0.5)
    assert cost("other", usage, prices=prices) is None
    (tmp_path / "bad.toml").write_text("[m]\nin = 'cheap'\n")
    for file, told in (("bad.toml", "no table of prices"), ("none.toml", "cannot be read")):
        monkeypatch.setenv(VARIABLE, str(tmp_path / file))
        with pytest.raises(InputInvalid, match=told):
            cost("m", usage)


@pytest.mark.parametrize(
    "line", ["in = -1\nout = 1", "in = 1", "in = 1\nout = 1\ncashed = 1", "in = nan\nout = 1", 'in = "x"']
)
def test_a_table_of_prices_that_cannot_be_right_is_refused(tmp_path: Path, monkeypatch: Any, line: str) -> None:
    (tmp_path / "prices.toml").write_text(f"[mine]\n{line}\n")
    monkeypatch.setenv("TREADLE_PRICES", str(tmp_path / "prices.toml"))
    with pytest.raises(InputInvalid, match="no table of prices"):
        cost("mine", {"input_tokens": 1, "output_tokens": 1})


def test_what_a_model_raises_is_in_the_trace() -> None:
    def down(_: str) -> str:
        raise ConnectionError("no route")

    notebook = Notebook()
    with pytest.raises(ConnectionError):
        prompt("say", "x", model=ScriptedModel(script=down))({}, notebook.config())
    assert notebook.entries[0]["error"] == "ConnectionError: no route"


def test_redacted_keys_are_left_out_wherever_they_are_said() -> None:
    notebook = Notebook()
    patient = {"name": "Ada Lovelace", "age": 36}
    ask = prompt("letter", "Write to {patient.name} ({patient}) about {topic}.", redact=("patient",), model=ECHO)
    answer = ask({"patient": patient, "topic": "tea"}, notebook.config())
    assert "Ada Lovelace" in answer["letter"]
    assert "Ada" not in str(notebook.entries)
    assert "tea" in notebook.entries[0]["response"]


def test_a_run_can_leave_out_an_answer_or_everything() -> None:
    notebook = Notebook()
    ask = prompt("letter", "About {topic}.", model=ECHO)
    ask({"topic": "secret tea"}, notebook.config(redact="letter"))
    ask({"topic": "secret tea"}, notebook.config(redact="*"))
    first, second = notebook.entries
    assert (first["response"], first["parsed"]) == ("[letter]", "[letter]")
    assert "tea" in first["messages"][0]["content"]
    assert (second["messages"], second["response"], second["parsed"]) == ([], "", None)
    assert second["tokens_in"] == 7


def test_opentelemetry_is_told_of_every_call_by_the_genai_conventions() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    prompt("say", "secret", gate="x", attempts=1, model=ScriptedModel(script=lambda _: "x"))({}, Notebook().config())
    (span,) = exporter.get_finished_spans()
    told = dict(span.attributes or {})
    assert (span.name, told["gen_ai.operation.name"]) == ("chat ScriptedModel", "chat")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.response.model"]) == (7, "scripted")
    assert (told["treadle.step"], told["gen_ai.conversation.id"]) == ("say", "t")
    assert "secret" not in str(told)
    assert (span.end_time or 0) >= (span.start_time or 0)


def test_opentelemetry_is_told_of_times_and_tokens_as_metrics() -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(TracerProvider())
    prompt("say", "secret", model=ECHO)({}, Notebook().config())
    told = reader.get_metrics_data()
    assert told is not None
    found = {metric.name: metric.data for metric in told.resource_metrics[0].scope_metrics[0].metrics}
    assert set(found) == {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}
    points: Any = found["gen_ai.client.token.usage"].data_points
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in points} == {"input": 7, "output": 3}
    assert "secret" not in str(points)


def test_without_opentelemetry_everything_else_works() -> None:
    code = """if True:
        import sys
        sys.modules["opentelemetry"] = None
        from treadle import chain
        from treadle.nodes import emissions, prompt
        print(emissions.INSTALLED, chain(prompt("say", "Hello.", model="rules")).compile().invoke({})["say"] != "")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_question_without_files_is_plain_text() -> None:
    assert question(prompt("p", "{a}", attach=("b",)), {"a": "x"}) == HumanMessage("x")
