from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import inspect
from guardproxy.surfaces.messages import edit, read_count, read_response, strip_copies
from guardproxy.wire.document import get
from tests.support.strategies import make_kit
from tests.surfaces.chat_completions.golden import read, told_opaque, told_segments
from tests.surfaces.messages.golden import golden_files
from tests.surfaces.messages.received import block, run, whole
from tests.surfaces.messages.schema import bent, blocks, documents, free, marks, marks_kit, official, planted

WORDS = make_kit({"word": "secret"})


@pytest.mark.parametrize("file", golden_files("response"), ids=lambda file: file.stem)
def test_the_texts_of_an_answer_are_those_of_its_golden_file(file: Path) -> None:
    golden = read(file)
    found = read_response(golden["response"])
    assert golden["segments"] == told_segments(found.segments)
    assert golden["opaque"] == told_opaque(found.opaque)
    assert golden["usage"] == found.usage
    assert [one.text for one in found.segments] == [str(get(golden["response"], one.path)) for one in found.segments]


answers = st.fixed_dictionaries(
    {"type": st.just("message"), "id": marks, "model": marks, "content": st.lists(blocks, max_size=3), "usage": free},
    optional={"mark1.": free, "stop_sequence": marks, "stop_reason": marks, "container": free},
)


@settings(max_examples=80)
@given(answers)
def test_every_text_of_an_answer_is_read_once_and_redacted_wherever_it_stands(document: dict[str, Any]) -> None:
    found = read_response(document)
    assert {Provenance.MODEL} == {one.provenance for one in found.segments}
    assert planted(document) == sum((planted(one.text) for one in found.segments), Counter[str]())
    edit(document, inspect(marks_kit().policy(), found.segments).edits)
    assert not planted(document)


@settings(max_examples=100)
@given(bent(answers))
def test_an_answer_of_any_shape_shows_no_mark(document: dict[str, Any]) -> None:
    strip_copies(document)
    edit(document, inspect(marks_kit().policy(), read_response(document).segments).edits)
    assert not planted(document)


@settings(max_examples=40)
@given(st.data())
def test_every_text_of_a_message_of_the_official_client_is_read_once(data: st.DataObject) -> None:
    document = data.draw(documents(official().BetaMessage))
    found = read_response(document)
    assert planted(document) == sum((planted(one.text) for one in found.segments), Counter[str]())


@pytest.mark.parametrize("document", [{}, [], "x", None, {"content": "a secret"}, {"error": "a secret"}])
def test_an_answer_of_another_shape_is_looked_at_all_the_same(document: Any) -> None:
    assert ("secret" in json.dumps(document)) == bool(inspect(WORDS.policy(), read_response(document).segments).edits)


def test_whole_and_streamed_answers_show_the_same() -> None:
    told = [("text", "a secret"), ("tool_use", '{"x":"a secret"}'), ("text", "b")]
    streamed = run(WORDS.policy(), whole(*(block(at, *one) for at, one in enumerate(told))))
    content: list[dict[str, Any]] = [
        {"type": "text", "text": "a secret"},
        {"type": "tool_use", "id": "0-2", "name": "0", "input": {"x": "a secret"}},
        {"type": "text", "text": "b"},
    ]
    edit(content, inspect(WORDS.policy(), read_response(content).segments).edits)
    assert [streamed.text(0), json.loads(streamed.text(1)), streamed.text(2)] == [
        content[0]["text"], content[1]["input"], content[2]["text"],
    ]  # fmt: skip


def test_counting_tokens_uses_none() -> None:
    found = read_count({"input_tokens": 2095, "note": "x"})
    assert found.usage == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert [one.text for one in found.segments] == ["x"]


def test_copies_of_the_text_are_dropped() -> None:
    content = [{"type": "text", "text": "x", "logprobs": [1]}, "odd", {"type": "text", "token_ids": None}]
    document = {"content": content, "prompt_token_ids": [1, 2], "logprobs": None}
    strip_copies(document)
    assert document == {
        "content": [{"type": "text", "text": "x", "logprobs": None}, "odd", {"type": "text", "token_ids": None}],
        "prompt_token_ids": None,
        "logprobs": None,
    }
    strip_copies("odd")
