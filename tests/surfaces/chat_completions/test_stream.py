from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import AnswerFields, OnBlock
from guardproxy.core.verdict import Action
from guardproxy.detectors.pattern import PatternOptions
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.chat_completions import ChatStream
from guardproxy.surfaces.chat_completions.plain import ShortWay
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent
from tests.promises.streams import client_of
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
from tests.surfaces.chat_completions.golden import golden_files, read
from tests.surfaces.chat_completions.received import (
    FIELDS,
    Received,
    Transcript,
    as_bytes,
    chunk,
    delta_of,
    event,
    interleaved,
    part,
    run,
    run_bytes,
    transcripts,
)

REFUSAL = "This answer was stopped by a policy of the proxy."
BAD_AT_THE_END = PatternOptions("bad", not_after="a-z")
WORDS = make_kit({"word": "secret{1,3}"})


def feed(stream: ChatStream, document: Any) -> Received:
    return Received(stream.feed(event(document)))


def open_stream(kit: Kit) -> ChatStream:
    return ChatStream(OutputGuard(kit.policy()))


# ---------------------------------------------------------------- channels are independent

# Fields come in any order here, so the policies say so; what is in order by itself, `test_sequence` holds to it.


@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_each_field_of_each_choice_is_what_its_whole_text_would_be(kit: Kit, transcript: Transcript) -> None:
    received = run(interleaved(kit), transcript.documents)
    for (index, name), text in transcript.texts.items():
        assert kit.released(text)[0] == received.text(index, name)
    assert {index for index, _ in transcript.texts} == set(received.finished)
    assert received.done


class NoShortWay(ShortWay):
    def repeat(self, event: SseEvent) -> None:
        return None

    def pass_on(self, piece: bytes) -> None:
        return None

    def edit(self, document: dict[str, Any], event: SseEvent, came: str | None = None) -> None:
        return None


@given(kits(), transcripts(texts) | transcripts(texts, in_turn=True), st.booleans(), st.sampled_from(AnswerFields))
def test_the_short_way_for_plain_events_changes_nothing(
    kit: Kit, transcript: Transcript, finished: bool, fields: AnswerFields
) -> None:
    short, long = (ChatStream(OutputGuard(kit.policy(answer_fields=fields))) for _ in range(2))
    long._short_way = NoShortWay({}, {})
    last = [SseEvent(DONE)] if finished else []
    for each in [*map(event, transcript.documents), *last]:
        assert decoded(long.feed(each)) == decoded(short.feed(each))
    assert decoded(long.finish()) == decoded(short.finish())
    assert (long.usage, long.characters) == (short.usage, short.characters)


def decoded(frames: list[bytes]) -> list[Any]:
    items = [item for frame in frames for item in SseDecoder().feed(frame)]
    return [item.data if item.data == DONE else json.loads(item.data) for item in items if isinstance(item, SseEvent)]


@settings(max_examples=60)
@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_interleaved_choices_are_each_what_they_are_alone(kit: Kit, transcript: Transcript) -> None:
    together = run(interleaved(kit), transcript.documents)
    for wanted in {index for index, _ in transcript.texts}:
        alone = run(interleaved(kit), [_only(wanted, document) for document in transcript.documents])
        for name in FIELDS:
            assert alone.text(wanted, name) == together.text(wanted, name)


def _only(index: int, document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "choices": [choice for choice in document["choices"] if choice["index"] == index]}


@given(transcripts(texts_with_secrets()), cut_places)
def test_every_way_of_cutting_the_bytes_gives_the_whole_texts(transcript: Transcript, cuts: list[int]) -> None:
    kit = secrets_kit()
    for pieces in ways_of_cutting(as_bytes(transcript.documents), cuts):
        received = run_bytes(interleaved(kit), pieces)
        shown = {channel: received.texts[channel] for channel in transcript.texts}
        assert {channel: kit.released(text)[0] for channel, text in transcript.texts.items()} == shown


