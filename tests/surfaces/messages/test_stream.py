from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.core.verdict import Action
from guardproxy.detectors.pattern import PatternOptions
from guardproxy.errors import PolicyBlocked, UpstreamUnavailable
from guardproxy.surfaces.messages import MessagesStream
from guardproxy.wire.document import get
from guardproxy.wire.sse import DONE, SseEvent
from tests.support.strategies import (
    NOT_BLOCKING,
    Kit,
    cut_places,
    json_values,
    kits,
    make_kit,
    pieces_of,
    quiet_texts,
    secrets_kit,
    strings_of,
    texts,
    texts_with_secrets,
    ways_of_cutting,
)
from tests.surfaces.chat_completions.golden import read
from tests.surfaces.messages.golden import golden_files
from tests.surfaces.messages.received import (
    CALLS,
    HELD,
    SIGNATURE,
    Received,
    Transcript,
    as_frames,
    bare,
    block,
    decoded,
    delta,
    ending,
    event,
    frames_of,
    hides,
    opened,
    run,
    shown,
    start,
    starting,
    stop,
    strict,
    transcripts,
    whole,
)
from tests.surfaces.messages.schema import (
    DELTA_TYPES,
    EVENT_TYPES,
    bent,
    documents,
    events,
    marks_kit,
    members_of,
    official,
    planted,
)

WORDS = make_kit({"word": "secret{1,3}"})
QUIET = make_kit({"r": "§"})
STOP = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK})
FLAGS = make_kit({"flag": "secret"}, actions={"flag": Action.FLAG})


def exactly(value: Any) -> str:
    return json.dumps(value)


# ---------------------------------------------------------------- each text is what it would be whole


@given(kits(actions=NOT_BLOCKING), transcripts(texts))
def test_each_text_is_what_its_whole_text_would_be(kit: Kit, transcript: Transcript) -> None:
    received = run(kit.policy(), transcript.documents)
    assert len(transcript.texts) == len(received.blocks) == len(received.stopped)
    for index, (kind, text) in transcript.texts.items():
        assert shown(kit, kind, text) == received.text(index)


@settings(max_examples=60)
@given(transcripts(texts_with_secrets(), max_blocks=2), cut_places)
def test_every_way_of_cutting_the_bytes_gives_the_whole_texts(transcript: Transcript, cuts: list[int]) -> None:
    kit = secrets_kit()
    frames = as_frames(transcript.documents)
    for pieces in (*ways_of_cutting(b"".join(frames), cuts), frames):
        received = Received(frames_of(opened(kit.policy()), pieces))
        for index, (kind, text) in transcript.texts.items():
            assert shown(kit, kind, text) == received.text(index)


@settings(max_examples=60)
@given(kits(actions=NOT_BLOCKING), transcripts(texts, mixed=True))
def test_interleaved_blocks_are_each_what_they_are_alone_and_begin_in_their_order(
    kit: Kit, transcript: Transcript
) -> None:
    received = run(kit.policy(), transcript.documents)
    assert len(transcript.texts) == len(received.stopped)
    for index, (kind, text) in transcript.texts.items():
        assert shown(kit, kind, text) == received.text(index)


@settings(max_examples=60)
@given(kits(), transcripts(texts, mixed=True))
def test_no_prefix_of_a_stream_shows_more_than_its_texts_may(kit: Kit, transcript: Transcript) -> None:
    stream, received = opened(kit.policy()), Received()
    for document in transcript.documents:
        for frame in stream.feed(event(document)):
            received.take(frame)
        for index in range(len(received.blocks)):
            kind, text = transcript.texts[index]
            if kind in CALLS:
                assert received.text(index) in ("", shown(kit, kind, text))
            else:
                assert shown(kit, kind, text).startswith(received.text(index).replace("None", ""))


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), transcripts(texts, mixed=True), st.booleans())
def test_the_short_way_comes_to_what_the_long_way_does(kit: Kit, transcript: Transcript, padded: bool) -> None:
    frames = [frame.replace(b"}\n\n", b"}  \n\n") if padded else frame for frame in as_frames(transcript.documents)]
    short, long = opened(kit.policy()), opened(kit.policy())
    told = list(frames_of(short, frames))
    expected = [frame for one in transcript.documents for frame in long.feed(event(one))] + long.finish()
    assert decoded(expected) == decoded(told)
    assert (long.characters, long.usage) == (short.characters, short.usage)


