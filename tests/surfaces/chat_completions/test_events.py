from __future__ import annotations

import pytest

from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.chat_completions.events import own_event, parsed
from guardproxy.wire.document import decode

LABELS = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
CHOICE = {"index": 0, "delta": {"content": "x"}, "logprobs": None, "finish_reason": None}
EVENT = {**LABELS, "created": 1, "choices": [CHOICE], "usage": None}


def test_an_event_of_our_own_looks_like_the_last_one() -> None:
    frame = own_event({**EVENT, "usage": {"total_tokens": 1}}, 2, {"delta": {"content": "x"}}, "stop")
    choice = {"index": 2, "delta": {"content": "x"}, "finish_reason": "stop"}
    assert decode(frame.removeprefix(b"data: ").strip()) == {**LABELS, "created": 1, "choices": [choice]}


@pytest.mark.parametrize(("data", "says"), [("{", "not JSON"), ('{"a": NaN}', "not JSON"), ("[1]", "not an object")])
def test_an_event_that_is_no_document_is_not_believed(data: str, says: str) -> None:
    with pytest.raises(UpstreamUnavailable, match=says):
        parsed(data)
    assert parsed('{"a": 1}') == {"a": 1}
