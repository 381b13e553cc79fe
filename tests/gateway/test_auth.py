from __future__ import annotations

import secrets
from collections.abc import Awaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from guardproxy.core.principal import Principal
from guardproxy.errors import NEVER, InvalidKey
from guardproxy.gateway.auth import NO_KEY, SEVERAL_KEYS, WRONG_KEY, authenticate
from guardproxy.identity.keyring import SESSION, Keyring
from guardproxy.identity.lookup import Refused

TOKEN = secrets.token_urlsafe(32)
KEYRING = Keyring.empty().with_session_key(TOKEN)
NOW = 1_900_000_000.0


def refusal(headers: dict[str, str]) -> InvalidKey:
    with pytest.raises(InvalidKey) as caught:
        authenticate(CIMultiDict(headers), KEYRING, NOW)
    return caught.value


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_a_bearer_key_tells_who_is_calling(scheme: str) -> None:
    assert authenticate(CIMultiDict(authorization=f"{scheme} {TOKEN}"), KEYRING, NOW) == SESSION


def test_the_header_of_azures_client_is_read_too() -> None:
    assert authenticate(CIMultiDict({"Api-Key": TOKEN}), KEYRING, NOW) == SESSION


def test_each_api_has_a_header_of_its_own_for_keys() -> None:
    assert authenticate(CIMultiDict({"X-Api-Key": TOKEN}), KEYRING, NOW, "x-api-key") == SESSION
    with pytest.raises(InvalidKey):
        authenticate(CIMultiDict({"api-key": TOKEN}), KEYRING, NOW, "x-api-key")


def test_the_authorization_decides_where_both_headers_are_given() -> None:
    wrong = {"Authorization": f"Bearer {secrets.token_urlsafe(32)}", "api-key": TOKEN}
    assert refusal(wrong).message == WRONG_KEY


@pytest.mark.parametrize("name", ["Authorization", "api-key"])
@pytest.mark.parametrize("first", [True, False])
def test_a_key_header_that_stands_there_twice_is_refused_whichever_is_right(name: str, first: bool) -> None:
    scheme = "Bearer " if name == "Authorization" else ""
    other = secrets.token_urlsafe(32)
    for values in ((TOKEN, other), (TOKEN, TOKEN), (TOKEN, "")):
        ordered = values if first else values[::-1]
        headers = CIMultiDict([(name, scheme + ordered[0]), (name.lower(), scheme + ordered[1])])
        with pytest.raises(InvalidKey) as caught:
            authenticate(headers, KEYRING, NOW)
        assert (caught.value.status, caught.value.message) == (401, SEVERAL_KEYS)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer  "}, {"api-key": " "}]
)
def test_a_missing_key_is_told_with_what_to_do(headers: dict[str, str]) -> None:
    assert refusal(headers).message == NO_KEY


@given(st.text(st.characters(codec=None)).filter(lambda text: text.strip()), st.sampled_from(["Bearer ", "Basic ", ""]))
def test_every_wrong_key_gets_the_same_words_and_hears_nothing_of_itself(presented: str, scheme: str) -> None:
    error = refusal({"Authorization": scheme + presented})
    assert error.message in (WRONG_KEY, NO_KEY)
    assert (error.status, error.type, error.code) == (401, "invalid_request_error", "invalid_api_key")
    assert (error.param, error.retry, error.detail) == (None, NEVER, {})


def test_the_right_key_under_another_scheme_is_no_key() -> None:
    assert refusal({"Authorization": f"Basic {TOKEN}"}).message == WRONG_KEY
    assert refusal({"Authorization": TOKEN}).message == WRONG_KEY


def test_a_key_in_a_query_or_another_header_is_not_read() -> None:
    assert refusal({"x-api-key": TOKEN, "Cookie": f"key={TOKEN}", "Referer": f"https://x/?key={TOKEN}"})


class Asked:
    """Keys of a store that has to be asked, which knows one key."""

    def find(self, token: str, now: float) -> Awaitable[Principal | None]:
        async def ask() -> Principal | None:
            return SESSION if token == TOKEN else None

        return ask()

    def why_refused(self, token: str, now: float) -> Refused:
        return Refused("unknown", None, "")

    def signing_secret(self, key_id: str) -> str:
        return key_id


async def test_a_key_that_a_store_has_to_be_asked_for_tells_who_calls_later() -> None:
    found = authenticate(CIMultiDict(authorization=f"Bearer {TOKEN}"), Asked(), NOW)
    assert not isinstance(found, Principal)
    assert await found == SESSION


async def test_a_key_the_store_does_not_know_gets_the_same_words() -> None:
    found = authenticate(CIMultiDict(authorization=f"Bearer {secrets.token_urlsafe(32)}"), Asked(), NOW)
    assert not isinstance(found, Principal)
    with pytest.raises(InvalidKey) as caught:
        await found
    assert caught.value.message == WRONG_KEY
