from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.oidc.claims import (
    MOST_CHARACTERS,
    MOST_VALUES,
    BoundToProof,
    ClaimMissing,
    ExpiredToken,
    Requirement,
    Terms,
    TokenNotYetValid,
    UnusableClaim,
    WrongAudience,
    check_claims,
    text_of,
    texts_of,
)
from guardproxy.oidc.token import RefusedToken

NOW = 1_900_000_000.0
TERMS = Terms("https://idp", frozenset({"guardproxy", "other"}), 30.0)


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"iss": "https://idp", "aud": "guardproxy", "sub": "u", "exp": NOW + 600, "iat": NOW}
    return {**usual, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in claims().items() if key != name}


def test_a_good_token_opens_until_its_end_and_the_leeway() -> None:
    assert check_claims(claims(), TERMS, NOW) == NOW + 630


@pytest.mark.parametrize("name", ["iss", "exp"])
def test_issuer_and_end_have_to_be_there(name: str) -> None:
    with pytest.raises(ClaimMissing):
        check_claims(without(name), TERMS, NOW)


@pytest.mark.parametrize("issuer", ["https://idp/", "https://IDP", "", None, 1, ["https://idp"]])
def test_the_issuer_is_compared_as_it_is_written(issuer: object) -> None:
    with pytest.raises(ClaimMissing):
        check_claims(claims(iss=issuer), TERMS, NOW)


@pytest.mark.parametrize("audience", ["guardproxy", "other", ["x", "guardproxy"], ["guardproxy"]])
def test_one_audience_of_ours_is_enough(audience: object) -> None:
    assert check_claims(claims(aud=audience), TERMS, NOW)


@pytest.mark.parametrize(
    "audience", ["x", "guard", "", None, [], ["x"], [["guardproxy"]], {"guardproxy": 1}, 1, [None]]
)
def test_a_token_for_somebody_else_is_refused(audience: object) -> None:
    with pytest.raises(WrongAudience):
        check_claims(claims(aud=audience), TERMS, NOW)
    with pytest.raises(WrongAudience):
        check_claims(without("aud"), TERMS, NOW)


@given(st.floats(-100, 100).map(lambda away: round(away, 3)))
def test_a_token_ends_exactly_with_the_leeway(away: float) -> None:
    token = claims(exp=NOW - 30 + away)
    if away > 0:
        assert check_claims(token, TERMS, NOW) > NOW
    else:
        with pytest.raises(ExpiredToken):
            check_claims(token, TERMS, NOW)


@given(st.sampled_from(["nbf", "iat"]), st.integers(-100, 100))
def test_a_token_begins_exactly_with_the_leeway(name: str, away: int) -> None:
    token = claims(**{name: NOW + 30 + away})
    if away <= 0:
        assert check_claims(token, TERMS, NOW)
    else:
        with pytest.raises(TokenNotYetValid):
            check_claims(token, TERMS, NOW)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [None, "1900000600", True, -1, 2**60, [1], {}])
def test_a_date_is_a_number(name: str, value: object) -> None:
    with pytest.raises(UnusableClaim):
        check_claims(claims(**{name: value}), TERMS, NOW)


def test_a_token_that_needs_a_proof_is_refused() -> None:
    with pytest.raises(BoundToProof):
        check_claims(claims(cnf={"jkt": "x"}), TERMS, NOW)


@pytest.mark.parametrize(
    ("requirement", "value", "holds"),
    [
        (Requirement(("x",)), "anything", True),
        (Requirement(("x",)), False, True),
        (Requirement(("x",)), None, False),
        (Requirement(("x",), (True,)), True, True),
        (Requirement(("x",), (True,)), 1, False),
        (Requirement(("x",), (1,)), True, False),
        (Requirement(("x",), (True,)), "true", False),
        (Requirement(("x",), ("a", "b")), ["c", "b"], True),
        (Requirement(("x",), ("a", "b")), ["c"], False),
        (Requirement(("x",), ("a",)), "a b", False),
        (Requirement(("x",), ("a",)), {"a": 1}, False),
        (Requirement(("x", "y"), ("a",)), {"y": "a"}, True),
        (Requirement(("x", "y"), ("a",)), "a", False),
    ],
)
def test_what_is_required_is_held_against_the_claim(requirement: Requirement, value: object, holds: bool) -> None:
    terms = Terms("https://idp", frozenset({"guardproxy"}), 0, (requirement,))
    if holds:
        assert check_claims(claims(x=value), terms, NOW)
    else:
        with pytest.raises(ClaimMissing):
            check_claims(claims(x=value), terms, NOW)


@pytest.mark.parametrize("name", ["scope", "scp"])
def test_scopes_stand_in_one_text(name: str) -> None:
    assert Requirement((name,), ("llm",)).holds({name: "openid llm"})
    assert not Requirement((name,), ("ll",)).holds({name: "openid llm"})
    assert Requirement((name,), ("llm",)).holds({name: ["openid", "llm"]})


def test_a_name_with_dots_is_one_name() -> None:
    assert text_of({"https://a.b/team": "x"}, ("https://a.b/team",)) == "x"
    assert text_of({"a": {"b": "x"}}, ("a.b",)) is None


def test_texts_are_a_list_or_a_single_one() -> None:
    assert texts_of({"x": ["a", "b"]}, ("x",)) == ["a", "b"]
    assert texts_of({"x": "a b"}, ("x",)) == ["a b"]
    assert texts_of({}, ("x",)) == []


@pytest.mark.parametrize(
    "value", [1, True, {}, "", " a", "a\n", "a\x00", "x" * (MOST_CHARACTERS + 1), ["a", 1], [["a"]]]
)
def test_a_text_that_cannot_stand_in_a_log_is_no_text(value: object) -> None:
    with pytest.raises(UnusableClaim):
        texts_of({"x": value}, ("x",))
    with pytest.raises(UnusableClaim):
        text_of({"x": value}, ("x",))


def test_a_list_has_an_end() -> None:
    with pytest.raises(UnusableClaim):
        texts_of({"x": ["a"] * (MOST_VALUES + 1)}, ("x",))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "cnf", "x"]), ANY_JSON, max_size=4))
def test_whatever_is_claimed_is_refused_or_meets_the_terms(changes: dict[str, Any]) -> None:
    token = claims(**changes)
    terms = Terms("https://idp", frozenset({"guardproxy"}), 30, (Requirement(("x",), ("a",)),))
    try:
        until = check_claims(token, terms, NOW)
    except RefusedToken:
        return
    assert token["iss"] == "https://idp"
    assert "guardproxy" in token["aud"]
    assert token["exp"] + 30 == until > NOW
    assert "a" in token["x"]
