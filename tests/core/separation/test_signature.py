from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.separation.signature import canonical, is_signed, sign
from tests.support.strategies import json_values

SECRET = secrets.token_hex(32).encode()


def signature(secret: str, body: dict[str, Any]) -> str:
    """The recipe of the policy reference, in plain Python."""
    members = ("tools", "functions", "tool_choice", "function_call", "response_format")
    signed = {"messages": [m for m in body["messages"] if m["role"] in ("system", "developer")]}
    signed |= {name: body[name] for name in members if body.get(name) is not None}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "v1=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@given(json_values)
def test_a_signature_fits_what_was_signed(value: Any) -> None:
    assert is_signed(SECRET, value, sign(SECRET, value))
    assert not is_signed(secrets.token_bytes(32), value, sign(SECRET, value))


@given(json_values, json_values)
def test_a_signature_fits_nothing_else(one: Any, other: Any) -> None:
    assert is_signed(SECRET, other, sign(SECRET, one)) == (canonical(one) == canonical(other))


@given(json_values.filter(lambda value: isinstance(value, dict)))
def test_the_order_of_names_does_not_count(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(list(value.items())))) == canonical(value)


@pytest.mark.parametrize(
    ("value", "written"), [(1.0, b"1"), (1.5, b"1.5"), ([2.0, {"a": -0.0}], b'[2,{"a":0}]'), ("é", b'"\xc3\xa9"')]
)
def test_numbers_and_letters_are_written_as_javascript_does(value: Any, written: bytes) -> None:
    assert canonical(value) == written


@pytest.mark.parametrize("header", ["", "v1=", "v2=00", "é", "v1=" + "0" * 64])
def test_what_is_no_signature_fits_nothing(header: str) -> None:
    assert not is_signed(SECRET, {}, header)


def test_the_documented_recipe_makes_the_same() -> None:
    from guardproxy.surfaces.chat_completions import SPEAKING

    body = {
        "model": "m",
        "messages": [{"role": "system", "content": "Sei höflich."}, {"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"maximum": 3}}}],
    }
    secret = secrets.token_hex(32)
    assert signature(secret, body) == sign(secret.encode(), SPEAKING.operator_part(body))
