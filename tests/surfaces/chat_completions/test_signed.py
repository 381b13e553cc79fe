from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import inspect
from guardproxy.surfaces.chat_completions import edit, read_response
from guardproxy.wire.document import replace
from tests.support.strategies import make_kit
from tests.surfaces.chat_completions.received import chunk, part, run

WORDS = make_kit({"word": "secret{1,3}"})


def answer(*blocks: Any, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "ok", "reasoning_details": list(blocks), **more}
    return {"choices": [{"index": 0, "message": message}]}


def block(text: str, signature: str | None = "AAA=") -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "signature": signature}


def edited(document: dict[str, Any]) -> dict[str, Any]:
    edit(document, inspect(WORDS.policy(), read_response(document).segments).edits)
    return document


def details(document: dict[str, Any]) -> Any:
    return document["choices"][0]["message"]["reasoning_details"]


@given(st.lists(st.tuples(st.sampled_from(["fine", "a secret", "well"]), st.sampled_from(["AAA=", "", None]))))
def test_no_signed_reasoning_is_ever_edited_and_none_of_it_is_shown(parts: list[tuple[str, str | None]]) -> None:
    document = edited(answer(*(block(text, signature) for text, signature in parts)))
    kept = [(text, signature) for text, signature in parts if not ("secret" in text and signature)]
    shown = [(one["text"], one["signature"]) for one in details(document)]
    assert shown == [(text.replace("secret", "[WORD]"), signature) for text, signature in kept]


def test_a_signed_block_outside_of_a_list_becomes_null() -> None:
    document = edited(answer(thinking={"text": "a secret", "signature": "A"}))
    assert document["choices"][0]["message"]["thinking"] is None


def test_what_is_signed_and_no_reasoning_is_edited_like_anything_else() -> None:
    document = answer(metadata={"text": "a secret", "signature": "A"})
    assert edited(document)["choices"][0]["message"]["metadata"] == {"text": "a [WORD]", "signature": "A"}


@given(st.lists(st.sampled_from(["fine", "a secret"]), min_size=1))
def test_without_signatures_it_is_replace(texts: list[str]) -> None:
    document = answer(*(block(text, None) for text in texts))
    edits = inspect(WORDS.policy(), read_response(document).segments).edits
    replaced = deepcopy(document)
    replace(replaced, edits)
    edit(document, edits)
    assert document == replaced


@pytest.mark.parametrize(
    ("pieces", "shown", "signature"),
    [
        (["all ", "is well"], "all is well", "AAA="),
        (["a sec", "ret is"], "a [WORD] is", ""),
        (["it ends with sec"], "it ends with sec", ""),  # still undecided when the signature comes
    ],
)
def test_in_a_stream_the_signature_of_an_edited_text_goes(pieces: list[str], shown: str, signature: str) -> None:
    deltas = [{"reasoning_details": [{"type": "reasoning.text", "text": piece}]} for piece in pieces]
    deltas.append({"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "AAA="}]})
    documents = [*(chunk(part(0, delta)) for delta in deltas), chunk(part(0, {}, "stop"))]
    sent = [
        one for document in run(WORDS.policy(), documents).documents
        for one in document["choices"][0]["delta"].get("reasoning_details", [])
    ]  # fmt: skip
    assert "".join(one.get("text", "") for one in sent) == shown
    assert "".join(one.get("signature", "") for one in sent) == signature
