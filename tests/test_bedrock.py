"""Bedrock models: real boto3 against the Converse server; no call is lost, none is sent too often, errors say why."""

import asyncio
import contextvars
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel
from typing_extensions import TypedDict

from treadle import chain, fan_out
from treadle.checkpoints import SqliteSaver, traces
from treadle.errors import (
    AnswerBlocked,
    AnswerCut,
    GraphBuildError,
    ModelFailed,
    ModelThrottled,
    ModelUnavailable,
    OutputInvalid,
    PromptTooLong,
    RequestRefused,
    TreadleError,
)
from treadle.nodes import attachment, model, prompt
from treadle.nodes.bedrock.breakers import Breaker, breaker
from treadle.nodes.bedrock.converses import BedrockModel
from treadle.testing import Answer, ConverseServer, Request

ID = "anthropic.claude-3-haiku-20240307-v1:0"
OTHER = "amazon.nova-lite-v1:0"

Serve = Callable[..., ConverseServer]


def chat(**parameters: Any) -> BedrockModel:
    made = model(f"bedrock:{ID}", **parameters)
    assert isinstance(made, BedrockModel)
    return made


async def every(chat: BedrockModel, calls: int) -> list[Any]:
    return await asyncio.gather(
        *(chat.ainvoke(f"question {number}") for number in range(calls)), return_exceptions=True
    )


def test_it_answers_threads_loops_and_streams(serve: Serve) -> None:
    serve("Good day to you")
    assert chat().invoke("hello").text == "Good day to you"
    assert asyncio.run(chat().ainvoke("hello")).text == "Good day to you"
    assert "".join(piece.text for piece in chat().stream("hello")) == "Good day to you"

    async def pieces() -> list[str]:
        return [piece.text async for piece in chat().astream("hello") if piece.text]

    assert asyncio.run(pieces()) == ["Good da", "y to you"]
    assert chat().limits.running == 0


def test_the_same_name_is_the_same_model_and_one_client_serves_every_model_of_an_account(serve: Serve) -> None:
    serve()
    assert model(f"bedrock:{ID}?limit=8&temperature=0.5") is chat(temperature=0.5, limit=8)
    assert chat(temperature=0.1).client is chat(temperature=0.2).client
    assert chat(temperature=0.1).limits is chat(temperature=0.2).limits


def test_two_who_say_different_limits_of_one_model_are_told(serve: Serve) -> None:
    serve()
    chat(limit=8).invoke("?")
    with pytest.raises(GraphBuildError, match="concurrency=8 already"):
        chat(limit=9).invoke("?")


async def test_as_many_calls_run_at_once_as_the_limit_says_and_no_more(serve: Serve) -> None:
    server = serve(latency=0.3)
    await every(chat(limit=12), 24)
    assert server.busiest == 12


async def test_context_variables_reach_the_thread_that_calls(serve: Serve) -> None:
    serve()
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine")
    seen = []
    made = chat()
    made.client.meta.events.register("before-send.bedrock-runtime.Converse", lambda **_: seen.append(mine.get()))
    mine.set("carried")
    await made.ainvoke("?")
    assert seen == ["carried"]


@pytest.mark.parametrize("transport", ["whole", "stream"])
@pytest.mark.parametrize(
    "name",
    [
        "throttle", "tokens", "error", "unavailable", "timeout", "model", "not_ready", "inside_throttle",
        "inside_error", "inside_unavailable", "inside_model", "cut", "silent", "malformed", "garbled", "drop",
    ],
)  # fmt: skip
def test_what_passes_is_tried_again(serve: Serve, name: str, transport: str) -> None:
    server = serve([f"!{name}", f"!{name}", "at last"])
    assert chat(transport=transport).invoke("?").text == "at last"
    assert server.results == {name: 2, "ok": 1}


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("denied", ModelUnavailable, "Model access"),
        ("expired", ModelUnavailable, "aws sso login"),
        ("not_found", ModelUnavailable, "list-foundation-models --region us-east-1"),
        ("on_demand", ModelUnavailable, f"bedrock:us.{ID}"),
        ("invalid", RequestRefused, "would refuse it again"),
        ("too_long", PromptTooLong, "shorten the prompt"),
        ("daily", ModelThrottled, "next day"),
        ("inside_invalid", RequestRefused, "would refuse it again"),
    ],
)
@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_what_does_not_pass_is_sent_once_and_says_what_to_do(
    serve: Serve, name: str, error: type[TreadleError], words: str, way: str
) -> None:
    server = serve(f"!{name}")
    with pytest.raises(error, match=words):
        list(getattr(chat(), way)("?"))
    assert server.results == {name: 1}


