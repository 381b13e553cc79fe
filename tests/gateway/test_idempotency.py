"""Two callers never meet in one idempotency key, and nothing a caller wrote travels in it."""

from __future__ import annotations

import secrets

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from guardproxy.core.principal import Principal
from guardproxy.gateway.idempotency import HEADER, with_scoped_key
from tests.support.caller import ask
from tests.support.gateway import KEY, data_plane, replies
from tests.support.upstream import completion

SECRET = secrets.token_bytes(32)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100)


def digest(key_id: str, value: str, secret: bytes = SECRET) -> str:
    headers = CIMultiDict({"Idempotency-Key": value, "Traceparent": "x"})
    return with_scoped_key(headers, Principal(key_id, "a name"), secret)[HEADER]


@given(values, values, values, values)
def test_only_the_same_caller_with_the_same_value_has_the_same_digest(a: str, b: str, x: str, y: str) -> None:
    assert (digest(a, x) == digest(b, y)) == ((a, x) == (b, y))
    assert len(digest(a, x)) == 64
    assert digest(a, x) != digest(a, x, secrets.token_bytes(32))


def test_other_headers_stay_as_they_are() -> None:
    headers = CIMultiDict({"Traceparent": "x"})
    assert with_scoped_key(headers, None, SECRET) is headers
    both = with_scoped_key(CIMultiDict({"Traceparent": "x", HEADER: "y"}), None, SECRET)
    assert both["traceparent"] == "x"


async def test_the_upstream_sees_the_digest_and_the_same_one_for_a_second_try() -> None:
    async with data_plane(lambda: replies(completion())) as on:
        for _ in range(2):
            await ask(on.listeners.port, "GET", "/v1/models", None, KEY, {"Idempotency-Key": "the-callers-own-words"})
        first, second = (sent.headers[HEADER] for sent in on.upstream.sent)
        assert first == second
        assert "own-words" not in repr(on.upstream.sent)