def test_plain_pieces_take_the_short_way() -> None:
    stream = opened(WORDS.policy())
    for frame in as_frames([starting(), start(0, bare("text"))]):
        assert stream.pass_on(frame) is None
        stream.feed(event(json.loads(frame.split(b"data: ")[1])))
    for text in ("Hi", "é", "", "a \u2028 b"):
        (frame,) = as_frames([delta(0, "text", text)])
        assert stream.pass_on(frame) == [frame]
    assert stream.pass_on(as_frames([delta(0, "text", 'quoted "x"')])[0]) is None
    assert stream.pass_on(as_frames([delta(0, "text", "sec")])[0]) == as_frames([delta(0, "text", "")])
    assert stream.pass_on(as_frames([delta(0, "text", "ret!")])[0]) == as_frames([delta(0, "text", "[WORD]!")])


def test_most_generated_streams_hold_a_match() -> None:
    seen: Counter[tuple[str, bool]] = Counter()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(kits(), transcripts(texts), transcripts(texts_with_secrets()))
    def look(kit: Kit, transcript: Transcript, secret: Transcript) -> None:
        seen["letters", any(hides(kit, *one) for one in transcript.texts.values())] += 1
        seen["secrets", any(hides(secrets_kit(), *one) for one in secret.texts.values())] += 1
        seen["several blocks", len(transcript.texts) > 1] += 1
        seen["calls", any(kind in CALLS for kind, _ in transcript.texts.values())] += 1

    look()
    assert seen["letters", True] > seen["letters", False]
    assert seen["secrets", True] > seen["secrets", False]
    assert min(seen["several blocks", True], seen["calls", True]) > 25


def test_what_is_found_is_told_with_its_place() -> None:
    guard = OutputGuard(WORDS.policy())
    stream = MessagesStream(guard)
    for document in whole(block(0, "text", "a secret", [4]), block(1, "tool_use", '{"x":"secret"}', [3])):
        stream.feed(event(document))
    assert [(one.rule, one.path) for one in guard.findings] == [
        ("test.word", ("content", 0, "text")),
        ("test.word", ("content", 1, "input")),
    ]


# ---------------------------------------------------------------- what is not touched is not changed


def test_an_event_nothing_was_found_in_goes_out_byte_for_byte() -> None:
    stream = opened(WORDS.policy())
    for kind, data in (
        ("message_start", '{ "type":"message_start" , "message": {"id":"0", "content": [], "x": 1.50, "n": 1E3}}'),
        ("ping", '{"type": "ping"}'),
        ("content_block_start", '{"type":"content_block_start","index":0,"content_block":{"text":"","type":"text"}  }'),
        ("content_block_delta", '{"index":0,"type":"content_block_delta","delta":{"type":"x","x":"\\u00e9"}}'),
        ("", '{"type":"vendor","note":"x","n": 12345678901234567890123}'),
    ):  # fmt: skip
        name = f"event: {kind}\n" if kind else ""
        assert stream.feed(SseEvent(data, kind)) == [f"{name}data: {data}\n\n".encode()]
    assert b"hidden" not in b"".join(stream.feed(SseEvent('{"note": "hidden", "note": "shown", "type": "x"}')))


@settings(max_examples=60)
@given(transcripts(quiet_texts), st.booleans())
def test_without_a_match_every_event_passes_in_its_order(transcript: Transcript, named: bool) -> None:
    policy = make_kit({"r": "ab{1,3}c"}, {"s": "b1"}).policy()
    received = run(policy, transcript.documents, named=named)
    assert [exactly(one) for one in transcript.documents] == [exactly(one) for one in received.documents]
    assert received.names == [one["type"] if named else "" for one in transcript.documents]


odd_events = st.dictionaries(st.sampled_from(["x", "note", "content_x", "n", "é"]), json_values, max_size=3).flatmap(
    lambda more: st.sampled_from(["vendor", "keepalive", "x", "content_block_note"]).map(
        lambda kind: {"type": kind, **more}
    )
)


@given(st.lists(odd_events, max_size=5))
def test_events_nobody_has_heard_of_pass(documents: list[dict[str, Any]]) -> None:
    received = run(make_kit({"r": "ab{1,3}c"}, {"s": "b1"}).policy(), documents)
    assert [exactly(document) for document in documents] == [exactly(document) for document in received.documents]


def test_the_mark_of_other_apis_at_the_end_passes() -> None:
    stream = opened(WORDS.policy())
    for document in whole(block(0, "text", "a se")):
        stream.feed(event(document))
    assert stream.feed(SseEvent(DONE)) == [b"data: [DONE]\n\n"]


# ---------------------------------------------------------------- the official union


