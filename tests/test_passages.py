"""Every piece of a split text knows its place in the source, whatever the text."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from treadle import chain, fan_out
from treadle.errors import DocumentError
from treadle.nodes import step, stitch
from treadle.nodes.estimates import characters
from treadle.nodes.texts.passages import paragraphs, sections, sentences, windows
from treadle.nodes.texts.rows import records

MARKS = ["# A\n", "## B\n", "Title\n===\n", "- item\n", "> quoted\n", "```\n# code\n```\n", "---\n", "<!-- x -->"]
WORDS = ["Dr. No said “Yes.” ", "one two. ", "Why? ", "中文。", "🙂", "\x00", "\ud800"]
BITS = st.sampled_from([*MARKS, *WORDS, "\n\n", "\r\n", "\t", "\u2028", "\x0c"])
TEXTS = st.one_of(st.text(), st.lists(BITS, max_size=30).map("".join))
SPLITTERS: list[Callable[[str], Sequence[Mapping[str, Any]]]] = [
    sections,
    paragraphs,
    sentences,
    lambda text: windows(text, tokens=4),
]


@pytest.mark.parametrize("split", SPLITTERS)
@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
@example(text="# A\n\ud800 b. c")
def test_pieces_are_slices_of_the_source_in_order_and_lose_nothing(split: Any, text: str) -> None:
    try:
        found = split(text)
    except DocumentError:
        return
    assert found
    assert all(piece["text"] == text[piece["start"] : piece["end"]] for piece in found)
    assert all(piece["text"] and piece["text"] == piece["text"].strip() for piece in found)
    assert all(one["end"] <= two["start"] for one, two in pairwise(found))
    if split is not paragraphs:  # which leaves out the fences around code, and rules
        edges = [0, *(edge for piece in found for edge in (piece["start"], piece["end"])), len(text)]
        assert all(text[left:right].strip() == "" for left, right in zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("split", [*SPLITTERS, records])
@pytest.mark.parametrize("text", ["", " \n\n\t"])
def test_a_text_with_nothing_in_it_is_refused(split: Any, text: str) -> None:
    with pytest.raises(DocumentError, match="nothing to split"):
        split(text)


REPORT = """Preface.

# Report

Intro.

## Method

We looked.
```
# no heading
```

## *Result*

We found.

Annex
=====
More.
"""


def test_sections_go_from_heading_to_heading_and_know_what_is_above_them() -> None:
    found = sections(REPORT)
    assert [(one["path"], one["heading"]) for one in found] == [
        ([], ""),
        ([], "Report"),
        (["Report"], "Method"),
        (["Report"], "Result"),
        ([], "Annex"),
    ]
    assert found[2]["text"].endswith("# no heading\n```")
    assert [one["heading"] for one in sections(REPORT, level=1)] == ["", "Report", "Annex"]


def test_paragraphs_are_blocks_and_items_of_lists() -> None:
    found = paragraphs("# T\n\nOne\nline.\n\n- a\n- b\n\n> said\n")
    assert [one["text"] for one in found] == ["# T", "One\nline.", "- a", "- b", "> said"]


def test_a_sentence_ends_at_no_abbreviation() -> None:
    text = "Dr. Smith paid $3.50 to Acme Inc. on Jan. 5. He was “glad.” Was he?"
    assert [one["text"] for one in sentences(text)] == [
        "Dr. Smith paid $3.50 to Acme Inc. on Jan. 5.",
        "He was “glad.”",
        "Was he?",
    ]
    assert len(sentences("Das gilt z. B. hier. Und dort.", language="de")) == 2


@given(TEXTS, st.integers(1, 30), st.integers(0, 29))
@settings(max_examples=100, deadline=None)
def test_windows_are_no_larger_than_asked_and_together_are_the_text(text: str, tokens: int, overlap: int) -> None:
    if overlap >= tokens:
        with pytest.raises(DocumentError, match="overlap"):
            windows(text, tokens=tokens, overlap=overlap)
        return
    try:
        found = windows(text, tokens=tokens, overlap=overlap, count=len)
    except DocumentError:
        assert not text.strip()
        return
    assert all(len(one["text"]) <= tokens for one in found)
    assert all(one["start"] < two["start"] for one, two in pairwise(found))
    covered = {place for one in found for place in range(one["start"], one["end"])}
    assert all(place in covered or letter.isspace() for place, letter in enumerate(text))


def test_what_came_of_overlapping_windows_is_stitched() -> None:
    text = " ".join(f"Fox {number} jumps over dog {number * number}. It sleeps." for number in range(12))
    shout = fan_out(
        step(lambda window: window["text"].upper(), into="loud", name="shout"),
        over="windows",
        item="window",
        into="whole",
        join=stitch(),
    )
    split = step(lambda text: windows(text, tokens=20, overlap=5), into="windows", name="split")
    graph = chain(split, shout, name="loud").compile()
    done = graph.invoke({"text": text})
    assert done["whole"].replace(" ", "") == text.upper().replace(" ", "").strip()


ROWS = [{"a": 1, "b": "x, y"}, {"a": 2, "b": "z\nz"}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n".join(map(json.dumps, ROWS)),
        "\ufeff" + json.dumps(ROWS) + "\n",
    ],
)
def test_records_of_json_are_read_with_their_places(text: str) -> None:
    found = records(text)
    assert [one["value"] for one in found] == ROWS
    assert [json.loads(text[one["start"] : one["end"]]) for one in found] == ROWS


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_under_a_header_are_records_even_with_line_breaks_in_a_cell(separator: str) -> None:
    text = 'a,b\r\n1,"x\r\ny"\r\n\r\n2,z\u2028z'.replace(",", separator)
    one, two = records(text)
    assert [one["value"], two["value"]] == [{"a": "1", "b": "x\r\ny"}, {"a": "2", "b": "z\u2028z"}]
    assert text[one["start"] : one["end"]] == '1,"x\r\ny"'.replace(",", separator)
    assert text[two["start"] : two["end"]] == "2,z\u2028z".replace(",", separator)


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), min_size=1), st.booleans())
@settings(deadline=None)
def test_any_objects_come_back_from_json(rows: list[dict[str, Any]], lines: bool) -> None:
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    assert [one["value"] for one in records(text)] == rows


BROKEN = [
    ('[{"a": 1}, {"a": ', "line 1"),
    ('[{"a": 1} {"a": 2}]', "a comma or the end of the list is missing"),
    ('[{"a": 1}] tail', "behind the list"),
    ('{"a": 1}\n{"a": }', "line 2"),
    ("a,a\n1,2", "one name"),
    ("a,b\n1,2\n3", "a row of 1 cells stands under a header of 2, in line 3"),
    ('a,b\n1,"2', "line"),
    ("[" * 100_000, "too deep"),
]


@pytest.mark.parametrize(("text", "told"), BROKEN)
def test_records_that_break_off_are_told_with_their_line(text: str, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        records(text)


def test_characters_are_counted_no_further_than_asked() -> None:
    assert characters({"a": ["xx", b"yy", 3], "b": ("z",)}) == 5
    assert characters(["x" * 10] * 1000, most=25) == 30
