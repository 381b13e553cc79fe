from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import BLOCK_MESSAGE, OnBlock
from guardproxy.core.verdict import Action
from guardproxy.detectors.pattern import PatternOptions
from guardproxy.errors import PolicyBlocked, UpstreamUnavailable
from guardproxy.surfaces.responses import ResponsesStream
from guardproxy.surfaces.responses.conversation import is_for_caller
from guardproxy.surfaces.responses.words import EVENT_TYPES
from guardproxy.wire.sse import DONE, SseDecoder, SseEvent
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
from tests.surfaces.responses.golden import golden_files
from tests.surfaces.responses.received import (
    CALLS,
    USAGE,
    Received,
    Transcript,
    as_bytes,
    blocks,
    call,
    decoded,
    event,
    message,
    number,
    reasoning,
    response,
    run,
    run_bytes,
    shown,
    transcripts,
)
from tests.surfaces.responses.schema import EVENTS, documents, marks_kit, planted, type_of, validate

WORDS = make_kit({"word": "secret{1,3}"})
STOP = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK})
AT = {"item_id": "0-0", "output_index": 0, "content_index": 0}
CREATED = {"type": "response.created", "response": response()}


def open_stream(kit: Kit) -> ResponsesStream:
    return ResponsesStream(OutputGuard(kit.policy()))


def whole(*items: list[dict[str, Any]], status: str = "completed") -> list[dict[str, Any]]:
    """A stream of items, one after the other."""
    output = [events[-1]["item"] for events in items]
    last = {"type": f"response.{status}", "response": response(status, output, usage=USAGE)}
    return number([CREATED, *(one for events in items for one in events), last])


