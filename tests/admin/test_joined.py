"""Several stores of keys, listed and changed as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest

from guardproxy.admin.joined import JoinedKeys
from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.store import NameTaken, NoSuchKey
from guardproxy.identity.stored import KeyTerms

NOW = datetime.now(UTC)


def stores(tmp_path: Path) -> tuple[FileKeyStore, FileKeyStore]:
    one = FileKeyStore(tmp_path / "one.yaml", {}, used=lambda: {"k1": 5, "k2": 9})
    other = FileKeyStore(tmp_path / "other.yaml", {}, used=lambda: {"k1": 7})
    return one, other


async def test_what_is_made_goes_to_the_last_store_and_all_are_listed(tmp_path: Path) -> None:
    one, other = stores(tmp_path)
    first = await one.create(KeyTerms(name="first"))
    await other.create(KeyTerms(name="second"))
    told: list[str] = []
    joined = JoinedKeys((one, other), lambda: NOW, lambda: told.append("changed"))
    third = await joined.create(KeyTerms(name="third"))
    assert [key.name for key in await joined.list()] == ["first", "second", "third"]
    assert [key.name for key in await other.list()] == ["second", "third"]
    assert await joined.last_used() == {"k1": 7, "k2": 9}
    assert str(tmp_path / "one.yaml") in joined.place
    rotated = await joined.rotate(first.key.id, timedelta(hours=1))
    assert rotated.key.id == first.key.id
    assert (await joined.revoke(third.key.id, "a test")).revoked_reason == "a test"
    assert (await one.list())[0].rotated_from is not None
    assert (await other.list())[1].revoked is not None
    assert told == ["changed"] * 3
    await joined.close()


async def test_a_name_is_taken_in_every_store(tmp_path: Path) -> None:
    one, other = stores(tmp_path)
    made = await one.create(KeyTerms(name="app"))
    await other.create(KeyTerms(name="other"))
    joined = JoinedKeys((one, other), lambda: NOW)
    with pytest.raises(NameTaken):
        await joined.create(KeyTerms(name="app"))
    await joined.revoke(made.key.id)
    assert (await joined.create(KeyTerms(name="app"))).key.name == "app"
    with pytest.raises(NoSuchKey):
        await joined.revoke("0" * 12)


async def test_of_one_id_in_two_stores_the_first_counts(tmp_path: Path) -> None:
    one, other = stores(tmp_path)
    made = await one.create(KeyTerms(name="app"))
    for ending in ("yaml", "pepper"):
        copy(tmp_path / f"one.{ending}", tmp_path / f"other.{ending}")
    joined = JoinedKeys((one, other), lambda: NOW)
    assert len(await joined.list()) == 1
    await joined.revoke(made.key.id)
    assert (await one.list())[0].revoked is not None
    assert (await other.list())[0].revoked is None