@pytest.mark.parametrize(
    ("name", "error"), [("throttle", ModelThrottled), ("error", ModelFailed), ("cut", ModelFailed)]
)
def test_a_call_is_sent_as_often_as_its_bound_and_then_says_why(
    serve: Serve, name: str, error: type[ModelFailed]
) -> None:
    server = serve(f"!{name}")
    with pytest.raises(error, match="in 3 attempts"):
        chat(attempts=3).invoke("?")
    assert server.results == {name: 3}


def test_calls_without_an_answer_in_time_are_given_up_sooner(serve: Serve) -> None:
    server = serve("!timeout")
    with pytest.raises(ModelFailed, match="did not answer in time in 3 attempts"):
        chat().invoke("?")
    assert server.results == {"timeout": 3}


def test_a_client_gives_up_after_the_time_that_was_said(serve: Serve) -> None:
    server = serve(latency=1.0)
    with pytest.raises(ModelFailed, match="raise timeout="):
        chat(timeout=0.1, attempts=2).invoke("?")
    assert len(server.received) == 2


def test_a_stream_is_tried_again_until_its_first_words_and_then_says_that_it_broke(serve: Serve) -> None:
    server = serve(["!error", "!throttle", "hello"])
    assert "".join(piece.text for piece in chat().stream("?")) == "hello"
    serve("!inside_model")
    got = []
    with pytest.raises(ModelFailed, match="broke off its answer in 1 attempt"):
        got += [piece.text for piece in chat().stream("?")]
    assert server.results == {"error": 1, "throttle": 1, "ok": 1}
    assert chat().limits.running == 0


@pytest.mark.parametrize("transport", ["whole", "stream"])
async def test_with_faults_of_every_kind_each_call_ends_in_a_value_or_a_reason(serve: Serve, transport: str) -> None:
    kinds = ("throttle", "error", "unavailable", "timeout", "model", "cut", "malformed")
    server = serve("fine", faults=dict.fromkeys(kinds, 0.05))
    results = await every(chat(transport=transport, attempts=4), 120)
    said = Counter(one.text if isinstance(one, AIMessage) else type(one).__name__ for one in results)
    assert set(said) <= {"fine", "ModelFailed", "ModelThrottled"}
    assert said["fine"] > 100
    assert max(server.sent.values()) <= 4


async def test_a_server_that_admits_fewer_than_are_asked_loses_none(serve: Serve) -> None:
    server = serve(admits=100, burst=20, latency=0.02)
    results = await every(chat(limit=64), 150)
    assert all(isinstance(one, AIMessage) for one in results)
    assert max(server.sent.values()) <= 8


async def test_what_a_service_asks_to_wait_holds_every_call_back(serve: Serve) -> None:
    server = serve(["!throttle", "fine"], retry_after=0.5)
    first = asyncio.ensure_future(chat().ainvoke("first"))
    while not server.received:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    await asyncio.gather(first, *(chat().ainvoke("more") for _ in range(5)))
    assert server.received[1].at - server.received[0].at >= 0.5


