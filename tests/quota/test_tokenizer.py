"""Counting is exact for what is short, near for what is long, and knows what it has counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.quota.characters import estimate_tokens
from guardproxy.quota.tokenizer import MOST_COUNTED, MOST_INLINE, EstimatingTokenizer, TiktokenTokenizer, count_bounded
from guardproxy.quota.vocabulary import load_encodings

if TYPE_CHECKING:
    from tiktoken import Encoding


@pytest.fixture(scope="module")
def encodings() -> Mapping[str, Encoding]:
    return load_encodings()


@given(st.lists(st.text(max_size=80), max_size=5))
def test_short_texts_are_counted_exactly(encodings: Mapping[str, Encoding], texts: list[str]) -> None:
    tokenizer = TiktokenTokenizer(encodings)
    for model, name in (("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")):
        true = sum(len(encodings[name].encode_ordinary(text)) for text in texts)
        assert tokenizer.count(model, texts) == tokenizer.count(model, texts) == true


def test_other_models_are_estimated(encodings: Mapping[str, Encoding]) -> None:
    texts = ["some words of a model that nobody knows", "and 2 more"]
    assert TiktokenTokenizer(encodings).count("own-model", texts) == EstimatingTokenizer().count("own-model", texts)
    assert not TiktokenTokenizer(encodings).is_long("own-model", ["x" * 10**6])


@pytest.mark.parametrize(("text", "share"), [("a", 1 / 8), ("é", 1.0), ("the ", 0.25), ("字", 1.0)])
def test_a_million_characters_are_counted_by_parts(encodings: Mapping[str, Encoding], text: str, share: float) -> None:
    times = 10**6 // len(text)
    count = count_bounded(encodings["o200k_base"], text * times)
    assert abs(count - share * times * len(text)) <= 0.15 * share * times * len(text)


def test_no_more_characters_are_tokenized_than_are_allowed() -> None:
    class Watched:
        seen = 0

        def encode_ordinary(self, text: str) -> list[int]:
            self.seen += len(text)
            return list(range(len(text)))

    watched = Watched()
    count_bounded(watched, " " * 10**6)  # type: ignore[arg-type]
    assert watched.seen <= MOST_COUNTED


def test_lone_surrogates_are_counted_too(encodings: Mapping[str, Encoding]) -> None:
    assert TiktokenTokenizer(encodings).count("gpt-4o", ["a\ud800b" * 50]) > 0


def test_what_was_counted_is_no_longer_long(encodings: Mapping[str, Encoding]) -> None:
    tokenizer = TiktokenTokenizer(encodings)
    texts = ["word " * MOST_INLINE, "short"]
    assert tokenizer.is_long("gpt-4o", texts)
    tokenizer.count("gpt-4o", texts)
    assert not tokenizer.is_long("gpt-4o", texts)
    assert tokenizer.is_long("gpt-4", texts)


def test_an_estimate_of_several_texts_is_that_of_them_together() -> None:
    assert EstimatingTokenizer().count("m", ["one text"]) == estimate_tokens("one text")
    assert EstimatingTokenizer().count("m", ["one", "other"]) == estimate_tokens("one\nother")
    assert EstimatingTokenizer().count("m", []) == 0
