from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.surfaces.messages.events import Edited, own_delta, own_event
from guardproxy.wire.sse import SseEvent


def frame(data: str, name: str = "", *, changed: bool = False, document: Any = None) -> bytes:
    return Edited(SseEvent(data, name), json.loads(data) if document is None else document, changed).frame()


@pytest.mark.parametrize(
    "data", ['{"type":"ping"}', '{ "type": "ping" }', '{"n":1.50}', '{"t":"\\u00e9"}', '{"a":1}   ']
)
def test_an_event_that_was_not_changed_goes_out_as_it_came(data: str) -> None:
    assert frame(data, "ping") == f"event: ping\ndata: {data}\n\n".encode()


def test_an_event_that_was_changed_is_written_anew() -> None:
    assert frame('{"a": "secret"}', changed=True, document={"a": "-"}) == b'data: {"a":"-"}\n\n'


def test_of_two_members_of_one_name_only_the_one_that_was_read_goes_out() -> None:
    assert frame('{"a": "secret", "a": "b"}') == b'data: {"a":"b"}\n\n'


@pytest.mark.parametrize(
    ("expected", "name", "kind"),
    [
        ("ping", "ping", "x"),
        ("vendor.note", "vendor.note", "x"),
        ("ping", "A Secret", "ping"),
        ("", "A Secret", "x"),
        ("", "", "ping"),
    ],
)
def test_an_events_name_is_one_of_the_apis_or_goes(expected: str, name: str, kind: str) -> None:
    data = json.dumps({"type": kind})
    assert frame(data, name) == ((f"event: {expected}\n" if expected else "") + f"data: {data}\n\n").encode()


def test_our_own_events_are_named_as_the_upstreams_are() -> None:
    assert own_event({"type": "message_stop"}, named=True) == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert own_event({"type": "message_stop"}, named=False) == b'data: {"type":"message_stop"}\n\n'
    assert json.loads(own_delta(3, "text_delta", "text", "x", named=False)[6:]) == {
        "type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"},
    }  # fmt: skip
