"""What the settings say of identity providers: whom tokens are believed, and what is made of them here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from guardproxy.identity.stored import LIST_MOST, Role, SpeaksAs, checked_name
from guardproxy.oidc.discovery import is_safe_url
from guardproxy.policyfile.schema import Name, Text, Written

Algorithm = Literal["RS256", "ES256", "EdDSA"]


def _url(text: str) -> str:
    if not is_safe_url(text):
        raise ValueError("is an address that begins with https:// (http:// only for this machine)")
    return text


def _scalar(value: JsonValue) -> str | int | bool:
    if not isinstance(value, str | int | bool):
        raise ValueError("is a text, a whole number, true or false")
    return value


Url = Annotated[Text, AfterValidator(_url)]
ClaimName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Word = Annotated[str, AfterValidator(checked_name)]
_Scalar = Annotated[JsonValue, AfterValidator(_scalar)]
_BOTH: Final = "under `callers` and under `claims`: one of them decides it"


class WrittenClaim(Written):
    """`claim` is a name, or a path such as /realm_access/roles. `words`: what the issuer's words mean here."""

    claim: ClaimName
    words: dict[Text, _Word] | None = None


class WrittenSpeakerClaim(Written):
    """Who of the issuer's callers may speak as the operator. A word that is not listed means nothing."""

    claim: ClaimName
    words: dict[Text, SpeaksAs]


class WrittenRoleClaim(Written):
    """Roles of callers, from which nothing follows yet. A word that is not listed means nothing."""

    claim: ClaimName
    words: dict[Text, Role]


class WrittenRequirement(Written):
    """A claim every token needs; with `any_of`, with one of these values, or holding one of them."""

    claim: ClaimName
    any_of: tuple[_Scalar, ...] | None = Field(default=None, min_length=1)


class WrittenCallers(Written):
    """What holds for everybody who comes from the issuer."""

    team: _Word | None = None
    speaks_as: SpeaksAs = "user"
    roles: tuple[Role, ...] = Field(default=(), max_length=LIST_MOST)
    tags: tuple[_Word, ...] = Field(default=(), max_length=LIST_MOST)
    models: tuple[_Word, ...] = Field(default=(), max_length=LIST_MOST)


class WrittenClaims(Written):
    """What is told by claims. `subject` says who it is, `name` what it is called in the log and in policies."""

    subject: ClaimName = "sub"
    name: ClaimName | None = None
    team: WrittenClaim | None = None
    speaks_as: WrittenSpeakerClaim | None = None
    roles: WrittenRoleClaim | None = None
    tags: WrittenClaim | None = None
    models: WrittenClaim | None = None


class WrittenIssuer(Written):
    """One identity provider. `name` stands before the names of its callers; `issuer` is what its tokens say.

    Without `jwks_url` the discovery document says where its keys are. Times are in seconds: `refresh` is how often keys
    are fetched, `stale` how much longer they are good while they cannot be.
    """

    name: Name
    issuer: Url
    audience: Annotated[tuple[Text, ...], Field(min_length=1)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256", "EdDSA")
    jwks_url: Url | None = None
    ca_file: Text | None = None
    leeway: Annotated[float, Field(ge=0, le=60, strict=False)] = 30.0
    refresh: Annotated[float, Field(ge=30, le=86_400, strict=False)] = 300.0
    stale: Annotated[float, Field(ge=0, le=86_400, strict=False)] = 3600.0
    timeout: Annotated[float, Field(gt=0, le=60, strict=False)] = 5.0
    required: tuple[WrittenRequirement, ...] = ()
    callers: WrittenCallers = WrittenCallers()
    claims: WrittenClaims = WrittenClaims()

    @model_validator(mode="after")
    def _decided_once(self) -> WrittenIssuer:
        for name in sorted(self.callers.model_fields_set & self.claims.model_fields_set):
            raise ValueError(f"has {name} {_BOTH}")
        return self


class AuthSettings(Written):
    """Who may call beside the holders of keys: whoever presents a token of one of these identity providers."""

    oidc: tuple[WrittenIssuer, ...] = ()

    def anchored(self, anchored: Callable[[str | None], str | None]) -> AuthSettings:
        """The same, with each file named as the function names it."""
        oidc = (issuer.model_copy(update={"ca_file": anchored(issuer.ca_file)}) for issuer in self.oidc)
        return self.model_copy(update={"oidc": tuple(oidc)})

    @model_validator(mode="after")
    def _told_apart(self) -> AuthSettings:
        for member in ("name", "issuer"):
            values = [getattr(issuer, member) for issuer in self.oidc]
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"names the {member} {twice} more than once")
        return self
