from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.responses import cleaning
from guardproxy.surfaces.responses.cleaning import Cleaner, is_padding
from tests.support.strategies import Kit, json_values, kits, make_kit, texts
from tests.surfaces.responses.schema import marks_kit, planted, responses

WORDS = make_kit({"word": "secret{1,3}"})


def cleaner(kit: Kit = WORDS) -> tuple[Cleaner, OutputGuard]:
    guard = OutputGuard(kit.policy())
    return Cleaner(guard), guard


@given(kits(), texts)
def test_a_text_is_looked_at_once_and_shown_alike_each_time(kit: Kit, text: str) -> None:
    one, guard = cleaner(kit)
    first = one.text(text, ("x",))
    found = len(guard.findings)
    assert [one.text(text, ("y",)) for _ in range(3)] == [first] * 3
    assert (guard.inspected, len(guard.findings)) == (1, found)


def test_beyond_what_is_kept_a_text_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "_MOST_KEPT", 5)
    one, guard = cleaner()
    assert [one.text("a secret", ()) for _ in range(2)] == ["a [WORD]"] * 2
    assert guard.inspected == 2


@settings(max_examples=15)
@given(responses)
def test_nothing_is_left_below_and_in_members(document: dict[str, Any]) -> None:
    whole = copy.deepcopy(document)
    cleaner(marks_kit())[0].members(whole, ())
    assert not planted(whole)
    assert cleaner(marks_kit())[0].below(document, ()) or not planted(document)
    assert not planted(document)


@given(json_values)
def test_without_a_match_nothing_changes(value: Any) -> None:
    before = json.dumps(value)
    one, _ = cleaner(make_kit({"r": "ab{1,3}c"}))
    if isinstance(value, (dict, list)):
        assert not one.below(value, ())
    if isinstance(value, dict):
        one.members(value, ())
    assert json.dumps(value) == before


def test_places_that_were_dealt_with_are_left_alone() -> None:
    one, _ = cleaner()
    value = {"x": "secret", "y": ["secret", "secret"]}
    one.below(value, (), {("x",), ("y", 1)})
    assert value == {"x": "secret", "y": ["[WORD]", "secret"]}
    one.members(value, (), ("y",))
    assert value == {"x": "[WORD]", "y": ["[WORD]", "secret"]}


@pytest.mark.parametrize(
    ("arguments", "cleaned"),
    [
        (r'{"x":"\u0073ecret"}', '{"x":"[WORD]"}'),
        ('{"x": "well"}', '{"x": "well"}'),
        (r"{'x': '\u0073ecret'", "{'x': '[WORD]'"),
        (r"{'x': 'w\u0065ll'", r"{'x': 'w\u0065ll'"),
    ],
)
def test_arguments_are_cleaned_decoded(arguments: str, cleaned: str) -> None:
    assert cleaner()[0].arguments(arguments, ()) == cleaned


def test_sealed_reasoning_of_which_anything_was_hidden_loses_its_seal() -> None:
    for text, seal in (("secret", None), ("well", "QUJD")):
        item = {"type": "reasoning", "summary": [{"text": text}], "encrypted_content": "QUJD"}
        cleaner()[0].item(item, ())
        assert item["encrypted_content"] == seal


def test_padding_is_letters_and_digits_and_too_short_for_a_credential() -> None:
    assert is_padding("aZ9") and is_padding("a" * 16)
    assert not any(map(is_padding, ("a b", "a" * 17, "é", "")))
