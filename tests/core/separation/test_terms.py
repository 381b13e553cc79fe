from __future__ import annotations

from guardproxy.core.separation.terms import EVERY_KEY, OperatorPrompt, Separation, Treatment
from tests.core.separation.requests import fenced


def test_what_is_not_written_is_off() -> None:
    nothing = Separation()
    assert not (nothing.cleans or nothing.fenced or nothing.speaks or nothing.signs("key", "name"))
    assert not nothing.tokens.live_in("<|im_start|>")


def test_fences_need_clean_text_and_a_sentence() -> None:
    assert fenced().fenced
    assert fenced().cleans
    assert fenced().speaks
    assert Separation(prompt=OperatorPrompt("x")).speaks


def test_control_tokens_are_known_where_something_follows_from_them() -> None:
    families = frozenset({"bars"})
    assert Separation(control_tokens=Treatment.FLAG, token_families=families).tokens.live_in("<|im_start|>")
    assert not Separation(control_tokens=Treatment.ALLOW, token_families=families).tokens.live_in("<|im_start|>")


def test_keys_that_sign_are_named_by_id_or_name_or_all() -> None:
    assert Separation(signed_keys=frozenset({"id1"})).signs("id1", "web")
    assert Separation(signed_keys=frozenset({"web"})).signs("id1", "web")
    assert Separation(signed_keys=frozenset({EVERY_KEY})).signs("id1", "web")
    assert not Separation(signed_keys=frozenset({"other"})).signs("id1", "web")
