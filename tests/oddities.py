"""Values that a state may hold and that are not everyday's; see `peers.py` for what a scenario is."""

import collections
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import math
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypedDict
from zoneinfo import ZoneInfo

import numpy as np
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from peers import Scenario, World
from pydantic import BaseModel, SecretStr


class Color(enum.Enum):
    RED = "r"
    BLUE = 2


class Word(enum.StrEnum):
    A = "a"


@dataclasses.dataclass
class Pair:
    one: int
    other: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Firm:
    one: int


class Model(BaseModel):
    x: int
    inner: "Model | None" = None
    words: dict[str, Any] = {}


class Named(NamedTuple):
    a: int
    b: str


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ODD: dict[str, Any] = {
    "arrays": [
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.ones((2, 3))),
        np.zeros((0, 3)),
        np.array(["a", "bb"]),
    ],
    "enums": [Color.RED, Color.BLUE, Word.A, {Color.RED: 1}],
    "dataclasses": [Pair(1, Pair(2, [Color.RED])), Firm(1), Named(1, "b")],
    "models": [Model(x=1, inner=Model(x=2), words={"a": [1, {"b": 2}]}), SecretStr("hidden")],
    "times": [
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
        datetime.datetime(2020, 1, 2, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime.date(2020, 1, 1),
        datetime.time(1, 2, 3, 4, tzinfo=datetime.timezone.utc),  # noqa: UP017
        datetime.timedelta(days=1, microseconds=3),
        datetime.timezone(datetime.timedelta(hours=2)),
    ],
    "numbers": [decimal.Decimal("1.10"), math.nan, math.inf, 2**64 - 1, -(2**63), -0.0, True, 1, 1.0],
    "collections": [
        {1, 2},
        frozenset("ab"),
        collections.deque([1, 2]),
        collections.defaultdict(list, {"a": [1]}),
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        (1, (2, 3)),
    ],
    "keys": [{1: "a", "1": "b"}, {None: 1}, {1.5: 1}, {b"a": 1}],
    "bytes": [b"\0\xff" * 100, bytearray(b"abc"), b""],
    "texts": ["nul\0inside", "🧵" * 300, "", "é"],
    "names": [uuid.UUID(int=5), Path("/tmp/x"), re.compile("a+", re.IGNORECASE), ipaddress.ip_address("::1")],
    "messages": [
        HumanMessage("h", id="1"),
        AIMessage("a", id="2", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c"}]),
        ToolMessage("t", tool_call_id="c", id="3", artifact={"n": [1, 2]}),
        SystemMessage([{"type": "text", "text": "s"}], id="4"),
        Document("text", metadata={"a": 1}),
    ],
    "langgraph's own": [Send("n", {"a": 1}), Command(update={"a": 1}, goto="x")],
    "deep": nested(100),
    "nothing": [None, [], {}],
    "large": ["many words " * 100_000, b"\0" * 1_000_000],
}


def given(value: Any) -> Scenario:
    """A graph whose state, whose input and whose question hold a value."""

    class State(TypedDict):
        v: Any

    def scenario(use: World) -> Iterator[Any]:
        built = StateGraph(State)
        built.add_node("set", lambda state: {"v": value})
        built.add_node("ask", lambda state: {"v": [state["v"], interrupt(value)]})
        built.add_edge(START, "set")
        built.add_edge("set", "ask")
        graph, at = built.compile(use.saver), {"configurable": {"thread_id": "t"}}
        yield use(graph, "invoke", {"v": 0}, at)
        yield use(graph, "get_state", at)
        yield use(graph, "invoke", Command(resume=value), at)
        yield use(graph, "get_state", at)

    return scenario
