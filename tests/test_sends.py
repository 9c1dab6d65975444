"""Sends are stored as LangGraph's serializer makes them, byte for byte, and read as it reads them."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Send

from treadle.checkpoints.layouts.sends import dump, load

SERDE = JsonPlusSerializer()
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
odd = st.sampled_from([HumanMessage("hello", id="1"), {"set": {1}}, datetime(2026, 1, 2), (1, "two"), Send("inner", 1)])
sends = st.builds(Send, st.text(), plain | odd, timeout=st.none() | st.just(1.0))


@given(sends | st.lists(sends | plain, max_size=20) | plain)
def test_a_value_has_the_bytes_that_the_serializer_gives_it(value: Any) -> None:
    assert dump(SERDE, value) == SERDE.dumps_typed(value)


@given(sends | st.lists(sends | plain, max_size=20) | plain | odd)
def test_a_value_is_read_as_the_serializer_reads_it(value: Any) -> None:
    stored = SERDE.dumps_typed(value)
    found, theirs = load(SERDE, stored), SERDE.loads_typed(stored)
    assert type(found) is type(theirs)
    assert found == theirs


@pytest.mark.parametrize("count", [1, 15, 16, 70_000])
def test_lists_of_sends_of_every_length_are_read_back(count: int) -> None:
    value = [Send("node", number) for number in range(count)]
    assert SERDE.loads_typed(dump(SERDE, value)) == load(SERDE, dump(SERDE, value)) == value


class Unknown:
    """No serializer knows it."""


@pytest.mark.parametrize("value", [Send("node", Unknown()), [Send("node", 1), Send("node", Unknown())]])
def test_an_argument_that_cannot_be_stored_is_refused_as_by_the_serializer(value: Any) -> None:
    with pytest.raises(TypeError) as theirs:
        SERDE.dumps_typed(value)
    with pytest.raises(type(theirs.value), match="Unknown"):
        dump(SERDE, value)


class Cipher:
    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "turned", plaintext[::-1]

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return ciphertext[::-1]


class Own(JsonPlusSerializer):
    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return "own", b"made otherwise"


@pytest.mark.parametrize("serde", [EncryptedSerializer(Cipher()), JsonPlusSerializer(pickle_fallback=True), Own()])
def test_other_serializers_are_left_to_make_their_own(serde: Any) -> None:
    for value in (Send("node", 1), [Send("node", {"item": 1})]):
        assert dump(serde, value) == serde.dumps_typed(value)


@pytest.mark.parametrize("serde", [EncryptedSerializer(Cipher()), JsonPlusSerializer(pickle_fallback=True)])
def test_what_other_serializers_made_is_read_by_them(serde: Any) -> None:
    value = [Send("node", {"item": 1}), Send("node", Send("inner", 1))]
    assert load(serde, serde.dumps_typed(value)) == value
