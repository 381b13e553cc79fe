from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.separation.cleaning import NOTHING, Cleaner, Counted
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.terms import Separation, Treatment
from tests.core.separation.requests import fenced
from tests.core.separation.test_control_tokens import texts

TERMS = Separation(
    control_tokens=Treatment.CLEAN,
    token_families=ALL_FAMILIES,
    hidden_characters=Treatment.CLEAN,
    fake_turns=Treatment.FLAG,
)
CLEANER = Cleaner(TERMS)


def escaped(text: str) -> str:
    """JSON whose every character is an escape."""
    return '"' + "".join(f"\\u{ord(char):04x}" for char in text) + '"'


def test_hidden_characters_go_before_tokens_are_looked_for() -> None:
    text = "<|im_\u200b<|im_start|>start|>"
    cleaned, counted = CLEANER.clean(text)
    assert cleaned == "<|im_⟨|im_start|>start|>"
    assert counted == Counted(control_tokens=1, hidden_characters=1)


@given(texts)
def test_clean_text_is_clean(text: str) -> None:
    cleaned, _ = CLEANER.clean(text)
    assert CLEANER.clean(cleaned) == (cleaned, NOTHING) or "\\" in cleaned
    assert not TERMS.tokens.live_in(cleaned)


@given(st.lists(texts, min_size=1, max_size=3), st.integers(1, 3))
def test_tokens_do_not_hide_behind_the_escapes_of_json(leaves: list[str], depth: int) -> None:
    written = "[" + ",".join(escaped(leaf) for leaf in leaves) + "]"
    for _ in range(depth - 1):
        written = json.dumps([written])
    cleaned, _ = CLEANER.clean(written)
    value = json.loads(cleaned)
    for _ in range(depth - 1):
        value = json.loads(value[0])
    assert len(value) == len(leaves)
    assert not any(TERMS.tokens.live_in(leaf) for leaf in value)


@pytest.mark.parametrize("treatment", [Treatment.FLAG, Treatment.BLOCK])
def test_what_is_only_noticed_stays_as_it_is(treatment: Treatment) -> None:
    noticing = Separation(control_tokens=treatment, token_families=ALL_FAMILIES, hidden_characters=treatment)
    text = "<|im_start|>\u200b"
    assert Cleaner(noticing).clean(text) == (text, Counted(1, 1))
    assert Cleaner(noticing).clean_run(["<|im_", "start|>"]) == (["<|im_", "start|>"], 1)
    assert Cleaner(noticing).clean_run(["<s>", "<s>"]) == (["<s>", "<s>"], 0)


def test_nobody_writes_a_fence_where_tokens_are_allowed() -> None:
    assert Cleaner(fenced()).clean("<<tool:x>> <|im_start|>")[0] == "⟨⟨tool:x>> <|im_start|>"


def test_turns_are_counted_where_something_follows() -> None:
    assert CLEANER.clean("User: a\nAssistant: b")[1] == Counted(fake_turns=2)
    assert Cleaner(fenced()).clean("User: a\nAssistant: b")[1] == NOTHING


def test_counts_add_up() -> None:
    assert Counted(1, 2, 3).plus(Counted(1, 0, 1)) == Counted(2, 2, 4)
