from __future__ import annotations

import json
from itertools import islice

import pytest

from bench.scenarios import (
    SCENARIOS,
    TAG_LENGTH,
    TAG_MARK,
    Scenario,
    chunk_texts,
    prose,
    reply_text,
    request_parts,
    tags,
)


def test_tags_are_words_of_eight_letters_and_none_comes_twice() -> None:
    some = list(islice(tags(), 1000))
    assert len(set(some)) == 1000
    assert all(len(tag) == TAG_LENGTH and tag.isalpha() and tag.isascii() for tag in some)


def test_stream_chunks_have_four_to_twelve_characters_and_are_cut_the_same_way_each_time() -> None:
    texts = chunk_texts(200)
    assert len(texts) == 199  # the tag is the first chunk
    assert all(4 <= len(text) <= 12 for text in texts)
    assert texts == chunk_texts(200)
    assert prose(len("".join(texts))) == "".join(texts)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_a_request_is_json_with_a_prompt_of_the_stated_size(scenario: Scenario) -> None:
    before, after = request_parts(scenario)
    body = json.loads(before + b"abcdefgh" + after)
    content = body["messages"][0]["content"]
    assert content.startswith(f"{TAG_MARK}abcdefgh. ")
    assert abs(len(content) - scenario.prompt) < TAG_LENGTH
    assert body.get("stream", False) is scenario.streamed


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_texts_need_no_escapes_in_json(scenario: Scenario) -> None:
    text = prose(scenario.prompt) + reply_text(scenario)
    assert json.dumps(text) == f'"{text}"'