def test_an_answer_cut_short_is_an_error_that_has_what_there_is(serve: Serve) -> None:
    serve(Answer("Once upon a", stop="max_tokens"))
    with pytest.raises(AnswerCut, match="raise max_tokens=") as raised:
        chat().invoke("tell")
    assert raised.value.partial.text == "Once upon a"
    assert chat(partial=True).invoke("tell").text == "Once upon a"
    with pytest.raises(AnswerCut):
        list(chat().stream("tell"))


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_an_answer_kept_back_is_an_error_and_not_a_text(serve: Serve, reason: str) -> None:
    server = serve(Answer("Sorry, not that.", stop=reason))
    with pytest.raises(AnswerBlocked, match="Sorry, not that"):
        chat(guardrail="gr-1:2").invoke("?")
    told = server.received[0].request.body["guardrailConfig"]
    assert told == {"guardrailIdentifier": "gr-1", "guardrailVersion": "2", "trace": "enabled"}


def test_an_answer_that_the_service_cannot_read_is_an_error(serve: Serve) -> None:
    serve(Answer("{", stop="malformed_tool_use"))
    with pytest.raises(OutputInvalid, match="cannot be read"):
        chat().invoke("?")


def test_what_was_cut_is_a_branchs_outcome_and_the_others_go_on(serve: Serve) -> None:
    def reply(request: Request) -> Answer:
        return Answer("so far", stop="max_tokens") if "two" in str(request.body) else Answer("done")

    serve(reply)
    ask = prompt("answer", "Say {word}", model=f"bedrock:{ID}")
    graph = fan_out(ask, over="words", item="word", into="answers", attempts=1, join=list).compile()
    outcomes = graph.invoke({"words": ["one", "two", "three"]})["answers"]
    assert [outcome["status"] for outcome in outcomes] == ["success", "failure", "success"]
    assert outcomes[1]["error"]["kind"] == "AnswerCut"


def test_run_and_step_travel_with_the_request(serve: Serve) -> None:
    server = serve("done")
    graph = chain(prompt("answer", "Say {word}", model=f"bedrock:{ID}")).compile(checkpointer=InMemorySaver())
    graph.invoke({"word": "x"}, {"configurable": {"thread_id": "run/1 ünï"}})
    assert server.received[0].request.body["requestMetadata"] == {"run": "run/1 _n_", "step": "answer"}


def test_structured_answers_come_through(serve: Serve) -> None:
    class Finding(BaseModel):
        risk: str

    serve([{"risk": "high"}])
    assert chat().with_structured_output(Finding).invoke("rate") == Finding(risk="high")


class Clause(TypedDict):
    text: str


@dataclass
class Term:
    years: int


@pytest.mark.parametrize(
    ("declared", "said", "plain"),
    [
        (list[Clause], {"value": [{"text": "Two years."}]}, [{"text": "Two years."}]), (int, {"value": 7}, 7),
        (Literal["low", "high"], {"value": "high"}, "high"), (Clause, {"text": "t"}, {"text": "t"}),
        (Term, {"years": 2}, {"years": 2}),
        ({"type": "object", "properties": {"risk": {"enum": ["low"]}}}, {"risk": "low"}, {"risk": "low"}),
    ],
)  # fmt: skip
def test_an_answer_of_every_declared_kind_comes_as_plain_data(
    serve: Serve, declared: Any, said: Any, plain: Any
) -> None:
    server = serve([said])
    ask = prompt("found", "Read {text}", output=declared, model=f"bedrock:{ID}")
    assert chain(ask).compile().invoke({"text": "it"})["found"] == plain
    (tool,) = server.received[0].request.body["toolConfig"]["tools"]
    assert tool["toolSpec"]["inputSchema"]["json"]["type"] == "object"


