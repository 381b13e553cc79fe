from __future__ import annotations

from typing import Any

import pytest

from guardproxy.surfaces.responses.words import ITEM_TYPES, LABELS, is_own_word
from tests.surfaces.responses.schema import EVENTS, INPUT_ITEMS, OUTPUT_ITEMS, type_of


@pytest.mark.parametrize("model", [*EVENTS, *INPUT_ITEMS, *OUTPUT_ITEMS], ids=lambda model: model.__name__)
def test_every_type_of_the_official_client_is_a_word(model: type) -> None:
    assert is_own_word("type", type_of(model))


def test_a_word_is_one_only_where_the_api_writes_it() -> None:
    assert is_own_word("status", "completed")
    assert not is_own_word("text", "completed")
    assert not is_own_word("status", "completely")
    odd: list[Any] = [None, 1, ["message"], {}]
    assert not any(is_own_word(label, value) for label in LABELS for value in odd)


def test_types_of_items_are_those_of_the_official_client() -> None:
    assert {type_of(model) for model in (*INPUT_ITEMS, *OUTPUT_ITEMS)} == ITEM_TYPES
