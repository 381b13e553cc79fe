from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey
from joserfc.jws import JWSRegistry

from guardproxy.oidc.key_set import ALGORITHMS, MOST_KEYS, UnusableKeySet, read_key_set
from tests.support.identity_provider import base64url, public, signing_key

SIGNED = b"header.claims"


def key_set(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_published_key_verifies_what_its_holder_signed(algorithm: str) -> None:
    key = signing_key(algorithm)
    signature = JWSRegistry.algorithms[algorithm].sign(SIGNED, key)
    found = read_key_set(key_set(public(key, "k1"))).find("k1", algorithm)
    assert found is not None
    assert found.verifies(SIGNED, signature)
    assert not found.verifies(SIGNED + b"x", signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(st.binary(max_size=300))
def test_no_other_bytes_are_a_signature(algorithm: str, signature: bytes) -> None:
    found = read_key_set(key_set(public(signing_key(algorithm), "k1"))).find("k1", algorithm)
    assert found is not None
    assert not found.verifies(SIGNED, signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_good_for_the_algorithm_of_its_kind_only(algorithm: str) -> None:
    keys = read_key_set(key_set(public(signing_key(algorithm), "k1")))
    for other in {*ALGORITHMS, "HS256", "none", "RS512", "PS256", "ES384", "Ed448", ""} - {algorithm}:
        assert keys.find("k1", other) is None
        assert keys.find(None, other) is None


def test_only_keys_for_the_wanted_algorithms_are_taken() -> None:
    raw = key_set(*(public(signing_key(algorithm), algorithm) for algorithm in ALGORITHMS))
    assert len(read_key_set(raw)) == 3
    keys = read_key_set(raw, ["ES256"])
    assert (len(keys), keys.passed_over) == (1, 2)
    assert keys.find("RS256", "RS256") is None


def small_rsa() -> dict[str, Any]:
    numbers = generate_private_key(65537, 1024).public_key().public_numbers()
    return {"kty": "RSA", "n": base64url(numbers.n.to_bytes(128)), "e": "AQAB"}


GOOD = public(signing_key("RS256"), "k1")
EC = public(signing_key("ES256"), "k1")


@pytest.mark.parametrize(
    "key",
    [
        OctKey.generate_key(256).as_dict(private=True),
        ECKey.generate_key("P-384").as_dict(private=False),
        OKPKey.generate_key("X25519").as_dict(private=False),
        small_rsa(),
        signing_key("ES256", 1).as_dict(private=True),
        {**GOOD, "use": "enc"},
        {**GOOD, "use": 1},
        {**GOOD, "alg": "RS512"},
        {**GOOD, "alg": "HS256"},
        {**GOOD, "alg": None},
        {**GOOD, "key_ops": ["sign"]},
        {**GOOD, "key_ops": "verify"},
        {**GOOD, "kid": 1},
        {**GOOD, "kid": ""},
        {**GOOD, "kid": "k" * 300},
        {**GOOD, "n": "!!"},
        {**GOOD, "n": 7},
        {**GOOD, "e": "AQ"},
        {**GOOD, "e": base64url(b"\x01" * 200)},
        {**GOOD, "n": base64url(b"\xff" * 1100)},
        {**GOOD, "kty": ["RSA"]},
        {"kty": "RSA", "e": "AQAB"},
        {**EC, "x": EC["y"]},
        {**EC, "crv": "P-521"},
        {**EC, "crv": {"a": 1}},
        {"kty": "EC"},
        "k1",
        None,
        [],
    ],
)
def test_a_key_that_is_of_no_use_is_passed_over_and_the_others_are_good(key: Any) -> None:
    keys = read_key_set(key_set(key, public(signing_key("EdDSA"), "good")))
    assert (len(keys), keys.passed_over) == (1, 1)
    assert keys.find("good", "EdDSA") is not None


def test_of_two_keys_with_one_id_the_first_counts_unless_they_are_of_two_kinds() -> None:
    first, second, other = (public(signing_key("ES256", n), "k1") for n in (1, 2, 3))
    keys = read_key_set(key_set(first, second, GOOD))
    found = keys.find("k1", "ES256")
    assert found is not None
    assert found.key.as_dict(private=False)["x"] == first["x"] != other["x"]
    assert keys.find("k1", "RS256") is not None
    assert keys.passed_over == 1


def test_a_token_without_an_id_finds_the_only_key_there_is() -> None:
    one, two = (public(signing_key("ES256", n), kid) for n, kid in ((1, None), (2, "k2")))
    assert read_key_set(key_set(one, GOOD)).find(None, "ES256") is not None
    assert read_key_set(key_set(one, two)).find(None, "ES256") is None


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":null}', b'{"keys":[],"keys":[]}', b"<html>", b"\xff",
     key_set(*([{}] * (MOST_KEYS + 1)))],
)  # fmt: skip
def test_what_is_no_set_of_keys_is_told(raw: bytes) -> None:
    with pytest.raises(UnusableKeySet):
        read_key_set(raw)


def test_an_issuer_may_have_no_keys() -> None:
    assert len(read_key_set(key_set())) == 0
