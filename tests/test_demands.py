"""What a step needs of the inside of a key, and of a label, is checked when the graph is built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, ConfigDict, computed_field
from scripted import ScriptedModel
from typing_extensions import TypedDict

from treadle import chain, fan_out, repeat, review, route
from treadle.errors import GraphBuildError
from treadle.graphs.demands import unmet
from treadle.nodes import prompt, step
from treadle.nodes.parts import Parts


class Place(TypedDict, total=False):
    heading: str


class Clause(TypedDict):
    text: str
    place: Place | None


class Finding(BaseModel):
    risk: Literal["low", "high"]


class Grown(BaseModel):
    model_config = ConfigDict(extra="allow")


class Counted(BaseModel):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> int:
        return 1


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("kind", "field", "told"),
    [
        (Clause, "c.text", None), (Clause, "c.txt", r"fills \{c.txt\}, and Clause has no 'txt'; did you mean 'text'"),
        (Clause, "c.place.heading", None), (Clause, "c.place.number", "Place has no 'number'"),
        (Clause, "c.text.first", "str has no 'first'"), (Finding, "c.risk", None), (Finding, "c.why", "no 'why'"),
        (Point, "c.x", None), (Point, "c.y", "no 'y'"), (str, "c.text", "str has no"), (list[Clause], "c.text", "no"),
        (Literal["a"], "c.text", "no 'text'"), (Clause | None, "c.text", None), (Clause | str, "c.text", None),
        (Clause | str, "c.txt", "no 'txt'"), (Any, "c.text", None), (dict, "c.text", None), ("Later", "c.text", None),
        (dict[str, Any], "c.text", None), (dict[str, int], "c.text.first", "int has no 'first'"),
        (Mapping[str, Clause], "c.seven.txt", "no 'txt'"), (Grown, "c.more", None), (Counted, "c.size", None),
        (Annotated[Finding, "marked"], "c.why", "Finding has no 'why'"),
    ],
)  # fmt: skip
def test_a_type_has_a_part_or_has_not(kind: Any, field: str, told: str | None) -> None:
    found = unmet(kind, Annotated[Any, Parts((field,))])
    assert found == told or re.search(told or "$nothing", found or "")


def clauses(text: str) -> list[Clause]:
    return [Clause(text=part, place=None) for part in text.split(".") if part]


RATE = prompt("rate", "{clause.text}", system="In {clause.place.heading}", output=Finding)
WRONG = prompt("wrong", "{clause.txt}", output=Finding)


@pytest.mark.parametrize(
    "worker",
    [
        WRONG,
        chain(WRONG, name="inner"),
        chain(RATE, prompt("again", "{clause.txt}"), name="inner"),
        chain(prompt("first", "{clause.text}", system="{clause.txt}"), name="inner"),
        prompt("rate", "{clause.text}", output=Finding, otherwise=WRONG),
        chain(
            prompt("rate", "{clause.txt}", output=Finding, review=review("request", actions=("approve",))), name="inner"
        ),
        repeat(WRONG, until=lambda state: True, at_most=2),
        route(lambda state: "a", {"a": WRONG}, name="kind"),
    ],
)
def test_a_template_that_names_a_part_that_is_not_there_is_refused_at_any_depth(worker: Any) -> None:
    with pytest.raises(GraphBuildError, match=r"'found'.*'clauses'.*\{clause\.txt\}.*Clause has no 'txt'.*'text'"):
        chain(step(clauses), fan_out(worker, over="clauses", item="clause", into="found"))


def test_a_template_that_names_the_parts_that_are_there_is_built_and_filled() -> None:
    model = ScriptedModel(script=lambda said: {"risk": "high"} if "unlimited" in said else {"risk": "low"})
    rate = prompt("rate", "{clause.text}", output=Finding, model=model)
    graph = chain(step(clauses), fan_out(rate, over="clauses", item="clause", into="found"))
    assert [one["risk"] for one in graph.compile().invoke({"text": "a.unlimited b"})["found"]] == ["low", "high"]


def test_a_part_of_what_an_earlier_prompt_writes_is_checked() -> None:
    chain(prompt("finding", "Rate.", output=Finding), prompt("memo", "{finding.risk}"))
    with pytest.raises(GraphBuildError, match=r"step 'memo': with 'finding' it fills \{finding\.rsik\}.*'risk'"):
        chain(prompt("finding", "Rate.", output=Finding), prompt("memo", "{finding.rsik}"))
    with pytest.raises(GraphBuildError, match="str has no 'text'"):
        chain(prompt("memo", "Write."), prompt("short", "{memo.text}"))


class State(TypedDict):
    clause: Clause
    short: str


def test_a_given_state_is_held_to_what_templates_name() -> None:
    with pytest.raises(GraphBuildError, match="Clause has no 'txt'"):
        chain(prompt("short", "{clause.txt}"), state=State)


def mood(text: str) -> Literal["good", "bad"]:
    return "bad" if "broken" in text else "good"


def test_a_label_of_a_key_without_a_target_is_refused_unless_there_is_a_default() -> None:
    reply = step(lambda text: text, into="reply", name="reply")
    with pytest.raises(GraphBuildError, match=r"'route_by_mood': with 'mood' it has no target for the label 'bad'"):
        chain(step(mood), route("mood", {"good": reply}))
    chain(step(mood), route("mood", {"good": reply}, default=reply))
    assert chain(step(mood), route("mood", {"good": reply, "bad": reply})).compile().invoke({"text": "x"})


@pytest.mark.parametrize("inside", ["route", "repeat"])
def test_a_conversation_reaches_a_prompt_inside_a_route_and_a_loop(inside: str) -> None:
    model = ScriptedModel(script=lambda _: "Fine.", calls=[])
    reply = prompt("reply", "{question}", history="messages", model=model)
    loop = repeat(reply, until=lambda state: True, at_most=2)
    graph = (loop if inside == "repeat" else route(lambda state: "a", {"a": reply}, name="kind")).compile(
        InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "t"}}
    graph.invoke({"question": "How are you?", "messages": [{"role": "user", "content": "Hello"}]}, config)
    done = graph.invoke({"question": "And now?"}, config)
    assert [message.text for message in model.calls[1]] == ["Hello", "How are you?", "Fine.", "And now?"]
    assert len(done["messages"]) == 5