def test_images_and_documents_of_the_state_are_content_blocks(serve: Serve, tmp_path: Path) -> None:
    server = serve("A cat on a contract.")
    for name in ("cat.png", "contract.pdf"):
        (tmp_path / name).write_bytes(name.encode())
    look = prompt("look", "What is it?", attach=("picture", "papers"), model=f"bedrock:{ID}")
    state = {"picture": attachment(tmp_path / "cat.png"), "papers": [attachment(tmp_path / "contract.pdf")]}
    assert chain(look).compile().invoke(state)["look"] == "A cat on a contract."
    text, image, document = server.received[0].request.body["messages"][0]["content"]
    assert text == {"text": "What is it?"}
    assert (image["image"]["format"], b64decode(image["image"]["source"]["bytes"])) == ("png", b"cat.png")
    assert (document["document"]["format"], document["document"]["name"]) == ("pdf", "contract")


def test_pieces_are_streamed_through_a_graph_as_they_come(serve: Serve) -> None:
    serve("Good day to you")
    graph = chain(prompt("greet", "Greet.", model=f"bedrock:{ID}")).compile()
    pieces = [piece[0].text for piece in graph.stream({}, stream_mode="messages") if isinstance(piece, tuple)]
    assert [piece for piece in pieces if piece] == ["Good da", "y to you"]


def test_long_prefixes_are_marked_for_the_cache_and_short_ones_are_not(serve: Serve) -> None:
    server = serve()
    for question in ("one", "two"):
        used = chat(cache=True).invoke([SystemMessage("rules " * 1000), HumanMessage(question)]).usage_metadata
    assert used is not None
    assert used.get("input_token_details") == {"cache_read": 1500, "cache_creation": 0}
    chat(cache=True).invoke([SystemMessage("short"), HumanMessage("three")])
    assert "cachePoint" not in str(server.received[-1].request.body)


def test_examples_before_the_question_are_part_of_the_prefix(serve: Serve) -> None:
    server = serve()
    chat(cache=True).invoke([HumanMessage("q" * 5000), AIMessage("a"), HumanMessage("now?")])
    messages = server.received[0].request.body["messages"]
    assert ["cachePoint" in str(message) for message in messages] == [False, True, False]


def test_a_degraded_model_is_left_alone_its_fallback_answers_and_it_comes_back(serve: Serve) -> None:
    broken = threading.Event()

    def reply(request: Request) -> str:
        return "!error" if broken.is_set() and request.model == ID else request.model

    server = serve(reply)
    made = chat(fallback=OTHER)
    breaker(made.resource).first = 0.2
    assert made.invoke("before").text == ID
    broken.set()
    answers = [made.invoke(f"during {number}") for number in range(30)]
    assert {answer.text for answer in answers} == {OTHER}
    assert {answer.response_metadata["model_name"] for answer in answers} == {OTHER}
    assert server.results["error"] < 15
    broken.clear()
    while made.invoke("after").text != ID:
        pass
    assert [made.invoke("well").text for _ in range(5)] == [ID] * 5


def test_a_model_that_became_slow_is_left_alone_until_it_is_fast_again(serve: Serve) -> None:
    slow = threading.Event()

    def reply(request: Request) -> Answer:
        return Answer(request.model, latency=0.15 if slow.is_set() and request.model == ID else 0.0)

    serve(reply)
    made = chat(fallback=OTHER, slow=0.1)
    breaker(made.resource).first = 0.2
    assert [made.invoke("before").text for _ in range(3)] == [ID] * 3
    slow.set()
    assert [str(made.invoke(f"during {number}").text) for number in range(12)].count(OTHER) >= 3
    assert breaker(made.resource).open
    slow.clear()
    while breaker(made.resource).open:
        made.invoke("after")
    assert made.invoke("well").text == ID


@pytest.mark.parametrize("transport", ["whole", "stream"])
def test_an_answer_tells_how_long_the_model_took_and_how_long_it_waited(serve: Serve, transport: str) -> None:
    serve(latency=0.05)
    made = chat(limit=1, transport=transport)
    answers = asyncio.run(every(made, 3))
    times = sorted((one.response_metadata["queue_seconds"], one.response_metadata["model_seconds"]) for one in answers)
    assert all(model >= 0.05 for _, model in times)
    assert 0 <= times[0][0] < times[1][0] < times[2][0]


