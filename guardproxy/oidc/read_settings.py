"""From what the settings say of an identity provider to what tokens are held against."""

from __future__ import annotations

from collections.abc import Callable

from guardproxy.oidc.claims import Path, Requirement, Terms
from guardproxy.oidc.issuer_keys import Fetch, Fetched, IssuerKeys, KeySource
from guardproxy.oidc.mapping import ClaimsMapping, FromClaim
from guardproxy.oidc.schema import WrittenClaim, WrittenIssuer, WrittenRoleClaim, WrittenSpeakerClaim
from guardproxy.oidc.verifier import Issuer


def issuer_of(written: WrittenIssuer, fetch: Fetch, told: Callable[[Fetched], None]) -> Issuer:
    """The issuer, with no keys yet."""
    source = KeySource(
        written.name,
        written.issuer,
        written.jwks_url,
        written.algorithms,
        written.refresh,
        written.stale,
        written.timeout,
    )
    required = tuple(Requirement(path_of(one.claim), one.any_of) for one in written.required)  # type: ignore[arg-type]
    terms = Terms(written.issuer, frozenset(written.audience), written.leeway, required)
    keys = IssuerKeys(source, fetch, told)
    return Issuer(written.name, terms, keys, frozenset(written.algorithms), mapping_of(written))


def mapping_of(written: WrittenIssuer) -> ClaimsMapping:
    callers, claims = written.callers, written.claims
    return ClaimsMapping(
        subject=path_of(claims.subject),
        name=None if claims.name is None else path_of(claims.name),
        team=_from(claims.team) or callers.team,
        speaks_as=_from(claims.speaks_as) or callers.speaks_as,
        roles=_from(claims.roles) or callers.roles,
        tags=_from(claims.tags) or callers.tags,
        models=_from(claims.models) or callers.models,
    )


def path_of(claim: str) -> Path:
    """A name, or a path that begins with a slash (RFC 6901)."""
    if not claim.startswith("/"):
        return (claim,)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in claim[1:].split("/"))


def _from(written: WrittenClaim | WrittenSpeakerClaim | WrittenRoleClaim | None) -> FromClaim | None:
    return None if written is None else FromClaim(path_of(written.claim), written.words)
