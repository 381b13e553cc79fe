from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.identity.keys import (
    ADMIN_PREFIX,
    ID_BYTES,
    PREFIX,
    SECRET_BYTES,
    NewKey,
    digest,
    is_key_id,
    new_key,
    parse,
)

KEYS = st.tuples(
    st.binary(min_size=ID_BYTES, max_size=ID_BYTES), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)
).map(lambda parts: new_key(lambda size: parts[0] if size == ID_BYTES else parts[1]))
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@given(KEYS)
def test_every_key_has_the_documented_form_and_parses_to_its_id(key: NewKey) -> None:
    assert re.fullmatch(r"gpk_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", key.token)
    assert parse(key.token) == key.key_id == key.token[4:16]
    assert is_key_id(key.key_id)


@given(KEYS)
def test_the_check_is_the_checksum_of_all_before_it_in_base_62(key: NewKey) -> None:
    number = 0
    for character in key.token[-6:]:
        number = number * 62 + ALPHABET.index(character)
    assert zlib.crc32(key.token[:-6].encode()) == number


def test_two_keys_share_neither_id_nor_secret() -> None:
    one, two = new_key(secrets.token_bytes), new_key(secrets.token_bytes)
    assert one.key_id != two.key_id
    assert one.token[17:60] != two.token[17:60]


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_the_secret_keeps_all_256_bits(secret: bytes) -> None:
    token = new_key(lambda size: secret if size == SECRET_BYTES else bytes(size)).token
    number = 0
    for character in token[17:60]:
        number = number * 62 + ALPHABET.index(character)
    assert number.to_bytes(SECRET_BYTES, "big") == secret


@given(KEYS, st.data())
def test_one_changed_character_is_no_key(key: NewKey, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key.token) - 1))
    other = data.draw(st.sampled_from([c for c in ALPHABET + "_-é\n " if c != key.token[place]]))
    assert parse(key.token[:place] + other + key.token[place + 1 :]) is None


@given(KEYS, st.data())
def test_one_missing_or_added_character_is_no_key(key: NewKey, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key.token) - 1))
    assert parse(key.token[:place] + key.token[place + 1 :]) is None
    assert parse(key.token[:place] + data.draw(st.sampled_from(ALPHABET + "\n")) + key.token[place:]) is None


@given(st.text(st.characters(codec=None)))
def test_text_that_is_no_key_is_never_an_error(text: str) -> None:
    assert parse(text) is None
    assert not is_key_id(text) or len(text) == 12
    assert len(digest(text, b"pepper")) == 64


@given(KEYS, st.binary(min_size=1, max_size=200))
def test_the_digest_is_hmac_sha256_of_the_whole_key(key: NewKey, pepper: bytes) -> None:
    assert digest(key.token, pepper) == hmac.new(pepper, key.token.encode(), hashlib.sha256).hexdigest()


def test_another_pepper_gives_another_digest() -> None:
    token = new_key(secrets.token_bytes).token
    assert digest(token, b"one") != digest(token, b"two")


@given(KEYS)
def test_an_admin_s_token_is_no_key_and_a_key_is_no_token(key: NewKey) -> None:
    token, admin_id = new_key(secrets.token_bytes, ADMIN_PREFIX)
    assert token.startswith("gpa_")
    assert parse(token, ADMIN_PREFIX) == admin_id
    for as_other, prefix in (
        (token, PREFIX),
        (PREFIX + token[4:], PREFIX),
        (ADMIN_PREFIX + key.token[4:], ADMIN_PREFIX),
    ):
        assert parse(as_other, prefix) is None  # the check is of the prefix, too
    assert parse(key.token, ADMIN_PREFIX) is None