def test_the_trace_has_the_times_that_the_service_measured(serve: Serve, tmp_path: Path) -> None:
    serve(latency=0.05)
    with SqliteSaver(tmp_path / "t.db") as saver:
        chain(prompt("say", "hello", model=chat())).compile(saver).invoke({}, {"configurable": {"thread_id": "a"}})
        (entry,) = traces(saver, "a")
    assert 0.05 <= entry["seconds_model"] < entry["seconds"]
    assert 0 <= entry["seconds_queue"] < entry["seconds"] - entry["seconds_model"]
    pieces = [piece.response_metadata for piece in chat().stream("hello")]
    assert [one["model_seconds"] >= 0.05 for one in pieces if "model_seconds" in one] == [True]


def test_the_trace_has_the_tokens_that_came_from_the_prompt_cache(serve: Serve, tmp_path: Path) -> None:
    serve()
    ask = prompt("say", "{word}", system="rules " * 1000, model=f"bedrock:{ID}?cache=true")
    with SqliteSaver(tmp_path / "t.db") as saver:
        for word in ("one", "two"):
            chain(ask).compile(saver).invoke({"word": word}, {"configurable": {"thread_id": word}})
        assert [traces(saver, word)[0]["tokens_cached"] for word in ("one", "two")] == [0, 1500]


def test_a_fallback_may_be_another_region(serve: Serve) -> None:
    def reply(request: Request) -> str:
        return "fine" if "/eu-west-1/bedrock/" in request.headers["authorization"] else "!error"

    serve(reply)
    assert chat(fallback="@eu-west-1", attempts=1).invoke("?").text == "fine"


def test_a_request_that_is_wrong_does_not_go_to_the_fallback(serve: Serve) -> None:
    server = serve("!invalid")
    with pytest.raises(RequestRefused):
        chat(fallback=OTHER).invoke("?")
    assert server.results == {"invalid": 1}


def test_when_everybody_is_degraded_the_last_error_says_so(serve: Serve) -> None:
    serve("!unavailable")
    with pytest.raises(ModelFailed, match=OTHER):
        chat(fallback=OTHER, attempts=2).invoke("?")


async def test_one_who_is_cancelled_gives_its_place_back_when_the_thread_has_ended(serve: Serve) -> None:
    serve(latency=0.3)
    made = chat(limit=1)
    call = asyncio.ensure_future(made.ainvoke("?"))
    while not made.limits.running:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert made.limits.running == 1
    assert (await made.ainvoke("next")).text == "OK"
    assert made.limits.running == 0


async def test_a_stream_that_nobody_reads_to_its_end_gives_its_place_back(serve: Serve) -> None:
    serve("a long answer")
    made = chat(limit=1)
    stream = made.astream("?")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert (await made.ainvoke("next")).text == "a long answer"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (f"bedrock:{ID}?limt=3", "limt.*its parameters are region, profile"),
        (f"bedrock:{ID}?limit=0", "limit"),
        (f"bedrock:{ID}?limit=many", "limit"),
        (f"bedrock:{ID}?region", "parameter=value"),
        ("local?temperatur=1", "no parameter 'temperatur'; it has temperature"),
        ("rules?x=1", "has no parameter 'x'"),
    ],
)
def test_a_name_with_a_wrong_parameter_is_refused_with_those_there_are(serve: Serve, spec: str, words: str) -> None:
    serve()
    with pytest.raises(ModelUnavailable, match=words):
        model(spec)


def test_a_breaker_opens_tries_again_and_closes() -> None:
    health = Breaker(first=10)
    for _ in range(5):
        assert health.allows(0)
        health.fail(0)
    assert not health.allows(9)
    assert [health.allows(10), health.allows(10)] == [True, False]
    health.fail(11)
    assert not health.allows(30)
    assert health.allows(31)
    health.succeed()
    assert health.allows(31)
    assert not health.open
