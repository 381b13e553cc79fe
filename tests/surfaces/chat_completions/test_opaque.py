from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.context import refuse_opaque
from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Policy
from guardproxy.core.verdict import Action
from guardproxy.surfaces.chat_completions import ChatStream, read_request, read_response
from guardproxy.surfaces.chat_completions.opaque import CARRIERS, unread
from guardproxy.wire.document import get
from guardproxy.wire.path import Path
from tests.support.strategies import json_values, make_kit
from tests.surfaces.chat_completions.received import chunk, event, part

BYTES = "iVBORw0KGgo="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BYTES}"}}
SEALED = {"type": "reasoning.encrypted", "data": BYTES, "index": 0}
TEXT = {"type": "text", "text": "seen"}

BESIDE: list[tuple[dict[str, Any], OpaqueKind, Path]] = [
    ({"images": [PICTURE]}, OpaqueKind.IMAGE, ("images", 0)),
    ({"images": [BYTES]}, OpaqueKind.IMAGE, ("images", 0)),
    ({"images": BYTES}, OpaqueKind.IMAGE, ("images",)),
    (
        {"reasoning_details": [{"type": "reasoning.text", "text": "x"}, SEALED]},
        OpaqueKind.ENCRYPTED,
        ("reasoning_details", 1),
    ),
    ({"thinking_blocks": [{"type": "redacted_thinking", "data": BYTES}]}, OpaqueKind.ENCRYPTED, ("thinking_blocks", 0)),
    ({"encrypted_content": BYTES}, OpaqueKind.ENCRYPTED, ("encrypted_content",)),
]
IN_CONTENT: list[tuple[dict[str, Any], OpaqueKind, Path]] = [
    ({"content": [TEXT, PICTURE]}, OpaqueKind.IMAGE, ("content", 1)),
    ({"content": [{**TEXT, "image_url": PICTURE["image_url"]}]}, OpaqueKind.IMAGE, ("content", 0)),
    ({"content": [{"type": "input_audio", "input_audio": {"data": BYTES}}]}, OpaqueKind.AUDIO, ("content", 0)),
    ({"content": [{"type": "file", "file": {"file_data": BYTES}}]}, OpaqueKind.FILE, ("content", 0)),
    (
        {"annotations": [{"type": "file", "file": {"hash": "x", "content": [TEXT, PICTURE]}}]},
        OpaqueKind.IMAGE,
        ("annotations", 0, "file", "content", 1),
    ),
]
UNHEARD_OF: list[tuple[dict[str, Any], OpaqueKind, Path]] = [
    ({"content": [{"type": "hologram", "data": BYTES}]}, OpaqueKind.UNKNOWN, ("content", 0)),
    ({"reasoning_details": [{"type": "reasoning.dream", "data": BYTES}]}, OpaqueKind.UNKNOWN, ("reasoning_details", 0)),
]
READABLE: list[dict[str, Any]] = [
    {"content": "x", "images": None, "reasoning_details": [], "encrypted_content": ""},
    {"content": [TEXT, {"type": "thinking", "thinking": [TEXT]}, {"type": "reference", "reference_ids": [1]}]},
    {"reasoning_details": [{"type": "reasoning.text", "text": "x", "signature": "s"}]},
    {"content": [{"type": "text", "text": "x", "data": BYTES}, 5, "y"]},
]


