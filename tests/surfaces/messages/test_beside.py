from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.messages.beside import MOST_CHANNELS, Beside, is_label
from guardproxy.surfaces.messages.cleaning import Cleaner
from tests.support.strategies import make_kit

WORDS = make_kit({"word": "secret{1,3}"})


def beside() -> Beside:
    guard = OutputGuard(WORDS.policy())
    return Beside(guard, Cleaner(guard))


def test_what_is_held_comes_at_its_place_in_an_event_that_clients_can_add_up() -> None:
    one = beside()
    document: dict[str, Any] = {
        "type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "x", "y": {"z": ["a sec"]}},
    }  # fmt: skip
    assert one.edit(document, ["y"], ("delta",))
    assert document["delta"]["y"] == {"z": ["a "]}
    assert list(one.rest(0)) == []
    delta = {"type": "text_delta", "text": "", "y": {"z": ["sec"]}}
    assert list(one.rest(1)) == [{"type": "content_block_delta", "index": 1, "delta": delta}]
    assert list(one.rest()) == []


def test_a_text_that_goes_on_after_its_end_is_not_believed() -> None:
    one = beside()
    one.edit({"type": "x", "y": "a sec"}, ["y"])
    assert [document["y"] for document in one.rest()] == ["sec"]
    assert not one.edit({"type": "x", "y": ""}, ["y"])
    with pytest.raises(UpstreamUnavailable):
        one.edit({"type": "x", "y": "ret"}, ["y"])


def test_names_are_looked_at_and_labels_do_not_grow() -> None:
    one = beside()
    document = {"type": "x", "y": {"secret": "a", "trace_id": "sec"}}
    assert one.edit(document, ["y"])
    assert document == {"type": "x", "y": {"[WORD]": "a", "trace_id": "sec"}}
    assert is_label("id") and is_label("type") and not is_label("text") and not is_label(0)


def test_texts_are_bounded() -> None:
    with pytest.raises(UpstreamUnavailable) as caught:
        beside().edit({"type": "x", "y": ["a"] * (MOST_CHANNELS + 1)}, ["y"])
    assert caught.value.reason == "too_large"
