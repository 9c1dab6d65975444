"""The Converse server of `treadle.testing` speaks to boto3 as Bedrock does, and fails as Bedrock does."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from treadle.testing import MISHAPS, Answer, ConverseServer, Request

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"


Client = Callable[[ConverseServer], Any]


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of a server, the same one each time, closed at the end."""
    made: dict[str, Any] = {}
    yield lambda server: made.setdefault(server.url, _client(server))
    for one in made.values():
        one.close()


def _client(server: ConverseServer) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": text}]}], **more}


def said(response: Any) -> str:
    return "".join(block.get("text", "") for block in response["output"]["message"]["content"])


def streamed(response: Any) -> tuple[str, dict[str, Any]]:
    text = ""
    last: dict[str, Any] = {}
    with closing(response["stream"]) as events:
        for event in events:
            text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            last |= event.get("messageStop", {}) | event.get("metadata", {})
    return text, last


def test_it_answers_with_text_usage_and_reason(client: Client) -> None:
    with ConverseServer("Good day to you") as server:
        response = client(server).converse(**asked("hello there"))
    assert said(response) == "Good day to you"
    assert response["stopReason"] == "end_turn"
    assert response["usage"] == {"inputTokens": 2, "outputTokens": 3, "totalTokens": 5}


def test_a_stream_says_the_same_in_pieces(client: Client) -> None:
    with ConverseServer("Good day to you") as server:
        text, last = streamed(client(server).converse_stream(**asked("hello there")))
    assert text == "Good day to you"
    assert last["stopReason"] == "end_turn"
    assert last["usage"]["totalTokens"] == 5


def test_a_script_is_used_one_by_one_and_its_last_reply_for_ever(client: Client) -> None:
    with ConverseServer(["one", Answer("two", stop="max_tokens"), "three"]) as server:
        responses = [client(server).converse(**asked("?")) for _ in range(4)]
    assert [said(response) for response in responses] == ["one", "two", "three", "three"]
    assert responses[1]["stopReason"] == "max_tokens"


def test_a_rule_sees_model_system_and_question(client: Client) -> None:
    def rule(request: Request) -> str:
        return f"{request.model}|{request.system}|{request.text}|{request.stream}"

    with ConverseServer(rule) as server:
        response = client(server).converse(**asked("why?", system=[{"text": "be brief"}]))
    assert said(response) == f"{MODEL}|be brief|why?|False"


def test_data_is_the_call_of_the_tool_that_is_offered(client: Client) -> None:
    tool = {"toolSpec": {"name": "finding", "inputSchema": {"json": {"type": "object"}}}}
    with ConverseServer({"risk": "high"}) as server:
        response = client(server).converse(**asked("rate it", toolConfig={"tools": [tool]}))
    call = response["output"]["message"]["content"][0]["toolUse"]
    assert (call["name"], call["input"], response["stopReason"]) == ("finding", {"risk": "high"}, "tool_use")


@pytest.mark.parametrize("name", [name for name, mishap in MISHAPS.items() if mishap.how == "status"])
def test_a_mishap_with_a_status_comes_as_the_error_that_bedrock_gives(client: Client, name: str) -> None:
    with ConverseServer(f"!{name}") as server:
        for call in (client(server).converse, client(server).converse_stream):
            with pytest.raises(ClientError) as raised:
                call(**asked("?"))
            assert raised.value.response["Error"]["Code"] == MISHAPS[name].code
            assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == MISHAPS[name].status
    assert server.results == {name: 2}


@pytest.mark.parametrize("name", [name for name, mishap in MISHAPS.items() if mishap.how == "inside"])
def test_an_error_inside_a_stream_comes_after_the_first_words(client: Client, name: str) -> None:
    with (
        ConverseServer("Good day", faults={name: 1}) as server,
        closing(client(server).converse_stream(**asked("?"))["stream"]) as stream,
    ):
        events = iter(stream)
        assert "messageStart" in next(events)
        assert next(events)["contentBlockDelta"]["delta"] == {"text": "Good"}
        with pytest.raises(ClientError) as raised:
            next(events)
    assert raised.value.response["Error"]["Code"] == MISHAPS[name].code


