from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from guardproxy.identity.changes import check_name, chosen, made, revoked, rotated
from guardproxy.identity.keys import new_key
from guardproxy.identity.store import KeyRevoked, NameTaken, NoSuchKey, SeveralKeys
from guardproxy.identity.stored import KeyTerms
from tests.identity import making
from tests.identity.making import MOMENT

OTHER = "f" * 64


def test_a_key_is_made_as_its_terms_say() -> None:
    terms = KeyTerms(name="bot", team="red", models=("m*",), not_before=MOMENT)
    key = made(terms, "A" * 12, OTHER, MOMENT.replace(microsecond=7))
    assert (key.id, key.digest, key.created) == ("A" * 12, OTHER, MOMENT)
    assert all(getattr(key, field) == value for field, value in terms)


def test_a_name_is_taken_while_its_last_key_lives_or_will() -> None:
    _, key = making.made(not_before=MOMENT, expires=MOMENT + timedelta(hours=1))
    for hours in (-1, 0):
        with pytest.raises(NameTaken, match="choose another name"):
            check_name(key, MOMENT + timedelta(hours=hours))
    check_name(key, MOMENT + timedelta(hours=1))
    check_name(key.model_copy(update={"revoked": MOMENT}), MOMENT)
    check_name(None, MOMENT)


def test_a_rotated_key_stays_who_it_is_and_keeps_its_former_secret_for_a_while() -> None:
    _, key = making.made(team="red", models=("m",))
    new = rotated(key, OTHER, timedelta(hours=24), MOMENT)
    assert (new.principal, new.digest) == (key.principal, OTHER)
    assert new.rotated_from is not None
    assert (new.rotated_from.digest, new.rotated_from.until) == (key.digest, MOMENT + timedelta(days=1))


def test_without_overlap_the_former_secret_ends_at_once_and_an_older_one_always() -> None:
    _, key = making.made()
    again = rotated(rotated(key, OTHER, timedelta(hours=1), MOMENT), "e" * 64, timedelta(hours=1), MOMENT)
    assert again.rotated_from is not None
    assert again.rotated_from.digest == OTHER
    assert rotated(again, "d" * 64, timedelta(0), MOMENT).rotated_from is None


def test_a_revoked_key_has_no_former_secret_and_is_not_rotated() -> None:
    _, key = making.made()
    ended = revoked(rotated(key, OTHER, timedelta(hours=1), MOMENT), "left the company", MOMENT)
    assert (ended.revoked, ended.revoked_reason, ended.rotated_from) == (MOMENT, "left the company", None)
    with pytest.raises(KeyRevoked, match="for ever"):
        rotated(ended, OTHER, timedelta(hours=1), MOMENT)


def test_a_key_that_was_revoked_before_keeps_its_date_and_reason() -> None:
    ended = revoked(making.made()[1], "first", MOMENT)
    assert revoked(ended, "second", MOMENT + timedelta(days=1)) == ended


def test_a_key_is_chosen_by_id_name_or_the_key_itself() -> None:
    token, key = making.made()
    _, other = making.made(name="bob")
    for which in (key.id, "alice", token):
        assert chosen([key, other], which, MOMENT) == key
    for which in ("nobody", new_key(secrets.token_bytes).token):
        with pytest.raises(NoSuchKey) as caught:
            chosen([key, other], which, MOMENT)
        assert which not in caught.value.message


def test_of_several_keys_of_one_name_the_one_that_lives_is_meant() -> None:
    first, second = revoked(making.made()[1], None, MOMENT), making.made()[1]
    assert chosen([first, second], "alice", MOMENT) == second
    assert chosen([first, revoked(second, None, MOMENT)], "alice", MOMENT).id == second.id
    expired = making.made(expires=MOMENT)[1]
    assert chosen([expired, second], "alice", MOMENT) == second
    assert chosen([first, expired], "alice", MOMENT) == expired
    for one in (making.made()[1], expired):
        with pytest.raises(SeveralKeys, match=second.id):
            chosen([one, second], "alice")
    with pytest.raises(SeveralKeys, match=second.id):
        chosen([making.made()[1], second], "alice", MOMENT)
