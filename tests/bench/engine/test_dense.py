from __future__ import annotations

from itertools import islice
from random import Random

from bench.engine.dense import dense_texts


def test_texts_have_the_size_that_was_asked_for_and_are_all_different() -> None:
    texts = list(islice(dense_texts(Random(1), 500), 20))
    assert {len(text) for text in texts} == {500}
    assert len(set(texts)) == 20
    assert texts == list(islice(dense_texts(Random(1), 500), 20))


def test_links_addresses_and_numbers_stand_in_it() -> None:
    text = next(dense_texts(Random(2), 4_000))
    assert "https://" in text
    assert "@" in text
    assert sum(char.isdigit() for char in text) > 800
