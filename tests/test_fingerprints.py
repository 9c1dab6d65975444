"""Fingerprints are equal if and only if what they are made of means the same."""

import importlib.util
import itertools
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from scripted import ScriptedModel

from treadle import chain, fan_out, repeat, review, route
from treadle.graphs.runs import fingerprint
from treadle.nodes import prompt, step
from treadle.nodes.fingerprints import fingerprint as mark

NUMBERS = itertools.count()


def written(folder: Path, code: str) -> Any:
    """The module that a text of code is."""
    file = folder / f"made{next(NUMBERS)}.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("made", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CODE = '''
LIMIT = 3

def short(text):
    return text[:LIMIT]

def count(text: str) -> int:
    """Count."""
    words = short(text).split()  # all of them
    return len(words)
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# all of them", "# every one", True),
        ('    """Count."""\n', '    """Count the words of a text."""\n', True),
        ("    words =", "\n    words   =  ", True),
        ("len(words)", "(len(words))", True),
        ("\nLIMIT", "\n\n# moved\nOTHER = 1\nLIMIT", True),
        ("len(words)", "len(words) + 1", False),
        ("LIMIT = 3", "LIMIT = 4", False),
        ("text[:LIMIT]", "text[LIMIT:]", False),
    ],
)
def test_comments_and_spacing_do_not_matter_and_code_does(tmp_path: Path, old: str, new: str, same: bool) -> None:
    first, second = (written(tmp_path, code).count for code in (CODE, CODE.replace(old, new)))
    assert CODE.replace(old, new) != CODE
    assert (mark(step(first)) == mark(step(second))) is same


def test_lambdas_on_one_line_are_told_apart() -> None:
    one, other, again = (lambda x: x + 1), (lambda x: x + 2), (lambda x: x + 1)
    assert mark(one) != mark(other)
    assert mark(one) == mark(again)


class Finding(BaseModel):
    risk: Literal["low", "high"]


BASE: dict[str, Any] = {"template": "Rate {clause}.", "output": Finding, "system": "Be brief.", "attempts": 2}


@pytest.mark.parametrize(
    "change",
    [
        {"template": "Rate {clause}!"}, {"output": str}, {"output": Literal["low", "high"]}, {"system": "Be long."},
        {"attempts": 3}, {"model": "rules"}, {"model": ScriptedModel(script=lambda _: "a")}, {"gate": "x"},
        {"gate": ["x", "y"]}, {"examples": [("q", "a")]}, {"history": "messages"}, {"otherwise": "rules"},
        {"gate": re.compile("x", re.I)}, {"gate": {"type": "string"}}, {"redact": ("clause",)},
    ],
)  # fmt: skip
def test_every_part_of_a_prompt_counts(change: dict[str, Any]) -> None:
    changed = prompt("rate", **{**BASE, **change})
    assert mark(changed) != mark(prompt("rate", **BASE))
    assert mark(changed) == mark(prompt("rate", **{**BASE, **change}))


@given(st.text(max_size=20), st.text(max_size=20))
def test_prompts_have_one_fingerprint_if_and_only_if_they_say_the_same(one: str, other: str) -> None:
    texts = [re.sub(r"[{}]", "", text) for text in (one, other)]
    assert (mark(prompt("p", texts[0])) == mark(prompt("p", texts[1]))) is (texts[0] == texts[1])


def doubtful(value: Any) -> bool:
    return bool(value)


def nested(template: str = "Rate {item}.", need: float = 0.5, again: int = 2, sign: str = "!") -> Any:
    rate = chain(prompt("rate", template), review("rate", when=doubtful), name="rating")
    pick = route("kind", {"a": step(lambda item: item + sign, into="b", name="b")}, name="pick")
    return chain(
        fan_out(rate, over="items", need=need), repeat(pick, until="x", at_most=again), inputs=("item", "kind")
    )


def test_a_graph_is_told_by_everything_inside_it_to_any_depth() -> None:
    marks = [nested(), nested(template="Rate {item}!"), nested(need=0.6), nested(again=3), nested(sign="?")]
    assert len({fingerprint(graph) for graph in marks}) == 5
    assert fingerprint(nested()) == fingerprint(nested()) == fingerprint(nested().compile())


def test_the_order_of_steps_counts() -> None:
    one, two = prompt("one", "x"), prompt("two", "y")
    assert fingerprint(chain(one, two, name="c")) != fingerprint(chain(two, one, name="c"))
