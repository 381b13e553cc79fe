from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable

import pytest

from guardproxy.core.principal import Principal
from guardproxy.errors import KeyStoreLost
from guardproxy.identity.asked import NEGATIVE_S, POSITIVE_S, AskedStore
from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.store import KeyStoreError, KeyStoreUnavailable, UnreadableKey
from guardproxy.identity.stored import StoredKey
from tests.identity.making import MOMENT, NOW, PEPPER, made

STALE_S = 300.0


class Source:
    """Keys that may be away; each question waits for `gate`."""

    def __init__(self, *keys: StoredKey) -> None:
        self.keys = {key.id: key for key in keys}
        self.asked: list[str] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def find(self, key_id: str) -> StoredKey | None:
        self.asked.append(key_id)
        found = self.keys.get(key_id)
        await self.gate.wait()
        if self.away:
            raise KeyStoreUnavailable("away")
        return found


class Scene:
    def __init__(self, *keys: StoredKey, most: int = 100) -> None:
        self.now = 1000.0
        self.turns: list[KeyStoreError | None] = []
        self.source = Source(*keys)
        self.store = AskedStore(self.source, STALE_S, self.turns.append, lambda: self.now, most)

    def look(self, token: str, now: float = NOW) -> Principal | Awaitable[Principal | None] | None:
        return self.store.find(token[4:16], digest(token, PEPPER), now)

    async def find(self, token: str, now: float = NOW) -> Principal | None:
        found = self.look(token, now)
        return await found if isinstance(found, Awaitable) else found


async def test_a_key_is_asked_for_once_and_then_known_for_a_while() -> None:
    token, key = made()
    on = Scene(key)
    assert await on.find(token) == key.principal
    on.now += POSITIVE_S - 0.1
    assert on.look(token) == key.principal
    assert on.source.asked == [key.id]
    on.now += 0.1
    assert await on.find(token) == key.principal
    assert on.source.asked == [key.id] * 2


async def test_what_opens_nothing_is_known_for_less_long() -> None:
    token, key = new_key(secrets.token_bytes).token, made()[1]
    on = Scene(key)
    assert await on.find(token) is None
    on.now += NEGATIVE_S - 0.1
    assert on.look(token) is None
    on.now += 0.1
    asked = on.look(token)
    assert isinstance(asked, Awaitable)
    assert await asked is None


async def test_a_known_id_with_another_secret_is_asked_for_by_itself_and_opens_nothing() -> None:
    token, key = made()
    on = Scene(key)
    await on.find(token)
    forged = key.id.join(["gpk_", "_" + "x" * 49])
    asked = on.look(forged)
    assert isinstance(asked, Awaitable)
    assert await asked is None
    assert on.look(token) == key.principal
    assert on.store.why_refused(key.id, digest(forged, PEPPER), NOW) == "wrong secret"
    assert on.store.why_refused(key.id, "never presented", NOW) is None


async def test_a_known_key_ends_when_it_ends_and_not_when_it_is_asked_for_again() -> None:
    token, key = made(expires=MOMENT)
    on = Scene(key)
    assert await on.find(token, NOW - 1) == key.principal
    assert on.look(token, NOW) is None


async def test_all_who_wait_for_one_key_ask_once_and_who_leaves_takes_nobody_along() -> None:
    token, key = made()
    on = Scene(key)
    on.source.gate.clear()
    waiting = [asyncio.create_task(on.find(token)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    on.source.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [key.principal] * 4
    assert on.source.asked == [key.id]


async def test_a_change_is_noticed_at_once_for_its_key_and_for_no_other() -> None:
    (token, key), (other_token, other) = made(), made()
    on = Scene(key, other)
    await on.find(token)
    await on.find(other_token)
    on.source.keys[key.id] = key.model_copy(update={"revoked": MOMENT})
    on.store.changed(key.id)
    assert on.look(other_token) == other.principal
    assert await on.find(token) is None
    on.store.all_changed()
    asked = on.look(other_token)
    assert isinstance(asked, Awaitable)
    await asked


async def test_a_new_key_opens_at_once_though_it_was_asked_for_before() -> None:
    token, key = made()
    on = Scene()
    assert await on.find(token) is None
    on.source.keys[key.id] = key
    on.store.changed(key.id)
    assert await on.find(token) == key.principal


@pytest.mark.parametrize("all_of_them", [True, False])
async def test_an_answer_that_was_under_way_during_a_change_is_not_remembered(all_of_them: bool) -> None:
    token, key = made()
    on = Scene(key)
    on.source.gate.clear()
    early = asyncio.create_task(on.find(token))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert on.source.asked == [key.id]
    on.source.keys[key.id] = key.model_copy(update={"revoked": MOMENT})
    if all_of_them:
        on.store.all_changed()
    else:
        on.store.changed(key.id)
    on.source.gate.set()
    await early
    assert await on.find(token) is None


async def test_while_the_store_is_away_known_keys_go_on_for_a_time_and_nothing_else_opens() -> None:
    (token, key), (unknown, _) = made(), made()
    on = Scene(key)
    await on.find(token)
    on.store.reached()
    on.source.away = True
    on.now += POSITIVE_S
    assert await on.find(token) == key.principal
    assert len(on.turns) == 1
    asked = len(on.source.asked)
    with pytest.raises(KeyStoreLost) as caught:
        on.look(unknown)
    assert (caught.value.status, caught.value.code, caught.value.retry.allowed) == (503, "key_store_unavailable", True)
    on.now = 1000.0 + STALE_S - 0.1
    assert on.look(token) == key.principal
    on.now = 1000.0 + STALE_S
    with pytest.raises(KeyStoreLost):
        on.look(token)
    assert len(on.source.asked) == asked
    on.source.away = False
    on.store.reached()
    assert on.turns[1:] == [None]
    assert await on.find(token) == key.principal


async def test_an_unknown_key_is_an_outage_and_never_invalid_where_nobody_could_be_asked() -> None:
    token, key = made()
    on = Scene(key)
    on.source.away = True
    with pytest.raises(KeyStoreLost):
        await on.find(token)
    assert [type(turn) for turn in on.turns] == [KeyStoreUnavailable]


async def test_what_changed_before_the_store_went_away_does_not_go_on() -> None:
    token, key = made()
    on = Scene(key)
    await on.find(token)
    on.store.changed(key.id)
    on.store.unreachable(KeyStoreUnavailable("away"))
    on.store.unreachable(KeyStoreUnavailable("away"))
    with pytest.raises(KeyStoreLost):
        on.look(token)
    assert len(on.turns) == 1


async def test_what_is_remembered_is_bounded() -> None:
    keys = [made() for _ in range(12)]
    on = Scene(*(key for _, key in keys[:6]), most=4)
    for token, _ in keys:
        await on.find(token)
    assert len(on.store._opening) == len(on.store._closed) == 4
    assert on.look(keys[5][0]) == keys[5][1].principal
    assert on.look(keys[11][0]) is None
    asked = on.look(keys[0][0])
    assert isinstance(asked, Awaitable)
    await asked


async def test_a_key_that_cannot_be_read_is_its_holders_outage_and_nobody_elses() -> None:
    (token, key), (other_token, other) = made(), made()
    on = Scene(key, other)
    find = on.source.find

    async def finds(key_id: str) -> StoredKey | None:
        if key_id == key.id:
            raise UnreadableKey("of a newer version")
        return await find(key_id)

    on.source.find = finds  # type: ignore[method-assign]
    with pytest.raises(KeyStoreLost):
        await on.find(token)
    assert on.turns == []
    assert await on.find(other_token) == other.principal
