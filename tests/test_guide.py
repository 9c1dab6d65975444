"""What docs/steps.md shows can be built, and its tables name what there is."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel
from typing_extensions import TypedDict

import treadle.errors
from treadle import chain, review
from treadle.nodes import prompt
from treadle.nodes.bedrock.models import Parameters
from treadle.nodes.prompts import Prompt

PAGE = (Path(__file__).parents[1] / "docs" / "steps.md").read_text()


class Finding(BaseModel):
    risk: Literal["low", "high"]


class Clause(TypedDict):
    text: str


class State(TypedDict, total=False):
    clause: Clause
    side: str
    finding: Finding
    finding_problem: str | None
    finding_decision: str | None
    finding_reviews: list[dict[str, object]]


def test_the_prompt_of_the_page_stands_in_a_chain() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    names: dict[str, object] = {"prompt": prompt, "review": review, "Finding": Finding}
    exec(code, names)
    made = names["finding"]
    assert isinstance(made, Prompt)
    assert set(chain(made, state=State).nodes) == {"finding", "finding_review"}


def test_every_error_and_every_parameter_of_the_page_exists() -> None:
    errors = set(re.findall(r"`([A-Z]\w+(?:Invalid|Failed|Cut|Blocked|Throttled|Unavailable|Refused))`", PAGE))
    assert len(errors) == 8
    assert [name for name in errors if not hasattr(treadle.errors, name)] == []
    table = PAGE.partition("| of `bedrock:` | says |")[2].partition("\n\n")[0]
    named = [name for row in re.findall(r"^\| ([^|]+) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)]
    assert len(named) == 13
    assert set(named) <= set(Parameters.model_fields)
