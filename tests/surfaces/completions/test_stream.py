from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.core.verdict import Action
from guardproxy.detectors.pattern import PatternOptions
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.completions import CompletionStream
from guardproxy.wire.sse import DONE, SseEvent
from tests.support.strategies import (
    NOT_BLOCKING,
    Kit,
    cut_places,
    json_values,
    kits,
    make_kit,
    quiet_texts,
    secrets_kit,
    strings_of,
    texts,
    texts_with_secrets,
    ways_of_cutting,
)
from tests.surfaces.chat_completions.golden import read
from tests.surfaces.completions.received import (
    FIELDS,
    Received,
    Transcript,
    as_bytes,
    chunk,
    event,
    part,
    run,
    run_bytes,
    transcripts,
)
from tests.surfaces.golden import golden_files

BAD_AT_THE_END = PatternOptions("bad", not_after="a-z")
BLOCKS = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK})
WORDS = make_kit({"word": "secret{1,3}"})


def feed(stream: CompletionStream, document: Any) -> Received:
    return Received(stream.feed(event(document)))


def open_stream(kit: Kit) -> CompletionStream:
    return CompletionStream(OutputGuard(kit.policy()))


# ---------------------------------------------------------------- channels are independent


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_each_member_of_each_choice_is_what_its_whole_text_would_be(kit: Kit, transcript: Transcript) -> None:
    received = run(kit.policy(), transcript.documents)
    for (index, name), text in transcript.texts.items():
        assert kit.released(text)[0] == received.text(index, name)
    assert {index for index, _ in transcript.texts} == set(received.finished)
    assert received.done


@settings(max_examples=30)
@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_interleaved_choices_are_each_what_they_are_alone(kit: Kit, transcript: Transcript) -> None:
    together = run(kit.policy(), transcript.documents)
    for wanted in {index for index, _ in transcript.texts}:
        alone = run(kit.policy(), [_only(wanted, document) for document in transcript.documents])
        for name in FIELDS:
            assert alone.text(wanted, name) == together.text(wanted, name)


def _only(index: int, document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "choices": [choice for choice in document["choices"] if choice["index"] == index]}


@settings(max_examples=30)
@given(transcripts(texts_with_secrets()), cut_places)
def test_every_way_of_cutting_the_bytes_gives_the_whole_texts(transcript: Transcript, cuts: list[int]) -> None:
    kit = secrets_kit()
    for pieces in ways_of_cutting(as_bytes(transcript.documents), cuts):
        received = run_bytes(kit.policy(), pieces)
        shown = {channel: received.texts[channel] for channel in transcript.texts}
        assert {channel: kit.released(text)[0] for channel, text in transcript.texts.items()} == shown


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_events_keep_their_order(kit: Kit, transcript: Transcript) -> None:
    marked = [{**document, "number": at} for at, document in enumerate(transcript.documents)]
    numbers = [document["number"] for document in run(kit.policy(), marked).documents if "number" in document]
    assert list(range(len(marked))) == numbers


@settings(max_examples=40)
@given(kits(), transcripts(texts))
def test_no_prefix_of_a_stream_shows_more_than_its_texts_may(kit: Kit, transcript: Transcript) -> None:
    stream = open_stream(kit)
    shown = Received()
    for document in transcript.documents:
        for frame in stream.feed(event(document)):
            shown.take(frame)
        for (index, name), text in transcript.texts.items():
            assert kit.released(text)[0].startswith(shown.text(index, name))


def test_most_generated_streams_hold_a_match() -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=40, database=None, derandomize=True)
    @given(kits(), transcripts(texts), transcripts(texts_with_secrets()))
    def look(kit: Kit, transcript: Transcript, secret: Transcript) -> None:
        seen["letters", any(map(kit.hiding, transcript.texts.values()))] += 1
        seen["secrets", any(map(secrets_kit().hiding, secret.texts.values()))] += 1
        seen["several choices", len({index for index, _ in transcript.texts}) > 1] += 1

    look()
    assert seen["letters", True] > seen["letters", False]
    assert seen["secrets", True] > seen["secrets", False]
    assert seen["several choices", True] > 10