def test_these_tests_know_every_event_and_delta_of_the_official_union() -> None:
    client = official()
    found = members_of(client.BetaRawMessageStreamEvent)
    assert set(EVENT_TYPES) == {_type_of(model) for model in found}
    (deltas,) = [model for model in found if _type_of(model) == "content_block_delta"]
    assert set(DELTA_TYPES) == {_type_of(model) for model in members_of(deltas.model_fields["delta"].annotation)}


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_event_of_the_official_union_passes_and_shows_no_secret(kind: str) -> None:
    (model,) = [one for one in members_of(official().BetaRawMessageStreamEvent) if _type_of(one) == kind]

    @settings(max_examples=40)
    @given(documents(model))
    def look(document: dict[str, Any]) -> None:
        stream = opened(QUIET.policy())
        passed = decoded([*stream.feed(event(document)), *stream.finish()])
        held = document.get("content_block", {}).get("type") in HELD
        held = held or document.get("delta", {}).get("type") in ("input_json_delta", "compaction_delta")
        if kind == "message_start":  # of several texts in it all but the first may follow by themselves
            texts = [passed[0]["message"]["content"], document["message"]["content"]]
            for one in passed[1:]:
                texts[0][one["index"]]["text"] += one["delta"]["text"]
            assert texts[0] == texts[1]
            passed = passed[:1]
        assert passed == ([] if held else [document])
        stream = opened(marks_kit().policy())
        told = decoded([*stream.feed(event(document)), *stream.finish()])
        assert not planted(told)
        for one in told:
            official()
            model_of(one).model_validate(one)

    look()


def _type_of(model: Any) -> str:
    return str(model.model_fields["type"].annotation.__args__[0])


def model_of(document: dict[str, Any]) -> Any:
    (model,) = [one for one in members_of(official().BetaRawMessageStreamEvent) if _type_of(one) == document["type"]]
    return model


@settings(max_examples=200)
@given(st.lists(events, min_size=1, max_size=6))
def test_no_secret_in_any_string_of_any_event_leaves(told: list[dict[str, Any]]) -> None:
    stream = opened(marks_kit().policy())
    frames: list[bytes] = []
    try:
        for document in told:
            frames += stream.feed(event(document))
    except UpstreamUnavailable:  # it went on with a text that had ended, or began a block twice
        pass
    for frame in [*frames, *stream.finish()]:
        assert not planted(frame.decode())


@settings(max_examples=200)
@given(st.lists(bent(events), min_size=1, max_size=4))
def test_an_event_of_any_shape_is_looked_at_or_not_believed(told: list[dict[str, Any]]) -> None:
    stream = opened(marks_kit().policy())
    frames: list[bytes] = []
    try:
        for document in told:
            frames += stream.feed(event(document, named=False))
    except UpstreamUnavailable:
        pass
    for frame in [*frames, *stream.finish()]:
        assert not planted(frame.decode())


