"""A caller's body, read so that nobody can read it differently; what cannot be is refused with its position.

Two halves with one meaning. The fast one is the C scanner of the standard library with a few cheap checks around it,
and only says yes or no. After a no, the complete scanner of `json_fault` says where and why. Tests hold the two to
the same verdict on everything, and accepted values to `json.loads`: unknown members, their order and integers of any
length a double can hold survive.

Bounds are checked before anything is built: a body can hold at most as many values as it has commas and opening
brackets, plus one, and never more than bytes. Where that is too many to be sure, the slow scanner counts, which ends at
the limit.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from guardproxy.errors import InvalidJson
from guardproxy.wire.document import is_deeper_than
from guardproxy.wire.json_fault import MAX_DEPTH, MAX_VALUES, find_fault, integer_in_range, real_in_range


def parse_strict(raw: bytes) -> Any:
    """The value of a body. Raises `InvalidJson` with reason, line, column and byte offset."""
    opened = raw.count(b"[") + raw.count(b"{")
    many = len(raw) >= MAX_VALUES and opened + raw.count(b",") >= MAX_VALUES
    fault = find_fault(raw) if many else None
    if fault is None:
        try:
            return _parse(raw, opened)
        except (ValueError, RecursionError):
            pass  # these exceptions carry the body: what is raised below must not be chained to them
        fault = find_fault(raw)
    raise InvalidJson(f"The request body is not acceptable JSON: {fault or 'it cannot be read'}.")


def _parse(raw: bytes, opened: int) -> Any:
    text = raw.decode()
    # What `decode` does is to pass over white space before and behind the value, of which there is none as a rule.
    value, end = _DECODER.raw_decode(text) if text.startswith("{") else (None, -1)
    if end != len(text):
        value = _DECODER.decode(text)
    if opened > MAX_DEPTH and is_deeper_than(MAX_DEPTH, value):
        raise _Refused
    if b"\\u" in raw:
        _ENCODER.encode(value)  # UnicodeEncodeError, a ValueError: an escape left half of a surrogate pair
    return value


class _Refused(ValueError):
    """The fast half says no."""


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused
    return members


def _refuse_constant(name: str) -> Any:
    raise _Refused


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=integer_in_range,
    parse_float=real_in_range,
    parse_constant=_refuse_constant,
)
_ENCODER = msgspec.json.Encoder()
