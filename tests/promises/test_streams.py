"""Whole streams of chat chunks with all packs on: channels, tool calls, envelopes, what is not touched, the client."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock, Policy
from guardproxy.core.verdict import Action
from guardproxy.surfaces.chat_completions import ChatStream
from tests.promises import packs
from tests.promises.depth import cases, same_cases
from tests.promises.fragments import texts
from tests.promises.streams import (
    Message,
    answered,
    answers,
    arguments,
    bytes_of,
    calls_of,
    client_of,
    guarded,
    in_turn,
    redacted,
    unsure,
)
from tests.support.strategies import Kit, cut_places, kits, make_kit, ways_of_cutting
from tests.support.strategies import texts as letters
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

seeds = st.integers(0, (1 << 32) - 1)
ANY_ORDER = pytest.param(packs.interleaved, answers, id="interleaved")
IN_ORDER = pytest.param(packs.policy, in_turn, id="ordered")
DONE = b"data: [DONE]\r\n\r\n"
ASK: Any = [{"role": "user", "content": "Say hello."}]


# ---------------------------------------------------------------- channels


@cases(30)
@given(answers, cut_places)
def test_every_channel_is_what_its_whole_text_would_be_however_the_bytes_come(
    transcript: Transcript, cuts: list[int]
) -> None:
    expected = {channel: packs.whole(text) for channel, text in transcript.texts.items()}
    for pieces in ways_of_cutting(bytes_of(transcript), cuts):
        received = run_bytes(packs.interleaved(), pieces)
        assert expected == {channel: received.texts[channel] for channel in expected}
        assert received.done


@cases(30)
@given(answers, seeds)
def test_the_order_in_which_channels_come_changes_none_of_them(transcript: Transcript, seed: int) -> None:
    """The same pieces, choice by choice, and shuffled: the order within a choice is kept."""
    single = [chunk(choice) for document in transcript.documents for choice in document["choices"]]
    by_choice = sorted(single, key=lambda document: document["choices"][0]["index"])
    shuffled: list[Any] = []
    waiting = [[d for d in single if d["choices"][0]["index"] == index] for index in range(3)]
    random = Random(seed)
    while any(waiting):
        shuffled.append(random.choice([documents for documents in waiting if documents]).pop(0))
    shown = [run(packs.interleaved(), documents) for documents in (single, by_choice, shuffled)]
    for index, name in transcript.texts:
        assert len({received.text(index, name) for received in shown}) == 1


@cases(30)
@given(in_turn, cut_places)
def test_fields_of_a_choice_leave_in_their_order_as_their_whole_texts_would(
    transcript: Transcript, cuts: list[int]
) -> None:
    for pieces in ways_of_cutting(bytes_of(transcript), cuts):
        received = run_bytes(packs.policy(), pieces)
        for index in received.order:
            mine = [(name, packs.whole(text)) for (of, name), text in transcript.texts.items() if of == index]
            assert [(name, text) for name, text in mine if text] == received.in_order(index)


@cases(30)
@given(in_turn)
def test_nothing_a_match_covers_is_shown_where_a_field_ends(transcript: Transcript) -> None:
    expected = {channel: packs.whole(text) for channel, text in transcript.texts.items()}
    stream, shown = ChatStream(OutputGuard(packs.policy())), Received()
    for document in transcript.documents:
        for frame in stream.feed(event(document)):
            shown.take(frame)
        for channel, whole in expected.items():
            assert whole.startswith(shown.texts[channel])


def test_most_generated_fields_end_in_what_may_begin_a_match() -> None:
    seen: Counter[bool] = Counter()

    @same_cases(60)
    @given(unsure())
    def look(text: str) -> None:
        guard = packs.guard()
        guard.feed(text)
        seen[guard.held > 0] += 1

    look()
    assert seen[True] > seen[False]


# ---------------------------------------------------------------- arguments stay JSON


def fits(before: Any, after: Any) -> bool:
    """The same shape, and each leaf is what it was or what redacting it gives."""
    match before:
        case dict():
            return isinstance(after, dict) and list(before) == list(after) and all(
                fits(below, after[name]) for name, below in before.items()
            )  # fmt: skip
        case list():
            return isinstance(after, list) and len(before) == len(after) and all(map(fits, before, after))
        case str():
            return bool(after == packs.whole(before))
        case int() if not isinstance(before, bool) and packs.spans_in(str(before)):
            return bool(after == packs.whole(str(before)))
    return type(before) is type(after) and bool(before == after)


@cases(50)
@given(st.lists(arguments(), min_size=1, max_size=2), seeds)
def test_arguments_stay_json_of_the_same_shape_and_only_matches_change(values: list[Any], seed: int) -> None:
    received = run(packs.policy(), calls_of(values, Random(seed)))
    shown = [json.loads(call["function"]["arguments"]) for call in received.calls[0]]
    assert len(shown) == len(values)
    for before, after in zip(values, shown, strict=True):
        assert fits(before, after), (before, after)


# ---------------------------------------------------------------- envelopes


@cases(40)
@given(texts(), texts(pieces=1), st.lists(arguments(), max_size=2), cut_places, seeds)
def test_what_a_stream_adds_up_to_is_the_answer_that_does_not_stream(
    content: str, refusal: str, values: list[Any], cuts: list[int], seed: int
) -> None:
    calls = calls_of(values, Random(seed))
    deltas = [
        chunk(part(0, delta_of(name, piece)))
        for name, text in (("content", content), ("refusal", refusal))
        for piece in ways_of_cutting(text, cuts)[2]
    ]
    received = run(packs.policy(), [*deltas, *calls])
    whole: dict[int, str] = {}
    for document in calls:
        for call in document["choices"][0]["delta"].get("tool_calls", ()):
            whole[call["index"]] = whole.get(call["index"], "") + call["function"]["arguments"]
    expected = redacted(Message(content, refusal, tuple(whole.values())))
    assert (expected.content, expected.refusal) == (received.text(0), received.text(0, "refusal"))
    assert list(expected.arguments) == [call["function"]["arguments"] for call in received.calls[0]]


def test_an_envelope_holds_a_match_in_most_cases() -> None:
    seen: Counter[bool] = Counter()

    @same_cases(60)
    @given(texts(), st.lists(arguments(), max_size=2))
    def look(content: str, values: list[Any]) -> None:
        message = Message(content, "", tuple(map(json.dumps, values)))
        seen[redacted(message) != message] += 1

    look()
    assert seen[True] > seen[False]
    assert answered(Message("x", ""))["choices"][0]["message"]["content"] == "x"


# ---------------------------------------------------------------- what is not touched


def blank(value: Any) -> Any:
    """Without the texts that may be told in other pieces."""
    match value:
        case dict():
            grown = {name.rpartition(".")[2] for name in FIELDS}
            return {name: "" if name in grown else blank(below) for name, below in value.items()}
        case list():
            return [blank(below) for below in value]
    return value


@cases(30)
@given(answers, st.sampled_from([{}, {"unheard_of": [1, 2.5, None]}, {"usage": None}, {"n": 2**70}]))
def test_all_that_is_no_text_passes_and_texts_pass_where_nothing_is_found(
    transcript: Transcript, more: dict[str, Any]
) -> None:
    documents = [{**document, **more} for document in transcript.documents]
    received = run(packs.interleaved(), documents)
    assert not Counter(json.dumps(blank(document)) for document in documents) - Counter(
        json.dumps(blank(document)) for document in received.documents
    )
    for channel, text in transcript.texts.items():
        if not packs.spans_in(text):
            assert text == received.text(*channel)


# ---------------------------------------------------------------- the official client


@pytest.mark.parametrize(("policy", "streams"), [ANY_ORDER, IN_ORDER])
@cases(20)
@given(data=st.data(), size=st.integers(1, 40))
def test_the_official_client_reads_the_guarded_stream(
    policy: Callable[[], Policy], streams: st.SearchStrategy[Transcript], data: st.DataObject, size: int
) -> None:
    transcript = data.draw(streams)
    stream = guarded(policy(), [bytes_of(transcript)])
    shown: Counter[tuple[int, str]] = Counter()
    got: dict[tuple[int, str], str] = {}
    with client_of(stream, size) as client, client.chat.completions.create(model="0", messages=ASK, stream=True) as raw:
        for one in raw:
            for choice in one.choices:
                for name in ("content", "refusal", "reasoning_content"):
                    piece = getattr(choice.delta, name, None) or ""
                    got[choice.index, name] = got.get((choice.index, name), "") + piece
                shown[choice.index, choice.finish_reason or ""] += 1
    for (index, name), text in transcript.texts.items():
        if name != "audio.transcript":
            assert packs.whole(text) == got[index, name]
        assert shown[index, "stop"] == 1


@pytest.mark.parametrize(("policy", "streams"), [ANY_ORDER, IN_ORDER])
@cases(20)
@given(data=st.data(), size=st.integers(1, 40))
def test_the_official_helper_adds_the_guarded_stream_up(
    policy: Callable[[], Policy], streams: st.SearchStrategy[Transcript], data: st.DataObject, size: int
) -> None:
    transcript = data.draw(streams)
    stream = guarded(policy(), [bytes_of(transcript)])
    with client_of(stream, size) as client, client.chat.completions.stream(model="0", messages=ASK) as helper:
        done = [event.content for event in helper if event.type == "content.done"]
        final = helper.get_final_completion()
    for (index, name), text in transcript.texts.items():
        message = final.choices[index].message
        if name == "content":
            assert packs.whole(text) == (message.content or "")
            assert not text or packs.whole(text) in done
        if name == "refusal":
            assert packs.whole(text) == (message.refusal or "")


@cases(20)
@given(texts(pieces=1), st.lists(arguments(), min_size=1, max_size=2), seeds)
def test_the_official_helper_gets_whole_calls(content: str, values: list[Any], seed: int) -> None:
    documents = [chunk(part(0, {"role": "assistant", "content": content})), *calls_of(values, Random(seed))]
    stream = guarded(packs.policy(), [as_bytes(documents)])
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    with client_of(stream) as client, client.chat.completions.stream(model="0", messages=ASK, tools=tools) as helper:
        done = [event.arguments for event in helper if event.type == "tool_calls.function.arguments.done"]
        calls = helper.get_final_completion().choices[0].message.tool_calls
    assert calls is not None
    assert done == [call.function.arguments for call in calls]
    for before, call in zip(values, calls, strict=True):
        assert fits(before, json.loads(call.function.arguments))


@cases(40)
@given(kits(), transcripts(letters))
def test_a_blocked_stream_raises_in_the_client_only_what_is_meant(kit: Kit, transcript: Transcript) -> None:
    """Raw reading never raises; the helper raises the one exception a content filter has."""
    stream = guarded(interleaved(kit), [bytes_of(transcript)])
    blocked = any(kit.released(text)[1] for text in transcript.texts.values())
    with client_of(stream) as client:
        chunks = list(client.chat.completions.create(model="0", messages=ASK, stream=True))
        ends = [
            (choice.index, choice.finish_reason) for one in chunks for choice in one.choices if choice.finish_reason
        ]
        assert sorted(index for index, _ in ends) == sorted({index for index, _ in transcript.texts})
        assert blocked == any(reason == "content_filter" for _, reason in ends)
        with client.chat.completions.stream(model="0", messages=ASK) as helper:
            for _ in helper:
                pass
            if blocked:
                with pytest.raises(openai.ContentFilterFinishReasonError):
                    helper.get_final_completion()
            else:
                helper.get_final_completion()


def events(*documents: Any) -> bytes:
    """Without the end of a stream."""
    return as_bytes(documents).removesuffix(DONE)


def test_streams_as_other_servers_write_them_are_read_too() -> None:
    """Comments, events without choices, roles in each chunk, null usage, members nobody has heard of."""
    key = packs.example(next(iter(packs.rules())), "match", Random(1))
    written = [
        b": OPENROUTER PROCESSING\n\n",
        events(chunk(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}])),
        events(chunk(part(0, {"role": "assistant", "content": ""}), usage=None)),
        *(events(chunk(part(0, {"role": "assistant", "content": char}))) for char in f"see {key}"),
        events(chunk(part(0, {"reasoning": "so "}, native_finish_reason=None), provider="0")),
        events(chunk(part(0, {}, "stop", stop_reason=None)), chunk(usage={"total_tokens": 3})) + DONE,
    ]
    stream = guarded(packs.policy(), [bytes([one]) for one in b"".join(written)])
    with client_of(stream, 1) as client:
        raw = list(client.chat.completions.create(model="0", messages=ASK, stream=True))
        with client.chat.completions.stream(model="0", messages=ASK) as helper:
            final = helper.get_final_completion()
    assert final.choices[0].message.content == packs.whole(f"see {key}")
    assert raw[-1].choices == []


def test_an_error_at_the_end_of_a_blocked_stream_is_raised_by_the_client() -> None:
    policy = make_kit({"stop": "bad"}, actions={"stop": Action.BLOCK}).policy(on_block=OnBlock.ERROR)
    stream = guarded(policy, [as_bytes([chunk(part(0, {"content": "it is bad"}))])])
    ending = b'data: {"error":{"message":"stopped","type":"content_policy_violation","code":"blocked"}}\n\n'
    with client_of(stream + ending) as client, pytest.raises(openai.APIError) as raised:
        list(client.chat.completions.create(model="0", messages=ASK, stream=True))
    assert raised.value.code == "blocked"
