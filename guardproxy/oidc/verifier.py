"""Who presents a token, if it is good: read, its issuer's key found, signature and claims checked, claims mapped.

The issuer a token names only chooses whose keys it is held against; a key of one issuer opens nothing of another's.

A token that was found good is remembered, by a digest under a secret of this process, until its time is over. It is
asked about again as soon as its issuer's keys change or can no longer be trusted, so what an issuer withdraws does not
go on working from memory. Bad tokens are never remembered.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

from guardproxy.core.principal import Principal
from guardproxy.oidc.claims import Terms, check_claims
from guardproxy.oidc.issuer_keys import IssuerKeys
from guardproxy.oidc.mapping import AS_IT_COMES, ClaimsMapping, principal_of
from guardproxy.oidc.token import RefusedToken, Token, read_token

MOST_REMEMBERED: Final = 10_000


class UnknownIssuer(RefusedToken):
    """No issuer of the settings."""


class AlgorithmNotAllowed(RefusedToken):
    """Not one of the issuer's algorithms: also `none`, and those whose keys are secrets."""


class WrongSignature(RefusedToken):
    """Not signed by the issuer, or changed since."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whom tokens are believed, and what is made of them."""

    name: str
    terms: Terms
    keys: IssuerKeys
    algorithms: frozenset[str]
    mapping: ClaimsMapping = AS_IT_COMES


class _Known(NamedTuple):
    principal: Principal
    until: float
    keys: IssuerKeys
    generation: int


class TokenVerifier:
    """The issuers of a process. Lives on one event loop."""

    def __init__(self, issuers: Iterable[Issuer], most_remembered: int = MOST_REMEMBERED) -> None:
        self._issuers = {issuer.terms.issuer: issuer for issuer in issuers}
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, _Known] = {}
        self._most = most_remembered

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        return tuple(self._issuers.values())

    def start(self) -> None:
        """Have all keys fetched, so that the first caller need not wait for them."""
        for issuer in self._issuers.values():
            issuer.keys.start()

    def known(self, text: str, now: float) -> Principal | None:
        """Who presents a token that was found good before and still is, at `now` (Unix seconds). Never waits."""
        digest = self._digest(text)
        known = self._known.get(digest)
        if known is None:
            return None
        good = known.keys.check()
        if good and now < known.until and known.generation == known.keys.generation:
            return known.principal
        del self._known[digest]
        return None

    async def verify(self, text: str, now: float) -> Principal:
        """Who presents this token. Raises `RefusedToken`, and `IssuerAway` where it cannot be told."""
        token = read_token(text)
        issuer = self._issuer(token)
        keys = issuer.keys
        key = keys.find(token.kid, token.algorithm) or await keys.find_or_fetch(token.kid, token.algorithm)
        generation = keys.generation
        if not key.verifies(token.signed, token.signature):
            raise WrongSignature
        until = check_claims(token.claims, issuer.terms, now)
        principal = principal_of(token.claims, issuer.terms.issuer, issuer.name, issuer.mapping)
        self._remember(text, _Known(principal, until, keys, generation))
        return principal

    async def close(self) -> None:
        for issuer in self._issuers.values():
            await issuer.keys.close()

    def _issuer(self, token: Token) -> Issuer:
        named = token.claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise UnknownIssuer
        if token.algorithm not in issuer.algorithms:
            raise AlgorithmNotAllowed
        return issuer

    def _remember(self, text: str, known: _Known) -> None:
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]  # the one that was found good first
        self._known[self._digest(text)] = known

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=32).digest()
