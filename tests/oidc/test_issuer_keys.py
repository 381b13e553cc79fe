"""Times are those of a clock the test moves; fetches end when the test lets them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from guardproxy.oidc.discovery import WELL_KNOWN
from guardproxy.oidc.issuer_keys import (
    MOST_BYTES,
    REFETCH_S,
    Fetched,
    FetchFailed,
    IssuerAway,
    IssuerKeys,
    KeySource,
    UnknownKey,
)
from tests.support.identity_provider import public, signing_key

SOURCE = KeySource("corp", "https://idp", "https://idp/keys", refresh_s=300, stale_s=3600)


def published(*kids: str) -> bytes:
    return json.dumps({"keys": [public(signing_key("ES256"), kid) for kid in kids]}).encode()


@dataclass
class Issuer:
    """`answer` is what a fetch gives or raises; with `held` not before that is set."""

    answer: bytes | Exception = field(default_factory=lambda: published("k1"))
    held: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)
    told: list[Fetched] = field(default_factory=list)
    now: float = 1000.0
    answers: dict[str, bytes] = field(default_factory=dict)

    async def fetch(self, url: str, most_bytes: int) -> bytes:
        assert most_bytes == MOST_BYTES
        self.asked.append(url)
        if self.held is not None:
            await self.held.wait()
        answer = self.answers.get(url, self.answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def keys(self, source: KeySource = SOURCE) -> IssuerKeys:
        return IssuerKeys(source, self.fetch, self.told.append, lambda: self.now)


AWAY = FetchFailed("answered 500")


async def settled(condition: Callable[[], bool]) -> None:
    """Let other tasks go on until it holds."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_keys_are_fetched_when_they_are_first_needed_and_once() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    assert keys.find("k1", "ES256") is None
    found = await keys.find_or_fetch("k1", "ES256")
    assert keys.find("k1", "ES256") is found
    assert await keys.find_or_fetch("k1", "ES256") is found
    assert issuer.asked == ["https://idp/keys"]
    assert issuer.told == [Fetched("corp", None, 1, 0, True)]


async def test_however_many_wait_one_fetch_runs() -> None:
    issuer = Issuer(held=asyncio.Event())
    keys = issuer.keys()
    waiting = [asyncio.create_task(keys.find_or_fetch("k1", "ES256")) for _ in range(50)]
    await settled(lambda: bool(issuer.asked))
    assert issuer.held is not None
    issuer.held.set()
    assert len({id(found) for found in await asyncio.gather(*waiting)}) == 1
    assert len(issuer.asked) == 1


async def test_who_leaves_does_not_end_the_fetch_of_the_others() -> None:
    issuer = Issuer(held=asyncio.Event())
    keys = issuer.keys()
    first, second = (asyncio.create_task(keys.find_or_fetch("k1", "ES256")) for _ in range(2))
    await settled(lambda: bool(issuer.asked))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert issuer.held is not None
    issuer.held.set()
    assert (await second).kid == "k1"
    assert first.cancelled()


async def test_an_unknown_id_has_the_keys_fetched_again_but_not_soon_again() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    for made_up in range(20):
        with pytest.raises(UnknownKey):
            await keys.find_or_fetch(f"made-up-{made_up}", "ES256")
    assert len(issuer.asked) == 1
    issuer.now += REFETCH_S
    issuer.answer = published("k1", "k2")
    assert (await keys.find_or_fetch("k2", "ES256")).kid == "k2"
    assert len(issuer.asked) == 2
    assert keys.find("k1", "ES256") is not None


async def test_made_up_ids_push_no_known_key_out() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    for made_up in range(200):
        issuer.now += 1
        with pytest.raises(UnknownKey):
            await keys.find_or_fetch(f"made-up-{made_up}", "ES256")
    assert keys.find("k1", "ES256") is not None
    assert len(issuer.asked) <= 1 + 200 / REFETCH_S


async def test_a_key_of_another_algorithm_is_not_the_key() -> None:
    keys = Issuer().keys()
    with pytest.raises(UnknownKey):
        await keys.find_or_fetch("k1", "RS256")


async def test_old_keys_are_fetched_again_while_nobody_waits() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    issuer.now += SOURCE.refresh_s
    issuer.held = asyncio.Event()
    assert keys.find("k1", "ES256") is not None
    assert keys.find("k1", "ES256") is not None
    await settled(lambda: len(issuer.asked) == 2)
    issuer.answer = published("k2")
    issuer.held.set()
    await keys.refresh()
    assert len(issuer.asked) == 2
    assert keys.find("k1", "ES256") is None  # withdrawn
    assert keys.find("k2", "ES256") is not None