def delta(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", **AT, "delta": text, "logprobs": [], **more}


def exactly(value: Any) -> str:
    return json.dumps(value)


# ---------------------------------------------------------------- each text is what it would be whole, and everywhere


@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_each_text_is_what_its_whole_text_would_be_wherever_it_stands(kit: Kit, transcript: Transcript) -> None:
    received = run(kit.policy(), transcript.documents)
    for channel, text in transcript.texts.items():
        assert shown(kit, channel, text) == received.texts[channel]
        assert len(received.again[channel]) >= 3
    received.check_repeats()


@settings(max_examples=60)
@given(transcripts(texts_with_secrets(), max_items=2), cut_places)
def test_every_way_of_cutting_the_bytes_gives_the_whole_texts(transcript: Transcript, cuts: list[int]) -> None:
    kit = secrets_kit()
    for pieces in ways_of_cutting(as_bytes(transcript.documents), cuts):
        received = run_bytes(kit.policy(), pieces)
        for channel, text in transcript.texts.items():
            assert shown(kit, channel, text) == received.texts[channel]
        received.check_repeats()


@settings(max_examples=60)
@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_interleaved_items_are_each_what_they_are_alone(kit: Kit, transcript: Transcript) -> None:
    together = run(kit.policy(), transcript.documents)
    for wanted in {channel[1] for channel in transcript.texts}:
        alone = [one for one in transcript.documents if one.get("output_index", wanted) == wanted]
        received = run(kit.policy(), [one for one in alone if one["type"] != "response.completed"])
        for channel in transcript.texts:
            if channel[1] == wanted:
                assert received.texts[channel] == together.texts[channel]


@settings(max_examples=50)
@given(kits(), transcripts(texts))
def test_no_prefix_of_a_stream_shows_more_than_its_texts_may(kit: Kit, transcript: Transcript) -> None:
    stream, received = open_stream(kit), Received()
    for document in transcript.documents:
        for frame in stream.feed(event(document)):
            received.take(frame)
        for channel, text in transcript.texts.items():
            assert shown(kit, channel, text).startswith(received.texts[channel].removesuffix(BLOCK_MESSAGE))


def test_most_generated_streams_hold_a_match() -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(kits(), transcripts(texts), transcripts(texts_with_secrets()))
    def look(kit: Kit, transcript: Transcript, secret: Transcript) -> None:
        seen["letters", any(map(kit.hiding, transcript.texts.values()))] += 1
        seen["secrets", any(map(secrets_kit().hiding, secret.texts.values()))] += 1
        seen["several items", len({channel[1] for channel in transcript.texts}) > 1] += 1

    look()
    assert seen["letters", True] > seen["letters", False]
    assert seen["secrets", True] > seen["secrets", False]
    assert seen["several items", True] > 15


@settings(max_examples=50)
@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_numbers_grow_by_one_whatever_is_put_in(kit: Kit, transcript: Transcript) -> None:
    documents = run(kit.policy(), transcript.documents).documents
    assert [document["sequence_number"] for document in documents] == list(range(len(documents)))


@settings(max_examples=50)
@given(transcripts(texts_with_secrets()), st.data())
def test_the_rest_of_a_stream_is_what_followed_that_number(transcript: Transcript, data: st.DataObject) -> None:
    policy = secrets_kit().policy()
    everything = run(policy, transcript.documents).documents
    after = data.draw(st.integers(0, len(everything)))
    rest = run(policy, transcript.documents, starting_after=after).documents
    assert [document for document in everything if document["sequence_number"] > after] == rest


def test_what_is_found_is_told_once_however_often_it_comes_again() -> None:
    guard = OutputGuard(WORDS.policy())
    stream = ResponsesStream(guard)
    for document in whole(message(0, [("output_text", "a secret")], [4])):
        stream.feed(event(document))
    assert [(one.rule, one.path) for one in guard.findings] == [("test.word", ("output", 0, "content", 0, "text"))]


# ---------------------------------------------------------------- what is not touched is not changed


def test_an_event_nothing_was_found_in_goes_out_byte_for_byte() -> None:
    stream = open_stream(WORDS)
    for kind, data in (
        (
            "response.created",
            '{ "type":"response.created" , "response": {"id":"0", "output": [], "x": 1.50, "n": 1E3}}',
        ),
        ("response.output_text.delta", '{"type":"response.output_text.delta","delta":"a \\u00e9", "output_index": 0}'),
        ("", '{"type":"response.in_progress","response":{"id":"0"},"sequence_number": 7}'),
    ):
        name = f"event: {kind}\n" if kind else ""
        assert stream.feed(SseEvent(data, kind)) == [f"{name}data: {data}\n\n".encode()]
    assert b"hidden" not in b"".join(stream.feed(SseEvent('{"note": "hidden", "note": "shown", "type": "x"}')))


@settings(max_examples=50)
@given(transcripts(quiet_texts), st.booleans())
def test_without_a_match_every_event_passes_but_the_pieces_of_calls(transcript: Transcript, named: bool) -> None:
    stream = open_stream(make_kit({"r": "ab{1,3}c"}, {"s": "b1"}))
    frames = [frame for one in transcript.documents for frame in stream.feed(event(one, named=named))]
    received = Received(frames)
    assert [name or kind for name, kind in zip(received.names, received.types, strict=True)] == received.types
    expected = [_bare(one) for one in transcript.documents if not _of_call(one)]
    assert expected == [_bare(one) for one in received.documents if not _of_call(one)]
    assert [one for one in received.documents if one["type"].endswith(".done")] == [
        {**one, "sequence_number": again["sequence_number"]}
        for one, again in zip(
            (one for one in transcript.documents if one["type"].endswith(".done")),
            (one for one in received.documents if one["type"].endswith(".done")),
            strict=True,
        )
    ]


def _of_call(document: dict[str, Any]) -> bool:
    return document["type"].removeprefix("response.").removesuffix(".delta") in CALLS


def _bare(document: dict[str, Any]) -> str:
    return exactly({name: value for name, value in document.items() if name != "sequence_number"})


odd_events = st.dictionaries(st.sampled_from(["x", "note", "response_x", "n", "é"]), json_values, max_size=3).flatmap(
    lambda more: st.sampled_from(["response.x.y", "keepalive", "x", "response.vendor.done"]).map(
        lambda kind: {"type": kind, **more}
    )
)


@given(st.lists(odd_events, max_size=5))
def test_events_nobody_has_heard_of_pass(documents: list[dict[str, Any]]) -> None:
    received = run(make_kit({"r": "ab{1,3}c"}, {"s": "b1"}).policy(), documents)
    assert [exactly(document) for document in documents] == [exactly(document) for document in received.documents]


def test_the_api_knows_every_event_of_the_official_union() -> None:
    assert {type_of(model) for model in EVENTS} <= EVENT_TYPES
    assert len(EVENTS) == 59


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: str(type_of(model)))
def test_every_event_of_the_official_union_passes_and_shows_no_secret(model: Any) -> None:
    @settings(max_examples=4)
    @given(documents(model))
    def look(document: dict[str, Any]) -> None:
        quiet = make_kit({"r": "§"})
        held = split(document["type"]) in CALLS and "delta" in document["type"]
        stream = open_stream(quiet)
        passed = decoded(stream.feed(event(document)) or stream.finish())
        if not passed:  # a call whose end never comes, or that was cut off
            assert is_for_caller(document["item"])
            return
        assert passed[-1]["type"] == document["type"]
        assert held or _texts(passed[-1]) <= _texts(document)
        stream = open_stream(marks_kit())
        told = decoded([*stream.feed(event(document)), *stream.finish()])
        assert told and not planted(told)
        for one in told:
            validate(one)

    look()


