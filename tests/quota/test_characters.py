"""An estimate is near, never absurd, and costs little."""

from __future__ import annotations

import inspect
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.quota.characters import MOST_READ, estimate_tokens
from guardproxy.quota.vocabulary import load_encodings


@given(st.text(st.characters(codec=None), max_size=400))
def test_any_text_has_an_estimate_of_at_least_a_token_for_eight_characters(text: str) -> None:
    assert -(-len(text) // 8) <= estimate_tokens(text) <= 2 * len(text)


@given(st.text(st.characters(codec=None), min_size=MOST_READ, max_size=MOST_READ + 200), st.integers(1, 50))
def test_a_long_text_is_judged_by_parts_of_it(text: str, times: int) -> None:
    assert -(-len(text) * times // 8) <= estimate_tokens(text * times) <= 2 * len(text) * times


def test_nothing_takes_nothing() -> None:
    assert estimate_tokens("") == 0


ORDINARY = {
    "prose": inspect.cleandoc(json.__doc__ or ""),
    "documentation": inspect.getdoc(textwrap.wrap) or "",
    "code": inspect.getsource(textwrap),
    "more code": inspect.getsource(inspect.Signature),
    "json": json.dumps([{"name": f"row {n}", "value": n * 37, "good": n % 2 == 0} for n in range(80)], indent=1),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_texts_are_near_to_what_a_tokenizer_counts(name: str) -> None:
    text = ORDINARY[name]
    true = len(load_encodings()["o200k_base"].encode_ordinary(text))
    assert abs(estimate_tokens(text) - true) <= 0.25 * true


@pytest.mark.parametrize(
    "text",
    [
        "Die Fähre verlässt den Hafen kurz nach Sonnenaufgang, wenn das Licht noch tief steht und das Wasser ruht.",
        "El transbordador sale del puerto un poco después del amanecer, cuando la luz todavía es baja y el agua mansa.",
        "Паром уходит из гавани вскоре после восхода солнца, когда свет ещё низкий, а вода спокойна и неподвижна.",
        "渡轮在日出后不久离开港口，那时光线还很低，水面平静。大多数早晨船上只有几个人。",
    ],
)
def test_other_languages_are_not_far_off(text: str) -> None:
    true = len(load_encodings()["o200k_base"].encode_ordinary(text))
    assert abs(estimate_tokens(text) - true) <= 0.35 * true
