"""What happens to a key when it is made, rotated or revoked. Pure: time and digests are given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from guardproxy.identity.keys import parse
from guardproxy.identity.store import KeyRevoked, NameTaken, NoSuchKey, SeveralKeys
from guardproxy.identity.stored import Former, KeyTerms, StoredKey


def made(terms: KeyTerms, key_id: str, digest: str, now: datetime) -> StoredKey:
    """The key that was asked for."""
    return StoredKey(id=key_id, digest=digest, created=_whole(now), **dict(terms))


def lives(key: StoredKey, now: datetime) -> bool:
    """Whether the key opens, or will."""
    return key.status(now) in ("active", "not yet valid")


def check_name(holder: StoredKey | None, now: datetime) -> None:
    """Raises `NameTaken` where the last key of a name still holds it: it is active, or will be."""
    if holder is not None and lives(holder, now):
        raise NameTaken("an active key has this name: choose another name, or rotate or revoke that key")


def rotated(key: StoredKey, digest: str, overlap: timedelta, now: datetime) -> StoredKey:
    """The key with another secret. The one before opens for `overlap` longer, an older one not. Raises `KeyRevoked`.

    A key that expired stays expired.
    """
    if key.revoked is not None:
        raise KeyRevoked("this key was revoked, which is for ever: make a new one")
    former = Former(digest=key.digest, until=_whole(now) + overlap) if overlap > timedelta(0) else None
    return key.model_copy(update={"digest": digest, "rotated_from": former})


def revoked(key: StoredKey, reason: str | None, now: datetime) -> StoredKey:
    """The key, ended. One that was revoked before stays as it was, with its date and reason."""
    if key.revoked is not None:
        return key
    changed = {**dict(key), "revoked": _whole(now), "revoked_reason": reason, "rotated_from": None}
    return StoredKey.model_validate(changed)


def chosen(keys: Sequence[StoredKey], which: str, now: datetime | None = None) -> StoredKey:
    """The key meant by an id, a name, or (someone pastes what they have) a whole key. Raises `KeyStoreError`.

    Of several keys with one name the one that lives is meant, and where none does the last. Without `now` a key lives
    until it is revoked.
    """
    key_id = parse(which) or which
    matching = [key for key in keys if key.id == key_id] or [key for key in keys if key.name == which]
    current = [key for key in matching if (key.revoked is None if now is None else lives(key, now))] or matching[-1:]
    if not current:
        raise NoSuchKey("no key has this id or name; `guardproxy keys list` shows them")
    if len(current) > 1:
        ids = ", ".join(key.id for key in current)
        raise SeveralKeys(f"several keys have this name ({ids}): name the one you mean by its id")
    return current[0]


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