def split(kind: str) -> str:
    return kind.removeprefix("response.").rpartition(".")[0]


def _texts(value: Any) -> Counter[str]:
    return planted(value)


def test_the_id_of_an_item_is_looked_at_before_an_event_of_our_own_names_it() -> None:
    item = {
        "id": "mark0.",
        "type": "code_interpreter_call",
        "code": "mark1.",
        "container_id": "c",
        "status": "in_progress",
    }
    stream = open_stream(marks_kit())
    frames = stream.feed(event({"type": "response.created", "response": {"id": "r", "output": [item]}}))
    frames += stream.feed(
        event({"type": "response.code_interpreter_call_code.done", "output_index": 0, "code": "mark1."})
    )
    assert frames
    assert not planted(b"".join([*frames, *stream.finish()]).decode())


@settings(max_examples=40)
@given(st.lists(st.sampled_from(EVENTS).flatmap(documents), min_size=1, max_size=6))
def test_no_secret_in_any_string_of_any_event_leaves(events: list[dict[str, Any]]) -> None:
    stream = open_stream(marks_kit())
    frames: list[bytes] = []
    try:
        for document in events:
            frames += stream.feed(event(document))
    except UpstreamUnavailable:  # it went on with a text that had ended
        pass
    for frame in [*frames, *stream.finish()]:
        for item in SseDecoder().feed(frame):
            assert isinstance(item, SseEvent)
            assert not planted(item.data) and not planted(item.event)


# ---------------------------------------------------------------- the end of a text


@pytest.mark.parametrize("ending", ["done", "part", "item", "response", "close", "[DONE]"])
def test_held_text_goes_out_before_whatever_ends_it(ending: str) -> None:
    events = whole(message(0, [("output_text", "a se")], [2]))
    kinds = {"done": 5, "part": 6, "item": 7, "response": 8, "close": 9, "[DONE]": 9}
    kept = [*events[:5], *events[kinds[ending] :]]
    received = run(WORDS.policy(), kept, done=ending == "[DONE]")
    assert received.text() == "a se"
    received.check_repeats()
    assert received.done == (ending == "[DONE]")


def test_a_match_that_only_the_end_confirms_is_hidden_everywhere() -> None:
    kit = make_kit({"end": PatternOptions("bad", not_after="a-z")})
    received = run(kit.policy(), whole(message(0, [("output_text", "it is bad")], [3])))
    assert received.text() == "it is [END]"
    received.check_repeats()


def test_an_upstream_that_goes_on_after_the_end_of_a_text_is_not_believed() -> None:
    stream = open_stream(WORDS)
    for document in whole(message(0, [("output_text", "a secr")], []))[:5]:
        stream.feed(event(document))
    with pytest.raises(UpstreamUnavailable):
        stream.feed(event(delta("et")))


