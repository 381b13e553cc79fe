from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.inspection import inspect
from guardproxy.surfaces.responses import edit, read_response
from guardproxy.wire.document import replace
from tests.support.strategies import make_kit

WORDS = make_kit({"word": "secret{1,3}"})


def thought(text: str, seal: str | None = "QUJD") -> dict[str, Any]:
    return {
        "type": "reasoning",
        "id": "0",
        "summary": [{"type": "summary_text", "text": text}],
        "encrypted_content": seal,
    }


def edited(document: dict[str, Any]) -> dict[str, Any]:
    edit(document, inspect(WORDS.policy(), read_response(document).segments).edits)
    return document


@given(st.lists(st.tuples(st.sampled_from(["fine", "a secret", "well"]), st.sampled_from(["QUJD", "", None]))))
def test_no_sealed_reasoning_is_ever_edited_and_none_of_it_is_shown(parts: list[tuple[str, str | None]]) -> None:
    document = edited({"output": [thought(text, seal) for text, seal in parts]})
    kept = [(text, seal) for text, seal in parts if not ("secret" in text and seal)]
    told = [(item["summary"][0]["text"], item["encrypted_content"]) for item in document["output"]]
    assert told == [(text.replace("secret", "[WORD]"), seal) for text, seal in kept]


def test_a_sealed_item_outside_of_a_list_becomes_null() -> None:
    assert edited({"item": thought("a secret"), "note": "secret"}) == {"item": None, "note": "[WORD]"}


@given(st.lists(st.sampled_from(["fine", "a secret"]), min_size=1))
def test_without_seals_it_is_replace(texts: list[str]) -> None:
    document = {"output": [thought(text, None) for text in texts]}
    edits = inspect(WORDS.policy(), read_response(document).segments).edits
    replaced = deepcopy(document)
    replace(replaced, edits)
    edit(document, edits)
    assert document == replaced
