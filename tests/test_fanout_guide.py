"""What docs/fanouts.md shows runs, and what it names exists."""

import inspect
import re
from pathlib import Path
from typing import Any

from treadle import fan_out
from treadle.nodes import Batch, Hedge, Retry, fold, limit
from treadle.nodes.outcomes import Outcome

PAGE = (Path(__file__).parents[1] / "docs" / "fanouts.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_the_first_examples_run() -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)
    assert names["done"]["ratings"] == ["high", "low"]
    exec(BLOCKS[1], names)
    given = {"clauses": ["at any time", "in May"]}
    for name in ("retried", "hedged", "raced"):
        assert names[name].compile().invoke(given)["results"] == ["high", "low"]
    assert names["batched"].compile().invoke({"all": given["clauses"]})["results"] == ["high", "low"]


def test_every_block_is_python_and_every_argument_it_names_exists() -> None:
    known = {name for one in (fan_out, Batch, Hedge, Retry, fold, limit) for name in inspect.signature(one).parameters}
    for block in BLOCKS:
        compile(block, "docs/fanouts.md", "exec")
    named = set(re.findall(r"`(\w+)=", PAGE)) - {"output"}
    assert named <= known, named - known


def test_every_key_of_an_outcome_is_told() -> None:
    table = PAGE.split("what became of it:")[1].split("With `compile")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(Outcome.__annotations__)
    assert limit("the guide").state.running == 0
