"""The part of JSON Schema that arguments of tools need, exact and small; any other keyword is an error at load.

`type` (one or several), `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `minItems`,
`maxItems`, `minLength`, `maxLength`, `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `anyOf`; `title` and
`description` say something to people. As in the standard, a keyword is about values of its type and no others, `1.0` is
an integer and `true` is no number. Expressions stand in a rule's own `matches`, which means all of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

MAX_DEPTH: Final = 32


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value == int(value),
}
_LENGTHS: Final = {"minLength": str, "maxLength": str, "minItems": list, "maxItems": list}
_BOUNDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
_SAID: Final = frozenset({"title", "description"})
_KEYWORDS: Final = (
    {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf"}
    | _LENGTHS.keys()
    | _BOUNDS.keys()
    | _SAID
)


class SchemaError(ValueError):
    """What is wrong with a schema. `place` leads to it from the schema's own root."""

    def __init__(self, place: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.place = place


def check_schema(schema: Any, place: tuple[str | int, ...] = ()) -> None:
    """Raises `SchemaError` unless the schema says only what `fits` understands."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise SchemaError(place, "a schema is a mapping, or true or false")
    if len(place) > 2 * MAX_DEPTH:
        raise SchemaError(place, "this schema is nested too deep")
    for keyword, value in schema.items():
        here = (*place, keyword)
        if keyword not in _KEYWORDS:
            close = get_close_matches(keyword, _KEYWORDS, n=1)
            known = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(_KEYWORDS))}"
            raise SchemaError(here, f"unknown keyword '{keyword}', {known}")
        _check_keyword(keyword, value, here)


def _check_keyword(keyword: str, value: Any, here: tuple[str | int, ...]) -> None:
    if keyword == "type":
        words = value if isinstance(value, list) and value else [value]
        if unknown := [word for word in words if not isinstance(word, str) or word not in _TYPES]:
            raise SchemaError(here, f"unknown type '{unknown[0]}'; use {', '.join(_TYPES)}")
    elif keyword == "properties":
        if not isinstance(value, dict):
            raise SchemaError(here, "'properties' maps names to schemas")
        for name, below in value.items():
            check_schema(below, (*here, name))
    elif keyword in ("items", "additionalProperties"):
        check_schema(value, here)
    elif keyword == "anyOf":
        if not isinstance(value, list) or not value:
            raise SchemaError(here, "'anyOf' is a list of schemas")
        for index, below in enumerate(value):
            check_schema(below, (*here, index))
    elif keyword == "enum" and not isinstance(value, list):
        raise SchemaError(here, "'enum' is a list of values")
    elif keyword == "required" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise SchemaError(here, "'required' is a list of names")
    elif keyword in _LENGTHS and (type(value) is not int or value < 0):
        raise SchemaError(here, f"'{keyword}' is a whole number, zero or more")
    elif keyword in _BOUNDS and not _is_number(value):
        raise SchemaError(here, f"'{keyword}' is a number")


def fits(schema: Any, value: Any) -> bool:
    """Whether a value is what a checked schema asks for."""
    if isinstance(schema, bool):
        return schema
    if "anyOf" in schema and not any(fits(option, value) for option in schema["anyOf"]):
        return False
    kinds = schema.get("type")
    if kinds is not None and not any(_TYPES[kind](value) for kind in (kinds if isinstance(kinds, list) else [kinds])):
        return False
    if "const" in schema and not _same(schema["const"], value):
        return False
    if "enum" in schema and not any(_same(option, value) for option in schema["enum"]):
        return False
    return _fits_size(schema, value) and _fits_members(schema, value)


def _fits_size(schema: Mapping[str, Any], value: Any) -> bool:
    for keyword, kind in _LENGTHS.items():
        if keyword in schema and isinstance(value, kind):
            size = len(value)
            if size < schema[keyword] if keyword.startswith("min") else size > schema[keyword]:
                return False
    if _is_number(value):
        return all(holds(value, schema[keyword]) for keyword, holds in _BOUNDS.items() if keyword in schema)
    return True


def _fits_members(schema: Mapping[str, Any], value: Any) -> bool:
    if isinstance(value, list):
        return all(fits(schema.get("items", True), item) for item in value)
    if not isinstance(value, dict):
        return True
    if any(name not in value for name in schema.get("required", ())):
        return False
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    return all(fits(properties.get(name, others), member) for name, member in value.items())


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: `1` and `1.0` are, `1` and `true` are not, at any depth."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(one == other)