@pytest.mark.parametrize(
    "kind", ["response.output_item.added", "response.created", "response.content_part.added", "response.in_progress"]
)
def test_text_in_an_announcement_is_the_beginning_of_the_text(kind: str) -> None:
    events = whole(message(0, [("output_text", "a secret")], []))
    part = {"type": "output_text", "text": "a sec", "annotations": []}
    item = {**events[1]["item"], "content": [part]}
    first: dict[str, Any] = {
        "response.output_item.added": {"type": kind, "output_index": 0, "item": item},
        "response.content_part.added": {"type": kind, **AT, "part": part},
    }.get(kind, {"type": kind, "response": response(output=[item])})
    stream = open_stream(WORDS)
    frames = [*stream.feed(event(first)), *stream.feed(event(first)), *stream.feed(event(delta("ret")))]
    told = [
        json.loads(item.data) for frame in frames for item in SseDecoder().feed(frame) if isinstance(item, SseEvent)
    ]
    assert "sec" not in exactly(told)
    assert told[-1]["delta"] == "[WORD]"


def test_a_stream_that_begins_in_its_middle_is_guarded_all_the_same() -> None:
    events = whole(message(0, [("output_text", "It was a secret, I think")], [10, 14]))
    received = run(WORDS.policy(), events[4:])
    assert "secret" not in exactly(received.documents)
    assert received.envelope["output"][0]["content"][0]["text"] == "It was a [WORD], I think"


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("family", CALLS)
def test_a_call_is_shown_whole_or_not_at_all(family: str) -> None:
    text = '{"x": "a secret"}' if "arguments" in family else "a secret"
    events = whole(call(family, 0, text, [3, 6, 9]))
    received = run(WORDS.policy(), events)
    told = [one["delta"] for one in received.documents if one["type"].endswith(".delta")]
    assert [one for one in told if one] == [text.replace("secret", "[WORD]").replace('": "', '":"')
                                            if "arguments" in family else "a [WORD]"]  # fmt: skip
    received.check_repeats()
    for at in range(len(events) - 3):
        assert not any(run(WORDS.policy(), events[:at]).texts.values())


@pytest.mark.parametrize("family", CALLS)
@pytest.mark.parametrize("ended", [True, False])
def test_a_call_that_was_cut_off_is_never_shown(family: str, ended: bool) -> None:
    text = '{"x": "rm -rf /' if "arguments" in family else "rm -rf /"
    events = call(family, 0, text, [3])
    events[-1]["item"]["status"] = "incomplete"
    if not (ended and "arguments" in family):
        del events[-2]
    received = run(WORDS.policy(), whole(events, status="incomplete"))
    assert "rm" not in exactly(received.documents)
    assert received.types[-1] == "response.incomplete"
    received.check_repeats()
    if family in ("function_call_arguments", "custom_tool_call_input", "shell_call_command"):  # the caller's to run
        assert not received.items and received.envelope["output"] == []


