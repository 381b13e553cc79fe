from __future__ import annotations

import secrets

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.separation.nonce import LENGTH, conversation_nonce

SECRET = secrets.token_bytes(32)
beginnings = st.lists(st.text(max_size=8), max_size=4)


@given(beginnings)
def test_a_conversation_keeps_its_nonce(beginning: list[str]) -> None:
    nonce = conversation_nonce(SECRET, "key", beginning)
    assert nonce == conversation_nonce(SECRET, "key", list(beginning))
    assert len(nonce) == LENGTH
    assert set(nonce) <= set("abcdefghijklmnopqrstuvwxyz234567")


@given(beginnings, beginnings)
def test_another_beginning_has_another_nonce(one: list[str], other: list[str]) -> None:
    same = conversation_nonce(SECRET, "key", one) == conversation_nonce(SECRET, "key", other)
    assert same == (one == other)


def test_texts_are_told_apart_wherever_they_are_cut() -> None:
    assert conversation_nonce(SECRET, "key", ["ab", "c"]) != conversation_nonce(SECRET, "key", ["a", "bc"])
    assert conversation_nonce(SECRET, "key", ["1:a"]) != conversation_nonce(SECRET, "key", ["", "a"])


def test_another_caller_or_another_proxy_has_another_nonce() -> None:
    assert conversation_nonce(SECRET, "key", ["a"]) != conversation_nonce(SECRET, "other", ["a"])
    assert conversation_nonce(SECRET, "key", ["a"]) != conversation_nonce(secrets.token_bytes(32), "key", ["a"])
