from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable

import pytest

from guardproxy.core.principal import Principal
from guardproxy.errors import IdentityUnavailable, InvalidKey
from guardproxy.identity.keyring import SESSION, Keyring
from guardproxy.oidc.claims import WrongAudience
from guardproxy.oidc.lookup import AWAY, EXPIRED_TOKEN, WRONG_TOKEN, KeysAndTokens, verified
from guardproxy.oidc.token import MalformedToken
from guardproxy.oidc.verifier import WrongSignature
from tests.oidc.test_verifier import NOW, World

SESSION_KEY = secrets.token_urlsafe(32)


def lookup(world: World, session_key: str = SESSION_KEY) -> KeysAndTokens:
    return KeysAndTokens(Keyring.empty().with_session_key(session_key), world.verifier)


async def found(keys: KeysAndTokens, presented: str, now: float = NOW) -> Principal | None:
    answer = keys.find(presented, now)
    return await answer if isinstance(answer, Awaitable) else answer


async def test_a_key_is_found_at_once_and_asks_nobody() -> None:
    world = World()
    assert lookup(world).find(SESSION_KEY, NOW) == SESSION
    assert lookup(world).find(secrets.token_urlsafe(32), NOW) is None
    assert world.fetched == 0


async def test_a_token_is_found_with_a_turn_of_the_loop_and_then_at_once() -> None:
    world = World()
    keys = lookup(world)
    token = world.provider.token("ES256")
    first = keys.find(token, NOW)
    assert isinstance(first, Awaitable)
    principal = await first
    assert keys.find(token, NOW) is principal


async def test_a_key_of_this_run_that_looks_like_a_token_is_a_key() -> None:
    world = World()
    key = ".".join(secrets.token_urlsafe(12) for _ in range(3))
    assert await found(lookup(world, key), key) == SESSION
    assert world.fetched == 0


async def test_a_bad_token_finds_nobody_as_a_bad_key_does() -> None:
    world = World()
    for token in bad_tokens(world):
        assert await found(lookup(world), token) is None


async def test_the_log_hears_why_a_token_was_refused() -> None:
    world = World()
    keys = lookup(world)
    reasons = []
    for token in bad_tokens(world):
        await found(keys, token)
        refused = keys.why_refused(token, NOW)
        reasons.append(refused.reason)
        assert refused.key_id is None
        assert token not in str(refused)
    assert reasons == ["token: malformed token", "token: wrong audience", "token: wrong signature"]
    assert keys.why_refused("x", NOW).reason == Keyring.empty().why_refused("x", NOW).reason


async def test_a_listener_that_asks_itself_hears_the_same_words_of_each_bad_token_and_the_log_why() -> None:
    world = World()
    causes = []
    for token in bad_tokens(world):
        with pytest.raises(InvalidKey) as caught:
            await verified(world.verifier, token, NOW)
        assert (caught.value.message, caught.value.detail, caught.value.status) == (WRONG_TOKEN, {}, 401)
        causes.append(type(caught.value.__cause__))
    assert causes == [MalformedToken, WrongAudience, WrongSignature]


def bad_tokens(world: World) -> list[str]:
    good = world.provider.token("ES256")
    return ["a.b.c", world.provider.token("ES256", aud="x"), good[:-4] + "AAAA"]


async def test_an_expired_token_is_told_so_that_the_client_gets_a_new_one() -> None:
    world = World()
    with pytest.raises(InvalidKey) as caught:
        await found(lookup(world), world.provider.token("ES256", exp=int(NOW) - 60))
    assert (caught.value.message, caught.value.detail) == (EXPIRED_TOKEN, {"reason": "expired"})


async def test_an_issuer_that_is_away_is_an_outage_that_passes() -> None:
    world = World(away=True)
    keys = lookup(world)
    for wait_ms in (10_000, 7_000):
        with pytest.raises(IdentityUnavailable) as caught:
            await found(keys, world.provider.token("ES256"))
        assert (caught.value.message, caught.value.status) == (AWAY, 503)
        assert caught.value.retry.after_ms == wait_ms
        world.now += 3


async def test_two_requests_at_once_fetch_once() -> None:
    world = World()
    keys = lookup(world)
    tokens = [world.provider.token("ES256", sub=f"u-{number}") for number in range(10)]
    principals = await asyncio.gather(*(found(keys, token) for token in tokens))
    assert len({principal.key_id for principal in principals if principal}) == 10
    assert world.fetched == 1


def test_signing_secrets_are_those_of_the_keys() -> None:
    ring = Keyring.empty()
    assert KeysAndTokens(ring, World().verifier).signing_secret("oidc_1") == ring.signing_secret("oidc_1")