# ---------------------------------------------------------------- blocking


@settings(max_examples=40)
@given(kits(), transcripts(texts))
def test_a_block_ends_every_open_choice_the_way_clients_notice(kit: Kit, transcript: Transcript) -> None:
    guard = OutputGuard(kit.policy())
    stream = CompletionStream(guard)
    frames = [frame for document in transcript.documents for frame in stream.feed(event(document))]
    received = Received([*frames, *stream.feed(SseEvent(DONE)), *stream.finish()])
    blocks = any(kit.released(text)[1] for text in transcript.texts.values())
    assert received.done
    assert blocks == (guard.blocked is not None)
    for (index, name), text in transcript.texts.items():
        shown, stopped = kit.released(text)
        told = received.text(index, name)
        if not blocks:
            assert shown == told
        elif received.finished.get(index) == "content_filter":
            assert shown.startswith(told)
        elif index in received.finished:
            assert (shown, False) == (told, stopped)


def test_after_a_block_nothing_more_comes_out() -> None:
    stream = open_stream(BLOCKS)
    received = feed(stream, chunk(part(0, "it is bad"), part(1, "fine")))
    assert (received.text(0), received.done) == ("it is ", True)
    assert received.finished == {0: "content_filter", 1: "content_filter"}
    assert stream.feed(event(chunk(part(0, "more")))) == []
    assert (stream.feed(SseEvent(DONE)), stream.finish()) == ([], [])


def test_a_client_that_asked_for_its_usage_gets_it_after_a_block_too() -> None:
    stream = CompletionStream(OutputGuard(BLOCKS.policy()), lambda characters: {"total_tokens": 100 + characters})
    last = feed(stream, chunk(part(0, "it is bad"))).documents[-1]
    assert (last["choices"], last["usage"], last["object"]) == ([], {"total_tokens": 106}, "text_completion")


def test_where_the_policy_wants_an_error_the_stream_just_stops() -> None:
    stream = CompletionStream(OutputGuard(dataclasses.replace(BLOCKS.policy(), on_block=OnBlock.ERROR)))
    received = feed(stream, chunk(part(0, "it is bad")))
    assert (received.text(0), received.finished, received.done) == ("it is ", {}, False)
    assert stream.finish() == []


def test_a_block_in_one_choice_takes_back_no_finish_of_another() -> None:
    documents = [chunk(part(0, "good"), part(1, "fine")), chunk(part(0, "", "stop")), chunk(part(1, ", bad"))]
    received = run(BLOCKS.policy(), documents)
    assert received.finished == {0: "stop", 1: "content_filter"}
    assert (received.text(0), received.text(1)) == ("good", "fine, ")


def test_a_block_found_at_the_very_end_takes_the_finish_back() -> None:
    kit = make_kit({"stop": BAD_AT_THE_END}, actions={"stop": Action.BLOCK})
    for documents in (
        [chunk(part(0, "it is bad")), chunk(part(0, "", "stop"))],
        [chunk(part(0, "it is bad", "stop"))],
        [chunk(part(0, "it is bad"))],
    ):
        received = run(kit.policy(), documents)
        assert (received.finished, received.text(0), received.done) == ({0: "content_filter"}, "it is ", True)


# ---------------------------------------------------------------- what is not touched is not changed

extras = st.dictionaries(st.text("xyzé_", min_size=1, max_size=6), json_values, max_size=3)


