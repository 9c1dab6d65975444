import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.errors import DocumentError
from treadle.nodes.texts.splits import Clause, clauses

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"

NUMBERS = [
    "1. ",
    "2. ",
    "1.1 ",
    "1.2 ",
    "2.1 ",
    "7",
    "7.1.1 ",
    "0. ",
    "99999999999. ",
    "(a) ",
    "a. ",
    "Section 1. ",
    "Article II",
]
MARKS = [
    "# ",
    "## 3. ",
    "- ",
    "> ",
    "---\n",
    "===\n",
    "```\n",
    "**",
    "<span>",
    "</span>",
    "<div>",
    "<!--",
    "-->",
    "[a]: b",
    "[a]",
]
WORDS = ["**Fees**", "Fees.", "The Customer pays.", "means,", "Signed by", "&amp;", "\\", "\x00", "\ud800"]
SPACES = ["\n", "\n\n", "\r\n", "\r", "\t", "  ", "    ", "\x0b", "\x0c", "\x85", "\u2028"]
PIECES = st.sampled_from([*NUMBERS, *MARKS, *WORDS, *SPACES])


def shared(name: str) -> str:
    """One of the real agreements, which are read where they are and never copied."""
    file = DATA / name
    if not file.exists():
        pytest.skip(f"{file} is not beside the project")
    return file.read_text()


def numbers(text: str) -> list[str]:
    return [clause["number"] for clause in clauses(text)]


def check(text: str, found: list[Clause]) -> None:
    """Every place is inside the text, in order, without overlap, and trimmed."""
    assert found
    assert all(0 <= clause["start"] < clause["end"] <= len(text) for clause in found)
    assert all(one["end"] <= two["start"] for one, two in pairwise(found))
    slices = [text[clause["start"] : clause["end"]] for clause in found]
    assert all(piece == piece.strip() for piece in slices)
    assert all(clause["text"].strip() for clause in found)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=25).map("".join)))
def test_any_text_is_split_into_ordered_slices_or_refused(text: str) -> None:
    try:
        found = clauses(text)
    except DocumentError:
        return
    check(text, found)


@pytest.mark.parametrize("text", ["", "   \n\n", "<!-- nothing -->", "---\n"])
def test_a_text_with_nothing_to_read_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="nothing to review"):
        clauses(text)


def test_a_flat_list_is_split_at_its_numbers_with_its_headings() -> None:
    text = "# Terms\n\n1. **Fees**. They are due.\n\n2. **Law**. English law:\n   1. here;\n   2. there.\n\nA note.\n"
    first, second = clauses(text)
    assert (first["number"], first["heading"], first["path"]) == ("1", "Fees", ["Terms"])
    assert first["text"] == "Fees. They are due."
    assert second["text"] == "Law. English law:\n\n2.1 here;\n\n2.2 there."
    assert text[second["start"] : second["end"]].startswith("2. **Law**")
    assert "A note" not in text[second["start"] : second["end"]]


def test_nested_lists_that_restart_their_numbers_get_whole_ones() -> None:
    text = (
        "1. Fees\n    1. Pay now.\n    2. Pay later.\n2. Term\n    1. It lasts.\n        a. here;\n        b. there.\n"
    )
    assert numbers(text) == ["1.1", "1.2", "2.1"]
    last = clauses(text)[-1]
    assert last["path"] == ["Term"]
    assert last["heading"] == "Term"
    assert last["text"] == "It lasts.\na. here;\nb. there."


def test_numbered_headings_with_numbered_paragraphs_are_split_at_the_second_level() -> None:
    text = "## 7. Liability\n\n7.1 **Cap.** Ten pounds.\n\n(a) at most; and\n\n(b) at least.\n\n7.2 Nothing else.\n"
    cap, other = clauses(text)
    assert (cap["number"], cap["heading"], cap["path"]) == ("7.1", "Cap", ["Liability"])
    assert cap["text"] == "Cap. Ten pounds.\n\n(a) at most; and\n\n(b) at least."
    assert (other["number"], other["heading"]) == ("7.2", "Liability")