@pytest.mark.parametrize("kind", [["text_delta"], {"x": 1}, None, 5])
def test_a_type_that_is_no_word_is_none(kind: Any) -> None:
    for document in (
        {"type": "content_block_delta", "index": 0, "delta": {"type": kind, "text": "secret"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": kind, "text": "secret"}},
        {"type": "message_delta", "delta": {"stop_reason": kind, "x": "secret"}},
        {"type": kind, "x": "secret"},
    ):
        stream = opened(WORDS.policy())
        told = decoded([*stream.feed(event(document, named=False)), *stream.finish()])
        assert "secret" not in exactly(told) and "[WORD]" in exactly(told)


# ---------------------------------------------------------------- the end of a text


@pytest.mark.parametrize("kept", [5, 6, 7, 8])
def test_held_text_goes_out_before_whatever_ends_it(kept: int) -> None:
    documents = whole(block(0, "text", "a se", [2]))
    received = run(WORDS.policy(), [*documents[:5], *documents[kept:]])
    assert received.text() == "a se"


def test_a_match_that_only_the_end_confirms_is_hidden() -> None:
    kit = make_kit({"end": PatternOptions("bad", not_after="a-z")})
    assert run(kit.policy(), whole(block(0, "text", "it is bad", [3]))).text() == "it is [END]"


def test_an_upstream_that_goes_on_after_the_end_of_a_text_is_not_believed() -> None:
    for kind in ("text", "thinking", "tool_use"):
        stream = opened(WORDS.policy())
        for document in whole(block(0, kind, '{"a":1}'))[:-2]:
            stream.feed(event(document))
        with pytest.raises(UpstreamUnavailable):
            stream.feed(event(delta(0, kind, "et")))


@pytest.mark.parametrize("kind", ["content_block_start", "message_start"])
def test_text_in_an_announcement_is_the_beginning_of_the_text(kind: str) -> None:
    first = {"type": "text", "text": "a sec"}
    document = start(0, first) if kind == "content_block_start" else starting(content=[first])
    stream = opened(WORDS.policy())
    told = decoded([*stream.feed(event(document)), *stream.feed(event(delta(0, "text", "ret")))])
    assert "sec" not in exactly(told)
    assert told[-1]["delta"]["text"] == "[WORD]"


def test_a_text_nobody_announced_is_guarded_all_the_same() -> None:
    stream = opened(WORDS.policy())
    told = decoded([*stream.feed(event(delta(0, "text", "a sec"))), *stream.feed(event(delta(0, "text", "ret")))])
    assert [one["delta"]["text"] for one in told] == ["a ", "[WORD]"]


def test_a_text_that_goes_on_after_it_was_sent_whole_is_not_believed() -> None:
    stream = opened(WORDS.policy())
    stream.feed(event(start(0, {"type": "x", "note": "sec"})))
    with pytest.raises(UpstreamUnavailable):
        stream.feed(event({"type": "content_block_delta", "index": 0, "delta": {"type": "x_delta", "note": "ret"}}))


def test_deltas_nobody_has_heard_of_are_texts() -> None:
    pieces = ("a sec", "ret", "!")
    told = [{"type": "content_block_delta", "index": 0, "delta": {"type": "x_delta", "x": one}} for one in pieces]
    received = run(WORDS.policy(), [start(0, {"type": "x", "x": ""}), *told, stop(0)])
    assert "".join(one["delta"]["x"] for one in received.documents[1:-1]) == "a [WORD]!"


def _with(kind: str, more: dict[str, Any], inside: bool = False) -> dict[str, Any]:
    one = delta(0, kind, "")
    return {**one, "delta": {**one["delta"], **more}} if inside else {**one, **more}


UNHEARD_OF: list[tuple[str, Callable[[str], dict[str, Any]]]] = [
    ("text", lambda piece: {"type": "vendor_note", "text": piece}),
    ("text", lambda piece: {"type": "ping", "x": {"t": [piece]}}),
    ("text", lambda piece: {"type": "vendor_note", "index": 0, "x": [{"y": piece}]}),
    ("text", lambda piece: _with("text", {"x": piece})),
    ("text", lambda piece: _with("text", {"x": {"t": piece}}, True)),
    ("tool_use", lambda piece: _with("tool_use", {"x": piece})),
]


@pytest.mark.parametrize(("kind", "place"), UNHEARD_OF, ids=range(len(UNHEARD_OF)))
@settings(max_examples=25)
@given(kits(actions=NOT_BLOCKING), texts, cut_places, st.booleans())
def test_a_text_that_grows_where_the_api_has_none_is_one_text(
    kind: str, place: Callable[[str], dict[str, Any]], kit: Kit, text: str, cuts: list[int], ends: bool
) -> None:
    known = {"type", "id", "role", "model", "stop_reason", "name", "partial_json"}
    begun = [starting(), start(0, bare(kind))]
    inside = [delta(0, kind, "{}")] if kind == "tool_use" else []
    for pieces in ways_of_cutting(text, cuts):
        last = [stop(0), *ending("tool_use" if inside else "end_turn")] if ends or inside else []
        received = run(kit.policy(), [*begun, *map(place, pieces), *inside, *last])
        found = [one for document in received.documents for one in strings_of(document)]
        assert kit.released(text)[0] == "".join(below for name, below in found if name not in known)


def test_a_name_where_the_api_has_no_text_is_hidden_also_in_events_of_our_own() -> None:
    received = run(WORDS.policy(), [{"type": "x", "y": {"secret": piece}} for piece in ("a sec", "r")])
    assert "secret" not in exactly(received.documents)


def test_what_only_repeats_is_no_text_that_grows() -> None:
    documents = [starting(), *({"type": "x", "at": "1234 ok"} for _ in range(4))]
    assert documents == run(make_kit({"long": "[0-9]{8}"}).policy(), documents).documents


def test_pieces_of_something_that_an_api_knows_in_another_shape_fail_closed() -> None:
    for kind in ("content_block_delta", "content_block_stop", "ping"):
        with pytest.raises(UpstreamUnavailable):
            opened(WORDS.policy()).feed(event({"type": kind, "index": "0", "delta": "sec"}))


@pytest.mark.parametrize("within", [(), ("note",), ("notes", 0)])
@given(cut_places)
def test_pieces_of_something_unknown_are_a_text_that_grows(within: tuple[str | int, ...], cuts: list[int]) -> None:
    documents: list[Any] = []
    for piece in pieces_of("a secret it is", cuts):
        delta: Any = piece
        for step in reversed(within):
            delta = [delta] if isinstance(step, int) else {step: delta}
        documents.append({"type": "x", "index": 0, "delta": delta})
    received = run(WORDS.policy(), documents)
    assert "".join(get(one, ("delta", *within)) for one in received.documents) == "a [WORD] it is"


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("kind", HELD)
def test_a_call_is_shown_whole_or_not_at_all(kind: str) -> None:
    text = '{"x": "a secret"}' if kind in CALLS else "a secret"
    documents = whole(block(0, kind, text, [3, 6, 9]), reason="tool_use")
    received = run(WORDS.policy(), documents)
    assert received.text() == ('{"x":"a [WORD]"}' if kind in CALLS else "a [WORD]")
    assert [one["type"] for one in received.documents[2:5]] == [
        "content_block_start", "content_block_delta", "content_block_stop",
    ]  # fmt: skip
    for at in range(len(documents) - 2):
        assert not run(WORDS.policy(), documents[:at]).blocks


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("text", ['{"x": "rm -rf /', '{"x', "", "rm -rf"])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "model_context_window_exceeded", None])
def test_a_call_that_was_cut_off_is_never_shown(kind: str, text: str, ended: bool, reason: str | None) -> None:
    events = block(0, "text", "well") + block(1, kind, text, [3])
    if not ended:
        del events[-1]
    received = run(WORDS.policy(), [starting(), *events, *(ending(reason) if reason else [])])
    assert [one["type"] for one in received.blocks] == ["text"]
    assert "rm" not in exactly(received.documents)
    assert received.reason == reason


