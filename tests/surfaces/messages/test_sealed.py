from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.messages.sealed import edit, is_sealed, unseal
from guardproxy.wire.path import Key

SIGNED = {"type": "thinking", "thinking": "a secret", "signature": "QUJD"}
SEALED: list[tuple[dict[str, Any], tuple[str | Key, ...]]] = [
    (SIGNED, ("thinking",)),
    ({"type": "redacted_thinking", "data": "a secret"}, ("data",)),
    ({"type": "compaction", "content": "a secret", "encrypted_content": "QUJD"}, ("content",)),
    ({"type": "compaction", "content": "a secret", "signature": "QUJD"}, ("content",)),
    ({"type": "web_search_result", "title": "a secret", "encrypted_content": "QUJD"}, ("title",)),
    ({**SIGNED, "a secret": 1}, (Key("a secret"),)),
]


@pytest.mark.parametrize(("block", "place"), SEALED, ids=lambda value: str(value)[:50])
def test_a_sealed_block_leaves_its_list_instead_of_being_edited(block: dict[str, Any], place: Any) -> None:
    document = {
        "content": [{"type": "text", "text": "x"}, dict(block), dict(block), {"type": "text", "text": "secret"}]
    }
    edit(document, {("content", 1, *place): "-", ("content", 2, *place): "-", ("content", 3, "text"): "-"})
    assert document == {"content": [{"type": "text", "text": "x"}, {"type": "text", "text": "-"}]}
    alone = {"block": dict(block)}
    edit(alone, {("block", *place): "-"})
    assert alone == {"block": None}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "a secret", "signature": ""},
        {"type": "thinking", "thinking": "a secret"},
        {"type": "text", "text": "a secret", "signature": "QUJD"},
        {"type": 5, "text": "a secret"},
    ],
)
def test_what_is_not_sealed_is_edited(block: dict[str, Any]) -> None:
    member = "thinking" if "thinking" in block else "text"
    document = [dict(block)]
    edit(document, {(0, member): "-"})
    assert document == [{**block, member: "-"}]
    assert not is_sealed(block)


def test_blocks_far_apart_leave_their_own_lists() -> None:
    document = {"messages": [{"content": [dict(SIGNED)]} for _ in range(12)]}
    edit(document, {("messages", at, "content", 0, "thinking"): "-" for at in (0, 9, 10, 11)})
    assert [len(message["content"]) for message in document["messages"]] == [0, *[1] * 8, 0, 0, 0]


def test_a_block_that_cannot_leave_loses_its_seals() -> None:
    block = {"type": "compaction", "content": "x", "signature": "QUJD", "encrypted_content": None}
    unseal(block)
    assert block == {"type": "compaction", "content": "x", "signature": "", "encrypted_content": None}
