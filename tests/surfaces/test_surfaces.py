from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces import SURFACES, Surface
from guardproxy.surfaces.parameters import judge_parameters
from guardproxy.wire.document import decode, encode, replace
from guardproxy.wire.sse import DONE, SseEvent
from tests.support.strategies import make_kit

KIT = make_kit({"word": "secret"})
ANSWERS: dict[str, Any] = {
    "chat_completions": {"choices": [{"index": 0, "message": {"content": "a secret"}}]},
    "completions": {"choices": [{"index": 0, "text": "a secret"}]},
    "embeddings": {"data": [{"embedding": [0.5, 1], "note": "a secret"}]},
    "moderations": {"results": [{"note": "a secret"}]},
    "responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "a secret"}]}]},
    "messages": {"content": [{"type": "text", "text": "a secret"}]},
    "models": {"data": [{"id": "a secret"}]},
}
EVENTS: dict[str, Any] = {
    "chat_completions": {"choices": [{"index": 0, "delta": {"content": "a secret"}}]},
    "completions": {"choices": [{"index": 0, "text": "a secret"}]},
    "responses": {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a secret"},
    "messages": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a secret"}},
}
EACH = {id(surface): surface for surface in SURFACES.values()}
NAMED = [(f"{surface.name}-{number}", surface) for number, surface in enumerate(EACH.values())]
each_surface = pytest.mark.parametrize("surface", [one for _, one in NAMED], ids=[name for name, _ in NAMED])
STREAMING = [(name, one) for name, one in NAMED if one.open_stream]


def test_what_is_served_is_these_paths() -> None:
    assert {f"{method} {path}" for method, path in SURFACES} == {
        "POST /chat/completions", "POST /completions", "POST /embeddings", "POST /moderations",
        "POST /messages", "POST /messages/count_tokens",
        "POST /responses", "POST /responses/compact", "POST /responses/input_tokens",
        "GET /responses/{id}", "DELETE /responses/{id}", "POST /responses/{id}/cancel",
        "GET /responses/{id}/input_items", "GET /models", "GET /models/{id}",
    }  # fmt: skip


@each_surface
def test_every_surface_keeps_a_secret_of_a_whole_answer_back(surface: Surface) -> None:
    document = decode(encode(ANSWERS[surface.name]))
    surface.strip_copies(document)
    replace(document, inspect(KIT.policy(), surface.read_response(document).segments).edits)
    assert b"a [WORD]" in encode(document)


@pytest.mark.parametrize("surface", [one for _, one in STREAMING], ids=[name for name, _ in STREAMING])
def test_every_surface_that_streams_keeps_a_secret_of_a_stream_back(surface: Surface) -> None:
    assert surface.open_stream is not None
    editor = surface.open_stream(OutputGuard(KIT.policy()), None)
    event = SseEvent(encode(EVENTS[surface.name]).decode())
    shown = b"".join([*editor.feed(event), *editor.feed(SseEvent(DONE)), *editor.finish()])
    assert b"a [WORD]" in shown
    assert (b"secret" in shown, editor.characters, editor.usage) == (False, len("a [WORD]"), None)


@pytest.mark.parametrize("surface", [one for _, one in STREAMING], ids=[name for name, _ in STREAMING])
def test_every_surface_that_streams_tells_an_error_that_its_clients_raise(surface: Surface) -> None:
    assert surface.open_stream is not None
    editor = surface.open_stream(OutputGuard(KIT.policy()), None)
    told = editor.error_event(UpstreamUnavailable("gone"), "req_1")
    assert b'"message":"gone"' in told.partition(b'"error":{')[2]


@each_surface
def test_a_surface_reads_requests_unless_all_is_said_in_the_path(surface: Surface) -> None:
    paths = {path for (_, path), one in SURFACES.items() if one is surface}
    methods = {method for (method, _), one in SURFACES.items() if one is surface}
    reads = methods == {"POST"} and not any("{" in path for path in paths)
    assert reads == (surface.read_request is not None) == (surface.read_target is None)


@each_surface
def test_every_surface_with_requests_has_its_parameters_judged(surface: Surface) -> None:
    if surface.read_request is not None:
        assert judge_parameters({"model": "m", "chat_template": "x"}, surface.name).refused


@each_surface
def test_only_who_stores_something_says_so(surface: Surface) -> None:
    created = {("POST", "/responses"), ("GET", "/responses/{id}")}
    assert (surface.made is not None) == any(SURFACES[one] is surface for one in created)


def test_every_surface_that_has_tools_shows_their_calls_to_the_rules_about_them() -> None:
    """A surface without readers of calls would let every call pass unjudged."""
    with_tools = {"chat_completions", "responses", "messages"}
    for surface in SURFACES.values():
        assert (surface.read_calls is not None) is (surface.name in with_tools), surface.name
        if surface.read_request is not None and surface.name in with_tools:
            assert surface.read_conversation is not None
