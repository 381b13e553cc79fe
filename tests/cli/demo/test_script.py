"""What is said: the cuts are bad ones, and each model misbehaves as its name says."""

from __future__ import annotations

import json

import pytest

from guardproxy.cli.demo.script import (
    INJECTION,
    MODELS,
    NO_SYSTEM,
    ORDERS,
    PLAIN,
    PREFIX,
    Reply,
    cut_badly,
    new_credential,
    reply_of,
)

CREDENTIAL = new_credential()


def reply(model: str, *messages: dict[str, str]) -> Reply:
    found = reply_of(model, messages, CREDENTIAL)
    assert found is not None
    return found


def test_every_credential_is_another_one() -> None:
    assert len({new_credential() for _ in range(100)}) == 100


def test_a_cut_credential_is_the_same_credential() -> None:
    assert "".join(cut_badly(CREDENTIAL)) == CREDENTIAL


def test_the_prefix_is_never_whole_in_one_piece_and_the_end_comes_one_character_at_a_time() -> None:
    pieces = cut_badly(CREDENTIAL)
    assert not any(PREFIX in piece for piece in pieces)
    assert list(CREDENTIAL[-10:]) == list(pieces[-10:])


def test_the_leak_begins_inside_a_harmless_piece() -> None:
    pieces = reply("stand-in-leaky").pieces
    assert "is s" in pieces
    assert CREDENTIAL in "".join(pieces)
    assert not any(CREDENTIAL in piece for piece in pieces)


@pytest.mark.parametrize("model", MODELS)
def test_no_piece_is_empty(model: str) -> None:
    said = reply(model, {"role": "user", "content": "Hello!"})
    assert all(said.pieces)
    assert all(said.call.fragments if said.call else ())


def test_the_plain_model_says_the_plain_text_word_by_word() -> None:
    assert reply("stand-in").text == PLAIN
    assert len(PLAIN.split()) == len(reply("stand-in").pieces)


def test_the_obedient_model_obeys_only_when_it_is_told_to() -> None:
    system = {"role": "system", "content": ORDERS}
    assert reply("stand-in-obedient", system, {"role": "user", "content": "Hello!"}).text == PLAIN
    assert ORDERS in reply("stand-in-obedient", system, {"role": "user", "content": INJECTION}).text


def test_the_parrot_repeats_its_system_prompt() -> None:
    assert reply("stand-in-parrot", {"role": "system", "content": ORDERS}).text.endswith(ORDERS)
    assert reply("stand-in-parrot", {"role": "user", "content": "Hello!"}).text.endswith(NO_SYSTEM)


def test_the_tool_call_is_json_with_the_credential_inside() -> None:
    call = reply("stand-in-tools").call
    assert call is not None
    assert json.loads(call.arguments)["api_key"] == CREDENTIAL
    assert not any(CREDENTIAL in fragment for fragment in call.fragments)


def test_there_is_no_other_model() -> None:
    assert reply_of("gpt", [], CREDENTIAL) is None
