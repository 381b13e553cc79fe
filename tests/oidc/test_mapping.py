from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.principal import Principal
from guardproxy.core.scope import ANYTHING, Scope
from guardproxy.oidc.claims import ClaimMissing, UnusableClaim
from guardproxy.oidc.mapping import ClaimsMapping, FromClaim, caller_id, is_caller_id, principal_of
from guardproxy.oidc.token import RefusedToken

ISSUER = "https://idp"


def principal(mapping: ClaimsMapping, **claims: Any) -> Principal:
    return principal_of({"sub": "u-1", **claims}, ISSUER, "corp", mapping)


def test_without_a_mapping_a_caller_is_nobody_special() -> None:
    found = principal(ClaimsMapping(), name="Ann", groups=["admins"], roles=["admin"], models=["x"])
    digits = found.key_id.removeprefix("oidc_")
    assert found == Principal(found.key_id, f"corp/{digits}", operator=False, team=None)
    assert (found.scope, found.roles, found.tags) == (ANYTHING, frozenset(), ())


def test_the_id_is_always_the_same_and_says_nothing_of_the_person() -> None:
    first = caller_id(ISSUER, "ann@example.test")
    assert first == caller_id(ISSUER, "ann@example.test")
    assert re.fullmatch(r"oidc_[0-9a-f]{24}", first)
    assert is_caller_id(first)
    assert not any(map(is_caller_id, (first[:-1], first + "0", first.upper(), "session", "")))


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_callers_have_two_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (caller_id(*one) == caller_id(*other)) == (one == other)


def test_a_name_begins_with_that_of_the_issuer() -> None:
    """So a user who may choose a name at the issuer cannot choose that of a key with a policy of its own."""
    assert principal(ClaimsMapping(name=("nick",)), nick="batch").name == "corp/batch"


def test_another_claim_may_say_who_it_is() -> None:
    mapping = ClaimsMapping(subject=("azp",))
    assert principal(mapping, azp="app").key_id == caller_id(ISSUER, "app")
    with pytest.raises(ClaimMissing):
        principal(mapping)


@pytest.mark.parametrize("subject", [1, "", ["u"], {"a": 1}, "a\nb", True])
def test_a_subject_is_a_text(subject: object) -> None:
    with pytest.raises(UnusableClaim):
        principal(ClaimsMapping(), sub=subject)


def test_what_is_fixed_holds_for_everybody() -> None:
    mapping = ClaimsMapping(team="research", speaks_as="operator", roles=("viewer",), tags=("t",), models=("gpt-*",))
    found = principal(mapping)
    assert (found.team, found.operator, found.roles, found.tags) == ("research", True, frozenset({"viewer"}), ("t",))
    assert found.scope == Scope(models=("gpt-*",))


def test_what_a_claim_says_is_taken_by_what_it_means_here() -> None:
    groups = ("realm", "groups")
    mapping = ClaimsMapping(
        team=FromClaim(groups, {"G1": "research", "G2": "sales"}),
        speaks_as=FromClaim(groups, {"G9": "operator"}),
        roles=FromClaim(groups, {"G1": "viewer", "G2": "admin", "G3": "admin"}),
        tags=FromClaim(groups),
        models=FromClaim(groups, {"G1": "gpt-*", "G4": "*"}),
    )
    found = principal(mapping, realm={"groups": ["G2", "G1", "G8"]})
    assert (found.team, found.operator, found.roles) == ("research", False, frozenset({"viewer", "admin"}))
    assert (found.tags, found.scope.models) == (("G2", "G1", "G8"), ("gpt-*",))
    assert principal(mapping, realm={"groups": ["G9", "G1"]}).operator


def test_a_word_of_the_issuer_that_means_nothing_here_gives_nothing() -> None:
    mapping = ClaimsMapping(speaks_as=FromClaim(("r",), {"x": "operator"}), roles=FromClaim(("r",), {"x": "admin"}))
    found = principal(mapping, r=["operator", "admin"])
    assert (found.operator, found.roles) == (False, frozenset())


def test_of_several_teams_nobody_guesses() -> None:
    assert principal(ClaimsMapping(team=FromClaim(("t",))), t="x").team == "x"
    with pytest.raises(UnusableClaim):
        principal(ClaimsMapping(team=FromClaim(("t",))), t=["x", "y"])
    assert principal(ClaimsMapping(team=FromClaim(("t",)))).team is None


@pytest.mark.parametrize("models", [None, [], "none-of-these"])
def test_models_that_a_claim_should_name_and_does_not_are_not_all_models(models: object) -> None:
    with pytest.raises(ClaimMissing):
        principal(ClaimsMapping(models=FromClaim(("m",), {"x": "gpt-*"})), m=models)


MAPPING = ClaimsMapping(
    name=("n",), team=FromClaim(("t",)), speaks_as=FromClaim(("s",)), roles=FromClaim(("r",), {"x": "admin"}),
    tags=FromClaim(("g",)), models=FromClaim(("m",)),
)  # fmt: skip
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.lists(st.text(max_size=4) | st.none(), max_size=3)
)


@given(st.dictionaries(st.sampled_from("ntsrgm"), VALUES))
def test_any_claims_are_refused_or_give_what_they_say(claims: dict[str, Any]) -> None:
    try:
        found = principal(MAPPING, **claims)
    except RefusedToken:
        return
    assert found.scope.models
    assert found.operator == (claims.get("s") in ("operator", ["operator"]))
    assert found.name.startswith("corp/")
    assert found.key_id == principal(replace(MAPPING, name=None), **claims).key_id
