from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.surfaces.responses.families import (
    FAMILIES,
    ChannelKey,
    family_of,
    family_of_part,
    growing_texts,
    key_of,
    owner_of,
    part_of,
    split_type,
)
from guardproxy.wire.document import get
from tests.surfaces.responses.received import CALLS, PLACES, transcripts
from tests.surfaces.responses.schema import EVENTS, type_of


def test_every_delta_of_the_official_union_is_of_a_known_family() -> None:
    kinds = [split_type(str(type_of(model))) for model in EVENTS]
    deltas = {family for family, step in kinds if step == "delta"} - {"audio", "audio.transcript"}
    assert deltas | {"apply_patch_call_operation_diff"} == set(FAMILIES) == set(PLACES)


def test_calls_are_held_also_those_nobody_has_heard_of() -> None:
    assert {name for name, family in FAMILIES.items() if family.held} == set(CALLS)
    for name in ("robot_call_input", "x_call_arguments", "arguments"):
        assert family_of(name).held
    assert family_of("robot_call_input").done == "input"
    assert family_of("x_call_arguments").arguments
    for name in ("output_text", "robot_call_output_text", "vendor_note", "audio.transcript"):
        assert not family_of(name).held


@pytest.mark.parametrize(
    ("key", "document"),
    [
        (ChannelKey("t", 2), {"output_index": 2, "item_id": "x", "content_index": 0}),
        (ChannelKey("t", 2, (("content_index", 1),)), {"output_index": 2, "content_index": 1}),
        (ChannelKey("t", "x"), {"item_id": "x", "output_index": None}),
        (ChannelKey("t", None), {"delta": "x"}),
        (
            ChannelKey("t", 0, (("command_index", 3), ("x_index", 1))),
            {"output_index": 0, "x_index": 1, "command_index": 3},
        ),
        (ChannelKey("t", "x"), {"output_index": True, "item_id": "x", "content_index": "1"}),
    ],
)
def test_deltas_of_one_text_have_one_key(key: ChannelKey, document: dict[str, Any]) -> None:
    assert key_of("t", document) == key
    assert owner_of(document) == key.owner


def test_parts_are_known_by_their_list_and_their_place() -> None:
    assert part_of({"content_index": 2}) == ("content", 2)
    assert part_of({"summary_index": 1}) == ("summary", 1)
    assert part_of({}) == ("content", 0)
    assert family_of_part("summary_text") == "reasoning_summary_text"
    assert family_of_part(["x"]) is None


@given(transcripts(st.text("xyz", max_size=5)))
def test_the_texts_of_an_item_are_those_of_its_channels(transcript: Any) -> None:
    for output, item in enumerate(transcript.documents[-1]["response"]["output"]):
        found = {
            (one.family, output, next(iter(one.indexes.values()), 0), "".join(map(str, one.below))): one.text
            for one in growing_texts(item)
        }
        assert found == {channel: text for channel, text in transcript.texts.items() if channel[1] == output} | {
            channel: "" for channel in found if not found[channel]
        }
        assert all(get(item, one.path) == one.text for one in growing_texts(item))
