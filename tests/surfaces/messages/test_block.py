from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.verdict import Action
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.messages.block import Block
from guardproxy.surfaces.messages.calls import Call
from guardproxy.surfaces.messages.cleaning import Cleaner
from tests.support.strategies import make_kit

WORDS = make_kit({"word": "secret"})


def made(kit: Any = WORDS) -> tuple[Block, Cleaner]:
    guard = OutputGuard(kit.policy())
    return Block(0, guard, announced=True), Cleaner(guard)


def test_an_announcement_shows_of_a_text_what_is_safe() -> None:
    block, cleaner = made()
    content = {"type": "text", "text": "a sec", "citations": [{"cited_text": "secret"}]}
    assert block.begin(content, cleaner)
    assert content == {"type": "text", "text": "a ", "citations": [{"cited_text": "[WORD]"}]}
    assert block.channel("text", "text_delta").feed("ret!") == "[WORD]!"


def test_the_rest_of_each_text_comes_with_the_type_of_its_events() -> None:
    block, _ = made()
    for member, delta in (("text", "text_delta"), ("note", "note_delta"), ("empty", "x")):
        block.channel(member, delta).feed("" if member == "empty" else "a se")
    assert block.finish() == [("text_delta", "text", "se"), ("note_delta", "note", "se")]
    assert block.finish() == []
    assert block.channel("text", "text_delta").feed("") == ""
    with pytest.raises(UpstreamUnavailable):
        block.channel("text", "text_delta").feed("x")


def test_a_text_shown_as_whole_does_not_grow() -> None:
    block, cleaner = made()
    block.begin({"type": "x", "id": "i", "note": "sec", "empty": ""}, cleaner)
    block.channel("empty", "x")
    with pytest.raises(UpstreamUnavailable):
        block.channel("note", "x")


@pytest.mark.parametrize(("text", "kept"), [("all well", True), ("a secret", False)])
def test_a_signature_goes_out_only_over_a_text_that_went_out_as_it_came(text: str, kept: bool) -> None:
    block, cleaner = made()
    block.channel("thinking", "thinking_delta").feed(text)
    block.finish()
    assert block.sign({"type": "signature_delta", "signature": "QUJD"}, cleaner) is kept
    assert not block.sign({"type": "signature_delta", "signature": "a secret"}, cleaner)


def test_after_a_block_nothing_is_signed() -> None:
    block, cleaner = made(make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK}))
    block.channel("thinking", "thinking_delta").feed("bad")
    assert not block.sign({"type": "signature_delta", "signature": "QUJD"}, cleaner)


def test_a_block_is_open_from_its_announcement_to_its_end() -> None:
    block, _ = made()
    assert block.is_open
    block.call = Call(None)
    assert block.is_open
    block.ended = True
    assert not block.is_open
    assert not Block(0, OutputGuard(WORDS.policy()), announced=False).is_open
