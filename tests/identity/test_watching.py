from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.keyfile import pepper_path
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.live import LiveKeys
from guardproxy.identity.stored import KeyTerms
from guardproxy.identity.watching import KeyWatcher, look_at
from tests.support.proxy import Captured

NOW = 1_900_000_000


class Watched:
    """A file of one key, `alice`, and who watches it."""

    def __init__(self, path: Path, poll_s: float = 60.0) -> None:
        self.path = path
        self.captured = Captured()
        paths = (path, pepper_path(path))
        seen = look_at(paths)
        self.keys = LiveKeys(Keyring.load(path, {}))
        log = configure_logging("json", self.captured)
        self.watcher = KeyWatcher(
            paths, lambda: Keyring.load(path, {}), self.keys, log, poll_s, seen=seen, settle_s=0.01
        )

    @property
    def told(self) -> list[str]:
        return [event["event"] for event in self.captured.events()]


@pytest.fixture
async def alice(tmp_path: Path) -> tuple[str, FileKeyStore]:
    store = FileKeyStore(tmp_path / "keys.yaml", {})
    return (await store.create(KeyTerms(name="alice"))).token, store


def test_a_look_tells_a_file_that_is_there_from_one_that_is_not(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    look = look_at([tmp_path / "a", tmp_path / "b"])
    assert [stamp is None for stamp in look.values()] == [False, True]


async def test_nothing_is_read_while_nothing_changes(tmp_path: Path, alice: tuple[str, FileKeyStore]) -> None:
    on = Watched(tmp_path / "keys.yaml")
    before = on.keys.keyring
    assert not await on.watcher.check()
    assert on.keys.keyring is before
    assert on.told == []


async def test_a_change_between_the_first_look_and_the_first_reading_is_not_missed(
    tmp_path: Path, alice: tuple[str, FileKeyStore]
) -> None:
    on = Watched(tmp_path / "keys.yaml")
    token, store = alice
    await store.revoke("alice")
    assert await on.watcher.check()
    assert on.keys.find(token, NOW) is None
    assert not await on.watcher.check()


async def test_what_was_made_rotated_and_revoked_in_the_file_holds_after_a_look(
    tmp_path: Path, alice: tuple[str, FileKeyStore]
) -> None:
    on = Watched(tmp_path / "keys.yaml")
    token, store = alice
    bob = await store.create(KeyTerms(name="bob"))
    await on.watcher.check()
    assert on.keys.find(bob.token, NOW) == bob.key.principal
    again = await store.rotate("alice", timedelta(0))
    await on.watcher.check()
    assert on.keys.find(token, NOW) is None
    assert on.keys.find(again.token, NOW) is not None
    assert on.told == ["keys_reloaded", "keys_reloaded"]
    assert on.captured.events()[-1]["keys"] == 2


@pytest.mark.parametrize("text", ["version: 1\nkeys: nonsense\n", None])
async def test_a_mistake_or_a_lost_file_changes_nothing_and_is_told_once(
    tmp_path: Path, alice: tuple[str, FileKeyStore], text: str | None
) -> None:
    on = Watched(tmp_path / "keys.yaml")
    token, _ = alice
    good = on.path.read_bytes()
    if text is None:
        on.path.unlink()
    else:
        on.path.write_text(text, encoding="utf-8")
    assert not await on.watcher.check()
    assert not await on.watcher.check()
    assert on.keys.find(token, NOW) is not None
    assert on.told == ["keys_rejected"]
    assert "keys.yaml" in on.captured.events()[0]["problems"][0]
    on.path.write_bytes(good)
    assert await on.watcher.check()


async def test_a_lost_pepper_changes_nothing(tmp_path: Path, alice: tuple[str, FileKeyStore]) -> None:
    on = Watched(tmp_path / "keys.yaml")
    pepper_path(on.path).unlink()
    assert not await on.watcher.check()
    assert on.keys.find(alice[0], NOW) is not None


async def test_a_mistake_of_ours_is_told_and_does_not_end_the_watching(
    tmp_path: Path, alice: tuple[str, FileKeyStore]
) -> None:
    on = Watched(tmp_path / "keys.yaml")
    secret = secrets.token_hex(8)

    def breaks() -> Keyring:
        raise LookupError(secret)

    on.watcher._load = breaks
    on.path.touch()
    assert not await on.watcher.check()
    assert on.captured.events()[0]["problems"] == ["the keys could not be read: LookupError"]
    assert secret not in on.captured.getvalue()


@asynccontextmanager
async def started(on: Watched) -> AsyncIterator[None]:
    on.watcher.start()
    try:
        yield
    finally:
        await on.watcher.stop()


@pytest.mark.parametrize("asks", [True, False])
async def test_a_running_watcher_looks_when_asked_and_by_itself(
    tmp_path: Path, alice: tuple[str, FileKeyStore], asks: bool
) -> None:
    on = Watched(tmp_path / "keys.yaml", 60.0 if asks else 0.01)
    token, store = alice
    async with started(on), asyncio.timeout(30):
        await store.revoke("alice")
        if asks:
            on.watcher.ask()
        while on.keys.find(token, NOW) is not None:
            await asyncio.sleep(0.01)
    assert on.told == ["keys_reloaded"]
