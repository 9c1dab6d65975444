"""Diffs: which fields an edit changed, and which words; and that they are shown as text."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from treadle.ui.diffs import ABSENT, Change, changes, same, words
from treadle.ui.markups import clean, plain, tag
from treadle.ui.texts import changed, line, marked, passage, show


def sides(pieces: list[Any]) -> tuple[str, str]:
    before = "".join(piece.text for piece in pieces if piece.kind != "in")
    return before, "".join(piece.text for piece in pieces if piece.kind != "out")


def test_only_fields_that_differ_are_named() -> None:
    before = {"risk": "high", "reason": "no cap", "place": {"start": 1, "end": 9}}
    after = {"risk": "low", "reason": "no cap", "place": {"start": 1, "end": 12}}
    assert changes(before, after) == [Change(("risk",), "high", "low"), Change(("place", "end"), 9, 12)]


def test_a_field_that_came_or_went_is_a_change_from_or_to_nothing() -> None:
    assert changes({"a": 1}, {"b": None}) == [Change(("a",), 1, ABSENT), Change(("b",), ABSENT, None)]


def test_taking_out_an_item_is_one_change() -> None:
    assert changes(["a", "b", "c"], ["a", "c"]) == [Change((1,), "b", ABSENT)]
    assert changes([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 3}]) == [Change((1, "n"), 2, 3)]


def test_true_is_not_one_and_three_is_three() -> None:
    assert not same(True, 1)
    assert same(3, 3.0)
    assert changes({"a": True}, {"a": 1}) == [Change(("a",), True, 1)]


def test_a_rewritten_phrase_reads_as_one_change() -> None:
    pieces = words("The fee is fifty pounds a month.", "The fee is nine hundred euros a month.")
    assert [piece.text for piece in pieces if piece.kind == "in"] == ["nine hundred euros"]
    assert [piece.text for piece in pieces if piece.kind == "out"] == ["fifty pounds"]


def test_a_text_that_was_written_anew_is_one_change() -> None:
    pieces = words("The buyer pays for all of the losses.", "Usual for this kind of service.")
    assert [piece.kind for piece in pieces] == ["out", "in"]


@given(st.text(), st.text())
def test_the_pieces_make_up_both_texts(before: str, after: str) -> None:
    assert sides(words(before, after)) == (before, after)


def test_long_texts_are_compared_line_by_line() -> None:
    lines = [f"Clause {number} says that party {number} pays on day {number}.\n" for number in range(2000)]
    after = list(lines)
    after[700] = "Clause 700 says that nobody pays.\n"
    pieces = words("".join(lines), "".join(after))
    assert sides(pieces) == ("".join(lines), "".join(after))
    assert sum(len(piece.text) for piece in pieces if piece.kind != "same") < 100


def test_what_a_payload_holds_becomes_text_and_never_html() -> None:
    bad = "<img src=http://elsewhere.invalid/x.png onerror=alert(1)><script>alert(1)</script>"
    for html in (
        show(bad).html,
        show({bad: bad, "risk": bad}).html,
        show([{"a": bad}, {"a": bad}]).html,
        changed(changes({"a": bad}, {"a": bad + "!"})).html,
        changed([Change((bad,), 1, bad)]).html,
        passage({"number": bad, "heading": bad, "text": bad, "more": bad}).html,
        marked(bad, 3, 9).html,
        tag("p", bad, title=bad).html,
    ):
        assert "<img" not in html
        assert "<script" not in html


def test_markdown_of_a_payload_is_escaped_in_labels() -> None:
    assert plain("![x](http://a) :red[y] $z$ <b>") == "!\\[x\\](http://a) \\:red\\[y\\] \\$z\\$ \\<b>"
    assert plain("# one") == "\\# one"
    assert plain("1. one") == "1\\. one"
    assert plain("two\nlines") == "two lines"


def test_an_ordinary_text_stays_as_it_is_in_labels() -> None:
    for text in ("Clause 7.2 (limits): a/b, 50 % of snake_case!", "Reply to Müller & Söhne", "Why: it's due"):
        assert plain(text) == text


def test_half_a_character_does_not_stop_the_page() -> None:
    assert clean("a\ud800b") == "a?b"
    assert show("\ud800").html


def test_what_is_empty_is_said() -> None:
    for value, word in ((None, "none"), ("", "empty"), ([], "an empty list"), ({}, "no fields"), (True, "Yes")):
        assert word in show(value).html


def test_rows_of_one_kind_become_a_table() -> None:
    html = show([{"number": "1", "risk": "low"}, {"number": "2", "risk": "high"}]).html
    assert html.count("<tr") == 3
    assert "<table" not in show([{"a": 1}, {"b": 2}, {"c": {"d": 1}}]).html


def test_long_values_are_cut_and_say_so() -> None:
    assert "The first 100,000 of 150,000 characters are shown." in show("x" * 150_000).html
    assert "The first 200 of 5,000 items are shown." in show(list(range(5000))).html
    assert line("word " * 100).endswith("…")


def test_the_part_that_matters_is_marked_and_a_bad_place_is_ignored() -> None:
    assert "<mark>limit</mark>" in marked("no limit here", 3, 8).html
    assert "<mark" not in marked("no limit here", 8, 3).html
    assert "<mark" not in marked("no limit here", 3, 300).html


def test_markdown_is_set_for_reading_and_what_reaches_outside_stays_text() -> None:
    html = show(
        "# Memo\n\n**High** risk: *see* `7.2`.\n\n1. One\n2. Two\n\n![x](http://elsewhere.invalid/y.png)"
        " [a](http://elsewhere.invalid) <http://elsewhere.invalid> <img src=x>"
    ).html
    assert "<h3>Memo</h3>" in html
    assert "<strong>High</strong>" in html
    assert "<ol><li>One</li><li>Two</li></ol>" in html
    assert "![x](http://elsewhere.invalid/y.png)" in html
    assert "[a](http://elsewhere.invalid)" in html
    assert "<img" not in html
    assert "<a" not in html


@given(st.text(alphabet="#*_-`>[]()!<&x \n|1.~"))
def test_any_markdown_can_be_shown_and_brings_in_no_tag_of_its_own(text: str) -> None:
    html = show(f"# x\n{text}").html
    assert not {"img", "a", "script"} & set(re.findall(r"<(\w+)", html))
