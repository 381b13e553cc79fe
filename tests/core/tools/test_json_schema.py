"""The part of JSON Schema that arguments need."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.tools.json_schema import SchemaError, check_schema, fits

ORDER = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "to": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 1, "maxItems": 2},
        "mode": {"enum": ["fast", 1, None]},
        "either": {"anyOf": [{"type": "string"}, {"const": 7}]},
        "share": {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    },
    "required": ["count"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "value",
    [
        {"count": 1},
        {"count": 9.0},
        {"count": 2, "to": ["a", "b"], "mode": None, "either": 7, "share": 0.5},
        {"count": 2, "mode": 1.0, "either": "x", "share": "no number"},
    ],
)
def test_what_fits(value: Any) -> None:
    check_schema(ORDER)
    assert fits(ORDER, value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"count": 0},
        {"count": 10},
        {"count": 1.5},
        {"count": True},
        {"count": 1, "other": 1},
        {"count": 1, "to": []},
        {"count": 1, "to": ["a", "b", "c"]},
        {"count": 1, "to": ["abcdef"]},
        {"count": 1, "mode": True},
        {"count": 1, "either": 8},
        {"count": 1, "share": 1},
        {"count": 1, "share": 0},
    ],
)
def test_what_does_not(value: Any) -> None:
    assert not fits(ORDER, value)


@pytest.mark.parametrize(
    ("schema", "place", "words"),
    [
        ({"typ": "object"}, ("typ",), "did you mean 'type'"),
        ({"pattern": "x"}, ("pattern",), "unknown keyword 'pattern'"),
        ({"type": "text"}, ("type",), "unknown type 'text'"),
        ({"type": [0]}, ("type",), "unknown type '0'"),
        ({"properties": {"a": {"minimum": "1"}}}, ("properties", "a", "minimum"), "a number"),
        ({"properties": []}, ("properties",), "maps names"),
        ({"items": 1}, ("items",), "a mapping"),
        ({"anyOf": []}, ("anyOf",), "a list of schemas"),
        ({"anyOf": [{"enum": 1}]}, ("anyOf", 0, "enum"), "a list of values"),
        ({"required": "a"}, ("required",), "a list of names"),
        ({"maxLength": -1}, ("maxLength",), "zero or more"),
    ],
)
def test_what_is_no_schema_is_told_with_its_place(schema: Any, place: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(SchemaError, match=words) as raised:
        check_schema(schema)
    assert raised.value.place == place


def test_a_schema_of_any_depth_is_refused() -> None:
    schema: Any = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(SchemaError, match="too deep"):
        check_schema(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=3), below, max_size=2),
    max_leaves=6,
)


@given(JSON)
def test_every_value_is_its_own_constant_and_fits_true(value: Any) -> None:
    assert fits({"const": value}, value)
    assert fits({"enum": [value]}, value)
    assert fits(True, value)
    assert not fits(False, value)


def test_a_boolean_is_no_number_at_any_depth() -> None:
    assert not fits({"const": [{"a": 1}]}, [{"a": True}])
    assert fits({"const": [{"a": 1}]}, [{"a": 1.0}])