@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_events_of_a_choice_keep_their_order(kit: Kit, transcript: Transcript) -> None:
    marked = [{**document, "number": at} for at, document in enumerate(transcript.documents)]
    numbers = [document["number"] for document in run(kit.policy(), marked).documents if "number" in document]
    assert list(range(len(marked))) == numbers


@given(kits(), transcripts(texts))
def test_no_prefix_of_a_stream_shows_more_than_its_texts_may(kit: Kit, transcript: Transcript) -> None:
    stream = ChatStream(OutputGuard(interleaved(kit)))
    shown = Received()
    for document in transcript.documents:
        for frame in stream.feed(event(document)):
            shown.take(frame)
        for (index, name), text in transcript.texts.items():
            assert kit.released(text)[0].startswith(shown.text(index, name).removesuffix(REFUSAL))


def test_most_generated_streams_hold_a_match() -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(kits(), transcripts(texts), transcripts(texts_with_secrets()))
    def look(kit: Kit, transcript: Transcript, secret: Transcript) -> None:
        seen["letters", any(map(kit.hiding, transcript.texts.values()))] += 1
        seen["secrets", any(map(secrets_kit().hiding, secret.texts.values()))] += 1
        seen["several choices", len({index for index, _ in transcript.texts}) > 1] += 1

    look()
    assert seen["letters", True] > seen["letters", False]
    assert seen["secrets", True] > seen["secrets", False]
    assert seen["several choices", True] > 25


# ---------------------------------------------------------------- blocking


@given(kits(), transcripts(texts))
def test_a_block_ends_every_open_choice_the_way_clients_notice(kit: Kit, transcript: Transcript) -> None:
    guard = OutputGuard(interleaved(kit))
    stream = ChatStream(guard)
    frames = [frame for document in transcript.documents for frame in stream.feed(event(document))]
    received = Received([*frames, *stream.feed(SseEvent(DONE)), *stream.finish()])
    blocks = any(kit.released(text)[1] for text in transcript.texts.values())
    assert received.done
    assert blocks == (guard.blocked is not None)
    for (index, name), text in transcript.texts.items():
        shown, stopped = kit.released(text)
        told = received.text(index, name)
        if not blocks:
            assert (shown, "stop") == (told, received.finished[index])
            continue
        if received.finished.get(index) == "content_filter":
            assert received.text(index, "refusal").endswith(REFUSAL)
            assert shown.startswith(told.removesuffix(REFUSAL) if name == "refusal" else told)
        elif index in received.finished:
            assert (shown, False) == (told, stopped)


def test_a_policy_words_what_a_blocked_answer_says() -> None:
    policy = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK}).policy()
    stream = ChatStream(OutputGuard(dataclasses.replace(policy, block_message="Ask the help desk.")))
    received = Received(stream.feed(event(chunk(part(0, {"role": "assistant", "content": "it is bad"})))))
    assert (received.text(0), received.text(0, "refusal")) == ("it is ", "Ask the help desk.")


def test_after_a_block_nothing_more_comes_out() -> None:
    stream = open_stream(make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK}))
    received = Received(stream.feed(event(chunk(part(0, {"role": "assistant", "content": "it is bad"})))))
    assert (received.text(0), received.text(0, "refusal"), received.done) == ("it is ", REFUSAL, True)
    assert received.finished == {0: "content_filter"}
    assert stream.feed(event(chunk(part(0, {"content": "more"})))) == []
    assert (stream.feed(SseEvent(DONE)), stream.finish()) == ([], [])


def test_a_client_that_asked_for_its_usage_gets_it_after_a_block_too() -> None:
    kit = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK})
    stream = ChatStream(OutputGuard(kit.policy()), lambda characters: {"total_tokens": 100 + characters})
    received = Received(stream.feed(event(chunk(part(0, {"content": "it is bad"})))))
    last = received.documents[-1]
    assert (last["choices"], last["usage"], last["object"]) == ([], {"total_tokens": 106}, "chat.completion.chunk")
    assert received.done


