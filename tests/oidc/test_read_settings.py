from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.oidc.claims import Requirement, Terms
from guardproxy.oidc.mapping import ClaimsMapping, FromClaim
from guardproxy.oidc.read_settings import issuer_of, mapping_of, path_of
from guardproxy.oidc.schema import WrittenIssuer


def written(**members: Any) -> WrittenIssuer:
    usual = {"name": "corp", "issuer": "https://idp", "audience": ["a", "b"]}
    return WrittenIssuer.model_validate_json(json.dumps({**usual, **members}))


async def nothing(url: str, most_bytes: int) -> bytes:
    raise AssertionError("nobody asks for keys here")


def test_what_is_written_is_what_tokens_are_held_against() -> None:
    required = [{"claim": "/a/b"}, {"claim": "email_verified", "any_of": [True, 1, "x"]}]
    issuer = issuer_of(written(leeway=5, algorithms=["ES256"], required=required), nothing, lambda told: None)
    wanted = (Requirement(("a", "b")), Requirement(("email_verified",), (True, 1, "x")))
    assert issuer.terms == Terms("https://idp", frozenset({"a", "b"}), 5.0, wanted)
    assert (issuer.name, issuer.algorithms) == ("corp", frozenset({"ES256"}))


def test_without_a_word_callers_are_users_of_no_team() -> None:
    assert mapping_of(written()) == ClaimsMapping()


def test_callers_and_claims_make_the_mapping() -> None:
    callers = {"speaks_as": "operator", "tags": ["t"], "models": ["gpt-*"]}
    claims = {
        "subject": "azp",
        "name": "/profile/name",
        "team": {"claim": "groups", "words": {"G": "g"}},
        "roles": {"claim": "r", "words": {"x": "viewer"}},
    }
    assert mapping_of(written(callers=callers, claims=claims)) == ClaimsMapping(
        subject=("azp",),
        name=("profile", "name"),
        team=FromClaim(("groups",), {"G": "g"}),
        speaks_as="operator",
        roles=FromClaim(("r",), {"x": "viewer"}),
        tags=("t",),
        models=("gpt-*",),
    )


@pytest.mark.parametrize(
    ("claim", "path"),
    [
        ("groups", ("groups",)),
        ("https://a.b/c", ("https://a.b/c",)),
        ("a/b", ("a/b",)),
        ("/a/b", ("a", "b")),
        ("/https:~1~1a.b~1c/d", ("https://a.b/c", "d")),
        ("/a~01", ("a~1",)),
    ],
)
def test_a_claim_is_a_name_or_a_path(claim: str, path: tuple[str, ...]) -> None:
    assert path_of(claim) == path