@pytest.mark.parametrize(
    ("name", "error"),
    [("cut", "ProtocolError"), ("malformed", "ChecksumMismatch"), ("drop", "ConnectionClosedError")],
)
def test_a_broken_stream_is_what_libraries_make_of_it(client: Client, name: str, error: str) -> None:
    with ConverseServer("Good day", faults={name: 1}) as server, pytest.raises(Exception, match=r"\w") as raised:
        streamed(client(server).converse_stream(**asked("?")))
    assert type(raised.value).__name__ == error


def test_a_stream_may_end_without_an_end(client: Client) -> None:
    with ConverseServer("Good day", faults={"silent": 1}) as server:
        text, last = streamed(client(server).converse_stream(**asked("?")))
    assert (text, last) == ("Good", {})


def test_more_than_it_admits_is_throttled_and_told_when_to_come_back(client: Client) -> None:
    with ConverseServer(admits=0.001, burst=2, retry_after=7) as server:
        for _ in range(2):
            client(server).converse(**asked("?"))
        with pytest.raises(ClientError) as raised:
            client(server).converse(**asked("?"))
    assert raised.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"
    assert server.results == {"ok": 2, "throttle": 1}


def test_tokens_are_admitted_by_a_bucket_of_their_own(client: Client) -> None:
    with ConverseServer(admits_tokens=10) as server:
        client(server).converse(**asked("x" * 40))
        with pytest.raises(ClientError, match="Too many tokens"):
            client(server).converse(**asked("x" * 40))


def test_faults_come_in_the_share_that_was_asked_for_and_the_same_with_the_same_seed(client: Client) -> None:
    counts = []
    for _ in range(2):
        with ConverseServer(faults={"throttle": 0.3, "error": 0.2}, seed=7) as server:
            calls = client(server)
            for _ in range(60):
                try:
                    calls.converse(**asked("?"))
                except ClientError:
                    continue
        counts.append(server.results)
    assert counts[0] == counts[1]
    assert 8 <= counts[0]["throttle"] <= 28
    assert counts[0]["ok"] >= 20


def test_a_prefix_is_written_to_the_cache_once_and_read_from_then_on(client: Client) -> None:
    point = {"cachePoint": {"type": "default"}}
    system = [{"text": "s" * 400}, point]
    with ConverseServer() as server:
        first = client(server).converse(**asked("one", system=system))["usage"]
        second = client(server).converse(**asked("two", system=system))["usage"]
    assert (first["cacheWriteInputTokens"], first["cacheReadInputTokens"]) == (100, 0)
    assert (second["cacheWriteInputTokens"], second["cacheReadInputTokens"], second["inputTokens"]) == (0, 100, 1)


def test_what_was_received_is_kept(client: Client) -> None:
    with ConverseServer() as server:
        for text in ("a", "b", "a"):
            client(server).converse(**asked(text, requestMetadata={"run": "r1"}))
    assert server.sent == {"a": 2, "b": 1}
    assert server.received[0].request.body["requestMetadata"] == {"run": "r1"}


def test_an_unknown_mishap_is_refused() -> None:
    with pytest.raises(ValueError, match="'thunder'"):
        ConverseServer(faults={"thunder": 1})


def test_boto3_finds_it_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ConverseServer("found") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with closing(boto3.client("bedrock-runtime")) as found:
            assert said(found.converse(**asked("?"))) == "found"


def test_it_runs_in_a_process_of_its_own(client: Client) -> None:
    command = [sys.executable, "-m", "treadle.testing", "--reply", "apart", "--fault", "throttle=0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        there = ConverseServer(port=int(process.stdout.readline().strip().rpartition(":")[2]))
        assert said(client(there).converse(**asked("?"))) == "apart"
        process.stdin.close()
        assert json.loads(process.stdout.readline()) == {"results": {"ok": 1}, "most": 1, "busiest": 1}
