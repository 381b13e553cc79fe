from __future__ import annotations

import pytest

from guardproxy.surfaces.messages.ending import end_blocked, end_cut
from tests.surfaces.messages.schema import members_of, official


def test_open_blocks_are_closed_before_the_message_ends_with_a_refusal() -> None:
    assert list(end_blocked([1, 3], 7, "Stopped.")) == [
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_stop", "index": 3},
        {
            "type": "message_delta",
            "delta": {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {"type": "refusal", "category": None, "explanation": "Stopped."},
            },
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize("at", range(3))
def test_each_event_is_one_of_the_official_union(at: int) -> None:
    told = list(end_blocked([0], 7, "Stopped."))[at]
    (model,) = [
        one
        for one in members_of(official().BetaRawMessageStreamEvent)
        if one.model_fields["type"].annotation.__args__[0] == told["type"]
    ]
    model.model_validate(told)


def test_an_answer_that_a_limit_ends_ends_as_at_the_models_own_cap() -> None:
    *closed, told, stop = end_cut([2], 7)
    assert closed == [{"type": "content_block_stop", "index": 2}]
    assert told["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert (told["usage"], stop) == ({"output_tokens": 7}, {"type": "message_stop"})
