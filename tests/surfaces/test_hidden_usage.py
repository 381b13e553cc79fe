"""A client that did not ask for the usage sees the stream as it would have come without it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions import ChatStream
from guardproxy.surfaces.completions import CompletionStream
from guardproxy.surfaces.hidden_usage import ask_for_usage, ask_no_more, hide_usage
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent, encode_event
from tests.support.strategies import Kit, kits, make_kit, texts
from tests.surfaces.chat_completions.received import Transcript, chunk, event, part, transcripts

USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
WORDS = make_kit({"word": "secret{1,3}"})


def frames_of(kit: Kit, documents: Sequence[Any], *, hides: bool, compact: bool) -> tuple[bytes, Any]:
    """What a client gets of these events, each of which comes by itself, as most do; and the usage that was seen."""
    stream, decoder = ChatStream(OutputGuard(kit.policy())), SseDecoder()
    stream.hides_usage = hides
    separators = (",", ":") if compact else None
    out: list[bytes] = []
    for document in [*documents, None]:
        data = DONE if document is None else json.dumps(document, separators=separators, ensure_ascii=False)
        piece = encode_event(data)
        passed = stream.pass_on(piece) if decoder.between else None
        if passed is not None:
            decoder.skip(len(piece))
            out += passed
            continue
        for item in decoder.feed(piece):
            assert isinstance(item, SseEvent)
            out += stream.feed(item)
    return b"".join([*out, *stream.finish()]), stream.usage


def as_asked(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same stream from a server that was asked for the usage."""
    nulls = [{**document, "usage": None} for document in documents]
    return [*nulls, {**chunk(), "choices": [], "usage": USAGE}]


def meant(data: bytes) -> list[Any]:
    items = [item for item in SseDecoder().feed(data) if isinstance(item, SseEvent)]
    return [item.data if item.data == DONE else json.loads(item.data) for item in items]


@given(kits(), transcripts(texts), st.booleans())
def test_what_is_hidden_leaves_the_stream_as_if_nobody_had_asked(
    kit: Kit, transcript: Transcript, compact: bool
) -> None:
    documents = [{k: v for k, v in d.items() if k != "usage"} for d in transcript.documents if d.get("choices")]
    without, _ = frames_of(kit, documents, hides=False, compact=compact)
    hidden, usage = frames_of(kit, as_asked(documents), hides=True, compact=compact)
    assert meant(hidden) == meant(without)
    blocked = b'"content_filter"' in without
    assert usage == USAGE or blocked


@pytest.mark.parametrize("compact", [False, True])
def test_events_keep_their_bytes_but_for_the_null(compact: bool) -> None:
    documents = [chunk(part(0, {"content": text})) for text in ("a", "b", "Grüße", "say \u2713", " c", "\n")]
    without, _ = frames_of(WORDS, documents, hides=False, compact=compact)
    hidden, _ = frames_of(WORDS, as_asked(documents), hides=True, compact=compact)
    assert hidden == without


def test_what_nobody_asked_for_on_our_behalf_stays() -> None:
    documents = as_asked([chunk(part(0, {"content": "a"}))])
    kept, usage = frames_of(WORDS, documents, hides=False, compact=True)
    assert meant(kept)[:-1] == documents
    assert usage == USAGE


def test_an_event_that_says_more_than_its_usage_goes_out_without_it() -> None:
    document = {"choices": [], "usage": None, "prompt_filter_results": [{"prompt_index": 0}]}
    usage, left = hide_usage(dict_of(document), event(document), USAGE)
    assert usage == USAGE
    assert left is not None
    assert json.loads(left.data) == {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}


def test_a_null_inside_of_another_object_is_not_the_events_own() -> None:
    document = {"choices": [{"usage": None, "a": 1}], "usage": None, "b": 2}
    _, left = hide_usage(dict_of(document), event(document), None)
    assert left is not None
    assert json.loads(left.data) == {"choices": [{"usage": None, "a": 1}], "b": 2}


def dict_of(document: dict[str, Any]) -> dict[str, Any]:
    return dict(document)


def test_a_completions_stream_hides_it_too() -> None:
    piece = {"id": "c", "object": "text_completion", "model": "m", "choices": [{"index": 0, "text": "a"}]}
    stream = CompletionStream(OutputGuard(WORDS.policy()))
    stream.hides_usage = True
    told = stream.feed(event({**piece, "usage": None}))
    assert meant(b"".join(told)) == [piece]
    assert stream.feed(event({**piece, "choices": [], "usage": USAGE})) == []
    assert stream.usage == USAGE


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_obfuscation": False}])
def test_asking_keeps_the_other_options_and_can_be_taken_back(options: dict[str, Any] | None) -> None:
    document: dict[str, Any] = {"stream": True} if options is None else {"stream": True, "stream_options": options}
    ask_for_usage(document)
    others = {name: value for name, value in (options or {}).items() if name != "include_usage"}
    assert document == {"stream": True, "stream_options": {**others, "include_usage": True}}
    ask_no_more(document)
    assert document == ({"stream": True, "stream_options": others} if others else {"stream": True})