def test_arguments_that_are_no_json_go_out_once_their_item_is_complete() -> None:
    received = run(WORDS.policy(), whole(call("function_call_arguments", 0, "run 'secret'", [5])))
    assert received.text("function_call_arguments") == "run '[WORD]'"
    assert received.types[-3:] == [
        "response.function_call_arguments.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    received.check_repeats()


@pytest.mark.parametrize("text", ["{'a': 'rm -rf /", '{"a": "rm -rf /', '{"x":1}{"a":"rm -rf /'])
def test_arguments_that_are_still_open_were_cut_off_whatever_is_said(text: str) -> None:
    received = run(WORDS.policy(), whole(call("function_call_arguments", 0, text, [5])))
    assert "rm" not in exactly(received.documents)
    assert not received.items and received.envelope["output"] == []


def test_arguments_that_no_parser_takes_show_their_end_all_the_same() -> None:
    for text in ("{'a': 'secret'}", '{"n":' + "1" * 5000 + ',"a":"secret"}', "[" * 5000 + "]" * 5000):
        received = run(WORDS.policy(), whole(call("function_call_arguments", 0, text, [5])))
        assert received.text("function_call_arguments") == text.replace("secret", "[WORD]")
        received.check_repeats()


def test_a_call_without_an_end_of_its_own_ends_with_its_item() -> None:
    events = call("function_call_arguments", 0, '{"x":"a secret"}', [5])
    del events[-2]
    received = run(WORDS.policy(), whole(events))
    assert received.text("function_call_arguments") == '{"x":"a [WORD]"}'
    received.check_repeats()


def test_arguments_hide_nothing_behind_their_escapes() -> None:
    received = run(WORDS.policy(), whole(call("function_call_arguments", 0, r'{"x":"\u0073ecret","x2":1}', [5])))
    assert received.text("function_call_arguments") == '{"x":"[WORD]","x2":1}'


# ---------------------------------------------------------------- unknown events


def test_deltas_nobody_has_heard_of_are_texts() -> None:
    kind = "response.vendor_note"
    events = [{"type": f"{kind}.delta", "item_id": "x", "delta": piece} for piece in ("a sec", "ret", "!")]
    received = run(WORDS.policy(), [*events, {"type": f"{kind}.done", "item_id": "x", "note": "a secret!"}])
    assert received.text("vendor_note") == "a [WORD]!"
    assert received.documents[-1]["note"] == "a [WORD]!"


UNHEARD_OF: list[Callable[[str], dict[str, Any]]] = [
    lambda piece: {"type": "response.vendor.note", "output_index": 0, "text": piece},
    lambda piece: {"type": "vendor", "x": {"t": [piece]}},
    lambda piece: {"type": "ping", "delta": piece},
    lambda piece: {"x": piece},
    lambda piece: {"type": "response.output_text.delta", **AT, "delta": "", "x": {"t": piece}},
    lambda piece: {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "0", "x": piece},
]


@pytest.mark.parametrize("place", UNHEARD_OF, ids=range(len(UNHEARD_OF)))
@settings(max_examples=25)
@given(kits(actions=NOT_BLOCKING), texts, cut_places, st.sampled_from(["done", "closed", "completed"]))
def test_a_text_that_grows_where_no_api_has_one_is_one_text(
    place: Callable[[str], dict[str, Any]], kit: Kit, text: str, cuts: list[int], ending: str
) -> None:
    last = [{"type": "response.completed", "response": {"id": "0", "output": []}}] if ending == "completed" else []
    for pieces in ways_of_cutting(text, cuts):
        documents = run(kit.policy(), [*map(place, pieces), *last], done=ending == "done").documents
        found = [one for document in documents for one in strings_of(document)]
        assert kit.released(text)[0] == "".join(below for name, below in found if name not in ("type", "item_id", "id"))
        assert {one.get("type") for one in documents if one not in last} == {place("").get("type")}


def test_a_name_where_no_api_has_a_text_is_hidden_also_in_events_of_our_own() -> None:
    received = run(WORDS.policy(), [{"type": "x", "a secret": {"secret": piece}} for piece in ("a sec", "r")])
    assert "secret" not in exactly(received.documents)


def test_what_only_repeats_is_no_text_that_grows() -> None:
    documents = [{"type": "x", "at": "1234 ok"} for _ in range(4)]
    assert documents == run(make_kit({"long": "[0-9]{8}"}).policy(), documents).documents


def test_a_secret_in_the_padding_is_hidden() -> None:
    document = {"type": "response.output_text.delta", **AT, "delta": "x", "obfuscation": "a1b2c3d4e5f6secret"}
    assert "secret" not in exactly(run(WORDS.policy(), [document]).documents)


def test_deltas_of_calls_nobody_has_heard_of_are_held() -> None:
    kind = "response.robot_call_input"
    events = [{"type": f"{kind}.delta", "output_index": 3, "delta": piece} for piece in ("a sec", "ret")]
    assert not any(run(WORDS.policy(), events).texts.values())
    received = run(WORDS.policy(), [*events, {"type": f"{kind}.done", "output_index": 3, "input": "a secret"}])
    assert received.text("robot_call_input", 3) == "a [WORD]" == received.documents[-1]["input"]


@pytest.mark.parametrize(
    "document",
    [
        {"type": "error", "code": "x", "message": "a secret", "param": None},
        {"type": "error", "error": {"message": "a secret"}},
        {"type": "response.output_text.annotation.added", **AT, "annotation": {"title": "a secret", "url": "secret"}},
        {"type": "response.output_text.delta", **AT, "delta": "x", "note": ["a secret"]},
        {"type": "response.x", "a secret name": 1},
        {"type": "a secret"},
        {"type": "response.x.delta", "delta": {"a secret": "x", "y": ["secret"]}},
        {"type": "response.output_item.done", "output_index": 0, "item": "a secret"},
        {"type": "response.output_item.added", "item": {"type": "web_search_call", "action": {"query": "secret"}}},
        {"type": "response.completed", "response": {"output": ["a secret", ["secret"], {"x": "secret"}]}},
        {"type": "response.created", "response": {"instructions": "a secret", "metadata": {"secret": "secret"}}},
        {"type": "response.audio.transcript.delta", "delta": "a secret"},
        {"type": "response.audio.delta", "delta": "a secret, no base64"},
        {"type": "response.image_generation_call.partial_image", "partial_image_b64": "a secret"},
        {"delta": "a secret"},
    ],
)  # fmt: skip
def test_text_is_found_wherever_it_stands(document: dict[str, Any]) -> None:
    stream = open_stream(WORDS)
    frames = [*stream.feed(event(document, named=False)), *stream.finish()]
    assert "a secret" not in exactly(decoded(frames)) and ': "secret' not in exactly(decoded(frames))
    assert "[WORD]" in exactly(decoded(frames))


def test_copies_of_the_text_are_dropped_where_it_can_be_redacted() -> None:
    copies = [{"token": "x", "logprob": -1.0, "bytes": [120], "top_logprobs": []}]
    documents = whole(message(0, [("output_text", "x")], []))
    for document in documents:
        if "logprobs" in document:
            document["logprobs"] = copies
    documents[-2]["item"]["content"][0]["logprobs"] = copies
    documents.append({"type": "response.audio.delta", "delta": "c2VjcmV0"})
    assert "token" not in exactly(run(WORDS.policy(), documents).documents).replace("_token", "")
    assert run(WORDS.policy(), documents).documents[-1]["delta"] == ""
    flags = make_kit({"flag": "secret"}, actions={"flag": Action.FLAG})
    kept = run(flags.policy(), documents).documents
    assert [one["logprobs"] for one in kept if "logprobs" in one] == [copies, copies]
    assert kept[-1]["delta"] == "c2VjcmV0"


def test_sealed_reasoning_loses_its_seal_when_any_of_it_was_hidden() -> None:
    for text, seal in (("all well", "QUJD"), ("a secret", None)):
        received = run(WORDS.policy(), whole(reasoning(0, text, "", [3], encrypted_content="QUJD")))
        assert received.documents[-2]["item"]["encrypted_content"] == seal
        assert received.envelope["output"][0]["encrypted_content"] == seal


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("encrypted", {"type": "reasoning", "summary": [], "encrypted_content": "QUJD"}),
        ("image", {"type": "image_generation_call", "result": "QUJD"}),
        ("encrypted", {"type": "compaction", "encrypted_content": "QUJD"}),
    ],
)
def test_what_nobody_can_read_ends_a_stream_unless_the_policy_lets_it_pass(kind: str, item: dict[str, Any]) -> None:
    done = {"type": "response.output_item.done", "output_index": 0, "item": {"id": "x", "status": "completed", **item}}
    assert run(WORDS.policy(), [done]).documents == [done]
    stopped = run(WORDS.policy(opaque={}), [done])
    assert "QUJD" not in repr(stopped.documents)
    assert stopped.documents[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    guard = OutputGuard(WORDS.policy(opaque={}))
    ResponsesStream(guard).feed(event(done))
    assert [finding.rule for finding in guard.findings] == [f"opaque.{kind}"]


def test_the_ids_of_what_is_stored_are_told_before_the_client_knows_them() -> None:
    stream = ResponsesStream(OutputGuard(WORDS.policy()))
    told: list[str] = []
    stream.tell_made(told.extend)
    stream.feed(event({"type": "response.created", "response": response()}))
    stream.feed(
        event({"type": "response.output_item.added", "output_index": 0, "item": {"id": "m", "type": "message"}})
    )
    assert told == ["0-1", "m"]


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("text", ["nothing", "{", "[]", '"text"', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 400])
def test_an_event_that_is_not_an_object_fails_closed(text: str) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        open_stream(WORDS).feed(SseEvent(text))
    assert raised.value.reason == "bad_event"


@pytest.mark.parametrize(
    ("failed", "document"),
    [
        (True, {"type": "error", "message": "x"}),
        (True, {"type": "error", "error": {"message": "x"}}),
        (True, {"type": "response.failed", "response": response("failed", error={"code": "x", "message": "y"})}),
        (False, {"type": "response.mcp_call.failed", "item_id": "x", "output_index": 0}),
        (False, {"type": "response.incomplete", "response": response("incomplete")}),
    ],
)
def test_a_failure_of_the_upstream_is_noticed(failed: bool, document: dict[str, Any]) -> None:
    stream = open_stream(WORDS)
    stream.feed(event(document))
    assert stream.failed is failed


def test_usage_and_released_characters_are_noted() -> None:
    stream = open_stream(WORDS)
    for document in whole(message(0, [("output_text", "a secret x")], [3])):
        stream.feed(event(document))
    assert (stream.usage, stream.characters) == (USAGE, len("a [WORD] x"))


# ---------------------------------------------------------------- blocking


@given(kits(), transcripts(texts))
def test_a_block_ends_the_stream_the_way_clients_notice(kit: Kit, transcript: Transcript) -> None:
    guard = OutputGuard(kit.policy())
    stream = ResponsesStream(guard, lambda characters: {"prompt_tokens": 1, "completion_tokens": characters})
    frames = [frame for document in transcript.documents for frame in stream.feed(event(document))]
    received = Received([*frames, *stream.finish()])
    assert any(blocks(kit, channel, text) for channel, text in transcript.texts.items()) == bool(guard.blocked)
    assert [one["sequence_number"] for one in received.documents] == list(range(len(received.documents)))
    for document in received.documents:
        if "operation_diff" not in document["type"]:
            validate(document)
    if guard.blocked is None:
        return
    received.check_repeats()
    for channel, text in transcript.texts.items():
        assert shown(kit, channel, text).startswith(received.texts[channel].removesuffix(BLOCK_MESSAGE))
    assert received.types[-1] == "response.incomplete"
    assert received.envelope["incomplete_details"] == {"reason": "content_filter"}
    refusals = [text for channel, text in received.texts.items() if channel[0] == "refusal" and text == BLOCK_MESSAGE]
    assert refusals == [BLOCK_MESSAGE]
    assert received.envelope["usage"]["output_tokens"] == stream.characters


def blocked_stream() -> Received:
    events = whole(
        reasoning(0, "thinking", "", []), message(1, [("output_text", "well"), ("output_text", "it is bad")], [3])
    )
    return run(STOP.policy(), events)


def test_after_a_block_the_client_has_an_envelope_of_what_it_saw() -> None:
    received = blocked_stream()
    assert received.types[-8:] == [
        "response.output_text.done", "response.content_part.done", "response.content_part.added",
        "response.refusal.delta", "response.refusal.done", "response.content_part.done", "response.output_item.done",
        "response.incomplete",
    ]  # fmt: skip
    thought, told = received.envelope["output"]
    assert (thought["summary"][0]["text"], told["status"]) == ("thinking", "incomplete")
    assert [part.get("text", part.get("refusal")) for part in told["content"]] == ["well", "it is ", BLOCK_MESSAGE]


def test_a_block_with_no_message_open_brings_a_message_of_its_own() -> None:
    events = whole(call("function_call_arguments", 0, '{"x":"bad"}', [2]), message(1, [("output_text", "x")], []))
    received = run(STOP.policy(), events)
    assert [item["type"] for item in received.envelope["output"]] == ["message"]
    assert received.envelope["output"][0]["content"] == [{"type": "refusal", "refusal": BLOCK_MESSAGE}]
    assert "bad" not in exactly(received.documents)
    assert not received.text("function_call_arguments")


def test_after_a_block_nothing_more_comes_out() -> None:
    stream = open_stream(STOP)
    assert stream.feed(event(delta("it is bad")))
    assert (stream.feed(event(delta("more"))), stream.feed(SseEvent(DONE)), stream.finish()) == ([], [], [])


def test_a_block_in_a_stream_that_began_in_its_middle_makes_up_for_what_is_missing() -> None:
    received = run(STOP.policy(), [delta("it is bad", sequence_number=40)])
    (item,) = received.envelope["output"]
    assert (item["id"], [part["type"] for part in item["content"]]) == ("0-0", ["output_text", "refusal"])
    assert [one["sequence_number"] for one in received.documents] == list(range(40, 40 + len(received.documents)))
    received.check_repeats()


def test_where_the_policy_wants_an_error_the_stream_just_stops() -> None:
    stream = ResponsesStream(OutputGuard(STOP.policy(on_block=OnBlock.ERROR)))
    received = Received(stream.feed(event(delta("it is bad", sequence_number=4))))
    assert received.types == ["response.output_text.delta"]
    last = Received([stream.error_event(PolicyBlocked("stopped"), "req_1")])
    assert (last.types, last.names) == (["error"], ["error"])
    assert last.documents[0]["error"]["message"] == "stopped"
    assert last.documents[0]["sequence_number"] == 5


# ---------------------------------------------------------------- the official client's helper


def accumulated(received: Received) -> tuple[ResponseStreamState[None], list[Any]]:
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    told = []
    for document in received.documents:
        parsed = construct_type(type_=ResponseStreamEvent, value=document)
        told += state.handle_event(parsed)  # type: ignore[arg-type]
    return state, told


MODELLED = ("message", "message", "reasoning", "function_call_arguments", "custom_tool_call_input")


@settings(max_examples=50)
@given(transcripts(texts_with_secrets(), MODELLED))
def test_the_official_helper_adds_a_redacted_stream_up(transcript: Transcript) -> None:
    kit = secrets_kit()
    received = run(kit.policy(), transcript.documents)
    state, told = accumulated(received)
    final = state._completed_response
    assert final is not None
    for channel, text in transcript.texts.items():
        family, output, at, _ = channel
        expected = shown(kit, channel, text)
        item: Any = final.output[output]
        if family == "output_text":
            assert item.content[at].text == expected
            snapshots = [
                one.snapshot
                for one in told
                if one.type == "response.output_text.delta" and (one.output_index, one.content_index) == (output, at)
            ]
            assert snapshots[-1:] in ([expected], [])
        elif family == "function_call_arguments":
            assert item.arguments == expected


def test_the_official_helper_accepts_a_blocked_stream() -> None:
    _, told = accumulated(blocked_stream())
    assert told[-1].type == "response.incomplete"
    assert told[-1].response.output_text == "wellit is "


def test_a_stream_without_rules_passes_with_its_calls_whole() -> None:
    policy = make_kit({"word": "§"}).policy()
    received = run(policy, whole(message(0, [("output_text", "a secret")], [3])))
    assert received.text() == "a secret"


# ---------------------------------------------------------------- golden files


@pytest.mark.parametrize("file", golden_files("stream"), ids=lambda file: file.stem)
def test_a_stream_becomes_what_its_golden_file_says(file: Path) -> None:
    golden = read(file)
    received = run(make_kit({"word": golden["redacts"]}).policy(), golden["events"])
    assert received.documents == golden["documents"]