def test_a_call_without_an_end_of_its_own_is_shown_only_if_it_is_whole_and_the_model_ended_it() -> None:
    for text, reason, expected in (('{"x":1}', "tool_use", 1), ('{"x":', "tool_use", 0), ('{"x":1}', "max_tokens", 0)):
        documents = [starting(), *block(0, "tool_use", text)[:-1], *ending(reason), stop(0)]
        assert len(run(WORDS.policy(), documents[:-1]).blocks) == expected
    stream = opened(WORDS.policy())
    for document in [starting(), *block(0, "tool_use", '{"x":1}')[:-1], *ending("max_tokens")]:
        stream.feed(event(document))
    assert stream.feed(event(stop(0))) == []


@pytest.mark.parametrize("after", [ending("tool_use"), block(1, "text", "x")])
def test_input_that_is_no_json_goes_out_once_the_model_went_on(after: list[dict[str, Any]]) -> None:
    received = run(WORDS.policy(), [starting(), *block(0, "tool_use", "run 'secret'", [5]), *after])
    assert received.text() == "run '[WORD]'"
    assert received.stopped >= {0}


@pytest.mark.parametrize("after", [ending("tool_use"), block(1, "text", "x")])
@pytest.mark.parametrize("text", ["{'a': 'rm -rf /", '{"a": "rm -rf /', '{"x":1}{"a":"rm -rf /'])
def test_input_that_is_still_open_was_cut_off_whatever_comes(text: str, after: list[dict[str, Any]]) -> None:
    received = run(WORDS.policy(), [starting(), *block(0, "tool_use", text, [5]), *after])
    assert "rm" not in exactly(received.documents)
    assert received.blocks == []


@pytest.mark.parametrize("reason", ["tool_use", "max_tokens"])
def test_input_that_no_parser_takes_shows_its_end_all_the_same(reason: str) -> None:
    for text in ("{'a': 'secret'}", '{"n":' + "1" * 5000 + ',"a":"secret"}', "[" * 5000 + "]" * 5000):
        received = run(WORDS.policy(), [starting(), *block(0, "tool_use", text, [5]), *ending(reason)])
        assert received.text() == text.replace("secret", "[WORD]")


def test_a_call_without_input_goes_out_as_it_came() -> None:
    documents = whole([start(0, bare("tool_use")), delta(0, "tool_use", ""), stop(0)], reason="tool_use")
    assert run(WORDS.policy(), documents).documents == documents
    complete = whole([start(0, {**bare("tool_use"), "input": {"x": "a secret"}}), stop(0)], reason="max_tokens")
    assert run(WORDS.policy(), complete).blocks[0]["input"] == {"x": "a [WORD]"}


def test_input_hides_nothing_behind_its_escapes_nor_in_numbers() -> None:
    kit = make_kit({"word": "secret"}, {"number": r"\d{7}"})
    received = run(kit.policy(), whole(block(0, "tool_use", r'{"x":"\u0073ecret","n":1234567,"y":1}', [5])))
    assert received.text() == '{"x":"[WORD]","n":"[NUMBER]","y":1}'


def test_what_began_after_a_call_that_was_cut_off_goes_with_it() -> None:
    documents = [
        starting(), start(0, bare("tool_use")), start(1, bare("text")), delta(0, "tool_use", '{"x'),
        delta(1, "text", "well"), stop(1), *ending("max_tokens"),
    ]  # fmt: skip
    received = run(WORDS.policy(), documents)
    assert (received.blocks, received.reason) == ([], "max_tokens")
    late = [one for one in documents if one != stop(1)]
    assert run(WORDS.policy(), [*late[:-1], stop(1), late[-1]]).types == received.types


