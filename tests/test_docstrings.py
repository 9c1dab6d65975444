"""The examples in docstrings show what happens."""

import doctest
import importlib
import pkgutil

import pytest

import treadle

SCRIPTS = {"treadle.ui.app", "treadle.__main__"}
"""What runs when it is imported."""

MODULES = sorted(
    {module.name for module in pkgutil.walk_packages(treadle.__path__, "treadle.", onerror=lambda name: None)} - SCRIPTS
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    told: list[str] = []
    runner = doctest.DocTestRunner()
    for found in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(found, out=told.append)
    assert "".join(told) == ""


def test_every_module_says_in_a_sentence_what_lives_there() -> None:
    silent = [name for name in MODULES if not (importlib.import_module(name).__doc__ or "").strip()]
    assert silent == []
