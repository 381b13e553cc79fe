from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.principal import Principal
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import ensure_pepper, rewrite_keys
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.stored import Former, StoredKey

MOMENT = datetime(2030, 5, 1, 12, tzinfo=UTC)
NOW = MOMENT.timestamp()
PEPPER = secrets.token_bytes(32)


def made(**changes: object) -> tuple[str, StoredKey]:
    key = new_key(secrets.token_bytes)
    stored = StoredKey(id=key.key_id, name="alice", digest=digest(key.token, PEPPER), speaks_as="user", created=MOMENT)
    return key.token, stored.model_copy(update=changes)


def test_a_key_finds_its_principal() -> None:
    user_token, user = made()
    operator_token, operator = made(name="bob", speaks_as="operator")
    keyring = Keyring([user, operator], PEPPER)
    assert keyring.find(user_token, NOW) == Principal(user.id, "alice", operator=False)
    assert keyring.find(operator_token, NOW) == Principal(operator.id, "bob", operator=True)


def test_a_key_brings_its_team_and_its_name_is_known() -> None:
    token, key = made(team="research")
    keyring = Keyring([key], PEPPER)
    found = keyring.find(token, NOW)
    assert found is not None
    assert found.team == "research"
    assert keyring.names == {"alice"}
    assert keyring.with_session_key("s" * 16).names == {"alice", "session"}


def test_a_well_formed_key_nobody_made_finds_nobody() -> None:
    assert Keyring([made()[1]], PEPPER).find(new_key(secrets.token_bytes).token, NOW) is None


def test_the_id_of_one_key_with_the_secret_of_another_finds_nobody() -> None:
    token, key = made()
    forged = new_key(lambda size: secrets.token_bytes(size) if size == 32 else bytes(size)).token
    keyring = Keyring([key, made(id=forged[4:16])[1]], PEPPER)
    assert keyring.find(forged, NOW) is None
    assert keyring.find(token, NOW) is not None


def test_a_stored_digest_opens_nothing() -> None:
    _, key = made()
    keyring = Keyring([key], PEPPER).with_session_key(secrets.token_urlsafe(32))
    for presented in (key.digest, key.id, f"gpk_{key.id}_{key.digest}"):
        assert keyring.find(presented, NOW) is None


def test_a_key_digested_under_another_pepper_finds_nobody() -> None:
    token, key = made()
    assert Keyring([key], secrets.token_bytes(32)).find(token, NOW) is None


def test_an_expired_key_finds_nobody_from_its_last_moment_on() -> None:
    token, key = made(expires=MOMENT)
    keyring = Keyring([key], PEPPER)
    assert keyring.find(token, NOW - 0.001) is not None
    assert keyring.find(token, NOW) is None


@pytest.mark.parametrize("revoked", [MOMENT, MOMENT + timedelta(days=999)])
def test_a_revoked_key_finds_nobody_whatever_the_date_says(revoked: datetime) -> None:
    token, key = made(revoked=revoked)
    assert Keyring([key], PEPPER).find(token, NOW) is None


@given(st.text(st.characters(codec=None)))
def test_whatever_is_presented_finds_nobody_and_is_no_error(text: str) -> None:
    assert Keyring([made()[1]], PEPPER).find(text, NOW) is None
    assert Keyring.empty().find(text, NOW) is None
    assert Keyring.empty().with_session_key(secrets.token_urlsafe(32)).find(text, NOW) is None


def test_the_session_key_speaks_as_operator_and_others_stay_valid() -> None:
    token, key = made()
    session = secrets.token_urlsafe(16)
    keyring = Keyring([key], PEPPER).with_session_key(session)
    assert keyring.find(session, NOW) == Principal("session", "session", operator=True)
    assert keyring.find(token, NOW) is not None
    assert keyring.find(session + "x", NOW) is None
    assert [len(keyring), len(Keyring([key], PEPPER)), len(Keyring.empty())] == [2, 1, 0]


def test_a_generated_key_can_be_the_session_key() -> None:
    token = new_key(secrets.token_bytes).token
    assert Keyring.empty().with_session_key(token).find(token, NOW) is not None