def test_input_for_a_block_the_client_knows_is_held_all_the_same() -> None:
    for text, reason, expected in (('{"x":"secret"}', "end_turn", '{"x":"[WORD]"}'), ('{"x":"sec', "max_tokens", "")):
        inner = {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}
        received = run(WORDS.policy(), [starting(), start(0, bare("text")), inner, stop(0), *ending(reason)])
        assert (received.blocks[0]["written"], received.stopped) == (expected, {0})


def test_a_compaction_that_was_edited_loses_its_seals() -> None:
    inner = {"type": "compaction_delta", "content": "a secret", "encrypted_content": "QUJD"}
    content = {"type": "compaction", "content": None, "signature": "QUJD"}
    events = [start(0, content), {"type": "content_block_delta", "index": 0, "delta": inner}, stop(0)]
    (one,) = run(WORDS.policy(), whole(events)).blocks
    assert (one["content"], one["encrypted_content"], one["signature"]) == ("a [WORD]", None, "")
    (same,) = run(QUIET.policy(), whole(events)).blocks
    assert (same["content"], same["encrypted_content"], same["signature"]) == ("a secret", "QUJD", "QUJD")


# ---------------------------------------------------------------- signed thinking


@settings(max_examples=60)
@given(kits(actions=NOT_BLOCKING), transcripts(texts, kinds=["thinking", "thinking", "text"]))
def test_a_signature_stands_only_under_thinking_that_went_out_as_it_came(kit: Kit, transcript: Transcript) -> None:
    received = run(kit.policy(), transcript.documents)
    for index, (kind, text) in transcript.texts.items():
        if kind == "thinking":
            untouched = received.text(index) == text and not kit.hiding(text)
            assert received.blocks[index]["signature"] == (SIGNATURE if untouched else "")


@pytest.mark.parametrize(("text", "signature"), [("all well", "QUJD"), ("a secret", "")])
def test_a_signature_in_the_announcement_is_kept_only_over_its_own_text(text: str, signature: str) -> None:
    content = {"type": "thinking", "thinking": text, "signature": "QUJD"}
    received = run(WORDS.policy(), whole([start(0, content), stop(0)]))
    assert received.blocks[0]["signature"] == signature
    assert "secret" not in exactly(received.documents)


def test_a_signature_that_is_no_base64_is_a_text() -> None:
    inner = {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "a secret"}}
    documents = whole([start(0, bare("thinking")), delta(0, "thinking", "x"), inner, stop(0)])
    assert "secret" not in exactly(run(WORDS.policy(), documents).documents)
    assert "secret" in exactly(run(QUIET.policy(), documents).documents)


# ---------------------------------------------------------------- what cannot be read

UNREADABLE = [
    (OpaqueKind.ENCRYPTED, [start(0, {"type": "redacted_thinking", "data": "QUJD"}), stop(0)]),
    (OpaqueKind.ENCRYPTED, block(0, "thinking", "")),
    (OpaqueKind.ENCRYPTED, [start(0, {"type": "web_search_tool_result", "content": [
        {"type": "web_search_result", "title": "x", "encrypted_content": "QUJD"}]})]),
    (OpaqueKind.FILE, [start(0, {"type": "container_upload", "file_id": "f"})]),
    (OpaqueKind.FILE, [start(0, {"type": "code_execution_tool_result", "content": {
        "type": "code_execution_result", "content": [{"type": "code_execution_output", "file_id": "f"}]}})]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "told"), UNREADABLE, ids=lambda value: str(value)[:60])
def test_what_cannot_be_read_goes_out_only_if_the_policy_says_so(kind: OpaqueKind, told: list[dict[str, Any]]) -> None:
    guard = OutputGuard(strict(WORDS.policy()))
    stream = MessagesStream(guard)
    frames = [frame for document in [starting(), *told] for frame in stream.feed(event(document))]
    assert [(one.rule, one.path[:2]) for one in guard.findings] == [(f"opaque.{kind.value}", ("content", 0))]
    assert "QUJD" not in exactly(decoded(frames)) and SIGNATURE not in exactly(decoded(frames))
    assert decoded(frames)[-1] == {"type": "message_stop"}
    assert run(WORDS.policy(), [starting(), *told]).blocks


# ---------------------------------------------------------------- text anywhere


