"""A secret cut in two between texts that clients join is hidden in both, in the answers of all APIs with parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.verdict import Action
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces import CHAT_COMPLETIONS, MESSAGES, RESPONSES, Surface
from guardproxy.surfaces.responses import ResponsesStream
from guardproxy.wire.document import replace
from tests.support.strategies import NOT_BLOCKING, Kit, cut_places, kits, make_kit, pieces_of, texts
from tests.surfaces.messages import received as messages
from tests.surfaces.responses import received as responses

KIT = make_kit({"word": "s-[0-9]{6}-t"})
SECRET = "s-123456-t"


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": list(parts)}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": []}


def thought(one: str, other: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": said} for said in (one, other)]
    return {"output": [{"id": "r", "type": "reasoning", "summary": summary}]}


JOINED: list[tuple[Surface, Callable[[str, str], dict[str, Any]]]] = [
    (RESPONSES, lambda one, other: {"output": [message(text(one), text(other))]}),
    (RESPONSES, lambda one, other: {"output": [message(text(one)), {"type": "x"}, message(text(other))]}),
    (RESPONSES, thought),
    (MESSAGES, lambda one, other: {"content": [{"type": "text", "text": said} for said in (one, other)]}),
    (
        MESSAGES,
        lambda one, other: {
            "content": [{"type": "text", "text": one}, {"type": "web_search_tool_result", "content": []},
                        {"type": "text", "text": other}],
        },
    ),
    (
        CHAT_COMPLETIONS,
        lambda one, other: {
            "choices": [{"message": {"content": [{"type": "text", "text": said} for said in (one, other)]}}]
        },
    ),
]  # fmt: skip


def texts_of(value: Any) -> list[str]:
    match value:
        case dict():
            return [one for name, below in value.items() for one in ([below] if name == "text" else texts_of(below))]
        case list():
            return [one for below in value for one in texts_of(below)]
    return []


@pytest.mark.parametrize(("surface", "answer"), JOINED, ids=range(len(JOINED)))
@given(st.integers(1, len(SECRET) - 1))
def test_a_secret_cut_in_two_between_joined_texts_is_hidden_in_both(
    surface: Surface, answer: Callable[[str, str], dict[str, Any]], at: int
) -> None:
    document = answer(f"it is {SECRET[:at]}", f"{SECRET[at:]}, keep it")
    surface.edit(document, inspect(KIT.policy(), surface.read_response(document).segments).edits)
    assert texts_of(document) == ["it is [WORD]", "[WORD], keep it"]


def test_texts_that_nobody_joins_are_texts_of_their_own() -> None:
    halves = SECRET[:4], SECRET[4:]
    choices = [{"message": {"content": [{"type": "text", "text": half}]}} for half in halves]
    apart = [
        (CHAT_COMPLETIONS, {"choices": choices}),
        (RESPONSES, {"output": [thought(half, "")["output"][0] for half in halves]}),
    ]
    for surface, document in apart:
        assert inspect(KIT.policy(), surface.read_response(document).segments).edits == {}


# ---------------------------------------------------------------- streamed


Told = list[tuple[str, str]]
"""The kinds and texts of the blocks of a message."""


def announced(kind: str) -> dict[str, Any]:
    if kind == "web_search_tool_result":
        return {"type": kind, "tool_use_id": "0", "content": []}
    return messages.bare(kind)


def as_message(told: Told) -> dict[str, Any]:
    members = {"text": "text", "thinking": "thinking"}
    content = [{**announced(kind), **({members[kind]: said} if kind in members else {})} for kind, said in told]
    return {"content": content}


def as_stream(told: Told, cuts: list[int]) -> list[dict[str, Any]]:
    events = [messages.starting()]
    for at, (kind, said) in enumerate(told):
        if kind in ("text", "thinking"):
            events += messages.block(at, kind, said, cuts)
        elif kind == "tool_use":
            events += messages.block(at, kind, "{}")
        else:
            events += [messages.start(at, announced(kind)), messages.stop(at)]
    return [*events, *messages.ending("tool_use" if told and told[-1][0] == "tool_use" else "end_turn")]


@st.composite
def blocks(draw: st.DrawFn, of: st.SearchStrategy[str]) -> Told:
    """A text cut into blocks, and blocks of other kinds between them; thinking in front, also cut."""
    said = [("text", one) for one in pieces_of(draw(of), draw(st.lists(st.integers(0, 999), max_size=4)))]
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["tool_use", "web_search_tool_result"]))
        said.insert(draw(st.integers(0, len(said))), (kind, ""))
    thought = pieces_of(draw(of), draw(st.lists(st.integers(0, 999), max_size=2)))
    return [*(("thinking", one) for one in thought), *said]


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), blocks(texts), cut_places)
def test_streamed_blocks_become_what_they_become_in_a_whole_message(kit: Kit, told: Told, cuts: list[int]) -> None:
    expected = as_message(told)
    replace(expected, inspect(kit.policy(), MESSAGES.read_response(expected).segments).edits)
    stream, received = messages.opened(kit.policy()), messages.Received()
    documents = as_stream(told, cuts)
    for document in documents:
        for frame in stream.feed(messages.event(document)):
            received.take(frame)
        for at, one in enumerate(received.blocks):  # nothing that has to be taken back
            assert all(
                expected["content"][at][name].startswith(one[name]) for name in ("text", "thinking") if name in one
            )
    assert received.done and len(received.stopped) == len(told) == len(received.blocks)
    for at, (kind, said) in enumerate(told):
        if kind in ("text", "thinking"):
            assert expected["content"][at][kind] == received.text(at)
        if kind == "thinking":  # a signature stands only over what it signs
            assert (received.blocks[at]["signature"] == "") == (received.text(at) != said)
    short = messages.frames_of(messages.opened(kit.policy()), messages.as_frames(documents))
    assert received.documents == messages.decoded(short)


@given(st.integers(0, len(SECRET)), cut_places)
def test_a_secret_that_stops_the_answer_leaves_in_no_part_however_it_is_cut_into_blocks(
    at: int, cuts: list[int]
) -> None:
    stop = make_kit({"word": "s-[0-9]{6}-t"}, actions={"word": Action.BLOCK})
    said = [("text", f"it is {SECRET[:at]}"), ("web_search_tool_result", ""), ("text", f"{SECRET[at:]}, keep it")]
    received = messages.run(stop.policy(), as_stream(said, cuts))
    assert "".join(one.get("text", "") for one in received.blocks) == "it is "
    assert (received.reason, received.done) == ("refusal", True)
    assert received.stopped == {*range(len(received.blocks))}


@pytest.mark.parametrize("ends", ["error", "closed", "cut"])
def test_what_waits_goes_out_when_the_stream_ends_early(ends: str) -> None:
    stream = messages.opened(KIT.policy())
    documents = as_stream([("text", "it is s-12")], [])[:-2]
    frames = [frame for document in documents for frame in stream.feed(messages.event(document))]
    if ends == "error":
        frames += stream.feed(messages.event({"type": "error", "error": {"type": "api_error", "message": "x"}}))
    frames += stream.cut() if ends == "cut" else stream.finish()
    received = messages.Received(frames)
    assert (received.text(0), received.stopped) == ("it is s-12", {0})


def mixed(events: Sequence[list[dict[str, Any]]], chance: random.Random) -> list[dict[str, Any]]:
    """Events of blocks or items, which begin in their order, in any order that keeps that of each."""
    left, begun, out = [[*one] for one in events], 0, []
    while any(left):
        at = chance.choice([at for at, one in enumerate(left) if one and at <= begun])
        out.append(left[at].pop(0))
        begun = max(begun, at + 1)
    return out


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), texts, cut_places, cut_places, st.randoms(use_true_random=False))
def test_blocks_whose_events_come_in_any_order_become_what_they_become_in_a_whole_message(
    kit: Kit, said: str, parts: list[int], cuts: list[int], chance: random.Random
) -> None:
    told = [("text", one) for one in pieces_of(said, parts[:3])]
    expected = as_message(told)
    replace(expected, inspect(kit.policy(), MESSAGES.read_response(expected).segments).edits)
    events = [messages.block(at, kind, one, cuts) for at, (kind, one) in enumerate(told)]
    received = messages.run(kit.policy(), [messages.starting(), *mixed(events, chance), *messages.ending()])
    assert [one["text"] for one in received.blocks] == [one["text"] for one in expected["content"]]
    assert received.done and received.stopped == {*range(len(told))}


def test_a_block_that_begins_before_one_that_has_begun_is_no_answer() -> None:
    stream = messages.opened(KIT.policy())
    stream.feed(messages.event(messages.starting()))
    stream.feed(messages.event(messages.start(1, messages.bare("text"))))
    with pytest.raises(UpstreamUnavailable):
        stream.feed(messages.event(messages.start(0, messages.bare("text"))))


def test_a_text_that_cannot_wait_is_no_answer_behind_one_that_goes_on() -> None:
    stream = messages.opened(KIT.policy())
    stream.feed(messages.event(messages.starting()))
    stream.feed(messages.event(messages.start(0, messages.bare("thinking"))))
    with pytest.raises(UpstreamUnavailable):
        signed = {"type": "thinking", "thinking": "so", "signature": messages.SIGNATURE}
        stream.feed(messages.event(messages.start(1, signed)))


Output = list[tuple[str, list[str]]]
"""The types and texts of the items of a response."""


def item_events(at: int, kind: str, said: list[str], cuts: list[int]) -> list[dict[str, Any]]:
    if kind == "message":
        return responses.message(at, [("output_text", one) for one in said], cuts)
    if kind == "reasoning":
        return responses.reasoning(at, said[0], said[-1], cuts, encrypted_content="c2VhbA==")
    item = {"id": f"0-{at}", "type": "web_search_call", "status": "completed"}
    where = {"output_index": at, "item": item}
    return [{"type": f"response.output_item.{step}", **where} for step in ("added", "done")]


def response_events(told: Output, cuts: list[int]) -> list[dict[str, Any]]:
    events = [item_events(at, kind, said, cuts) for at, (kind, said) in enumerate(told)]
    last = responses.response("completed", [deepcopy(one[-1]["item"]) for one in events], usage=responses.USAGE)
    began = {"type": "response.created", "response": responses.response()}
    return responses.number(
        [began, *(one for of in events for one in of), {"type": "response.completed", "response": last}]
    )


@st.composite
def outputs(draw: st.DrawFn, of: st.SearchStrategy[str]) -> Output:
    """A text cut into parts of several messages, and items of other kinds between them; reasoning is cut in two."""
    told: Output = []
    for one in pieces_of(draw(of), draw(st.lists(st.integers(0, 999), max_size=4))):
        if told and told[-1][0] == "message" and draw(st.booleans()):
            told[-1][1].append(one)
        else:
            told.append(("message", [one]))
    for _ in range(draw(st.integers(0, 2))):
        thought = draw(of)
        at = draw(st.integers(0, len(thought)))
        item = draw(st.sampled_from([("reasoning", [thought[:at], thought[at:]]), ("web_search_call", [""])]))
        told.insert(draw(st.integers(0, len(told))), item)
    return told


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), outputs(texts), cut_places)
def test_streamed_parts_become_what_they_become_in_a_whole_response(kit: Kit, told: Output, cuts: list[int]) -> None:
    documents = response_events(told, cuts)
    expected = deepcopy(documents[-1]["response"])
    edits = inspect(kit.policy(), RESPONSES.read_response(expected).segments).edits
    replace(expected, edits)
    whole = dict(one for at, item in enumerate(expected["output"]) for one in responses.texts_of(at, item))
    stream, received = ResponsesStream(OutputGuard(kit.policy())), responses.Received()
    for document in documents:
        for frame in stream.feed(responses.event(document)):
            received.take(frame)
        assert all(whole[channel].startswith(text) for channel, text in received.texts.items())
    received.check_repeats()
    assert whole == {channel: received.texts[channel] for channel in whole}
    assert [one["sequence_number"] for one in received.documents] == [*range(len(received.documents))]
    for at, (kind, said) in enumerate(told):
        item = received.envelope["output"][at]
        if kind == "reasoning":  # a seal stands only over what was shown
            hidden = sorted(one for _, one in responses.texts_of(at, item)) != sorted(said)
            assert (item["encrypted_content"] is None) == hidden
    assert received.items.keys() == {*range(len(told))}


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), texts, cut_places, cut_places, st.randoms(use_true_random=False))
def test_items_whose_events_come_in_any_order_become_what_they_become_in_a_whole_response(
    kit: Kit, said: str, parts: list[int], cuts: list[int], chance: random.Random
) -> None:
    told: Output = [("message", [one]) for one in pieces_of(said, parts[:3])]
    events = [item_events(at, kind, of, cuts) for at, (kind, of) in enumerate(told)]
    expected = responses.response("completed", [deepcopy(one[-1]["item"]) for one in events], usage=responses.USAGE)
    last = {"type": "response.completed", "response": deepcopy(expected)}
    replace(expected, inspect(kit.policy(), RESPONSES.read_response(expected).segments).edits)
    # Announcements come in their order, with the first event of each text.
    announced = [one.pop(0) for one in events]
    began = [{"type": "response.created", "response": responses.response()}, *announced]
    received = responses.run(kit.policy(), responses.number([*began, *mixed(events, chance), last]))
    received.check_repeats()
    assert received.envelope["output"] == expected["output"]


def test_a_text_that_begins_before_one_that_has_begun_is_no_answer() -> None:
    stream = ResponsesStream(OutputGuard(KIT.policy()))
    first, second = (item_events(at, "message", ["s-12"], []) for at in (0, 1))
    for document in (first[0], second[0], second[1]):
        stream.feed(responses.event(document))
    with pytest.raises(UpstreamUnavailable):
        stream.feed(responses.event(first[1]))


@given(st.integers(0, len(SECRET)), cut_places)
def test_a_secret_that_stops_the_response_leaves_in_no_part_however_it_is_cut(at: int, cuts: list[int]) -> None:
    stop = make_kit({"word": "s-[0-9]{6}-t"}, actions={"word": Action.BLOCK})
    told = [("message", [f"it is {SECRET[:at]}"]), ("web_search_call", [""]), ("message", [f"{SECRET[at:]}, keep it"])]
    received = responses.run(stop.policy(), response_events(told, cuts))
    said = {channel: text for channel, text in received.texts.items() if channel[0] == "output_text"}
    assert "".join(said.values()) == "it is "
    received.check_repeats()
    assert received.types[-1] == "response.incomplete"
    assert [one["sequence_number"] for one in received.documents] == [*range(len(received.documents))]


def test_a_citation_follows_a_text_that_a_later_one_decides() -> None:
    told: Output = [("message", ["it is s-12"]), ("message", ["3456-t"])]
    documents = response_events(told, [])
    annotation = {"type": "url_citation", "url": "http://x", "title": "", "start_index": 3, "end_index": 10}
    where = {"item_id": "0-0", "output_index": 0, "content_index": 0, "annotation_index": 0}
    documents.insert(4, {"type": "response.output_text.annotation.added", **where, "annotation": dict(annotation)})
    for document in documents[5:]:
        for holder in (document, document.get("item", {}), document.get("response", {})):
            items = holder.get("output", [holder]) if isinstance(holder, dict) else []
            parts = [part for item in items[:1] for part in item.get("content", [])] + [holder.get("part", {})]
            for part in parts:
                if part.get("text", "").startswith("it is"):
                    part["annotations"] = [dict(annotation)]
    received = responses.run(KIT.policy(), documents)
    cited = [one["annotation"] for one in received.documents if "annotation" in one]
    cited += received.envelope["output"][0]["content"][0]["annotations"]
    assert received.text(output=0) == "it is [WORD]"
    assert {(one["start_index"], one["end_index"]) for one in cited} == {(3, 12)}


def test_a_text_that_only_its_end_tells_is_joined_too() -> None:
    told: Output = [("message", ["it is s-12"]), ("message", ["3456-t!"])]
    documents = [one for one in response_events(told, []) if not one["type"].endswith("delta")]
    received = responses.run(KIT.policy(), documents)
    assert [item["content"][0]["text"] for item in received.envelope["output"]] == ["it is [WORD]", "[WORD]!"]
    assert {text for texts in received.again.values() for text in texts} == {"it is [WORD]", "[WORD]!"}
