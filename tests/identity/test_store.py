"""What both stores promise: whatever is done to them, they answer alike."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.errors import GuardproxyError, RequestError
from guardproxy.identity import store
from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.redis_store import RedisKeyStore
from guardproxy.identity.store import KeyStore, KeyStoreError
from guardproxy.identity.stored import KeyTerms
from guardproxy.quota.store import Store
from tests.identity.making import MOMENT
from tests.support.stores import StoreServer


@pytest.mark.parametrize(
    "name", ["NoSuchKey", "SeveralKeys", "NameTaken", "KeyRevoked", "UnreadableKey", "KeyStoreUnavailable"]
)
def test_a_change_that_fails_says_what_to_do_and_is_no_callers_error(name: str) -> None:
    error = getattr(store, name)("said")
    assert isinstance(error, store.KeyStoreError)
    assert isinstance(error, GuardproxyError)
    assert not isinstance(error, RequestError)
    assert error.message == "said"


PEPPER = "a pepper of this test, long enough to be one"
NAMES = st.sampled_from(["alice", "bob"])
HOURS = st.integers(0, 5).map(lambda hours: timedelta(hours=hours))
STEPS = st.one_of(
    st.tuples(st.just("create"), NAMES, st.none() | HOURS.filter(bool)),
    st.tuples(st.just("rotate"), NAMES, HOURS),
    st.tuples(st.just("revoke"), NAMES, st.sampled_from([None, "lost"])),
    st.tuples(st.just("wait"), st.just(""), HOURS),
)


class Played:
    """One store on a clock of its own, and all secrets it ever gave out."""

    def __init__(self) -> None:
        self.now = MOMENT
        self.tokens: list[str] = []
        self.told: list[Any] = []

    def clock(self) -> datetime:
        return self.now

    async def play(self, keys: KeyStore, steps: list[tuple[str, str, Any]]) -> None:
        for does, name, how in steps:
            try:
                self.told.append(await self._step(keys, does, name, how))
            except KeyStoreError as error:
                self.told.append(type(error))
            listed = await keys.list() if self.tokens else []
            ring = Keyring(listed, PEPPER.encode())
            opens = [ring.find(token, self.now.timestamp()) is not None for token in self.tokens]
            self.told.append((opens, [(key.name, key.status(self.now), key.revoked_reason) for key in listed]))

    async def _step(self, keys: KeyStore, does: str, name: str, how: Any) -> str:
        if does == "wait":
            self.now += how
        elif does == "create":
            terms = KeyTerms(name=name, expires=how and self.now + how)
            self.tokens.append((await keys.create(terms)).token)
        elif does == "rotate":
            self.tokens.append((await keys.rotate(name, how)).token)
        else:
            await keys.revoke(name, how)
        return does


@settings(max_examples=50)
@given(st.lists(STEPS, max_size=12))
def test_the_file_and_the_shared_store_answer_alike_whatever_is_done(
    redis_server: StoreServer, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, Any]]
) -> None:
    # A key that was not made in the file first has no file to be looked for in.
    steps = [("create", "carol", None), ("wait", "", timedelta(hours=1)), *steps]
    folder: Path = tmp_path_factory.mktemp("keys")
    with redis_server.client() as client:
        client.flushall()

    async def both() -> tuple[list[Any], list[Any]]:
        in_file, shared = Played(), Played()
        await in_file.play(FileKeyStore(folder / "keys.yaml", {"GUARDPROXY_PEPPER": PEPPER}, in_file.clock), steps)
        store = RedisKeyStore(Store(redis_server.async_client(), lanes=1), "{gp}:", PEPPER.encode(), shared.clock)
        store.open()
        try:
            await shared.play(store, steps)
        finally:
            await store.close()
        return in_file.told, shared.told

    of_file, of_store = asyncio.run(both())
    assert [_sorted(told) for told in of_file] == [_sorted(told) for told in of_store]


def _sorted(told: Any) -> Any:
    """Keys of one second have no order of their own."""
    return (told[0], sorted(map(str, told[1]))) if isinstance(told, tuple) else told