async def test_keys_are_kept_fresh_while_nobody_calls() -> None:
    issuer = Issuer()
    keys = issuer.keys(replace(SOURCE, refresh_s=0.001))
    keys.start()
    while len(issuer.asked) < 3:
        await asyncio.sleep(0.001)
    issuer.answer = AWAY
    while issuer.told[-1].failure is None:
        await asyncio.sleep(0.001)
    issuer.answer = published("k2")
    while issuer.told[-1].failure is not None:
        await asyncio.sleep(0.001)
    await keys.close()
    asked = len(issuer.asked)
    assert keys.find("k2", "ES256") is not None
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert len(issuer.asked) == asked


async def test_each_change_is_a_generation() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.refresh()
    assert keys.generation == 1
    await keys.refresh()
    assert keys.generation == 1
    issuer.answer = published("k1", "k2")
    await keys.refresh()
    assert keys.generation == 2
    assert [told.changed for told in issuer.told] == [True, False, True]


async def test_while_the_issuer_is_away_its_keys_stay_good_for_a_bounded_time() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    issuer.answer = AWAY
    issuer.now += SOURCE.refresh_s + SOURCE.stale_s - 1
    assert (await keys.find_or_fetch("k1", "ES256")).kid == "k1"
    await keys.refresh()
    assert issuer.told[-1] == Fetched("corp", "answered 500")
    issuer.now += 1
    assert not keys.check()
    with pytest.raises(IssuerAway) as caught:
        await keys.find_or_fetch("k1", "ES256")
    assert caught.value.wait_s == REFETCH_S - 1
    issuer.now += REFETCH_S
    issuer.answer = published("k1")
    assert (await keys.find_or_fetch("k1", "ES256")).kid == "k1"


async def test_a_key_nobody_could_ask_for_is_an_outage_and_not_an_unknown_key() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    issuer.answer = AWAY
    issuer.now += REFETCH_S
    for _ in range(3):
        with pytest.raises(IssuerAway):
            await keys.find_or_fetch("k2", "ES256")
    assert len(issuer.asked) == 2
    assert (await keys.find_or_fetch("k1", "ES256")).kid == "k1"


async def test_an_issuer_that_never_answered_is_not_asked_by_each_request() -> None:
    issuer = Issuer(answer=AWAY)
    keys = issuer.keys()
    for _ in range(20):
        with pytest.raises(IssuerAway):
            await keys.find_or_fetch("k1", "ES256")
    assert len(issuer.asked) == 1


async def test_an_issuer_without_keys_lets_nobody_in_and_that_is_its_outage() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    issuer.answer = b'{"keys":[]}'
    await keys.refresh()
    assert keys.find("k1", "ES256") is None
    with pytest.raises(IssuerAway):
        await keys.find_or_fetch("k1", "ES256")


@pytest.mark.parametrize("answer", [b"<html>", b'{"keys":1}', AWAY, FetchFailed("too large")])
async def test_what_is_no_set_of_keys_replaces_none(answer: bytes | Exception) -> None:
    issuer = Issuer()
    keys = issuer.keys()
    await keys.find_or_fetch("k1", "ES256")
    issuer.answer = answer
    await keys.refresh()
    assert issuer.told[-1].failure
    assert keys.find("k1", "ES256") is not None


async def test_a_fetch_that_takes_too_long_is_given_up() -> None:
    issuer = Issuer(held=asyncio.Event())
    keys = issuer.keys(replace(SOURCE, timeout_s=0.01))
    with pytest.raises(IssuerAway):
        await keys.find_or_fetch("k1", "ES256")
    assert issuer.told == [Fetched("corp", "too slow")]


async def test_without_an_address_the_discovery_document_says_where() -> None:
    document = {"issuer": "https://idp", "jwks_uri": "https://other/keys"}
    issuer = Issuer(answers={"https://idp" + WELL_KNOWN: json.dumps(document).encode()})
    keys = issuer.keys(replace(SOURCE, jwks_url=None))
    await keys.find_or_fetch("k1", "ES256")
    assert issuer.asked == ["https://idp" + WELL_KNOWN, "https://other/keys"]


async def test_a_discovery_document_that_is_wrong_is_told_as_what_it_is() -> None:
    issuer = Issuer(answer=b'{"issuer":"https://evil","jwks_uri":"https://evil/keys"}')
    keys = issuer.keys(replace(SOURCE, jwks_url=None))
    with pytest.raises(IssuerAway):
        await keys.find_or_fetch("k1", "ES256")
    assert issuer.told == [Fetched("corp", "the discovery document is not of this issuer")]
    assert issuer.asked == ["https://idp" + WELL_KNOWN]


async def test_closing_ends_a_fetch() -> None:
    issuer = Issuer(held=asyncio.Event())
    keys = issuer.keys()
    await keys.close()
    waiting = asyncio.create_task(keys.find_or_fetch("k1", "ES256"))
    await settled(lambda: bool(issuer.asked))
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert issuer.told == []