def more(inner: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": inner, **members}


@pytest.mark.parametrize(
    "document",
    [
        {"type": "error", "error": {"type": "api_error", "message": "a secret"}},
        more({"type": "text_delta", "text": "x", "note": "a secret"}),
        more({"type": "text_delta", "text": "x"}, y=["a secret"]),
        more({"type": "citations_delta", "citation": {"cited_text": "a secret"}}),
        more({"type": "a secret", "x": "y"}),
        more({"type": "text_delta", "a secret": "a secret"}),
        start(0, {"type": "web_fetch_tool_result", "content": {"url": "a secret"}}),
        start(0, {"type": "x", "a secret": 1}),
        {"type": "content_block_stop", "index": 0, "content_block": {"text": "a secret"}},
        {"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "a secret"}},
        {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": {"explanation": "a secret"}}},
        {"type": "message_delta", "delta": {"stop_reason": "a secret"}},
        {"type": "message_start", "message": {"content": ["a secret", {"type": "text", "text": "x"}]}},
        {"type": "message_start", "message": {"content": [{"type": "tool_use", "input": {"a secret": 1}}]}},
        {"type": "message_start", "message": {"content": "a secret", "container": {"id": "x"}}},
        {"type": "message_start", "message": "a secret"},
        {"type": "vendor", "a secret name": 1},
        {"type": "a secret"},
        {"note": "a secret"},
    ],
)  # fmt: skip
def test_text_is_found_wherever_it_stands(document: dict[str, Any]) -> None:
    stream = opened(WORDS.policy())
    told = exactly(decoded([*stream.feed(event(document, named=False)), *stream.finish()]))
    assert "secret" not in told
    assert "[WORD]" in told


def test_the_name_of_an_event_hides_nothing() -> None:
    stream = opened(WORDS.policy())
    assert stream.feed(SseEvent('{"type":"ping"}', "a secret 1")) == [b'event: ping\ndata: {"type":"ping"}\n\n']
    assert stream.feed(SseEvent('{"type":"x"}', "a secret 1")) == [b'data: {"type":"x"}\n\n']


def test_copies_of_the_text_are_dropped_where_it_can_be_redacted() -> None:
    documents = whole(block(0, "text", "x"))
    documents[3]["token_ids"] = [1, 2]
    documents[3]["delta"]["logprobs"] = {"content": [{"token": "x"}]}
    documents[2]["content_block"]["logprobs"] = [1]
    documents[0]["message"]["prompt_token_ids"] = [1]
    assert "[1" not in exactly(run(WORDS.policy(), documents).documents)
    assert run(FLAGS.policy(), documents).documents == documents


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("text", ["nothing", "{", "[]", '"text"', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 400])
def test_an_event_that_is_not_an_object_fails_closed(text: str) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        opened(WORDS.policy()).feed(SseEvent(text))
    assert raised.value.reason == "bad_event"


@pytest.mark.parametrize("index", [None, "0", 1.5, True])
def test_a_block_whose_index_is_no_number_fails_closed(index: Any) -> None:
    for document in (start(0, bare("text")), delta(0, "text", "x"), stop(0)):
        with pytest.raises(UpstreamUnavailable):
            opened(WORDS.policy()).feed(event({**document, "index": index}))


def test_a_block_that_begins_twice_fails_closed() -> None:
    stream = opened(WORDS.policy())
    stream.feed(event(start(0, bare("text"))))
    with pytest.raises(UpstreamUnavailable):
        stream.feed(event(start(0, bare("text"))))


def test_a_failure_of_the_upstream_is_noticed_and_ends_what_was_held() -> None:
    stream = opened(WORDS.policy())
    for document in [starting(), start(0, bare("text")), delta(0, "text", "a se"), start(1, bare("tool_use"))]:
        stream.feed(event(document))
    assert not stream.failed
    failure = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert decoded(stream.feed(event(failure))) == [delta(0, "text", "se"), failure]
    assert stream.failed


def test_usage_is_what_the_last_report_says_with_what_only_the_first_one_said() -> None:
    stream = opened(WORDS.policy())
    for document in whole(block(0, "text", "a secret x", [3])):
        stream.feed(event(document))
    assert (stream.usage, stream.characters) == (
        {"input_tokens": 10, "output_tokens": 12, "total_tokens": 22},
        len("a [WORD] x"),
    )


def test_a_stream_that_broke_off_used_what_it_read_and_what_went_out() -> None:
    stream = opened(WORDS.policy(), usage_for=lambda characters: {"prompt_tokens": 99, "completion_tokens": characters})
    for document in whole(block(0, "text", "a few words", [3]))[:5]:
        stream.feed(event(document))
    stream.finish()
    assert stream.usage == {"input_tokens": 10, "output_tokens": 11, "total_tokens": 21}


# ---------------------------------------------------------------- blocking


@given(kits(), transcripts(texts, mixed=True))
def test_a_block_ends_the_stream_the_way_clients_notice(kit: Kit, transcript: Transcript) -> None:
    guard = OutputGuard(kit.policy(block_message="Not here, please."))
    stream = MessagesStream(guard, lambda characters: {"prompt_tokens": 1, "completion_tokens": characters + 50})
    frames = [frame for document in transcript.documents for frame in stream.feed(event(document))]
    received = Received([*frames, *stream.finish()])
    assert received.done
    assert received.stopped == set(range(len(received.blocks)))
    if guard.blocked is None:
        assert received.reason in ("end_turn", "tool_use")
        return
    assert received.reason == "refusal"
    assert received.details == {"type": "refusal", "category": None, "explanation": "Not here, please."}
    assert received.usage == {"output_tokens": stream.characters + 50}
    assert stream.usage["total_tokens"] == 10 + stream.characters + 50
    for index, one in enumerate(received.blocks):
        kind, text = transcript.texts[index]
        if kind in HELD:
            assert shown(kit, kind, text) == received.text(index)
        else:
            assert shown(kit, kind, text).startswith(received.text(index))
        assert one["type"] == kind


def test_a_call_that_holds_what_is_forbidden_is_not_shown() -> None:
    received = run(STOP.policy(), whole(block(0, "text", "well"), block(1, "tool_use", '{"x":"bad"}', [2])))
    assert [one["type"] for one in received.blocks] == ["text"]
    assert (received.reason, received.types[-2:]) == ("refusal", ["message_delta", "message_stop"])


def test_a_block_whose_announcement_holds_what_is_forbidden_is_never_shown() -> None:
    content = {"type": "web_fetch_tool_result", "content": {"url": "bad"}}
    received = run(STOP.policy(), whole(block(0, "text", "well")[:-1], [start(1, content), stop(1)]))
    assert received.types[2:] == [
        "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert (len(received.blocks), received.reason) == (1, "refusal")


def test_after_a_block_nothing_more_comes_out() -> None:
    stream = opened(STOP.policy())
    stream.feed(event(start(0, bare("text"))))
    assert stream.feed(event(delta(0, "text", "it is bad")))
    assert stream.pass_on(as_frames([delta(0, "text", "more")])[0]) is None
    assert (stream.feed(event(delta(0, "text", "more"))), stream.feed(SseEvent(DONE)), stream.finish()) == ([], [], [])


def test_a_block_on_the_short_way_ends_the_stream_too() -> None:
    stream = opened(STOP.policy())
    stream.feed(event(start(0, bare("text"))))
    frames = stream.pass_on(as_frames([delta(0, "text", "it is bad")])[0])
    assert frames is not None
    assert [one["type"] for one in decoded(frames)] == [
        "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


def test_where_the_policy_wants_an_error_the_stream_just_stops() -> None:
    stream = opened(STOP.policy(on_block=OnBlock.ERROR))
    stream.feed(event(start(0, bare("text"))))
    assert [one["type"] for one in decoded(stream.feed(event(delta(0, "text", "it is bad"))))] == [
        "content_block_delta"
    ]
    frame = stream.error_event(PolicyBlocked("stopped"), "req_1")
    assert frame.startswith(b"event: error\n")
    assert decoded([frame])[0]["error"]["message"] == "stopped"


# ---------------------------------------------------------------- the official client's helper

MODELLED = ("text", "text", "thinking", "tool_use", "server_tool_use")


@settings(max_examples=50)
@given(transcripts(texts_with_secrets(), MODELLED))
def test_the_official_helper_adds_a_redacted_stream_up(transcript: Transcript) -> None:
    helper = pytest.importorskip("anthropic.lib.streaming._messages")
    client = pytest.importorskip("anthropic.types")
    construct_type = pytest.importorskip("anthropic._models").construct_type
    kit = secrets_kit()
    snapshot, buffers = None, {}  # type: ignore[var-annotated]
    for document in run(kit.policy(), transcript.documents).documents:
        told = construct_type(type_=client.RawMessageStreamEvent, value=document)
        snapshot = helper.accumulate_event(event=told, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    for one, (kind, text) in zip(snapshot.content, transcript.texts.values(), strict=True):
        if kind in CALLS:
            assert one.input == json.loads(shown(kit, kind, text))
        else:
            assert getattr(one, kind) == shown(kit, kind, text)


# ---------------------------------------------------------------- golden files


@pytest.mark.parametrize("file", golden_files("stream"), ids=lambda file: file.stem)
def test_a_stream_becomes_what_its_golden_file_says(file: Path) -> None:
    golden = read(file)
    kit = make_kit({"word": golden["redacts"]}, {"stop": golden["blocks"]}, actions={"stop": Action.BLOCK})
    received = run(kit.policy(), golden["events"])
    assert received.documents == golden["documents"]


def test_an_answer_that_is_cut_shows_what_is_decided_and_no_begun_call() -> None:
    for begun, blocks in ((delta(0, "text", " is se"), ["Well is se"]), (start(1, bare("tool_use")), ["Well"])):
        stream = opened(WORDS.policy())
        told = [starting(), start(0, bare("text")), delta(0, "text", "Well"), begun]
        frames = [frame for document in told for frame in stream.feed(event(document))]
        received = Received([*frames, *stream.cut()])
        assert [one["text"] for one in received.blocks] == blocks
        assert (received.reason, received.done, received.stopped) == ("max_tokens", True, {0})
