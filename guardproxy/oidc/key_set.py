"""The keys an issuer publishes (RFC 7517), as far as they are of use here.

A key is good for one algorithm, and the kind of the key says which: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
A token's header only picks among keys; it can never make a public key the secret of an HMAC. Keys for encrypting, of
other kinds, too small or too large, or published with their private half are passed over, and so are those with an id
that a key of the same kind has already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

from guardproxy.errors import InvalidJson
from guardproxy.oidc.token import MOST_KID
from guardproxy.wire.strict_json import parse_strict

MOST_KEYS: Final = 100
RSA_BITS: Final = range(2048, 8193)
_MOST_EXPONENT: Final = 2**32
# Of a modulus in base64url. The library warns of small keys, which are of no use, when it reads them.
_MODULUS_CHARACTERS: Final = range(342, 1368)

_MEMBERS: Final[Mapping[tuple[Any, Any], tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        ("RSA", None): ("RS256", ("n", "e")),
        ("EC", "P-256"): ("ES256", ("crv", "x", "y")),
        ("OKP", "Ed25519"): ("EdDSA", ("crv", "x")),
    }
)
ALGORITHMS: Final = tuple(algorithm for algorithm, _ in _MEMBERS.values())


class UnusableKeySet(Exception):
    """What was fetched is no set of keys."""


class VerificationKey(NamedTuple):
    """A public key, and the one algorithm it is good for."""

    kid: str | None
    algorithm: str
    key: Any

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether the holder of the private half signed these bytes."""
        try:
            return JWSRegistry.algorithms[self.algorithm].verify(signed, signature, self.key)
        except (JoseError, ValueError):
            return False


class KeySet:
    """Some keys by their id and algorithm. Frozen. `passed_over` counts those that are of no use."""

    def __init__(self, keys: Iterable[VerificationKey], passed_over: int = 0) -> None:
        self._keys: dict[tuple[str | None, str], VerificationKey] = {}
        self._without_id: dict[str, list[VerificationKey]] = {}
        for key in keys:
            self._without_id.setdefault(key.algorithm, []).append(key)
            if key.kid is not None and self._keys.setdefault((key.kid, key.algorithm), key) is not key:
                passed_over += 1
        self.passed_over = passed_over

    def __len__(self) -> int:
        return sum(map(len, self._without_id.values()))

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """The key of a token's header. A token that names none finds the only one there is for its algorithm."""
        if kid is not None:
            return self._keys.get((kid, algorithm))
        keys = self._without_id.get(algorithm, ())
        return keys[0] if len(keys) == 1 else None


def read_key_set(raw: bytes, algorithms: Iterable[str] = ALGORITHMS) -> KeySet:
    """The keys in a JSON Web Key Set that are good for one of `algorithms`. Raises `UnusableKeySet`."""
    try:
        document = parse_strict(raw)
    except InvalidJson:
        raise UnusableKeySet from None
    written = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(written, list) or len(written) > MOST_KEYS:
        raise UnusableKeySet
    wanted = frozenset(algorithms)
    keys = [_read_key(one) for one in written]
    good = [key for key in keys if key is not None and key.algorithm in wanted]
    return KeySet(good, len(written) - len(good))


def _read_key(written: Any) -> VerificationKey | None:
    if not isinstance(written, dict) or "d" in written or written.get("use", "sig") != "sig":
        return None
    operations = written.get("key_ops", ["verify"])
    kind = _MEMBERS.get((_hashable(written.get("kty")), _hashable(written.get("crv"))))
    if kind is None or not isinstance(operations, list) or "verify" not in operations:
        return None
    algorithm, members = kind
    kid, modulus = written.get("kid"), written.get("n")
    if algorithm == "RS256" and not (isinstance(modulus, str) and len(modulus) in _MODULUS_CHARACTERS):
        return None
    if written.get("alg", algorithm) != algorithm or not (kid is None or _is_kid(kid)):
        return None
    try:
        key = import_key({name: written[name] for name in ("kty", *members)})
        public = key.public_key  # reading it is what checks it
    except (JoseError, KeyError, TypeError, ValueError):
        return None
    if isinstance(public, RSAPublicKey) and not _is_sound(public):
        return None
    return VerificationKey(kid, algorithm, key)


def _hashable(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_kid(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_KID


def _is_sound(public: RSAPublicKey) -> bool:
    return public.key_size in RSA_BITS and 2 < public.public_numbers().e <= _MOST_EXPONENT
