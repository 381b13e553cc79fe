from __future__ import annotations

import secrets
from collections.abc import Awaitable

from guardproxy.core.principal import Principal
from guardproxy.identity.entry import entry_of
from guardproxy.identity.keyring import SESSION, Keyring
from guardproxy.identity.keys import new_key
from guardproxy.identity.live import LiveKeys
from guardproxy.identity.stored import StoredKey
from tests.identity.making import MOMENT, NOW, PEPPER, made


class Elsewhere:
    """A store of some keys; `known` ones are answered at once."""

    def __init__(self, *keys: StoredKey) -> None:
        self.keys = {key.id: key for key in keys}
        self.known: set[str] = set()
        self.asked: list[str] = []

    def find(self, key_id: str, presented: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        self.asked.append(key_id)
        key = self.keys.get(key_id)
        found = key.principal if key is not None and entry_of(key).opens(presented, now) else None

        async def later() -> Principal | None:
            return found

        return found if key_id in self.known else later()

    def why_refused(self, key_id: str, presented: str, now: float) -> str | None:
        key = self.keys.get(key_id)
        return None if key is None else entry_of(key).why_closed(presented, now)


async def test_the_keys_of_the_file_and_the_session_are_answered_without_asking_anybody() -> None:
    token, key = made()
    session = secrets.token_hex(16)
    elsewhere = Elsewhere()
    keys = LiveKeys(Keyring([key], PEPPER).with_session_key(session), elsewhere)
    assert keys.find(token, NOW) == key.principal
    assert keys.find(session, NOW) == SESSION
    assert keys.find("junk", NOW) is None
    assert keys.find("gpk_" + "x" * 62, NOW) is None
    assert elsewhere.asked == []


async def test_a_key_of_the_store_is_asked_for_and_answered_at_once_when_known() -> None:
    token, key = made()
    elsewhere = Elsewhere(key)
    keys = LiveKeys(Keyring([], PEPPER), elsewhere)
    asked = keys.find(token, NOW)
    assert isinstance(asked, Awaitable)
    assert await asked == key.principal
    elsewhere.known.add(key.id)
    assert keys.find(token, NOW) == key.principal


async def test_the_file_wins_also_where_it_says_no() -> None:
    token, key = made()
    revoked = key.model_copy(update={"revoked": MOMENT})
    elsewhere = Elsewhere(key)
    assert LiveKeys(Keyring([revoked], PEPPER), elsewhere).find(token, NOW) is None
    assert elsewhere.asked == []


async def test_when_a_key_was_used_is_noted_however_it_was_found() -> None:
    (token, key), (other_token, other) = made(), made()
    keys = LiveKeys(Keyring([key], PEPPER), Elsewhere(other))
    keys.find(token, NOW)
    asked = keys.find(other_token, NOW + 5)
    assert isinstance(asked, Awaitable)
    await asked
    unknown = keys.find(new_key(secrets.token_bytes).token, NOW)
    assert isinstance(unknown, Awaitable)
    assert await unknown is None
    keys.find("junk", NOW)
    assert keys.used == {key.id: int(NOW), other.id: int(NOW) + 5}


def test_a_replaced_keyring_decides_from_the_next_request_on() -> None:
    token, key = made()
    keys = LiveKeys(Keyring([key], PEPPER))
    assert keys.find(token, NOW) == key.principal
    keys.keyring = Keyring([], PEPPER)
    assert keys.find(token, NOW) is None
    assert keys.signing_secret("x") == Keyring([], PEPPER).signing_secret("x")


def test_why_a_key_was_refused_is_asked_where_the_key_is() -> None:
    (file_token, of_file), (store_token, of_store) = made(revoked=MOMENT), made(expires=MOMENT)
    keys = LiveKeys(Keyring([of_file], PEPPER), Elsewhere(of_store))
    told = [
        keys.why_refused(token, NOW) for token in (file_token, store_token, new_key(secrets.token_bytes).token, "?")
    ]
    assert [refused.reason for refused in told] == ["revoked", "expired", "unknown", "malformed"]
    assert [refused.key_id for refused in told] == [of_file.id, of_store.id, None, None]
    assert LiveKeys(Keyring([], PEPPER)).why_refused(store_token, NOW).reason == "unknown"
