"""An identity provider on loopback: it publishes keys, signs tokens with them, and can misbehave at will."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from guardproxy.oidc.discovery import WELL_KNOWN
from tests.support.upstream import Asked, Script, Send, running_upstream, whole

AUDIENCE = "guardproxy"
SigningKey = RSAKey | ECKey | OKPKey


@cache
def signing_key(algorithm: str, which: int = 0) -> SigningKey:
    """A key for an algorithm; another one for each number. Made for this run."""
    match algorithm:
        case "RS256":
            return RSAKey.generate_key(2048)
        case "ES256":
            return ECKey.generate_key("P-256")
        case _:
            return OKPKey.generate_key("Ed25519")


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(document: Any) -> str:
    """A header or claims as they stand in a token; bytes as they are."""
    return base64url(document if isinstance(document, bytes) else json.dumps(document).encode())


def signed(header: Any, claims: Any, key: Any, algorithm: str) -> str:
    """A token over whatever header and claims, signed by the algorithm whatever the header says."""
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{base64url(JWSRegistry.algorithms[algorithm].sign(text.encode(), key))}"


def public(key: SigningKey, kid: str | None, **members: Any) -> dict[str, Any]:
    """A key as it is published."""
    return {**key.as_dict(private=False), **({} if kid is None else {"kid": kid}), **members}


@dataclass
class IdentityProvider:
    """`keys` are published. `script` answers instead of it, if there is one; `asked` are the paths asked for.

    `now` is the time its tokens are made at, in Unix seconds; None: the time of day.
    """

    issuer: str = "https://idp.example.test"
    keys: dict[str, tuple[str, SigningKey]] = field(default_factory=lambda: {"k1": ("RS256", signing_key("RS256"))})
    script: Script | None = None
    held: asyncio.Event | None = None
    now: int | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def jwks_url(self) -> str:
        return self.issuer + "/keys"

    @property
    def key_set(self) -> bytes:
        keys = [public(key, kid, alg=algorithm, use="sig") for kid, (algorithm, key) in self.keys.items()]
        return json.dumps({"keys": keys}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says; a change to None takes a claim out."""
        now = int(time.time()) if self.now is None else self.now
        usual = {"iss": self.issuer, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 600}
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def token(self, kid: str = "k1", **changes: Any) -> str:
        """A token signed with a published key."""
        algorithm, key = self.keys[kid]
        return signed({"alg": algorithm, "kid": kid, "typ": "JWT"}, self.claims(**changes), key, algorithm)

    async def answer(self, asked: Asked, send: Send) -> None:
        self.asked.append(asked.path)
        if self.held is not None:
            await self.held.wait()
        if self.script is not None:
            await self.script(asked, send)
        elif asked.path == "/keys":
            await send(whole(self.key_set, content_type="application/jwk-set+json"))
        elif asked.path == WELL_KNOWN:
            await send(whole({"issuer": self.issuer, "jwks_uri": self.jwks_url}))
        else:
            await send(whole({}, 404))


@asynccontextmanager
async def running_identity_provider(**changes: Any) -> AsyncIterator[IdentityProvider]:
    provider = IdentityProvider(**changes)
    async with running_upstream(provider.answer) as server:
        provider.issuer = server.base_url.removesuffix("/v1")
        yield provider


def paths(asked: Sequence[str]) -> list[str]:
    """What was asked for beside the discovery document."""
    return [path for path in asked if path != WELL_KNOWN]
