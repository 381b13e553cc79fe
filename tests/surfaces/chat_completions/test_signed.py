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
        (["it ends with sec"], "it ends with sec", "AAA="),  # decided when the signature comes, which ends it
        (["it ends with secret"], "it ends with [WORD]", ""),
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


def signed(text: str | None, signature: str, **more: Any) -> dict[str, Any]:
    said = {} if text is None else {"text": text}
    return {"type": "reasoning.text", **more, **said, "signature": signature}


def streamed(*deltas: list[dict[str, Any]], reason: str = "stop") -> list[dict[str, Any]]:
    """The details that go out, in their order."""
    documents = [chunk(part(0, {"reasoning_details": details})) for details in deltas]
    received = run(WORDS.policy(), [*documents, chunk(part(0, {"content": "ok"})), chunk(part(0, {}, reason))])
    return [
        one for document in received.documents
        for one in document["choices"][0]["delta"].get("reasoning_details") or []
    ]  # fmt: skip


def test_what_was_held_of_a_signed_text_goes_out_before_its_signature() -> None:
    one = {"type": "reasoning.text", "text": "I call it now sec", "index": 0}
    shown = streamed([one], [signed(None, "AAA=", index=0)])
    assert [detail.get("text", "") for detail in shown] == ["I call it now ", "sec", ""]
    assert [detail.get("signature", "") for detail in shown] == ["", "", "AAA="]
    assert all(detail["index"] == 0 and detail["type"] == "reasoning.text" for detail in shown)


@pytest.mark.parametrize("text", ["I call it now sec", ""])
def test_the_end_of_a_text_that_comes_with_its_signature_stays_with_it(text: str) -> None:
    assert streamed([signed(text, "AAA=")]) == [signed(text, "AAA=")]
    flipped = {"signature": "AAA=", "text": text}
    assert streamed([flipped]) == [flipped]


@pytest.mark.parametrize("text", ["a secret", "a secret sec", "secret"])
def test_a_block_that_comes_at_once_is_dropped_whole_where_something_is_hidden(text: str) -> None:
    kept = {"type": "reasoning.text", "text": "well", "index": 1}
    assert streamed([signed(text, "AAA=", index=0), kept]) == [kept]
    assert streamed([signed("fine", "A=", index=2), signed(text, "B=", index=3)]) == [signed("fine", "A=", index=2)]


def test_such_a_block_outside_of_a_list_becomes_null() -> None:
    documents = [chunk(part(0, {"thinking": {"text": "a secret", "signature": "A"}})), chunk(part(0, {}, "stop"))]
    received = run(WORDS.policy(), documents)
    assert received.documents[0]["choices"][0]["delta"] == {"thinking": None}


def test_each_signature_is_about_the_text_since_the_one_before() -> None:
    blocks = [signed("fine ", "A="), signed("a secret ", "B="), signed("well ", "C="), signed("too", "D=")]
    assert streamed(*([one] for one in blocks)) == [blocks[0], blocks[2], blocks[3]]


def test_a_match_that_goes_on_behind_a_signature_is_hidden_from_there_on() -> None:
    begun = {"type": "reasoning.text", "text": "a secr"}
    shown = streamed([begun], [signed("", "A=")], [{"type": "reasoning.text", "text": "et is"}], [signed("", "B=")])
    assert "".join(one["text"] for one in shown) == "a secr[WORD] is"
    assert [one["signature"] for one in shown if "signature" in one] == ["A=", ""]


@given(st.lists(st.tuples(st.sampled_from(["fine", "a secret", "a sec", "ret"]), st.booleans()), max_size=6))
def test_a_signature_that_goes_out_signs_what_went_out_before_it(parts: list[tuple[str, bool]]) -> None:
    pieces, signs, text = [], {}, ""
    for at, (said, ends) in enumerate(parts):
        pieces.append([signed(said, f"A{at}") if ends else {"text": said}])
        text += said
        if ends:
            signs[f"A{at}"], text = text, ""
    shown = ""
    for detail in streamed(*pieces):
        shown += detail.get("text", "")
        if detail.get("signature"):
            assert shown.endswith(signs[detail["signature"]])


def test_a_signature_beside_the_choices_goes_where_its_text_is_undecided_and_no_text_is_lost() -> None:
    note = {"reasoning": {"text": "now sec", "signature": "A"}}
    documents = [chunk(part(0, {"content": "ok"}), **note), chunk(part(0, {}, "stop"))]
    shown = [one["reasoning"] for one in run(WORDS.policy(), documents).documents if "reasoning" in one]
    assert "".join(one.get("text", "") for one in shown) == "now sec"
    assert "".join(one.get("signature", "") for one in shown) == ""


def test_a_signature_of_a_choice_itself_ends_its_text() -> None:
    documents = [chunk(part(0, {}, reasoning={"text": "now sec"})), chunk(part(0, {}, reasoning={"signature": "A"}))]
    received = run(WORDS.policy(), [*documents, chunk(part(0, {}, "stop"))])
    shown = [one["choices"][0].get("reasoning", {}) for one in received.documents]
    assert [one for one in shown if one] == [{"text": "now "}, {"text": "sec"}, {"signature": "A"}]


def test_what_stands_behind_a_dropped_block_is_held_to_its_end_all_the_same() -> None:
    deep = {"type": "x", "inner": [{"text": "a secret", "signature": "A"}, {"text": "now sec"}]}
    details = [signed("a secret", "A=", index=7), "sec", deep, {"type": "reasoning.text", "text": "so sec"}]
    documents = [chunk(part(0, {"reasoning_details": details}, "stop"))]
    (sent,) = [one["choices"][0]["delta"] for one in run(WORDS.policy(), documents).documents]
    assert sent["reasoning_details"] == ["sec", {**deep, "inner": [{"text": "now sec"}]}, details[3]]
