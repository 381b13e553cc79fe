"""What tool rules see of a conversation."""

from __future__ import annotations

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


def test_texts_of_a_result_hold_names_and_long_numbers() -> None:
    value = {"evil@x.net": ["a", 1234567, {"b": "c"}]}
    assert {"evil@x.net", "a", "1234567", "b", "c"} <= set(texts_below(value))
    assert "b" not in texts_below(value, names=False)
    assert texts_below("text") == ("text",)
    assert texts_below(None) == ()
    assert repr(UNREADABLE) == "UNREADABLE"
