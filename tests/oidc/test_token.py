from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.oidc.token import (
    MOST_CHARACTERS,
    MOST_KID,
    MalformedToken,
    RefusedToken,
    UnknownExtension,
    UnknownTokenType,
    looks_like_token,
    read_token,
)
from tests.support.identity_provider import base64url, part

HEADER = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
CLAIMS = {"iss": "i", "sub": "s"}
SIGNATURE = base64url(b"\x01\x02\x03")


def written(header: object = HEADER, claims: object = CLAIMS, signature: str = SIGNATURE) -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


def test_a_token_is_read_into_its_parts() -> None:
    token = read_token(written())
    assert (token.algorithm, token.kid, token.claims, token.signature) == ("RS256", "k1", CLAIMS, b"\x01\x02\x03")
    assert token.signed == f"{part(HEADER)}.{part(CLAIMS)}".encode()


def test_the_id_of_the_key_may_be_missing() -> None:
    assert read_token(written({"alg": "RS256"})).kid is None


@pytest.mark.parametrize("kid", [7, "", ["k1"], {"k": 1}, "k" * (MOST_KID + 1), True])
def test_an_id_of_a_key_is_a_short_text(kid: object) -> None:
    with pytest.raises(MalformedToken):
        read_token(written({"alg": "RS256", "kid": kid}))


@pytest.mark.parametrize("algorithm", [None, 1, ["RS256"], {}])
def test_an_algorithm_is_named_in_a_text(algorithm: object) -> None:
    with pytest.raises(MalformedToken):
        read_token(written({"alg": algorithm}))
    with pytest.raises(MalformedToken):
        read_token(written({"kid": "k1"}))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+JWT"])
def test_tokens_to_sign_in_with_are_of_these_types(kind: str) -> None:
    assert read_token(written({**HEADER, "typ": kind})).kid == "k1"


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", "", 1, ["JWT"]])
def test_tokens_made_for_something_else_are_refused(kind: object) -> None:
    with pytest.raises(UnknownTokenType):
        read_token(written({**HEADER, "typ": kind}))


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], "b64", None])
def test_what_has_to_be_understood_is_not(critical: object) -> None:
    with pytest.raises(UnknownExtension):
        read_token(written({**HEADER, "crit": critical, "b64": False}))


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', "[]", '"x"', "null", " ", '{"a":NaN}', '{"a":1', "\ufeff{}", '{"a":1e999}', '{"a":"\\ud800"}'],
)
def test_each_part_is_one_json_object_that_everybody_reads_alike(text: str) -> None:
    header = text.replace("{", '{"alg":"RS256",', 1).encode()
    for token in (written(header), written(claims=text.encode())):
        with pytest.raises(MalformedToken):
            read_token(token)


@pytest.mark.parametrize("parts", ["a.b", "a.b.c.d", "a.b.c.d.e", "..", "a..c", ".b.c", "a.b.", "a b.c.d", "ä.b.c", ""])
def test_what_has_not_three_parts_is_no_token(parts: str) -> None:
    assert not looks_like_token(parts)
    with pytest.raises(MalformedToken):
        read_token(parts)


def test_a_token_may_not_be_longer_than_a_header() -> None:
    claims = {"x": "y" * MOST_CHARACTERS}
    assert not looks_like_token(written(claims=claims))
    with pytest.raises(MalformedToken):
        read_token(written(claims=claims))


def test_there_is_one_way_to_write_bytes() -> None:
    """Stray bits at the end of a part would let one token be written in several ways."""
    assert read_token(written(signature="AAE")).signature == b"\x00\x01"
    for other in ("AAF", "AAG", "AAH", "A", "AAE="):
        with pytest.raises(MalformedToken):
            read_token(written(signature=other))


@pytest.mark.parametrize("hint", ["jku", "x5u", "jwk", "x5c", "x5t"])
def test_where_a_token_says_its_key_is_nobody_looks(hint: str) -> None:
    token = read_token(written({**HEADER, hint: "https://evil.example/keys"}))
    assert token._replace(signed=b"") == read_token(written())._replace(signed=b"")


ALPHABET = string.ascii_letters + string.digits + "-_."


@given(st.one_of(st.text(ALPHABET, max_size=60), st.text(max_size=40)))
def test_any_text_is_a_token_or_is_refused(text: str) -> None:
    try:
        token = read_token(text)
    except RefusedToken:
        return
    assert looks_like_token(text)
    assert isinstance(token.claims, dict)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=5), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_claims_come_out_as_they_went_in(value: object) -> None:
    assert read_token(written(claims={"x": value})).claims == json.loads(json.dumps({"x": value}))
