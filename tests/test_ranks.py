import doctest

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.nodes.rules import ranks

TEXT = (
    "The cat sat. The supplier delivers the parcels on Monday. Late parcels cost the supplier a fee. "
    "The fee for late parcels is ten pounds a day. It rained."
)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(ranks).failed == 0


def test_sentences_end_at_stops_paragraphs_and_items_but_not_at_abbreviations_or_numbers() -> None:
    text = "Mr. Fox paid 8.30 pounds, e.g. Today. He said “No.” Then:\n(a) he left;\n(b) he came.\n\nEnd"
    assert ranks.sentences(text) == [
        "Mr. Fox paid 8.30 pounds, e.g. Today.",
        "He said “No.”",
        "Then:",
        "(a) he left;",
        "(b) he came.",
        "End",
    ]


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_every_sentence_is_words_of_the_text_in_order(text: str) -> None:
    assert " ".join(ranks.sentences(text)).split() == text.split()


def test_the_sentences_that_share_most_rank_highest_and_keep_their_order() -> None:
    assert ranks.summary(TEXT, 2) == [
        "Late parcels cost the supplier a fee.",
        "The fee for late parcels is ten pounds a day.",
    ]


def test_headings_are_not_taken_for_the_sentences_that_matter() -> None:
    assert ranks.summary("Late parcels. Late parcels cost the supplier a fee.", 1) == [
        "Late parcels cost the supplier a fee."
    ]


def test_power_iteration_gives_the_stationary_scores_of_the_walk() -> None:
    graph = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    scores = ranks.power(graph)
    walk = graph / graph.sum(axis=1, keepdims=True)
    assert np.allclose(scores, 0.05 + 0.85 * (scores @ walk), atol=1e-6)
    assert np.isclose(scores.sum(), 1.0)
    assert scores.argmax() == 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), max_size=8))
def test_scores_are_positive_and_sum_to_one(items: list[list[str]]) -> None:
    scores = ranks.rank(items)
    assert len(scores) == len(items)
    assert not items or (np.isclose(scores.sum(), 1.0) and (scores > 0).all())


def test_a_long_text_is_ranked_without_comparing_all_of_it() -> None:
    scores = ranks.rank([["fee", str(number)] for number in range(5000)])
    assert len(scores) == 5000
    assert np.isclose(scores.sum(), 1.0)


def test_key_phrases_are_quoted_from_the_text_and_do_not_repeat_each_other() -> None:
    found = ranks.phrases(TEXT, 3)
    assert found
    assert all(phrase in TEXT for phrase in found)
    stems = [ranks.stem(word) for phrase in found for word in phrase.split()]
    assert len(stems) == len(set(stems))


def test_words_of_one_family_have_one_stem() -> None:
    assert len({ranks.stem(word) for word in ("renew", "renews", "renewed", "renewal", "renewing")}) == 1


def test_nothing_comes_of_nothing() -> None:
    assert ranks.summary("", 3) == []
    assert ranks.phrases("the of and", 3) == []