@given(st.text("!~aZ0_-", min_size=16, max_size=80))
def test_any_sixteen_printable_characters_can_be_the_session_key(token: str) -> None:
    assert Keyring.empty().with_session_key(token).find(token, NOW) is not None


@pytest.mark.parametrize("spoil", [lambda token: token[:15], lambda token: f"{token} x", lambda token: f"{token}é"])
def test_a_poor_session_key_is_refused_with_the_reason_and_not_repeated(spoil) -> None:  # type: ignore[no-untyped-def]
    poor = spoil(secrets.token_hex(16))
    with pytest.raises(ConfigurationError, match="at least 16 printable") as caught:
        Keyring.empty().with_session_key(poor)
    assert poor not in caught.value.message


def test_a_keyring_is_loaded_from_its_file_and_pepper(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    pepper = ensure_pepper(path, {}, secrets.token_bytes)
    token, key = made()
    rewrite_keys(path, lambda _: (key.model_copy(update={"digest": digest(token, pepper)}),))
    assert Keyring.load(path, {}).find(token, NOW) is not None
    assert Keyring.load(path, {"GUARDPROXY_PEPPER": pepper.decode()}).find(token, NOW) is not None


def test_a_missing_file_is_an_error_and_no_open_door(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Keyring.load(tmp_path / "keys.yaml", {})


def test_secrets_for_a_purpose_are_derived_and_say_nothing_of_the_pepper() -> None:
    one, again, other = Keyring((), PEPPER), Keyring((), PEPPER), Keyring((), secrets.token_bytes(32))
    assert one.derived("a") == again.derived("a")
    assert len({one.derived("a"), one.derived("b"), other.derived("a"), PEPPER}) == 4
    assert one.signing_secret("k") == again.signing_secret("k") != other.signing_secret("k")


def test_keys_are_found_by_id_and_by_name_unless_revoked() -> None:
    _, alice = made()
    _, former = made(revoked=MOMENT)
    keyring = Keyring([alice, former], PEPPER)
    assert keyring.ids_of("alice") == keyring.ids_of(alice.id) == [alice.id]
    assert keyring.ids_of(former.id) == keyring.ids_of("bob") == []


def test_a_key_is_valid_from_its_first_moment_on() -> None:
    token, key = made(not_before=MOMENT)
    keyring = Keyring([key], PEPPER)
    assert keyring.find(token, NOW - 1) is None
    assert keyring.find(token, NOW) is not None


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("revoked", {"revoked": MOMENT}),
        ("expired", {"expires": MOMENT}),
        ("wrong secret", {"digest": "0" * 64}),
        ("not yet valid", {"not_before": MOMENT + timedelta(seconds=1)}),
    ],
)
def test_why_a_key_was_refused_is_told_without_the_key(reason: str, changes: dict[str, Any]) -> None:
    token, key = made(**changes)
    keyring = Keyring([key], PEPPER)
    assert keyring.knows(key.id)
    assert keyring.find(token, NOW) is None
    refused = keyring.why_refused(token, NOW)
    assert (refused.reason, refused.key_id, len(refused.mark)) == (reason, key.id, 16)


def test_a_former_secret_whose_time_is_over_is_told_as_rotated() -> None:
    token, key = made()
    former = Former(digest=key.digest, until=MOMENT)
    keyring = Keyring([key.model_copy(update={"digest": "0" * 64, "rotated_from": former})], PEPPER)
    assert keyring.find(token, NOW - 1) is not None
    assert keyring.find(token, NOW) is None
    assert keyring.why_refused(token, NOW).reason == "rotated"


@given(st.text(st.characters(codec=None)))
def test_junk_is_told_by_a_digest_that_only_this_pepper_makes(text: str) -> None:
    one, other = Keyring([], PEPPER), Keyring([], secrets.token_bytes(32))
    refused = one.why_refused(text, NOW)
    assert (refused.reason, refused.key_id) == ("malformed", None)
    assert refused.mark == one.why_refused(text, NOW + 1).mark != other.why_refused(text, NOW).mark
    assert not one.digest(text).startswith(refused.mark)
