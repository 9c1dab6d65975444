"""The README says what is true: its program is the example, and its files and commands exist."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / "examples" / "contract_review.py").read_text()


def test_the_program_in_the_readme_is_the_example_and_has_at_most_eighty_lines() -> None:
    assert f"```python\n{EXAMPLE}```" in README
    assert len(EXAMPLE.splitlines()) <= 80


def test_every_file_that_the_readme_names_exists() -> None:
    named = re.findall(r"\]\(([^):#]+)\)", README)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_ci_run_calls_the_readmes_test_command() -> None:
    command = "uv run --extra test pytest"
    assert f"`{command}`" in README
    assert re.search(rf"^test:\n    {re.escape(command)}$", (ROOT / "Justfile").read_text(), re.M)
    assert "just test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/reviews.md"])
def test_what_a_page_shows_is_what_happens(tmp_path: Path, page: str) -> None:
    shown = doctest.DocTestParser().get_doctest((ROOT / page).read_text(), {"folder": tmp_path}, page, page, 0)
    assert len(shown.examples) > 5
    told: list[str] = []
    doctest.DocTestRunner().run(shown, out=told.append)
    assert "".join(told) == ""