def test_where_the_policy_wants_an_error_the_stream_just_stops() -> None:
    policy = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK}).policy()
    stream = ChatStream(OutputGuard(dataclasses.replace(policy, on_block=OnBlock.ERROR)))
    received = Received(stream.feed(event(chunk(part(0, {"content": "it is bad"})))))
    assert (received.text(0), received.finished, received.done) == ("it is ", {}, False)
    assert stream.finish() == []


def test_an_event_nothing_was_found_in_goes_out_byte_for_byte() -> None:
    stream = open_stream(WORDS)
    for data in (
        '{ "choices" : [ {"index":0, "delta":{"role":"assistant","content":"a \\u00e9"}, "x": 1.50} ]}',
        '{"choices": [{"index": 0, "delta": {"content": "b\\n"}}], "object": "chat.completion.chunk", "created": 1E3}',
    ):
        assert stream.feed(SseEvent(data)) == [f"data: {data}\n\n".encode()]
    assert b"hidden" not in b"".join(stream.feed(SseEvent('{"note": "hidden", "note": "shown", "choices": []}')))


def test_a_block_in_one_choice_takes_back_no_finish_of_another() -> None:
    kit = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK})
    documents = [
        chunk(part(0, {"content": "good"}), part(1, {"content": "fine"})),
        chunk(part(0, {}, "stop")),
        chunk(part(1, {"content": ", bad"})),
    ]
    received = run(kit.policy(), documents)
    assert received.finished == {0: "stop", 1: "content_filter"}
    assert (received.text(0), received.text(1)) == ("good", "fine, ")


def test_a_block_found_at_the_very_end_takes_the_finish_back() -> None:
    kit = make_kit({"stop": BAD_AT_THE_END}, actions={"stop": Action.BLOCK})
    received = run(kit.policy(), [chunk(part(0, {"content": "it is bad"})), chunk(part(0, {}, "stop"))])
    assert received.finished == {0: "content_filter"}
    assert received.text(0) == "it is "


# ---------------------------------------------------------------- what is not touched is not changed

extras = st.dictionaries(st.text("xyzé_", min_size=1, max_size=6), json_values, max_size=3)


