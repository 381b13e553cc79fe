from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from guardproxy.errors import InvalidKey, ProviderKeyRefused, UpstreamUnavailable
from guardproxy.gateway.passthrough import (
    NO_PROVIDER_KEY,
    OWN_KEY_HEADER,
    OWN_KEY_THERE,
    PROVIDER_HEADERS,
    SEVERAL_PROVIDER_KEYS,
    credentials_refused,
    provider_key,
)
from guardproxy.identity.keys import new_key

KEY = secrets.token_urlsafe(32)


def refusal(*headers: tuple[str, str]) -> str:
    with pytest.raises(InvalidKey) as caught:
        provider_key(CIMultiDict(headers))
    assert caught.value.status == 401
    return caught.value.message


@pytest.mark.parametrize("name", list(PROVIDER_HEADERS))
def test_the_key_stands_in_one_of_three_headers(name: str) -> None:
    value = f"Bearer {KEY}" if name == "authorization" else KEY
    assert provider_key(CIMultiDict([(name.title(), value)])) == KEY


@pytest.mark.parametrize(
    "form", ["", "{key}", "Basic {key}", "Bearer  {key}", "Bearer ", "Bearer {key} x", "Bearer ä{key}"]
)
def test_an_authorization_is_a_bearer_token(form: str) -> None:
    assert refusal(("authorization", form.format(key=KEY))) == NO_PROVIDER_KEY


def test_no_key_is_told() -> None:
    assert refusal() == NO_PROVIDER_KEY
    assert refusal((OWN_KEY_HEADER, KEY)) == NO_PROVIDER_KEY


@pytest.mark.parametrize("other", ["authorization", "api-key", "x-api-key"])
def test_two_keys_are_one_too_many(other: str) -> None:
    assert refusal(("api-key", KEY), (other, f"Bearer {KEY}")) == SEVERAL_PROVIDER_KEYS
    assert refusal((other, ""), (other, KEY)) == SEVERAL_PROVIDER_KEYS


def test_a_guardproxy_key_is_not_passed_on() -> None:
    own = new_key(secrets.token_bytes).token
    for presented in (own, own[:20], KEY):
        assert refusal((OWN_KEY_HEADER, KEY), ("x-api-key", presented)) == OWN_KEY_THERE
        assert refusal((OWN_KEY_HEADER, KEY), ("authorization", f"Bearer {presented}")) == OWN_KEY_THERE


@given(st.lists(st.tuples(st.sampled_from([*PROVIDER_HEADERS, OWN_KEY_HEADER]), st.text(max_size=20)), max_size=4))
def test_any_headers_give_one_key_of_its_form_or_are_refused(headers: list[tuple[str, str]]) -> None:
    try:
        key = provider_key(CIMultiDict(headers))
    except InvalidKey as error:
        assert error.message in (NO_PROVIDER_KEY, SEVERAL_PROVIDER_KEYS, OWN_KEY_THERE)
        return
    assert key
    assert [value.endswith(key) for name, value in headers if name != OWN_KEY_HEADER and value] == [True]


def test_whose_key_the_upstream_refused_decides_who_is_told() -> None:
    assert isinstance(credentials_refused(401, False), UpstreamUnavailable)
    for status in (401, 403):
        error = credentials_refused(status, True)
        assert isinstance(error, ProviderKeyRefused)
        assert error.status == status
