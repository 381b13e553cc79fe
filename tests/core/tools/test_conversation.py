"""What tool rules see of a conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.core.tools.conversation import UNREADABLE, read_arguments, readings, texts_below


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("  ", {}),
        (None, {}),
        ({"a": 1}, {"a": 1}),
        ('{"a": 1', UNREADABLE),
        ('{"a": 1} {"a": 2}', UNREADABLE),
        (7, UNREADABLE),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_arguments_are_decoded_or_unreadable(written: Any, expected: Any) -> None:
    assert read_arguments(written) == expected


def test_a_text_is_read_with_its_escapes_too() -> None:
    assert list(readings("plain")) == ["plain"]
    assert list(readings(r"bob\u0040evil.net")) == [r"bob\u0040evil.net", "bob@evil.net"]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_an_address_behind_a_line_end_is_read_however_deep_it_stands_in_json_in_json(depth: int) -> None:
    text = "write to\nbob@evil.net"
    for _ in range(depth):
        text = json.dumps({"body": text})
    assert any("\nbob@evil.net" in read for read in readings(text))


def test_texts_of_a_result_hold_names_and_long_numbers() -> None:
    value = {"evil@x.net": ["a", 1234567, {"b": "c"}]}
    assert {"evil@x.net", "a", "1234567", "b", "c"} <= set(texts_below(value))
    assert "b" not in texts_below(value, names=False)
    assert texts_below("text") == ("text",)
    assert texts_below(None) == ()
    assert repr(UNREADABLE) == "UNREADABLE"
