import re
import shutil
import subprocess
from itertools import pairwise
from typing import Any, TypedDict
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle.graphs.drawings import dot, mermaid, svg
from treadle.graphs.drawings.boxes import Sizes
from treadle.graphs.drawings.labels import breadth, lines
from treadle.graphs.drawings.layouts import layout
from treadle.graphs.drawings.mermaids import AROUND
from treadle.graphs.drawings.pictures import Picture, picture
from treadle.graphs.statuses import DARK, LIGHT, Progress, Tone, mark

GRAPHVIZ = shutil.which("dot")
needs_graphviz = pytest.mark.skipif(GRAPHVIZ is None, reason="Graphviz is not installed")

RESERVED = {START, END, "checkpoint_id", "checkpoint_map", "checkpoint_ns", "thread_id"}
"""What LangGraph lets no step be called; Hypothesis finds such names in its source."""

NAMES = st.text(st.characters(exclude_characters="|:", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda name: name not in RESERVED and not name.startswith("__")
)
ODD = [
    'a "quoted" one',
    "<b>bold</b> & co",
    "two\nlines",
    "back\\slash\\",
    "日本語 العربية",
    "end",
    "#35; %% `x`",
    "1. list",
    "-",
]


class State(TypedDict, total=False):
    text: str
    items: list[str]
    findings: list[str]


def nothing(state: State) -> State:
    return {}


def rate(state: State) -> State:
    """Say how risky a clause is.

    More than that is not said in the tooltip.
    """
    return {}


def worker() -> Any:
    graph = StateGraph(State)
    graph.add_node("finding", rate)
    graph.add_node("review", nothing, metadata={"kind": "review", "description": "A lawyer decides."})
    graph.add_edge(START, "finding")
    graph.add_edge("finding", "review")
    graph.add_conditional_edges("review", lambda state: "ok", {"again": "finding", "ok": END})
    return graph.compile()


def fan_out(*, closure: bool) -> Any:
    inner = worker()

    def branch(state: State) -> Any:
        return inner.invoke(state)

    graph = StateGraph(State)
    graph.add_node("scatter", nothing)
    graph.add_node("branch", branch if closure else inner)
    graph.add_node("gather", nothing)
    graph.add_edge(START, "scatter")
    graph.add_conditional_edges("scatter", lambda state: [Send("branch", {})], ["branch"])
    graph.add_edge("branch", "gather")
    return graph.compile()


def contract(*, closure: bool = True) -> Any:
    graph = StateGraph(State)
    graph.add_node("split", nothing)
    graph.add_node("findings", fan_out(closure=closure), metadata={"kind": "fan-out"})
    graph.add_node("memo", nothing)
    graph.add_edge(START, "split")
    graph.add_edge("split", "findings")
    graph.add_edge("findings", "memo")
    graph.add_conditional_edges("memo", lambda state: "send", {"send": END, "rewrite": "memo", "start over": "split"})
    return graph


def single(*names: str) -> Any:
    """One step after the other."""
    graph = StateGraph(State)
    for name in names:
        graph.add_node(name, nothing)
    graph.add_edge(START, names[0])
    for name, following in pairwise(names):
        graph.add_edge(name, following)
    return graph


def ways(drawn: Picture) -> set[tuple[str, str, str, bool]]:
    return {(edge.source, edge.target, edge.label, edge.conditional) for edge in drawn.edges}


def rendered(source: str) -> str:
    done = subprocess.run(
        [str(GRAPHVIZ), "-Tsvg"], input=source, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("syntax error|not well-formed", done.stderr), done.stderr
    return done.stdout


@pytest.mark.parametrize("closure", [True, False], ids=["called in a function", "as a node"])
def test_subgraphs_become_clusters_to_any_depth_however_they_are_called(closure: bool) -> None:
    drawn = picture(contract(closure=closure))
    assert [cluster.path for cluster in drawn.clusters] == ["findings", "findings|branch"]
    assert [part.path for part in drawn.inside("findings|branch")] == [
        "findings|branch|finding",
        "findings|branch|review",
    ]
    assert [part.label for part in drawn.inside("findings")] == ["scatter", "branch", "gather"]
    assert [part.label for part in drawn.inside("")] == ["start", "split", "findings", "memo", "end"]


def test_edges_go_straight_through_where_a_subgraph_has_one_way_in_and_one_way_out() -> None:
    assert ways(picture(contract())) == {
        ("__start__", "split", "", False),
        ("split", "findings|scatter", "", False),
        ("findings|scatter", "findings|branch|finding", "", True),
        ("findings|branch|finding", "findings|branch|review", "", False),
        ("findings|branch|review", "findings|branch|finding", "again", True),
        ("findings|branch|review", "findings|gather", "ok", True),
        ("findings|gather", "memo", "", False),
        ("memo", "memo", "rewrite", True),
        ("memo", "split", "start over", True),
        ("memo", "__end__", "send", True),
    }


def test_a_subgraph_that_begins_in_several_places_keeps_a_dot_for_its_start() -> None:
    inner = StateGraph(State)
    for name in ("a", "b"):
        inner.add_node(name, nothing)
        inner.add_edge(START, name)
    outer = StateGraph(State)
    outer.add_node("both", inner.compile())
    outer.add_edge(START, "both")
    drawn = picture(outer)
    assert ("__start__", "both|__start__", "", False) in ways(drawn)
    assert {"both|__start__", "both|__end__"} <= {node.path for node in drawn.nodes if node.dot}


def test_a_compiled_graph_and_its_builder_give_the_same_picture() -> None:
    graph = contract()
    assert picture(graph) == picture(graph.compile())


def test_kinds_and_notes_come_from_the_metadata_and_the_docstring() -> None:
    drawn = picture(contract())
    known = {each.path: each for each in (*drawn.nodes, *drawn.clusters)}
    assert known["findings"].kind == "fan-out"
    assert (known["findings|branch|review"].kind, known["findings|branch|review"].note) == (
        "review",
        "A lawyer decides.",
    )
    assert known["findings|branch|finding"].note == "Say how risky a clause is."
    assert (known["__start__"].kind, known["__end__"].kind, known["memo"].kind) == ("start", "end", "step")


def test_a_step_that_pauses_says_so_in_its_note() -> None:
    drawn = picture(single("a", "b").compile(interrupt_before=["b"]))
    assert {node.path: node.note for node in drawn.nodes}["b"] == "Pauses before."


def test_a_status_always_has_a_word() -> None:
    progress = {
        "": Progress(waiting=1),
        "split": Progress(done=1),
        "findings|branch": Progress(waiting=3, done=9),
        "findings|branch|finding": Progress(done=12),
        "findings|branch|review": Progress(waiting=3, done=9),
        "findings|gather": Progress(failed=1),
        "memo": Progress(running=1),
    }
    for drawing in (dot, mermaid, svg):
        text = drawing(contract(), progress=progress)
        for words in ("done 12", "waiting 3, done 9", "failed", "running"):
            assert words in text, (drawing.__name__, words)
        assert "skipped" not in re.sub(r"classDef.*|<style>.*</style>", "", text)


def test_what_a_finished_run_never_came_to_was_skipped() -> None:
    node = picture(single("a", "b")).nodes[2]
    assert mark(node, {"": Progress(done=1), "a": Progress(done=1)}).caption == "skipped"
    assert mark(node, {"": Progress(running=1), "a": Progress(done=1)}).caption == ""
    assert mark(node, None).caption == ""


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_can_be_read_on_its_fill(tones: dict[str, Tone]) -> None:
    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for status, tone in tones.items():
        for fill in (tone.fill, *([AROUND] if tones is LIGHT else [])):
            dim, bright = sorted([light(fill), light(tone.text)])
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, status


def test_svg_is_xml_with_every_label_and_no_reference_to_the_outside() -> None:
    text = svg(contract(), progress={"split": Progress(done=1)})
    root = ElementTree.fromstring(text)
    said = "\n".join(root.itertext())
    for label in ("split", "findings", "branch", "finding", "review", "again", "rewrite", "start over", "done"):
        assert label in said
    assert set(re.findall(r"https?://[^\"' <]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in text
    assert "url(" not in text.replace("url(#treadle-tip)", "")


def test_svg_follows_light_and_dark() -> None:
    text = svg(single("a"))
    assert "prefers-color-scheme:dark" in text
    assert DARK[""].fill in text
    assert LIGHT[""].fill in text


@needs_graphviz
def test_graphviz_draws_the_dot_with_clusters_and_dashes() -> None:
    drawn = rendered(dot(contract(), progress={"findings|branch": Progress(waiting=3)}))
    assert drawn.count('class="cluster"') == 2
    assert "stroke-dasharray" in drawn
    assert "waiting 3" in drawn


def test_mermaid_has_no_html_but_line_breaks() -> None:
    text = mermaid(contract(), progress={"split": Progress(done=1)})
    assert set(re.findall(r"<[^>]*>", text.replace("-.->", ""))) == {"<br/>"}
    assert "<p>" not in text


def test_mermaid_gives_every_class_a_colour_for_its_text() -> None:
    classes = re.findall(r"classDef .*", mermaid(contract()))
    assert len(classes) >= len(LIGHT)
    assert all("color:" in each for each in classes)


def test_odd_names_are_escaped_in_each_language() -> None:
    graph = single(*ODD)
    said = "\n".join(ElementTree.fromstring(svg(graph)).itertext())
    for name in ODD:
        for line in name.splitlines():
            assert line in said
    text = mermaid(graph)
    assert "a #34;quoted#34; one" in text
    assert "#60;b#62;bold#60;/b#62; #38; co" in text
    assert "two<br/>lines" in text
    assert '"end"' in text
    assert "#35;35#59;" in text
    if GRAPHVIZ:
        assert "&lt;b&gt;bold&lt;/b&gt; &amp; co" in rendered(dot(graph))


@settings(deadline=None, max_examples=60)
@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), NAMES)
def test_any_name_can_be_drawn(names: list[str], label: str) -> None:
    graph = single(*names)
    graph.add_conditional_edges(names[-1], lambda state: END, {label: END, f"{label}!": names[0]})
    ElementTree.fromstring(svg(graph, progress={names[0]: Progress(failed=1)}))
    text = mermaid(graph)
    assert all(
        re.fullmatch(r'  n\d+\("[^"`<>{}\[\]]*"\):::\w+', line.replace("<br/>", " "))
        for line in text.splitlines()
        if re.match(r'  n\d+\("', line)
    )
    assert text.count("\n") == len(names) + 2 + len(names) + 2 + 2 * len(LIGHT) + 3


@needs_graphviz
@settings(deadline=None, max_examples=15)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_graphviz_takes_any_name(names: list[str]) -> None:
    assert rendered(dot(single(*names))).count('class="node"') == len(names) + 2


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 7), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14), st.booleans())
def test_no_two_boxes_overlap_and_every_edge_has_its_way(size: int, pairs: list[tuple[int, int]], nested: bool) -> None:
    graph = StateGraph(State)
    for place in range(size):
        graph.add_node(f"n{place}", fan_out(closure=True) if nested and place == 1 else nothing)
    graph.add_edge(START, "n0")
    for source, target in dict.fromkeys(pairs):
        if source < size and target < size:
            graph.add_edge(f"n{source}", f"n{target}")
    drawn = picture(graph)
    sizes = Sizes(
        {node.path: (80.0, 40.0) for node in drawn.nodes},
        {node.path: (60.0, 20.0) for node in drawn.clusters},
        {place: (30.0, 18.0) for place, edge in enumerate(drawn.edges) if edge.label},
    )
    placed = layout(drawn, sizes)
    for level in ["", *(cluster.path for cluster in drawn.clusters)]:
        boxes = [placed.boxes[part.path] for part in drawn.inside(level)]
        for place, one in enumerate(boxes):
            for other in boxes[place + 1 :]:
                beside = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y
            assert min(one.x, one.y) >= 0
            assert one.x + one.width <= placed.width
            assert one.y + one.height <= placed.height
    for place, edge in enumerate(drawn.edges):
        if edge.source == edge.target:
            continue
        for path, (x, y) in ((edge.source, placed.ways[place][0]), (edge.target, placed.ways[place][-1])):
            box = placed.boxes[path]
            assert box.x <= x <= box.x + box.width
            assert min(abs(y - box.y), abs(y - box.y - box.height)) < 0.01


def test_the_same_graph_is_always_drawn_the_same() -> None:
    def tangle() -> Any:
        graph = single(*"abcdef")
        for source, target in ("ac", "ad", "be", "fb", "ec", "da"):
            graph.add_edge(source, target)
        return graph

    for drawing in (dot, mermaid, svg):
        assert len({drawing(tangle()) for _ in range(8)}) == 1


def test_a_long_chain_is_drawn() -> None:
    names = [f"step {place}" for place in range(120)]
    assert svg(single(*names)).count('class="name"') == 120


def test_labels_are_cut_where_they_are_too_long() -> None:
    assert lines("x" * 100, width=10) == ["x" * 9 + "…"]
    assert lines("a\nb\nc\nd", most=2) == ["a", "b …"]
    assert lines("bell\a and half \ud800") == ["bell\ufffd and half \ufffd"]
    assert lines("") == [""]
    assert breadth("日本", 10) > breadth("ij", 10)