@st.composite
def quiet_events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of every kind, known or not, whose texts cannot even begin a match."""
    choices = [
        {
            **part(
                draw(st.integers(0, 2)),
                {**draw(extras), **delta_of(draw(st.sampled_from(FIELDS)), draw(quiet_texts))},
                draw(st.sampled_from([None, ""])),
            ),
            **draw(extras),
        }
        for _ in range(draw(st.integers(0, 2)))
    ]
    return {**chunk(*choices), **draw(extras)}


def exactly(value: Any) -> str:
    return json.dumps(value)


@settings(max_examples=60)
@given(st.lists(quiet_events(), max_size=5))
def test_without_a_match_every_event_passes_as_it_is(documents: list[dict[str, Any]]) -> None:
    received = run(make_kit({"r": "ab{1,3}c"}, {"s": "b1"}).policy(), documents)
    assert [exactly(document) for document in documents] == [exactly(document) for document in received.documents]


@settings(max_examples=60)
@given(kits(actions=(Action.FLAG,)), transcripts(texts))
def test_without_redaction_only_the_place_of_text_changes(kit: Kit, transcript: Transcript) -> None:
    """Modulo where their text stands, all events are there; what comes in addition holds only text."""
    received = run(kit.policy(), transcript.documents)
    expected = Counter(exactly(_blank(document)) for document in transcript.documents)
    found = Counter(exactly(_blank(document)) for document in received.documents)
    assert not expected - found
    assert all(received.text(*channel) == text for channel, text in transcript.texts.items())


def _blank(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: "" if name in ("content", "refusal", "reasoning_content", "transcript") else _blank(below)
                for name, below in value.items()
            }
        case list():
            return [_blank(below) for below in value]
    return value


def test_names_of_events_pass() -> None:
    stream = open_stream(WORDS)
    (frame,) = stream.feed(event(chunk(part(0, {"content": "x"})), "chunk"))
    assert frame.startswith(b"event: chunk\ndata: ")


@pytest.mark.parametrize(
    "document",
    [
        chunk(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}]),
        {"error": {"message": "overloaded", "code": 502}},
        chunk(part(0, {"content": None})),
        chunk({"index": 0, "delta": None, "finish_reason": None}),
        chunk({"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 44}}, object="", id=""),
        chunk({"delta": {"content": "x"}}),
        chunk(part(0, {"tool_calls": None, "function_call": None})),
        {"anything": [1, 2.5, True, None, {"more": "text"}], "n": 2**70},
        {"choices": None},
        {"choices": {"odd": "shape"}},
        {"choices": ["odd", 1, None]},
        chunk(part(0, {"content": [{"type": "text", "text": "a part"}]})),
    ],
)
def test_dialects_pass(document: dict[str, Any]) -> None:
    assert [document] == feed(open_stream(WORDS), document).documents


def test_usage_is_noted_and_nothing_follows_it() -> None:
    stream = open_stream(WORDS)
    documents = [chunk(part(0, {"content": "secre"})), chunk(part(0, {}, "stop")), chunk(usage={"total_tokens": 7})]
    frames = [frame for document in documents for frame in stream.feed(event(document))]
    received = Received([*frames, *stream.feed(SseEvent(DONE))])
    assert stream.usage == {"total_tokens": 7}
    assert received.documents[-1] == documents[-1]
    assert received.text(0) == "secre"


def test_released_characters_are_counted_for_an_estimate() -> None:
    stream = open_stream(WORDS)
    for text in ("ab", "c secret", " d"):
        stream.feed(event(chunk(part(0, {"content": text}))))
    assert stream.characters == len("abc [WORD] d")


# ---------------------------------------------------------------- the end of a choice


def test_held_text_goes_out_before_the_finish() -> None:
    documents = [
        chunk(part(0, {"content": "a se"})),
        chunk(part(0, {"reasoning_content": "so sec"})),
        chunk(part(0, {"refusal": "s"}, "stop")),
    ]
    received = run(WORDS.policy(), documents)
    assert [received.text(0, name) for name in FIELDS[:3]] == ["a se", "s", "so sec"]
    assert received.documents[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("done", [True, False])
def test_held_text_of_a_choice_that_never_finishes_goes_out_at_the_end(done: bool) -> None:
    received = run(WORDS.policy(), [chunk(part(0, {"content": "a se"})), chunk(part(1, {"content": "sec"}))], done=done)
    assert (received.text(0), received.text(1), received.finished, received.done) == ("a se", "sec", {}, done)


@pytest.mark.parametrize("done", [True, False])
def test_a_match_that_only_the_end_confirms_is_hidden(done: bool) -> None:
    kit = make_kit({"end": BAD_AT_THE_END})
    for documents in (
        [chunk(part(0, {"content": "it is bad"}))],
        [chunk(part(0, {"content": "it is bad"})), chunk(part(0, {}, "stop"))],
        [chunk(part(0, {"content": "it is bad"}, "stop"))],
    ):
        assert run(kit.policy(), documents, done=done).text(0) == "it is [END]"


@pytest.mark.parametrize("late", [{"content": "et"}, {"refusal": "x"}, {"tool_calls": [{"index": 0, "id": "c"}]}])
def test_an_upstream_that_goes_on_after_a_finish_is_not_believed(late: dict[str, Any]) -> None:
    stream = open_stream(WORDS)
    stream.feed(event(chunk(part(0, {"content": "a secr"}, "stop"))))
    with pytest.raises(UpstreamUnavailable):
        stream.feed(event(chunk(part(0, late))))


def test_empty_deltas_and_another_finish_reason_after_a_finish_pass() -> None:
    stream = open_stream(make_kit({"end": BAD_AT_THE_END}))
    stream.feed(event(chunk(part(0, {"content": "it is bad"}, "stop"))))
    for document in (chunk(part(0, {"content": ""})), chunk(part(0, {}, "stop")), chunk(part(0, {"content": None}))):
        assert [document] == feed(stream, document).documents
    assert stream.finish() == []


def test_an_empty_finish_reason_does_not_end_a_choice() -> None:
    documents = [chunk(part(0, {"content": text}, "")) for text in ("a se", "cr", "et")]
    assert run(WORDS.policy(), documents).text(0) == "a [WORD]"


def test_our_own_frames_look_like_the_upstreams_last_real_one() -> None:
    annotation = chunk({"index": 0, "finish_reason": None, "content_filter_offsets": {}}, object="", id="")
    documents = [chunk(part(0, {"content": "a se"})), annotation, chunk(part(0, {}, "stop"), object="")]
    own = [
        d for d in run(WORDS.policy(), documents).documents if d["choices"][0].get("delta", {}).get("content") == "se"
    ]
    assert [(d["id"], d["object"], d["created"], d["model"]) for d in own] == [
        ("0-1", "chat.completion.chunk", 1700000000, "0")
    ]


# ---------------------------------------------------------------- bad events


@pytest.mark.parametrize("text", ["nothing", "{", "[]", '"text"', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 400])
def test_an_event_that_is_not_an_object_fails_closed(text: str) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        open_stream(WORDS).feed(SseEvent(text))
    assert raised.value.reason == "bad_event"


@pytest.mark.parametrize("index", ["0", None, 1.5, {}])
def test_a_choice_without_a_usable_index_fails_closed(index: Any) -> None:
    with pytest.raises(UpstreamUnavailable):
        open_stream(WORDS).feed(event(chunk({"index": index, "delta": {"content": "x"}})))


# ---------------------------------------------------------------- text in other places


@pytest.mark.parametrize(
    "document",
    [
        chunk(part(0, {}, provider_note="a secret here")),
        chunk(part(0, {}), provider={"name": ["a secret here"]}),
        {"error": {"message": "a secret here", "metadata": {"raw": "a secret"}}},
        chunk(part(0, {"annotations": [{"type": "url_citation", "url_citation": {"title": "a secret"}}]})),
        chunk(part(0, {"reasoning_details": [{"type": "a secret", "id": "secret", "format": "secret", "text": "x"}]})),
        chunk(part(0, {"content": [{"type": "text", "text": "a secret"}]})),
        {**chunk(), "choices": ["a secret"]},
        chunk({"index": 0, "delta": ["a secret"]}),
        chunk({"index": 0, "message": {"content": "a secret"}}),
        chunk({"index": 0, "text": "a secret"}),
        chunk(part(0, {"reasoning": "a secret", "unheard_of": "a secret"})),
    ],
)
def test_text_is_found_wherever_it_stands(document: dict[str, Any]) -> None:
    received = run(WORDS.policy(), [document])
    assert "secret" not in exactly(received.documents)
    assert "[WORD]" in exactly(received.documents)


KNOWN = {"id", "object", "model", "finish_reason", "type"}
UNHEARD_OF: list[Callable[[str], dict[str, Any]]] = [
    lambda piece: chunk(part(0, {}, x={"t": piece})),
    lambda piece: chunk(part(0, {}, x=[{"type": "y", "t": [piece]}])),
    lambda piece: chunk(part(0, {}, note=piece)),
    lambda piece: chunk(part(0, {"x": {"t": piece}})),
    lambda piece: chunk({"index": 0, "delta": [piece]}),
    lambda piece: chunk(part(0, {}), x={"t": piece}),
    lambda piece: chunk(x=piece),
    lambda piece: {"x": {"y": [{"index": 3, "t": piece}]}},
    lambda piece: {**chunk(), "choices": [piece]},
    lambda piece: {**chunk(), "choices": {"x": piece}},
]


@pytest.mark.parametrize("place", UNHEARD_OF, ids=range(len(UNHEARD_OF)))
@settings(max_examples=25)
@given(kits(actions=NOT_BLOCKING), texts, cut_places, st.sampled_from(["done", "closed", "finished", "used", "error"]))
def test_a_text_that_grows_where_no_api_has_one_is_one_text(
    place: Callable[[str], dict[str, Any]], kit: Kit, text: str, cuts: list[int], ending: str
) -> None:
    last = {
        "finished": [chunk(part(0, {}, "stop"))],
        "used": [chunk(part(0, {}, "stop")), chunk(usage={"total_tokens": 1})],
        "error": [{"error": {"code": 1}}],
    }.get(ending, [])
    for pieces in ways_of_cutting(text, cuts):
        received = run(kit.policy(), [*map(place, pieces), *last], done=ending == "done")
        found = [one for document in received.documents for one in strings_of(document)]
        shown = "".join(below for name, below in found if name not in KNOWN)
        assert kit.released(text)[0] == shown
        assert ending != "used" or received.documents[-1] == last[-1]


def test_what_only_repeats_is_no_text_that_grows() -> None:
    kit = make_kit({"long": "[0-9]{8}"})
    documents = [chunk(part(0, {}, x={"tier": "1234 ok"}), y={"at": "1234 ok"}) for _ in range(4)]
    assert documents == run(kit.policy(), documents).documents


def test_what_an_api_says_arrives_whole_is_looked_at_whole() -> None:
    kit = make_kit({"long": "[0-9]{8}"})
    filtered = {"hate": {"filtered": False, "severity": "1234"}}
    documents = [
        chunk(part(0, {}, content_filter_results=filtered, logprobs=None), citations=["1234"], obfuscation=text)
        for text in ("1234", "5678", "9")
    ]
    assert documents == run(kit.policy(), documents).documents


COPIES = {
    "logprobs": {"content": [{"token": "se", "bytes": [115, 101], "top_logprobs": []}]},
    "token_ids": [1, 2, 3],
}


def test_copies_of_the_text_are_dropped_where_it_can_be_redacted() -> None:
    document = chunk({**part(0, {"content": "x", "audio": {"id": "a", "data": "c2VjcmV0"}}), **COPIES})
    document["prompt_token_ids"] = [4, 5]
    shown = feed(open_stream(WORDS), document).documents[0]
    assert (shown["choices"][0]["logprobs"], shown["choices"][0]["token_ids"], shown["prompt_token_ids"]) == (None,) * 3
    assert shown["choices"][0]["delta"]["audio"] == {"id": "a"}


def test_copies_of_the_text_pass_where_nothing_redacts_it() -> None:
    document = chunk({**part(0, {"content": "x", "audio": {"id": "a", "data": "c2VjcmV0"}}), **COPIES})
    kit = make_kit({"flag": "secret"}, actions={"flag": Action.FLAG})
    assert [document] == feed(open_stream(kit), document).documents


def test_audio_that_nobody_can_hear_ends_a_stream_unless_the_policy_lets_it_pass() -> None:
    document = chunk(part(0, {"audio": {"id": "a", "data": "c2VjcmV0"}}))
    kit = make_kit({"flag": "secret"}, actions={"flag": Action.FLAG})
    guard = OutputGuard(kit.policy(opaque={}))
    frames = b"".join(ChatStream(guard).feed(event(document)))
    assert b"c2VjcmV0" not in frames
    assert b'"finish_reason":"content_filter"' in frames
    assert [finding.rule for finding in guard.findings] == ["opaque.audio"]


KEYS = make_kit({"key": "KEY[0-9]{4}"})


@pytest.mark.parametrize(
    "delta",
    [
        {"KEY1234": "held KEY"},
        {"extra": {"KEY1234": "held KEY"}},
        {"extra": {"a": [{"KEY1234": {"KEY5678": "held KEY", "KEY6789": "x"}}]}},
        {"reasoning_details": [{"index": 0, "KEY1234": "held KEY"}]},
        {"reasoning_details": [{"KEY1234": 1, "text": "held KEY"}]},
    ],
)
def test_names_in_a_delta_are_hidden_also_where_they_come_again(delta: dict[str, Any]) -> None:
    documents = [chunk(part(0, json.loads(json.dumps(delta)))), chunk(part(0, {}, "stop"))]
    received = run(KEYS.policy(), documents)
    assert not re.search("KEY[0-9]{4}", exactly(received.documents))
    assert "held " in exactly(received.documents[0])
    assert '"KEY"' in exactly(received.documents[1])  # the frame of our own before the finish


@pytest.mark.parametrize(
    "usage", [{"KEY1234": 1}, {"details": {"KEY1234": 1}}, {"details": [{"KEY1234": {"KEY5678": 1}}]}]
)
def test_names_in_usage_are_hidden(usage: dict[str, Any]) -> None:
    received = feed(open_stream(KEYS), chunk(usage=usage))
    assert "[KEY]" in exactly(received.documents)
    assert not re.search("KEY[0-9]{4}", exactly(received.documents))


def test_a_hidden_name_takes_the_signature_beside_it() -> None:
    details = [{"index": 0, "text": "x", "KEY1234": 1}], [{"index": 0, "signature": "c2ln"}]
    received = run(KEYS.policy(), [chunk(part(0, {"reasoning_details": one})) for one in details])
    assert received.documents[1]["choices"][0]["delta"]["reasoning_details"] == [{"index": 0, "signature": ""}]


# ---------------------------------------------------------------- items of lists


def detail(index: int, text: str) -> dict[str, Any]:
    return {"index": index, "type": "reasoning.text", "text": text}


def test_an_item_is_one_text_wherever_it_stands_in_its_list() -> None:
    pieces = [[detail(0, "a sec")], [detail(1, "other "), detail(0, "ret")], [detail(1, "sec"), detail(1, "ret se")]]
    documents = [chunk(part(0, {"reasoning_details": piece})) for piece in pieces]
    received = run(WORDS.policy(), [*documents, chunk(part(0, {}, "stop"))])
    texts: Counter[int] = Counter()
    shown = {0: "", 1: ""}
    for document in received.documents:
        for item in document["choices"][0]["delta"].get("reasoning_details", ()):
            assert item["type"] == "reasoning.text"
            shown[item["index"]] += item["text"]
            texts[item["index"]] += 1
    assert shown == {0: "a [WORD]", 1: "other [WORD] se"}
    assert min(texts.values()) > 1


# ---------------------------------------------------------------- an upstream that fails, or floods


def test_held_text_goes_out_before_an_error_and_calls_do_not() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    stream = open_stream(WORDS)
    feed(stream, chunk(part(0, {"content": "a secr", "tool_calls": [call]}), part(1, {"content": "se"})))
    received = feed(stream, {"error": {"message": "overloaded", "code": 502}})
    assert (received.text(0), received.text(1)) == ("secr", "se")
    assert received.documents[-1] == {"error": {"message": "overloaded", "code": 502}}
    assert stream.failed
    assert Received(stream.feed(SseEvent(DONE))).documents == []


def test_the_last_text_of_an_event_with_an_error_goes_out_in_it() -> None:
    stream = open_stream(WORDS)
    received = feed(stream, chunk(part(0, {"content": "a secr"}), error={"message": "overloaded"}))
    assert received.text(0) == "a secr"
    with pytest.raises(UpstreamUnavailable):
        stream.feed(event(chunk(part(0, {"content": "et"}))))


def test_a_match_that_an_error_ends_is_hidden() -> None:
    kit = make_kit({}, {"bad": BAD_AT_THE_END})
    stream = open_stream(kit)
    feed(stream, chunk(part(0, {"content": "bad"})))
    assert feed(stream, {"error": {"message": "x"}}).text(0) == kit.released("bad")[0]


def test_choices_and_texts_of_a_stream_are_bounded() -> None:
    floods = [
        chunk(*(part(index, {}) for index in range(20_000))),
        chunk(part(0, {f"field_{at}": "x" for at in range(20_000)})),
        chunk(part(0, {"extra": ["x"] * 20_000})),
    ]
    for document in floods:
        with pytest.raises(UpstreamUnavailable) as caught:
            open_stream(WORDS).feed(event(document))
        assert caught.value.reason == "too_large"


# ---------------------------------------------------------------- the official client's helper


@pytest.mark.parametrize("in_turn", [False, True])
@given(data=st.data())
@settings(max_examples=40)
def test_the_official_helper_adds_a_redacted_stream_up(in_turn: bool, data: st.DataObject) -> None:
    transcript = data.draw(transcripts(texts_with_secrets(), max_choices=2, in_turn=in_turn))
    known = [channel for channel in transcript.texts if channel[1] in ("content", "refusal")]
    policy = secrets_kit().policy() if in_turn else interleaved(secrets_kit())
    received = run(policy, transcript.documents)
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for document in received.documents:
        state.handle_chunk(ChatCompletionChunk.model_validate(document))
    final = state.get_final_completion()
    for index, name in known:
        message = final.choices[index].message
        shown = (message.content if name == "content" else message.refusal) or ""
        assert secrets_kit().released(transcript.texts[index, name])[0] == shown


def test_a_stream_without_rules_passes_with_its_tool_calls_whole() -> None:
    policy = dataclasses.replace(WORDS.policy(), detectors={}, rules={})
    received = run(policy, [chunk(part(0, {"content": "a secret"})), chunk(part(0, {}, "stop"))])
    assert received.text(0) == "a secret"


# ---------------------------------------------------------------- golden files


@pytest.mark.parametrize("file", golden_files("stream"), ids=lambda file: file.stem)
def test_a_stream_becomes_what_its_golden_file_says(file: Path) -> None:
    golden = read(file)
    received = run(make_kit({"word": golden["redacts"]}).policy(), golden["events"])
    assert received.documents == golden["documents"]
    assert received.done


USAGE_FRAME = chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})


@pytest.mark.parametrize("behind", [[], [chunk(part(0, {}, "stop"))], [chunk(part(1, {}, "stop"))]])
def test_what_is_held_goes_out_before_the_usage_that_is_told_behind_the_choices(behind: list[Any]) -> None:
    begun = chunk(part(0, {"content": "mail sec"}), part(1, {"content": "mail s"}))
    received = run(WORDS.policy(), [begun, USAGE_FRAME, *behind])
    assert (received.text(0), received.text(1)) == ("mail sec", "mail s")
    assert received.documents[-1 - len(behind)] == USAGE_FRAME


def test_a_text_that_goes_on_behind_the_usage_has_shown_its_first_end_and_shows_no_more() -> None:
    pieces = [chunk(part(0, {"content": text})) for text in ("a sec", "re", "t it is")]
    received = run(
        WORDS.policy(), [pieces[0], USAGE_FRAME, pieces[1], USAGE_FRAME, pieces[2], chunk(part(0, {}, "stop"))]
    )
    assert received.text(0) == "a sec[WORD] it is"


def test_the_official_client_gets_the_usage_of_an_answer_that_never_finished() -> None:
    begun = chunk(part(0, {"role": "assistant", "content": "mail sec"}))
    shown = as_bytes(run(WORDS.policy(), [begun, USAGE_FRAME]).documents)
    with client_of(shown).chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        for _ in stream:
            pass
        usage = stream.current_completion_snapshot.usage
    assert usage is not None
    assert usage.total_tokens == 3
