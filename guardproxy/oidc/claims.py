"""What a token claims, and whether that is for us and for now.

Claims are found by name, or by a list of names where one stands inside another. A name is never taken apart at its
dots: `https://example.com/team` is one name.

A token that has to be presented together with a proof of a key (`cnf`, RFC 7800) is refused: we could not check the
proof, and who stole such a token would be let in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardproxy.oidc.token import RefusedToken

Path = tuple[str, ...]

MOST_CHARACTERS: Final = 200
"""Of a name, team, tag or subject."""

MOST_VALUES: Final = 1_000
_LATEST: Final = 2**53
# Lists in one text (RFC 6749, 3.3).
_SPACED: Final = frozenset({("scope",), ("scp",)})


class WrongAudience(RefusedToken):
    """It was made for somebody else."""


class ExpiredToken(RefusedToken):
    """Its time is over."""


class TokenNotYetValid(RefusedToken):
    """Its time has not come."""


class ClaimMissing(RefusedToken):
    """It lacks what every token needs, or what the settings require of one."""


class UnusableClaim(RefusedToken):
    """A claim that is read is not of its kind: a name that is no text, a date that is no number."""


class BoundToProof(RefusedToken):
    """It opens only together with a proof of a key, which nobody here can check."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A claim that has to be there; with `any_of`, with one of these values, or holding one of them."""

    path: Path
    any_of: tuple[str | int | bool, ...] | None = None

    def holds(self, claims: Mapping[str, Any]) -> bool:
        value = claim(claims, self.path)
        if value is None or self.any_of is None:
            return value is not None
        values = _items(value, self.path)
        # 1 == True in Python, and not in JSON.
        return any(type(one) is type(other) and one == other for one in values for other in self.any_of)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a token has to say. `leeway_s` is how far two clocks may differ."""

    issuer: str
    audiences: frozenset[str]
    leeway_s: float
    required: tuple[Requirement, ...] = ()


def check_claims(claims: Mapping[str, Any], terms: Terms, now: float) -> float:
    """Until when (Unix seconds, exclusive, leeway included) a token with these claims opens. Raises `RefusedToken`."""
    if claims.get("iss") != terms.issuer:
        raise ClaimMissing
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or not any(isinstance(one, str) and one in terms.audiences for one in audiences):
        raise WrongAudience
    expires = moment(claims, "exp")
    if expires is None:
        raise ClaimMissing
    until = expires + terms.leeway_s
    if now >= until:
        raise ExpiredToken
    for name in ("nbf", "iat"):
        begins = moment(claims, name)
        if begins is not None and begins - terms.leeway_s > now:
            raise TokenNotYetValid
    if "cnf" in claims:
        raise BoundToProof
    if not all(requirement.holds(claims) for requirement in terms.required):
        raise ClaimMissing
    return until


def moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A date in Unix seconds; None if there is none. Raises `UnusableClaim`."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise UnusableClaim
    return value


def claim(claims: Mapping[str, Any], path: Path) -> Any:
    """The value at a path; None if there is none."""
    value: Any = claims
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def text_of(claims: Mapping[str, Any], path: Path) -> str | None:
    """The one text at a path; None if nothing stands there. Raises `UnusableClaim`."""
    value = claim(claims, path)
    return None if value is None else checked(value)


def texts_of(claims: Mapping[str, Any], path: Path) -> list[str]:
    """All texts at a path: a list, a single one, or of `scope` those between spaces. Raises `UnusableClaim`."""
    value = claim(claims, path)
    return [] if value is None else [checked(one) for one in _items(value, path)]


def checked(value: object) -> str:
    """A text that may stand in a log and a table. Raises `UnusableClaim`."""
    if not isinstance(value, str) or not 0 < len(value) <= MOST_CHARACTERS or not value.isprintable():
        raise UnusableClaim
    if value != value.strip():
        raise UnusableClaim
    return value


def _items(value: Any, path: Path) -> Sequence[Any]:
    if isinstance(value, str) and path in _SPACED:
        value = value.split(" ")
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_VALUES:
        raise UnusableClaim
    return values
