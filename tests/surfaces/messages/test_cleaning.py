from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.wire.path import Key
from tests.support.strategies import json_values, make_kit
from tests.surfaces.messages.received import strict
from tests.surfaces.messages.schema import free, marks_kit, planted

WORDS = make_kit({"word": "secret"})


def cleaner(kit: Any = WORDS) -> Cleaner:
    return Cleaner(OutputGuard(kit.policy()))


@given(free)
def test_no_mark_stays_below_a_value_and_a_change_is_told(value: Any) -> None:
    holder = {"note": value}
    had = bool(planted(value))
    assert cleaner(marks_kit()).below(holder, ()) is had
    assert not planted(holder)


@given(free)
def test_no_mark_stays_in_the_members_of_an_object_but_in_those_left_out(value: Any) -> None:
    holder = {"note": value, "mark1.": value, "left": "mark2."}
    assert cleaner(marks_kit()).members(holder, (), ("left",))
    assert planted(holder) == {"mark2": 1}


@given(json_values)
def test_without_a_match_nothing_is_changed(value: Any) -> None:
    holder = {"note": value, "type": "text"}
    before = repr(holder)
    kit = make_kit({"r": "§"})
    assert not cleaner(kit).members(holder, ()) and not cleaner(kit).below(holder, ())
    assert repr(holder) == before


def test_findings_carry_the_place_of_the_text() -> None:
    guard = OutputGuard(WORDS.policy())
    one = Cleaner(guard)
    one.members({"a": "secret", "a secret": 1}, ("x",))
    one.below({"b": ["secret"]}, ("content", 3))
    assert [finding.path for finding in guard.findings] == [
        ("x", Key("a secret")), ("x", "a"), ("content", 3, "b", 0),
    ]  # fmt: skip


def test_the_apis_own_words_and_bytes_are_no_texts() -> None:
    kit = make_kit({"any": "[a-z]{3,20}"})
    holder = {"type": "signature_delta", "signature": "abcdef"}
    assert not cleaner(kit).members(holder, ())
    assert cleaner(kit).members({"type": "redacted_thinking", "data": "not base64!"}, ())


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ('{"a":"[WORD]"}', '{"a":"\\u0073ecret"}'),
        ('{"a": "x"}', '{"a": "x"}'),
        ("{'a': '[WORD]'", "{'a': 'secret'"),
        ("{'a': '[WORD]'", "{'a': '\\u0073ecret'"),
        ('{"[WORD]":1}', '{"secret":1}'),
        ("", ""),
    ],
)
def test_arguments_are_cleaned_as_a_reader_would_read_them(expected: str, text: str) -> None:
    assert cleaner().arguments(text, ()) == expected


def test_a_sealed_block_in_a_list_goes_and_one_that_stands_alone_loses_its_seal() -> None:
    result = {"type": "web_search_result", "title": "secret", "encrypted_content": "QUJD"}
    holder = {"type": "web_search_tool_result", "content": [dict(result), {**result, "title": "x"}]}
    assert cleaner().below(holder, ())
    assert holder["content"] == [{**result, "title": "x"}]
    alone = {"type": "compaction", "content": "secret", "encrypted_content": "QUJD"}
    assert cleaner().below(alone, ())
    assert alone == {"type": "compaction", "content": "[WORD]", "encrypted_content": ""}


def test_content_that_cannot_be_read_stops_the_stream_unless_the_policy_lets_it_through() -> None:
    block = {"type": "redacted_thinking", "data": "QUJD"}
    for policy, blocks in ((strict(WORDS.policy()), True), (WORDS.policy(), False)):
        guard = OutputGuard(policy)
        Cleaner(guard).below({"x": [block]}, ("content", 0))
        assert (guard.blocked is not None) is blocks
        assert [one.path for one in guard.findings] == [("content", 0, "x", 0)] * blocks
        assert guard.verdict().coverage.skipped == {"encrypted": 1}
