import json
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.nodes.probabilities import confidences, offers

RISK = {"type": "object", "properties": {"risk": {"type": "string", "enum": ["high", "medium", "low"]}}}


def token(text: str, *, others: dict[str, float] | None = None, chance: float = 1.0) -> dict[str, Any]:
    """A token as the engine tells it, with its chance and those of the others in its place."""
    listed = {**(others or {}), text: chance}
    tops = [{"bytes": list(other.encode()), "logprob": log(likely)} for other, likely in listed.items()]
    return {"bytes": list(text.encode()), "logprob": log(chance), "top_logprobs": tops}


def test_the_share_is_taken_among_the_values_that_the_schema_allows() -> None:
    chosen = token("high", chance=0.3, others={"low": 0.1, "medium": 0.1, "perhaps": 0.5})
    assert confidences(RISK, [token('{"risk": "'), chosen, token('"}')]) == {"risk": 0.6}


def test_tokens_that_hold_more_than_the_value_count_by_their_part_of_it() -> None:
    chosen = token(' "high"}', chance=0.6, others={' "low"}': 0.1, ' "med': 0.1})
    assert confidences(RISK, [token('{"risk":'), chosen]) == {"risk": 0.75}


def test_a_value_of_several_tokens_has_the_product_of_their_shares() -> None:
    schema = {"properties": {"kind": {"enum": ["tax", "tariff", "toll"]}}}
    first, second = token("ta", chance=0.5, others={"toll": 0.5}), token("x", chance=0.8, others={"riff": 0.2})
    assert confidences(schema, [token('{"kind": "'), first, second, token('"}')]) == {"kind": 0.4}


def test_a_value_that_the_grammar_forced_on_the_model_is_no_more_likely_than_the_others() -> None:
    forced = token("high", chance=1e-9)
    forced["top_logprobs"] = token("I", chance=0.9, others={"The": 0.1})["top_logprobs"]
    assert confidences(RISK, [token('{"risk": "'), forced, token('"}')])["risk"] == pytest.approx(1 / 3, abs=1e-3)


def test_choices_are_found_in_lists_alternatives_references_and_booleans() -> None:
    schema = {
        "$defs": {"Kind": {"enum": ["a", "b"]}},
        "properties": {
            "items": {
                "items": {
                    "anyOf": [
                        {"properties": {"type": {"const": "x"}, "kind": {"$ref": "#/$defs/Kind"}}},
                        {"properties": {"type": {"const": "y"}, "kind": {"type": "string"}}},
                    ]
                }
            },
            "sure": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        },
    }
    parts = ['{"items": [{"type": "x", "kind": "', "a", '"}, {"type": "y", "kind": "a"}], "sure": ', "null", "}"]
    tokens = [token(part, chance=0.5, others={"b": 0.5, "true": 0.5}) for part in parts]
    assert set(confidences(schema, tokens)) == {"items.0.kind", "sure"}


def test_an_answer_that_was_cut_short_has_no_confidence() -> None:
    assert confidences(RISK, [token('{"risk": "hi')]) == {}


def test_numbers_that_begin_alike_are_told_apart() -> None:
    schema = {"properties": {"n": {"enum": [1, 10]}}}
    chosen = token("10", chance=0.2, others={"1": 0.6})
    assert confidences(schema, [token('{"n": '), chosen, token("}")]) == {"n": pytest.approx(0.625)}


def test_a_schema_without_choices_offers_none() -> None:
    assert not offers({"properties": {"text": {"type": "string"}, "one": {"enum": ["only"]}}})
    assert offers({"items": {"anyOf": [{"const": "a"}, {"const": "b"}]}})


@given(
    weights=st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 100), min_size=2, max_size=6),
    data=st.data(),
)
def test_spelled_letter_by_letter_the_confidence_is_the_probability_of_the_value(
    weights: dict[str, int], data: st.DataObject
) -> None:
    chosen = data.draw(st.sampled_from(sorted(weights)))
    spelled = {json.dumps(value, ensure_ascii=False): weight for value, weight in weights.items()}
    target = json.dumps(chosen, ensure_ascii=False)
    tokens = [token('{"v": ')]
    for at, letter in enumerate(target):
        following: dict[str, float] = {}
        for value, weight in spelled.items():
            if value.startswith(target[:at]):
                following[value[at]] = following.get(value[at], 0) + weight
        whole = sum(following.values())
        shares = {other: weight / whole for other, weight in following.items()}
        tokens.append(token(letter, chance=shares.pop(letter), others=shares))
    schema = {"properties": {"v": {"enum": list(weights)}}}
    found = confidences(schema, [*tokens, token("}")])
    assert found["v"] == pytest.approx(weights[chosen] / sum(weights.values()), abs=1e-3)
