import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph

from treadle.errors import GraphNotFound
from treadle.graphs.catalogs import catalog
from treadle.graphs.drawings.pictures import picture

MODULE = """
from typing import TypedDict
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore

class State(TypedDict, total=False):
    text: str

def loud(state: State) -> State:
    return {"text": state["text"].upper()}

def softly(state: State) -> State:
    return {"text": state["text"] + "."}

graph = StateGraph(State)
graph.add_node("loud", loud)
graph.add_node("softly", softly)
graph.add_edge(START, "loud")
graph.add_edge("loud", "softly")
STORE = InMemoryStore()
compiled = graph.compile(name="mine", interrupt_before=["softly"], store=STORE).with_config(tags=["kept"])
number = 7

def make():
    return graph

def make_with(config):
    assert config["configurable"] == {}
    return graph.compile()

async def make_later(config):
    return graph

def fails():
    raise RuntimeError("no luck")

class Box:
    graph = graph
"""

CONFIG: Any = {"configurable": {"thread_id": "t"}}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty current folder, and modules and paths as they were."""
    monkeypatch.delenv("TREADLE_GRAPHS", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("treadle_graphs_", "own_")):
            del sys.modules[name]


def write(folder: Path, graphs: Any, **more: Any) -> Path:
    """A folder with a module and a langgraph.json that names its graphs."""
    (folder / "agents").mkdir(parents=True, exist_ok=True)
    (folder / "agents" / "first.py").write_text(MODULE)
    (folder / "langgraph.json").write_text(json.dumps({"graphs": graphs, **more}))
    return folder / "langgraph.json"


def refusal(path: Path, name: str = "a") -> str:
    with pytest.raises(GraphNotFound) as refused:
        catalog(path).graph(name)
    return str(refused.value)


@pytest.mark.parametrize("attribute", ["graph", "compiled", "make", "make_with", "make_later", "Box.graph"])
def test_a_graph_or_a_function_that_makes_one_can_be_named(tmp_path: Path, attribute: str) -> None:
    graph = catalog(write(tmp_path, {"a": f"./agents/first.py:{attribute}"})).compiled("a", None)
    assert graph.invoke({"text": "hey"})["text"] in ("HEY.", "HEY")


async def test_an_asynchronous_function_can_be_named_where_a_loop_runs(tmp_path: Path) -> None:
    assert isinstance(catalog(write(tmp_path, {"a": "./agents/first.py:make_later"})).graph("a"), StateGraph)


def test_an_entry_may_be_an_object_with_a_description(tmp_path: Path) -> None:
    known = catalog(write(tmp_path, {"a": {"path": "./agents/first.py:graph", "description": "Shouts."}}))
    assert known.description("a") == "Shouts."
    assert picture(known.graph("a")).nodes  # type: ignore[arg-type]


def test_a_module_is_found_in_the_folders_that_are_dependencies(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "own_graphs.py").write_text(MODULE)
    path = write(tmp_path, {"a": "own_graphs:graph"}, dependencies=["./source", "some-package"])
    assert isinstance(catalog(path).graph("a"), StateGraph)
    assert str(tmp_path / "source") in sys.path


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": "./main.py:graph"}, dependencies=["."])
    (tmp_path / "own_neighbour.py").write_text(MODULE)
    (tmp_path / "main.py").write_text("from own_neighbour import graph")
    assert isinstance(catalog(path).graph("a"), StateGraph)


def test_a_file_is_imported_once_however_many_names_and_catalogs_lead_to_it(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": "./agents/first.py:graph", "b": "agents/../agents/first.py:make"})
    first, second = catalog(path), catalog(path)
    assert first.graph("a") is second.graph("a") is first.graph("a")
    assert "treadle_graphs_agents_first" in sys.modules


def test_the_same_file_name_in_two_applications_is_two_modules(tmp_path: Path) -> None:
    one = catalog(write(tmp_path / "one", {"a": "./agents/first.py:graph"}))
    two = catalog(write(tmp_path / "two", {"a": "./agents/first.py:graph"}))
    assert one.graph("a") is not two.graph("a")


def test_the_shipped_example_is_known_unless_the_file_has_that_name(tmp_path: Path) -> None:
    assert catalog().names == ("contract_review",)
    assert catalog(write(tmp_path, {"a": "./agents/first.py:graph"})).names == ("a", "contract_review")
    own = catalog(write(tmp_path, {"contract_review": "./agents/first.py:graph"}))
    assert own.names == ("contract_review",)
    assert isinstance(own.graph("contract_review"), StateGraph)


def test_the_file_is_looked_for_where_one_says_then_where_the_environment_says_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "here", {"here": "./agents/first.py:graph"})
    write(tmp_path / "there", {"there": "./agents/first.py:graph"})
    given = write(tmp_path / "given", {"given": "./agents/first.py:graph"})
    assert catalog().names[0] == "here"
    assert isinstance(catalog().graph("here"), StateGraph)
    monkeypatch.setenv("TREADLE_GRAPHS", str(tmp_path / "there"))
    assert catalog().names[0] == "there"
    assert catalog(given).names[0] == catalog(given.parent).names[0] == "given"


def test_a_builder_is_compiled_with_the_saver(tmp_path: Path) -> None:
    graph = catalog(write(tmp_path, {"a": "./agents/first.py:graph"})).compiled("a", InMemorySaver())
    graph.invoke({"text": "hey"}, CONFIG)
    assert graph.get_state(CONFIG).values == {"text": "HEY."}


def test_a_compiled_graph_keeps_all_that_its_author_chose_but_the_saver(tmp_path: Path) -> None:
    known = catalog(write(tmp_path, {"a": "./agents/first.py:compiled"}))
    saver = InMemorySaver()
    graph, author = known.compiled("a", saver), known.graph("a")
    assert not isinstance(author, StateGraph)
    assert (graph.checkpointer, author.checkpointer) == (saver, None)
    assert (graph.name, graph.store) == ("mine", author.store)
    assert graph.config is not None
    assert graph.config["tags"] == ["kept"]
    assert graph.invoke({"text": "hey"}, CONFIG) == {"text": "HEY"}
    assert graph.get_state(CONFIG).next == ("softly",)


def test_a_missing_file_is_told_with_what_to_write(tmp_path: Path) -> None:
    message = refusal(tmp_path / "nowhere.json")
    assert str(tmp_path / "nowhere.json") in message
    assert '"graphs": {"my_graph": "./my_graph.py:graph"}' in message


def test_without_a_file_an_unknown_name_is_told_with_what_to_write() -> None:
    with pytest.raises(GraphNotFound, match=r"No graph is called 'mine'(.|\n)*langgraph.json(.|\n)*\"graphs\""):
        catalog().graph("mine")


def test_malformed_json_is_told_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "langgraph.json").write_text('{\n  "graphs": {,}\n}')
    assert "in line 2, column 14" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "must be a JSON object"),
        ("{}", 'must have "graphs"'),
        ('{"graphs": ["a"]}', 'must have "graphs"'),
        ('{"graphs": {"a": 7}}', "must be a text like"),
        ('{"graphs": {"a": "./a.py"}}', "must be a text like"),
        ('{"graphs": {"a": ":graph"}}', "must be a text like"),
        ('{"graphs": {"a": {"file": "./a.py:graph"}}}', "must be a text like"),
        ('{"graphs": {"a": "./a.ts:graph"}}', "JavaScript"),
        ('{"graphs": {}, "dependencies": "."}', "must be a list"),
        ("\x00\xff", "is not JSON"),
        ("", "is not JSON"),
    ],
)
def test_a_file_of_another_shape_is_refused_in_words(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "langgraph.json").write_text(content)
    message = refusal(tmp_path)
    assert said in message
    assert str(tmp_path / "langgraph.json") in message


def test_a_file_that_is_not_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "langgraph.json").write_bytes(b"\xff\xfe\x00\x80")
    assert "cannot be read" in refusal(tmp_path)


def test_a_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    path = write(tmp_path, {"contracts": "./agents/first.py:graph"})
    assert "Did you mean 'contracts'?" in refusal(path, "contract")
    assert "Known: contracts, contract_review." in refusal(path, "zzz")


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        (
            "import os\nimport missing_package_of_mine",
            "ModuleNotFoundError: No module named 'missing_package_of_mine'",
            2,
        ),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero", 3),
        ("def f(:\n  pass", "SyntaxError: invalid syntax", 1),
        ("raise SystemExit(3)", "SystemExit: 3", 1),
        ("import json\njson.loads('{')", "JSONDecodeError: Expecting property name", None),
    ],
)
def test_a_module_that_fails_is_told_in_one_line_with_its_place(
    tmp_path: Path, source: str, said: str, line: int | None
) -> None:
    path = write(tmp_path, {"a": "./bad.py:graph"})
    (tmp_path / "bad.py").write_text(source)
    message = refusal(path)
    assert "cannot be imported" in message
    assert said in message
    assert "\n" not in message
    if line:
        assert f"({tmp_path / 'bad.py'}:{line})" in message
    assert not any(name.startswith("treadle_graphs_bad") for name in sys.modules)


def test_a_module_that_failed_is_tried_again_once_it_is_mended(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": "./late.py:graph"})
    (tmp_path / "late.py").write_text("1 / 0")
    known = catalog(path)
    with pytest.raises(GraphNotFound):
        known.graph("a")
    (tmp_path / "late.py").write_text(MODULE)
    assert isinstance(known.graph("a"), StateGraph)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"there is no file {tmp_path / 'gone.py'}" in refusal(write(tmp_path, {"a": "./gone.py:graph"}))


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("grahp", "has no 'grahp'. It has 'graph', 'compiled'"),
        ("number", "it is an int, not a graph"),
        ("State", "it is a class, not a graph"),
        ("loud", "cannot be built: "),
        ("fails", "cannot be built: RuntimeError: no luck"),
    ],
)
def test_what_is_no_graph_is_refused_in_words(tmp_path: Path, attribute: str, said: str) -> None:
    message = refusal(write(tmp_path, {"a": f"./agents/first.py:{attribute}"}))
    assert said in message
    assert "./agents/first.py" in message


@pytest.mark.parametrize("prefix", ["", "async "], ids=["with", "async with"])
def test_a_context_manager_is_refused_in_words(tmp_path: Path, prefix: str) -> None:
    path = write(tmp_path, {"a": "./held.py:make"})
    kind = "asynccontextmanager" if prefix else "contextmanager"
    (tmp_path / "held.py").write_text(f"from contextlib import {kind}\n@{kind}\n{prefix}def make():\n    yield 1\n")
    assert "is a context manager" in refusal(path)
