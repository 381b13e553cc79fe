from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.keyfile import pepper_path, read_keys
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.store import KeyRevoked, KeyStoreUnavailable, NameTaken, NoSuchKey
from guardproxy.identity.stored import KeyTerms
from tests.identity.making import MOMENT, NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


@pytest.fixture
def store(path: Path) -> FileKeyStore:
    return FileKeyStore(path, {}, lambda: MOMENT)


def opens(path: Path, token: str, after_s: float = 0) -> bool:
    return Keyring.load(path, {}).find(token, NOW + after_s) is not None


async def test_a_made_key_opens_and_its_secret_is_in_no_file(store: FileKeyStore, path: Path) -> None:
    token, key = await store.create(KeyTerms(name="alice"))
    assert opens(path, token)
    assert await store.list() == (key,)
    assert not any(token[17:60] in file.read_text() for file in path.parent.iterdir())
    assert store.place == str(path)


async def test_a_name_is_free_again_when_its_key_is_revoked(store: FileKeyStore, path: Path) -> None:
    token, key = await store.create(KeyTerms(name="alice"))
    with pytest.raises(NameTaken):
        await store.create(KeyTerms(name="alice"))
    assert (await store.revoke("alice", "lost")).revoked_reason == "lost"
    assert not opens(path, token)
    await store.create(KeyTerms(name="alice"))
    assert [stored.id == key.id for stored in await store.list()] == [True, False]


async def test_a_rotated_key_opens_with_both_secrets_until_the_overlap_ends(store: FileKeyStore, path: Path) -> None:
    old, key = await store.create(KeyTerms(name="alice"))
    new, again = await store.rotate("alice", timedelta(hours=24))
    assert again.id == key.id
    assert [opens(path, token, after) for token in (old, new) for after in (0, 86_399, 86_400)] == [
        True, True, False, True, True, True,
    ]  # fmt: skip


async def test_a_revoked_key_cannot_be_rotated_and_nothing_is_written(store: FileKeyStore, path: Path) -> None:
    await store.create(KeyTerms(name="alice"))
    await store.revoke("alice")
    before = read_keys(path)
    with pytest.raises(KeyRevoked):
        await store.rotate("alice", timedelta(0))
    assert read_keys(path) == before


async def test_a_file_that_is_not_there_is_told_and_not_made(store: FileKeyStore, path: Path) -> None:
    with pytest.raises(KeyStoreUnavailable, match="cannot be read"):
        await store.list()
    with pytest.raises(KeyStoreUnavailable, match="cannot be read"):
        await store.revoke("alice")
    assert not list(path.parent.iterdir())


async def test_a_change_to_a_key_that_is_not_there_is_told(store: FileKeyStore) -> None:
    await store.create(KeyTerms(name="alice"))
    with pytest.raises(NoSuchKey):
        await store.rotate("bob", timedelta(0))


async def test_a_lost_pepper_stops_every_new_secret(store: FileKeyStore, path: Path) -> None:
    await store.create(KeyTerms(name="alice"))
    pepper_path(path).unlink()
    for attempt in (store.create(KeyTerms(name="bob")), store.rotate("alice", timedelta(0))):
        with pytest.raises(KeyStoreUnavailable, match="put the file back"):
            await attempt
    assert len(read_keys(path)) == 1


async def test_when_keys_were_used_is_known_by_who_reads_the_file(path: Path) -> None:
    assert await FileKeyStore(path, {}).last_used() == {}
    assert await FileKeyStore(path, {}, used=lambda: {"A" * 12: 7}).last_used() == {"A" * 12: 7}
    await FileKeyStore(path, {}).close()
