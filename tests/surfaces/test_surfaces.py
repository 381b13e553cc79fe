from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.surfaces import SURFACES, Surface
from guardproxy.wire.document import encode, replace
from guardproxy.wire.sse import DONE, SseEvent
from tests.support.strategies import make_kit

KIT = make_kit({"word": "secret"})
ANSWERS: dict[str, Any] = {
    "chat_completions": {"choices": [{"index": 0, "message": {"content": "a secret"}}]},
    "models": {"data": [{"id": "a secret"}]},
}
EVENTS: dict[str, Any] = {"chat_completions": {"choices": [{"index": 0, "delta": {"content": "a secret"}}]}}


def test_what_is_served_is_these_paths() -> None:
    served = {("POST", "/chat/completions"), ("GET", "/models"), ("GET", "/models/{id}")}
    assert served == set(SURFACES)


@pytest.mark.parametrize("surface", set(SURFACES.values()), ids=lambda surface: surface.name)
def test_every_surface_keeps_a_secret_of_a_whole_answer_back(surface: Surface) -> None:
    document = ANSWERS[surface.name]
    surface.strip_copies(document)
    replace(document, inspect(KIT.policy(), surface.read_response(document).segments).edits)
    assert b"a [WORD]" in encode(document)


@pytest.mark.parametrize("surface", [s for s in set(SURFACES.values()) if s.open_stream], ids=lambda s: s.name)
def test_every_surface_that_streams_keeps_a_secret_of_a_stream_back(surface: Surface) -> None:
    assert surface.open_stream is not None
    editor = surface.open_stream(OutputGuard(KIT.policy()), None)
    event = SseEvent(encode(EVENTS[surface.name]).decode())
    shown = b"".join([*editor.feed(event), *editor.feed(SseEvent(DONE)), *editor.finish()])
    assert b"a [WORD]" in shown
    assert (b"secret" in shown, editor.characters, editor.usage) == (False, len("a [WORD]"), None)


@pytest.mark.parametrize("surface", set(SURFACES.values()), ids=lambda surface: surface.name)
def test_a_surface_reads_requests_where_its_method_has_a_body(surface: Surface) -> None:
    methods = {method for (method, _), one in SURFACES.items() if one is surface}
    assert (methods == {"POST"}) == (surface.read_request is not None)


def test_every_surface_that_has_tools_shows_their_calls_to_the_rules_about_them() -> None:
    """A surface without readers of calls would let every call pass unjudged."""
    with_tools = {"chat_completions", "responses", "messages"}
    for surface in SURFACES.values():
        assert (surface.read_calls is not None) is (surface.name in with_tools), surface.name
        if surface.read_request is not None and surface.name in with_tools:
            assert surface.read_conversation is not None