def test_plain_text_is_split_by_its_numbering_and_not_at_cross_references() -> None:
    text = (
        "1. DEFINITIONS\n1.1 Words have\nthe meanings in clause\n2.1 below and\n3.2 none.\n1.2 None."
        "\n\n2. FEES\n2.1 Fees are due within\n30. days of invoice.\n2.2 Interest runs.\n\n3. LAW\nEnglish law.\n"
    )
    assert numbers(text) == ["1.1", "1.2", "2.1", "2.2", "3"]
    assert clauses(text)[0]["path"] == ["DEFINITIONS"]
    assert "30. days" in clauses(text)[2]["text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "ARTICLE I\nTERMS\n\nSection 1. Words. They mean.\n\nArticle II\n\nSection 1. Fees. Pay.\n",
            ["1.1", "2.1"],
        ),
        ("1.\nFees\n1.1\nThe Customer pays.\n1.2\nInterest runs.\n", ["1.1", "1.2"]),
        ("1 DEFINITIONS\n\n1.1 Words mean.\n\n2 FEES\n\n2.1 Pay them.\n", ["1.1", "2.1"]),
        ("**1. Fees**\n\n**1.1** Pay.\n\n**1.2 Tax.** It is extra.\n", ["1.1", "1.2"]),
        ("    1.  Fees\n\n        1.1   Pay.\n\n        1.2   Interest.\n", ["1.1", "1.2"]),
        ("## 1. Fees\n\n1. Pay.\n2. Invoice.\n\n## 2. Term\n\n1. One year.\n", ["1.1", "1.2", "2.1"]),
        ("1. One.\n1. Two.\n1. Three.\n", ["1", "2", "3"]),
        ("# 1 Scope\n\n## 1.1 All\n\n1.1.1 First.\n\n1.1.2 Second.\n\n## 1.2 None\n\n1.2.1 Third.\n", ["1.1", "1.2"]),
        ("# Main\n\n1. One is.\n2. Two are.\n\n# Schedule\n\n1. One more.\n", ["1", "2", "1"]),
        ("1. One is\r\nso.\r\n2. Two.\r\n", ["1", "2"]),
        ("> 1. One.\n> 2. Two.\n", ["1", "2"]),
    ],
)
def test_the_forms_in_which_agreements_are_numbered_are_understood(text: str, expected: list[str]) -> None:
    assert numbers(text) == expected
    check(text, clauses(text))


def test_inline_markup_is_taken_off_the_text_and_the_place_still_points_into_the_source() -> None:
    text = '1. <span class="h">Use.</span> The <b>Customer</b> *may* use `it` &amp; <Name of the thing>.\n2. No more.\n'
    first = clauses(text)[0]
    assert first["heading"] == "Use"
    assert first["text"] == "Use. The Customer may use it & <Name of the thing>."
    assert text[first["start"] : first["end"]] == text.splitlines()[0]


def test_unnumbered_words_between_clauses_are_never_lost() -> None:
    short = "1. Alpha is.\n\nThe Customer also gives up everything.\n\n2. Beta is.\n"
    assert "gives up everything" in clauses(short)[0]["text"]
    long = "1. Alpha is.\n2. Beta is.\n\n## Special terms\n\n" + "The Customer waives every right that it has. " * 4
    assert clauses(long)[-1]["number"] == ""
    assert clauses(long)[-1]["heading"] == "Special terms"
    assert "waives" in clauses(long)[-1]["text"]


def test_signatures_are_not_part_of_the_last_clause() -> None:
    text = "1.1 Pay.\n\n1.2 Stay.\n\nIN WITNESS WHEREOF the parties have signed.\n\nBy: ____\n"
    assert clauses(text)[-1]["text"] == "Stay."


def test_a_document_without_numbers_falls_back_to_its_paragraphs() -> None:
    text = "# Letter\n\nDear all,\n\nWe met:\n\n- once\n- twice\n\nBye.\n"
    found = clauses(text)
    assert [clause["heading"] for clause in found] == ["¶1", "¶2", "¶3"]
    assert all(clause["number"] == "" and clause["path"] == ["Letter"] for clause in found)
    assert "twice" in found[1]["text"]


def test_the_services_agreement_is_split_into_the_clauses_of_its_key() -> None:
    text = (ROOT / "examples" / "services_agreement.md").read_text()
    key = json.loads((ROOT / "examples" / "services_agreement.key.json").read_text())
    found = clauses(text)
    check(text, found)
    wanted = [(clause["number"], clause["heading"]) for clause in key["clauses"]]
    assert [(clause["number"], clause["heading"]) for clause in found] == wanted
    assert {clause["risk"] for clause in key["clauses"]} == set(key["risks"])
    assert {clause["category"] for clause in key["clauses"]} == set(key["categories"])


def test_a_real_agreement_three_levels_deep_is_split_at_the_second() -> None:
    text = shared("cloud-service-agreement.md")
    found = clauses(text)
    check(text, found)
    assert len(found) == 93
    by_number = {clause["number"]: clause for clause in found}
    assert [number for number in by_number if number.startswith("5.")] == [f"5.{n}" for n in range(1, 7)]
    assert by_number["8.2"]["heading"] == "Damages Waiver"
    assert by_number["8.2"]["path"] == ["Cloud Service Agreement", "Limitation of Liability"]
    assert by_number["7.1"]["heading"] == "Disclaimer of Warranties"
    assert by_number["13.2"]["heading"] == '"Affiliate"'
    assert by_number["13.34"]["text"].endswith("Subscription Period or Governing Law.")
    assert "a. if the other party" in by_number["5.3"]["text"]
    assert not any("<span" in clause["text"] for clause in found)


def test_a_real_flat_agreement_is_split_at_its_numbers() -> None:
    text = shared("mutual-nda.md")
    found = clauses(text)
    check(text, found)
    assert [clause["number"] for clause in found] == [str(number) for number in range(1, 12)]
    assert found[8]["heading"] == "Governing Law and Jurisdiction"
    assert found[-1]["text"].endswith("form the same agreement.")
