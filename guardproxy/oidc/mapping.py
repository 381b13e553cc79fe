"""From claims to who is calling.

What a caller may do comes from the settings: fixed for an issuer, or from a claim, where a table says what the issuer's
words mean here. Without one a word stands for itself. A claim that is of the wrong kind refuses the token: nobody is
let in as somebody less bounded than was meant.

The id of a caller is a digest of issuer and subject: always the same, so accounts add up, and no name of a person.
Names begin with the name the settings give the issuer, so that no token can take the name, and with it the policy, of
a key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from guardproxy.core.principal import Principal
from guardproxy.core.scope import ANYTHING, Scope
from guardproxy.oidc.claims import ClaimMissing, Path, UnusableClaim, text_of, texts_of

ID_PREFIX: Final = "oidc_"
SEPARATOR: Final = "/"
_ID_DIGITS: Final = 24
_CALLER_ID: Final = re.compile(f"{ID_PREFIX}[0-9a-f]{{{_ID_DIGITS}}}")
OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class FromClaim:
    """The texts of a claim. With `words` only those that stand there, by what they mean, in the order of the table."""

    path: Path
    words: Mapping[str, str] | None = None

    def texts(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        said = texts_of(claims, self.path)
        if self.words is None:
            return tuple(dict.fromkeys(said))
        return tuple(dict.fromkeys(meant for word, meant in self.words.items() if word in said))

    def text(self, claims: Mapping[str, Any]) -> str | None:
        """The only one; with `words` the first. Raises `UnusableClaim` where nobody said which of several counts."""
        texts = self.texts(claims)
        if len(texts) > 1 and self.words is None:
            raise UnusableClaim
        return texts[0] if texts else None


@dataclass(frozen=True, slots=True)
class ClaimsMapping:
    """What becomes of claims. Tuples are fixed: they hold for everybody who comes from the issuer."""

    subject: Path = ("sub",)
    name: Path | None = None
    team: str | FromClaim | None = None
    speaks_as: str | FromClaim = "user"
    roles: tuple[str, ...] | FromClaim = ()
    tags: tuple[str, ...] | FromClaim = ()
    models: tuple[str, ...] | FromClaim = field(default=())


AS_IT_COMES: Final = ClaimsMapping()


def principal_of(claims: Mapping[str, Any], issuer: str, name: str, mapping: ClaimsMapping) -> Principal:
    """Who is calling, of an issuer with this `name` here. Raises `RefusedToken`."""
    subject = text_of(claims, mapping.subject)
    if subject is None:
        raise ClaimMissing
    key_id = caller_id(issuer, subject)
    called = None if mapping.name is None else text_of(claims, mapping.name)
    speaks_as = _text(mapping.speaks_as, claims)
    return Principal(
        key_id,
        name + SEPARATOR + (called or key_id.removeprefix(ID_PREFIX)),
        operator=speaks_as == OPERATOR,
        team=_text(mapping.team, claims),
        scope=_scope(mapping, claims),
        roles=frozenset(_texts(mapping.roles, claims)),
        tags=_texts(mapping.tags, claims),
    )


def caller_id(issuer: str, subject: str) -> str:
    """`oidc_` and 24 hexadecimal digits."""
    said = f"{len(issuer)}:{issuer}{subject}".encode()
    return ID_PREFIX + hashlib.sha256(said).hexdigest()[:_ID_DIGITS]


def is_caller_id(text: str) -> bool:
    """Whether the text has the form of such an id."""
    return _CALLER_ID.fullmatch(text) is not None


def _scope(mapping: ClaimsMapping, claims: Mapping[str, Any]) -> Scope:
    models = _texts(mapping.models, claims)
    if isinstance(mapping.models, FromClaim) and not models:
        raise ClaimMissing  # an empty list would bound nothing
    return Scope(models=models) if models else ANYTHING


def _text(source: str | FromClaim | None, claims: Mapping[str, Any]) -> str | None:
    return source.text(claims) if isinstance(source, FromClaim) else source


def _texts(source: tuple[str, ...] | FromClaim, claims: Mapping[str, Any]) -> tuple[str, ...]:
    return source.texts(claims) if isinstance(source, FromClaim) else source