def answer(message: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def policy(**members: Any) -> Policy:
    return make_kit({"flag": "secret"}, actions={"flag": Action.FLAG}).policy(**members)


@pytest.mark.parametrize(("message", "kind", "path"), BESIDE + IN_CONTENT, ids=str)
def test_an_answer_says_what_of_it_cannot_be_read(message: dict[str, Any], kind: OpaqueKind, path: Path) -> None:
    found = read_response(answer(message))
    assert [(kind, Provenance.MODEL, ("choices", 0, "message", *path))] == list(found.opaque)
    assert not [segment for segment in found.segments if BYTES in segment.text]


@pytest.mark.parametrize(("message", "kind", "path"), BESIDE + IN_CONTENT[:2], ids=str)
def test_a_request_says_what_of_it_cannot_be_read(message: dict[str, Any], kind: OpaqueKind, path: Path) -> None:
    document = {"model": "m", "messages": [{"role": "tool", **message}]}
    found = read_request(document, operator=False)
    assert [(kind, Provenance.TOOL, ("messages", 0, *path))] == list(found.opaque)


@pytest.mark.parametrize(("message", "kind", "path"), UNHEARD_OF, ids=str)
def test_what_no_api_documents_cannot_be_read_but_its_strings_are(
    message: dict[str, Any], kind: OpaqueKind, path: Path
) -> None:
    found = read_response(answer(message))
    assert [(kind, Provenance.MODEL, ("choices", 0, "message", *path))] == list(found.opaque)
    assert [segment for segment in found.segments if BYTES in segment.text]


@pytest.mark.parametrize(("message", "kind", "path"), BESIDE + IN_CONTENT + UNHEARD_OF, ids=str)
def test_a_stream_ends_at_what_cannot_be_read_unless_the_policy_lets_it_pass(
    message: dict[str, Any], kind: OpaqueKind, path: Path
) -> None:
    guard = OutputGuard(policy(opaque={}))
    frames = b"".join(ChatStream(guard).feed(event(chunk(part(0, message)))))
    assert BYTES.encode() not in frames
    assert b'"finish_reason":"content_filter"' in frames
    assert [f"opaque.{kind.value}"] == [finding.rule for finding in guard.findings]
    assert {kind.value: 1} == guard.verdict().coverage.skipped


@pytest.mark.parametrize(("message", "kind", "path"), BESIDE + IN_CONTENT + UNHEARD_OF, ids=str)
def test_what_the_policy_lets_pass_goes_out_in_its_event_as_it_came(
    message: dict[str, Any], kind: OpaqueKind, path: Path
) -> None:
    guard = OutputGuard(policy(opaque={kind: Action.ALLOW}))
    stream = ChatStream(guard)
    frames = b"".join([*stream.feed(event(chunk(part(0, message)))), *stream.finish()])
    assert frames.count(BYTES.encode()) == json.dumps(message).count(BYTES)
    assert guard.blocked is None
    assert {kind.value: 1} == guard.verdict().coverage.skipped


@pytest.mark.parametrize("message", READABLE, ids=str)
def test_what_can_be_read_is_not_taken_for_more(message: dict[str, Any]) -> None:
    assert read_response(answer(message)).opaque == ()
    guard = OutputGuard(policy(opaque={}))
    ChatStream(guard).feed(event(chunk(part(0, message))))
    assert (guard.blocked, guard.findings) == (None, [])


def test_text_beside_an_unread_part_is_read_even_where_bytes_would_stand() -> None:
    found = read_response(answer({"content": [PICTURE, {"type": "text", "text": "x", "data": "hidden"}]}))
    assert "hidden" in [segment.text for segment in found.segments]
    named = read_response(answer({"images": [{"type": "image_url", "image_url": {"url": "https://x.test/?q=a b"}}]}))
    assert "https://x.test/?q=a b" in [segment.text for segment in named.segments]


# Looks like base64, stands where bytes of another kind would, or of none.
KEY = "ghpA0b1C2d3E4f5G6h7"
IN_DISGUISE: list[dict[str, Any]] = [
    {"content": [{"type": "hologram", "data": KEY}]},
    {"content": [{"type": "image_url", "image_url": {"url": "https://x.test"}, "data": KEY}]},
    {"content": [{"type": "image_url", "image_url": {"url": "https://x.test", "file_data": KEY}}]},
    {"content": [{"type": "file", "file": {"file_data": BYTES, "data": KEY}}]},
    {"content": [{"type": "input_audio", "input_audio": {"data": BYTES, "encrypted_content": KEY}}]},
    {"reasoning_details": [{"type": "reasoning.text", "text": "x", "data": KEY}]},
    {"annotations": [{"type": "file", "file": {"content": [{**PICTURE, "data": KEY}]}}]},
    {"video": [{"data": KEY}]},
]


@pytest.mark.parametrize("message", IN_DISGUISE, ids=str)
def test_base64_anywhere_but_where_bytes_stand_is_text(message: dict[str, Any]) -> None:
    assert KEY in [segment.text for segment in read_response(answer(message)).segments]
    document = {"model": "m", "messages": [{"role": "user", "content": "x", **message}]}
    assert KEY in [segment.text for segment in read_request(document, operator=False).segments]
    guard = OutputGuard(make_kit({"key": KEY}).policy())
    stream = ChatStream(guard)
    frames = b"".join([*stream.feed(event(chunk(part(0, message)))), *stream.finish()])
    assert KEY.encode() not in frames and b"[KEY]" in frames


SIGNED = {"google": {"thought_signature": KEY}}
SIGNED_MESSAGES: list[dict[str, Any]] = [
    {"content": "x", "extra_content": SIGNED},
    {
        "tool_calls": [
            {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
             "extra_content": SIGNED}
        ]
    },
]  # fmt: skip


@pytest.mark.parametrize("message", SIGNED_MESSAGES, ids=str)
def test_a_signature_on_what_was_read_passes_as_it_is_under_every_policy_and_is_told(message: dict[str, Any]) -> None:
    kit = make_kit({"key": KEY})
    found = read_response(answer(message))
    assert KEY not in [segment.text for segment in found.segments]
    assert [item.kind for item in found.opaque] == [OpaqueKind.ENCRYPTED]
    document = {"model": "m", "messages": [{"role": "assistant", **message}]}
    assert [item.kind for item in read_request(document, operator=False).opaque] == [OpaqueKind.ENCRYPTED]
    assert refuse_opaque(kit.policy(opaque={}), found.opaque) == []
    guard = OutputGuard(kit.policy(opaque={}))
    stream = ChatStream(guard)
    frames = [*stream.feed(event(chunk(part(0, message)))), *stream.feed(event(chunk(part(0, {}, "tool_calls"))))]
    assert b"".join(frames).count(KEY.encode()) == 1
    assert (guard.blocked, guard.verdict().coverage.skipped) == (None, {"encrypted": 1})


def test_what_stands_in_place_of_a_signature_and_is_none_is_text() -> None:
    odd = {"content": "x", "extra_content": {"google": {"thought_signature": "a key, in words"}, "other": KEY}}
    assert {"a key, in words", KEY} <= {segment.text for segment in read_response(answer(odd)).segments}


@pytest.mark.parametrize(
    ("modalities", "kinds"),
    [
        (["text", "image"], [OpaqueKind.IMAGE]),
        (["audio"], [OpaqueKind.AUDIO]),
        (["smell"], [OpaqueKind.UNKNOWN]),
        (["text"], []),
        ("image", []),
    ],
)
def test_an_answer_that_is_to_be_more_than_text_is_asked_for(modalities: Any, kinds: list[OpaqueKind]) -> None:
    document = {"model": "m", "messages": [{"role": "user", "content": "x"}], "modalities": modalities}
    assert kinds == [item.kind for item in read_request(document, operator=False).opaque]


@given(json_values)
def test_whatever_stands_there_each_unread_place_is_one_of_it(value: Any) -> None:
    for member in CARRIERS:
        for _, path in unread(member, value):
            get({member: value}, path)  # or it raises
            assert path[0] == member