@st.composite
def quiet_events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of every kind, known or not, whose texts cannot even begin a match."""
    reasons = st.sampled_from([None, ""])
    choices = [
        {**draw(extras), **part(draw(st.integers(0, 2)), draw(quiet_texts), draw(reasons))}
        for _ in range(draw(st.integers(0, 2)))
    ]
    return {**chunk(*choices), **draw(extras)}


@settings(max_examples=30)
@given(st.lists(quiet_events(), max_size=5))
def test_without_a_match_every_event_passes_as_it_is(documents: list[dict[str, Any]]) -> None:
    received = run(make_kit({"r": "ab{1,3}c"}, {"s": "b1"}).policy(), documents)
    assert list(map(json.dumps, documents)) == list(map(json.dumps, received.documents))


def test_an_event_nothing_was_found_in_goes_out_byte_for_byte() -> None:
    data = '{ "choices" : [ {"index":0, "text":"a \\u00e9", "x": 1.50, "logprobs":null} ], "created": 1E3}'
    assert open_stream(WORDS).feed(SseEvent(data)) == [f"data: {data}\n\n".encode()]
    twice = '{"note": "hidden", "note": "shown", "choices": []}'
    assert b"hidden" not in b"".join(open_stream(WORDS).feed(SseEvent(twice)))


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"message": "overloaded", "code": 502}},
        chunk(part(0, None)),
        chunk({"index": 0, "finish_reason": None}),
        chunk({"text": "x"}),
        chunk(part(0, "x", stop_reason=None, matched_stop=2, delta=None)),
        chunk(part(0, "x"), usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
        {"anything": [1, 2.5, True, None, {"more": "text"}], "n": 2**70},
        {"choices": None},
        {"choices": {"odd": "shape"}},
        {"choices": ["odd", 1, None]},
    ],
)
def test_dialects_pass(document: dict[str, Any]) -> None:
    assert [document] == feed(open_stream(WORDS), document).documents


def test_names_of_events_pass_and_what_is_no_name_does_not() -> None:
    assert open_stream(WORDS).feed(event(chunk(), "completion"))[0].startswith(b"event: completion\ndata: ")
    assert open_stream(WORDS).feed(event(chunk(), "A Secret"))[0].startswith(b"data: ")


def test_usage_is_noted_and_nothing_follows_it() -> None:
    stream = open_stream(WORDS)
    documents = [chunk(part(0, "secre")), chunk(part(0, "", "stop")), chunk(usage={"total_tokens": 7})]
    frames = [frame for document in documents for frame in stream.feed(event(document))]
    received = Received([*frames, *stream.feed(SseEvent(DONE))])
    assert stream.usage == {"total_tokens": 7}
    assert (received.documents[-1], received.text(0)) == (documents[-1], "secre")


def test_released_characters_are_counted_and_an_error_is_noted() -> None:
    stream = open_stream(WORDS)
    for text in ("ab", "c secret", " d"):
        stream.feed(event(chunk(part(0, text))))
    assert (stream.characters, stream.failed) == (len("abc [WORD] d"), False)
    stream.feed(event({"error": {"message": "overloaded"}}))
    assert stream.failed


# ---------------------------------------------------------------- the end of a choice


def test_held_text_goes_out_before_the_finish() -> None:
    documents = [chunk(part(0, "a se")), chunk(part(0, "", reasoning="so sec")), chunk(part(0, "c", "length"))]
    received = run(WORDS.policy(), documents)
    assert [received.text(0, name) for name in FIELDS] == ["a sec", "so sec"]
    assert received.documents[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("done", [True, False])
def test_held_text_of_a_choice_that_never_finishes_goes_out_at_the_end(done: bool) -> None:
    received = run(WORDS.policy(), [chunk(part(0, "a se")), chunk(part(1, "sec"))], done=done)
    assert (received.text(0), received.text(1), received.finished, received.done) == ("a se", "sec", {}, done)


@pytest.mark.parametrize("done", [True, False])
def test_a_match_that_only_the_end_confirms_is_hidden(done: bool) -> None:
    kit = make_kit({"end": BAD_AT_THE_END})
    for documents in ([chunk(part(0, "it is bad"))], [chunk(part(0, "it is bad", "stop"))]):
        assert run(kit.policy(), documents, done=done).text(0) == "it is [END]"


def test_an_upstream_that_goes_on_after_a_finish_is_not_believed() -> None:
    stream = open_stream(WORDS)
    stream.feed(event(chunk(part(0, "a secr", "stop"))))
    assert feed(stream, chunk(part(0, "", "stop"))).documents
    with pytest.raises(UpstreamUnavailable):
        stream.feed(event(chunk(part(0, "et"))))


def test_an_empty_finish_reason_does_not_end_a_choice() -> None:
    assert run(WORDS.policy(), [chunk(part(0, text, "")) for text in ("a se", "cr", "et")]).text(0) == "a [WORD]"


def test_our_own_frames_look_like_the_upstreams() -> None:
    received = run(WORDS.policy(), [chunk(part(0, "a se"), system_fingerprint="f"), chunk(part(1, "x"))], done=False)
    own = received.documents[-1]
    assert (own["id"], own["object"], own["created"], own["model"]) == ("0-1", "text_completion", 1700000000, "0")
    assert own["choices"] == [{"index": 0, "text": "se", "logprobs": None, "finish_reason": None}]


# ---------------------------------------------------------------- bad events


@pytest.mark.parametrize("text", ["nothing", "{", "[]", '"text"', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 400])
def test_an_event_that_is_not_an_object_fails_closed(text: str) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        open_stream(WORDS).feed(SseEvent(text))
    assert raised.value.reason == "bad_event"


@pytest.mark.parametrize(
    "choice", [{"index": "0"}, {"index": None}, {"index": 0, "delta": {"content": "x"}}, {"index": 0, "message": {}}]
)
def test_a_choice_that_is_none_of_this_api_fails_closed(choice: dict[str, Any]) -> None:
    with pytest.raises(UpstreamUnavailable):
        open_stream(WORDS).feed(event(chunk(choice)))


# ---------------------------------------------------------------- text in other places

LOGPROBS = {"tokens": ["se", "cret"], "top_logprobs": [{"secret": -0.1}], "text_offset": [0, 2]}


@pytest.mark.parametrize("name", ["logprobs", "token_ids", "prompt_logprobs", "tokens", "hidden_states"])
def test_copies_of_the_text_are_dropped_where_it_can_be_redacted(name: str) -> None:
    document = {**chunk({**part(0, "x"), name: LOGPROBS}), name: [4, 5]}
    shown = feed(open_stream(WORDS), document).documents[0]
    assert (shown["choices"][0][name], shown[name]) == (None, None)


def test_copies_of_the_text_pass_where_nothing_redacts_it() -> None:
    document = chunk(part(0, "x", logprobs=LOGPROBS))
    kit = make_kit({"flag": "secret"}, actions={"flag": Action.FLAG})
    assert [document] == feed(open_stream(kit), document).documents


leaves = st.recursive(
    st.one_of(st.none(), st.integers(), st.sampled_from(["a secret here", "secret", "x"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["secret", "x", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
members = ["text", "logprobs", "finish_reason", "id", "model", "object", "error", "usage", "a secret", "provider"]
choices = st.dictionaries(st.sampled_from(members), leaves, max_size=4)
# Below `usage` of an event the names are the server's own.
tops = st.dictionaries(st.sampled_from([name for name in members if name != "usage"]), leaves, max_size=3)


@settings(max_examples=40)
@given(st.lists(st.builds(lambda top, choice: {**chunk({**choice, "index": 0}), **top}, tops, choices), max_size=3))
def test_a_secret_is_kept_back_wherever_it_stands(documents: list[dict[str, Any]]) -> None:
    stream = open_stream(WORDS)
    frames = []
    try:
        for document in documents:
            frames += stream.feed(event(document))
    except UpstreamUnavailable:
        pass
    assert b"secret" not in b"".join([*frames, *stream.finish()])


# ---------------------------------------------------------------- the official client


@settings(max_examples=30)
@given(transcripts(texts_with_secrets()))
def test_the_official_client_adds_a_redacted_stream_up(transcript: Transcript) -> None:
    said: Counter[int] = Counter()
    shown: dict[int, str] = {}
    for document in run(secrets_kit().policy(), transcript.documents).documents:
        for choice in Completion.model_validate(_finished(document)).choices:
            shown[choice.index] = shown.get(choice.index, "") + choice.text
            said[choice.index] += 1
    for (index, name), text in transcript.texts.items():
        if name == "text":
            assert secrets_kit().released(text)[0] == shown[index]


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    """The client never checks, and its type wants a reason in each event."""
    choices = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in document["choices"]]
    return {**document, "choices": choices}


@pytest.mark.parametrize("file", golden_files("completions", "stream"), ids=lambda file: file.stem)
def test_a_stream_becomes_what_its_golden_file_says(file: Path) -> None:
    golden = read(file)
    received = run(make_kit({"word": golden["redacts"]}).policy(), golden["events"])
    assert received.documents == golden["documents"]
    assert received.done


# ---------------------------------------------------------------- names, errors, floods


UNHEARD_OF: list[Callable[[str], dict[str, Any]]] = [
    lambda piece: chunk({"index": 0, "text": "", "x": {"t": [piece]}}),
    lambda piece: chunk({"index": 0, "note": piece}),
    lambda piece: {**chunk(), "x": {"t": piece}},
    lambda piece: {**chunk(), "choices": [piece]},
]


@pytest.mark.parametrize("place", UNHEARD_OF, ids=range(len(UNHEARD_OF)))
@settings(max_examples=25)
@given(kits(actions=NOT_BLOCKING), texts, cut_places, st.booleans())
def test_a_text_that_grows_where_the_api_has_none_is_one_text(
    place: Callable[[str], dict[str, Any]], kit: Kit, text: str, cuts: list[int], done: bool
) -> None:
    for pieces in ways_of_cutting(text, cuts):
        stream = open_stream(kit)
        frames = [frame for piece in pieces for frame in stream.feed(event(place(piece)))]
        frames += stream.feed(SseEvent(DONE)) if done else stream.finish()
        found = [one for document in Received(frames).documents for one in strings_of(document)]
        assert kit.released(text)[0] == "".join(below for name, below in found if name not in ("id", "object", "model"))


def test_names_in_usage_are_hidden() -> None:
    kit = make_kit({"key": "KEY[0-9]{4}"})
    document = {**chunk(), "usage": {"total_tokens": 1, "details": {"KEY1234": 1}}}
    (shown,) = feed(open_stream(kit), document).documents
    assert shown["usage"] == {"total_tokens": 1, "details": {"[KEY]": 1}}


def test_held_text_goes_out_before_an_error() -> None:
    kit = make_kit({"word": "secret{1,3}"})
    stream = open_stream(kit)
    feed(stream, chunk(part(0, "a secr")))
    received = feed(stream, {"error": {"message": "overloaded"}})
    assert received.documents[0]["choices"][0]["text"] == "secr"
    assert received.documents[1] == {"error": {"message": "overloaded"}}
    again = open_stream(kit)
    assert feed(again, {**chunk(part(0, "a secr")), "error": "x"}).documents[0]["choices"][0]["text"] == "a secr"


def test_choices_and_texts_of_a_stream_are_bounded() -> None:
    kit = make_kit({"word": "secret"})
    for document in (
        chunk(*(part(index, "x") for index in range(20_000))),
        chunk({"index": 0, **{f"field_{at}": "x" for at in range(20_000)}}),
    ):
        with pytest.raises(UpstreamUnavailable) as caught:
            open_stream(kit).feed(event(document))
        assert caught.value.reason == "too_large"
