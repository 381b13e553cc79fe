"""Real tokens, signed with keys made for this run, and what is tried with such tokens."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.principal import Principal
from guardproxy.oidc.claims import ExpiredToken, Terms, WrongAudience
from guardproxy.oidc.issuer_keys import FetchFailed, IssuerAway, IssuerKeys, KeySource, UnknownKey
from guardproxy.oidc.key_set import ALGORITHMS
from guardproxy.oidc.mapping import AS_IT_COMES, ClaimsMapping, caller_id
from guardproxy.oidc.token import RefusedToken
from guardproxy.oidc.verifier import AlgorithmNotAllowed, Issuer, TokenVerifier, UnknownIssuer, WrongSignature
from tests.support.identity_provider import AUDIENCE, IdentityProvider, base64url, part, signed, signing_key

NOW = 1_900_000_000.0
ALL_KEYS = {algorithm: (algorithm, signing_key(algorithm)) for algorithm in ALGORITHMS}


def provider_of(*arguments: Any, **changes: Any) -> IdentityProvider:
    return replace(IdentityProvider(*arguments, **changes), now=int(NOW))


@dataclass
class World:
    """Providers whose tokens are believed. `away`: their keys cannot be fetched. `now` is the clock of their keys."""

    providers: list[IdentityProvider] = field(default_factory=lambda: [provider_of(keys=dict(ALL_KEYS))])
    algorithms: Iterable[str] = ALGORITHMS
    mapping: ClaimsMapping = AS_IT_COMES
    most_remembered: int = 100
    away: bool = False
    now: float = 0.0
    fetched: int = 0

    def __post_init__(self) -> None:
        self.verifier = TokenVerifier(
            [self._issuer(number, provider) for number, provider in enumerate(self.providers)], self.most_remembered
        )

    @property
    def provider(self) -> IdentityProvider:
        return self.providers[0]

    def _issuer(self, number: int, provider: IdentityProvider) -> Issuer:
        async def fetch(url: str, most_bytes: int) -> bytes:
            self.fetched += 1
            if self.away:
                raise FetchFailed("answered 500")
            return provider.key_set

        source = KeySource(f"idp-{number}", provider.issuer, provider.jwks_url, refresh_s=300, stale_s=600)
        terms = Terms(provider.issuer, frozenset({AUDIENCE}), 30)
        keys = IssuerKeys(source, fetch, lambda told: None, lambda: self.now)
        return Issuer(source.name, terms, keys, frozenset(self.algorithms), self.mapping)

    async def refusal(self, token: str, now: float = NOW) -> type[RefusedToken]:
        """How a token is refused, which is not remembered."""
        with pytest.raises(RefusedToken) as caught:
            await self.verifier.verify(token, now)
        assert self.verifier.known(token, now) is None
        return type(caught.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_good_token_tells_who_is_calling(algorithm: str) -> None:
    world = World()
    found = await world.verifier.verify(world.provider.token(algorithm), NOW)
    key_id = caller_id(world.provider.issuer, "u-1")
    assert found == Principal(key_id, f"idp-0/{key_id.removeprefix('oidc_')}")


async def test_a_good_token_is_remembered_until_its_time_is_over() -> None:
    world = World()
    token = world.provider.token("ES256", exp=int(NOW) + 100)
    assert world.verifier.known(token, NOW) is None
    found = await world.verifier.verify(token, NOW)
    end = int(NOW) + 130
    assert world.verifier.known(token, end - 1) == found
    assert world.verifier.known(token, end) is None
    assert await world.refusal(token, end) is ExpiredToken


async def test_what_is_remembered_is_the_whole_token() -> None:
    world = World()
    token = world.provider.token("ES256")
    await world.verifier.verify(token, NOW)
    assert world.verifier.known(token[:-1], NOW) is None
    assert world.verifier.known(token.rpartition(".")[0] + ".AAAA", NOW) is None


async def test_no_more_tokens_are_remembered_than_may_be() -> None:
    world = World(most_remembered=3)
    tokens = [world.provider.token("EdDSA", sub=f"u-{number}") for number in range(5)]
    for token in tokens:
        await world.verifier.verify(token, NOW)
    assert [world.verifier.known(token, NOW) is not None for token in tokens] == [False, False, True, True, True]


async def test_a_key_that_is_withdrawn_ends_its_tokens_at_once() -> None:
    world = World()
    token = world.provider.token("ES256")
    await world.verifier.verify(token, NOW)
    del world.provider.keys["ES256"]
    await world.verifier.issuers[0].keys.refresh()
    assert world.verifier.known(token, NOW) is None
    assert await world.refusal(token) is UnknownKey


async def test_what_is_remembered_ends_with_the_trust_in_the_keys() -> None:
    world = World()
    token = world.provider.token("ES256")
    await world.verifier.verify(token, NOW)
    world.away = True
    world.now = 899
    assert world.verifier.known(token, NOW) is not None
    world.now = 900
    assert world.verifier.known(token, NOW) is None
    with pytest.raises(IssuerAway):
        await world.verifier.verify(token, NOW)


async def test_a_rotated_key_is_found() -> None:
    world = World()
    await world.verifier.verify(world.provider.token("ES256"), NOW)
    world.provider.keys["new"] = ("ES256", signing_key("ES256", 9))
    world.now += 10
    assert await world.verifier.verify(world.provider.token("new"), NOW)
    assert world.fetched == 2


async def test_a_token_of_nobody_known_asks_nobody() -> None:
    world = World()
    stranger = provider_of("https://stranger.example.test")
    assert await world.refusal(stranger.token()) is UnknownIssuer
    others: list[Any] = [None, 1, [world.provider.issuer], {}]
    for issuer in others:
        assert await world.refusal(world.provider.token("ES256", iss=issuer)) is UnknownIssuer
    assert world.fetched == 0


async def test_one_issuer_cannot_sign_for_another() -> None:
    keys = {"k": ("ES256", signing_key("ES256", 5))}
    world = World([provider_of(keys={"k": ("ES256", signing_key("ES256", 4))}), provider_of("https://two", keys)])
    assert await world.refusal(world.providers[1].token("k", iss=world.provider.issuer)) is WrongSignature
    assert (await world.verifier.verify(world.providers[1].token("k"), NOW)).name.startswith("idp-1/")


async def test_one_person_is_another_at_each_issuer() -> None:
    world = World([provider_of(keys=dict(ALL_KEYS)), provider_of("https://two", keys=dict(ALL_KEYS))])
    ids = {(await world.verifier.verify(provider.token("ES256"), NOW)).key_id for provider in world.providers}
    assert len(ids) == 2


async def test_a_token_without_signature_is_none() -> None:
    world = World()
    claims = world.provider.claims()
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        unsigned = f"{part({'alg': algorithm, 'kid': 'RS256'})}.{part(claims)}."
        assert issubclass(await world.refusal(unsigned), RefusedToken)
        assert issubclass(await world.refusal(unsigned + "AAAA"), RefusedToken)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
async def test_a_public_key_is_no_secret_of_an_hmac(algorithm: str, form: PublicFormat, encoding: Encoding) -> None:
    world = World()
    secret = signing_key("RS256").public_key.public_bytes(encoding, form)
    token = forged(algorithm, algorithm, world.provider.claims(), secret)
    assert await world.refusal(token) is AlgorithmNotAllowed
    lying = forged("RS256", algorithm, world.provider.claims(), secret)
    assert await world.refusal(lying) is WrongSignature


def forged(says: str, algorithm: str, claims: dict[str, Any], secret: bytes) -> str:
    text = f"{part({'alg': says, 'kid': 'RS256'})}.{part(claims)}"
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), f'sha{algorithm[2:]}'))}"


@pytest.mark.parametrize("algorithm", ["RS512", "PS256", "ES384", "Ed25519", "rs256"])
async def test_other_algorithms_are_refused_also_with_a_good_key(algorithm: str) -> None:
    world = World()
    token = signed({"alg": algorithm, "kid": "RS256"}, world.provider.claims(), signing_key("RS256"), "RS256")
    assert await world.refusal(token) is AlgorithmNotAllowed


async def test_an_algorithm_has_to_be_one_the_issuer_uses() -> None:
    world = World(algorithms=["ES256"])
    assert await world.refusal(world.provider.token("RS256")) is AlgorithmNotAllowed
    assert await world.verifier.verify(world.provider.token("ES256"), NOW)


@pytest.mark.parametrize("says", ALGORITHMS)
@pytest.mark.parametrize("signs", ALGORITHMS)
async def test_a_key_signs_with_its_own_algorithm_only(says: str, signs: str) -> None:
    world = World()
    token = signed({"alg": says, "kid": signs}, world.provider.claims(), signing_key(signs), signs)
    if says == signs:
        assert await world.verifier.verify(token, NOW)
    else:
        assert await world.refusal(token) is UnknownKey


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_a_token_that_brings_its_own_key_is_held_against_the_issuers(name: str) -> None:
    world = World()
    own = signing_key("ES256", 7)
    brought = {"jwk": own.as_dict(private=False), "jku": "http://127.0.0.1/keys"}.get(name, ["x"])
    token = signed({"alg": "ES256", "kid": "ES256", name: brought}, world.provider.claims(), own, "ES256")
    assert await world.refusal(token) is WrongSignature
    assert world.fetched == 1


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "http://127.0.0.1/", "\x00", "RS256\x00", "ES256 "])
async def test_an_id_of_a_key_is_only_ever_looked_up(kid: str) -> None:
    world = World()
    token = signed({"alg": "ES256", "kid": kid}, world.provider.claims(), signing_key("ES256"), "ES256")
    assert await world.refusal(token) is UnknownKey


async def test_claims_are_held_against_the_terms_and_the_signature_comes_first() -> None:
    world = World()
    assert await world.refusal(world.provider.token("ES256", aud="other")) is WrongAudience
    assert await world.refusal(world.provider.token("ES256", exp=int(NOW) - 31)) is ExpiredToken
    header = {"alg": "ES256", "kid": "ES256"}
    expired = signed(header, world.provider.claims(exp=1), signing_key("ES256", 8), "ES256")
    assert await world.refusal(expired) is WrongSignature


MANGLED_WORLD = World()
GOOD = MANGLED_WORLD.provider.token("ES256")


@given(st.data())
async def test_a_token_with_anything_changed_opens_nothing_and_breaks_nothing(data: st.DataObject) -> None:
    text = list(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(["replace", "insert", "delete", "cut", "swap"])):
            case "replace":
                text[at] = data.draw(st.characters())
            case "insert":
                text.insert(at, data.draw(st.sampled_from("aZ0-_.= \n")))
            case "delete":
                del text[at]
            case "cut":
                text = text[: at + 1]
            case _:
                text = text[at:] + text[:at]
    mangled = "".join(text)
    if mangled != GOOD:
        await MANGLED_WORLD.refusal(mangled)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]), st.sampled_from(
        [None, "none", "HS256", "ES256", "EdDSA", "RS256", "JWT", "", 0, [], {}, ["b64"], False, "k1"]), max_size=4),
    st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "cnf"]), st.sampled_from(
        [None, 0, -1, 1e300, "", "x", [], {}, True, [AUDIENCE]]), min_size=1, max_size=4),
)  # fmt: skip
async def test_signed_nonsense_opens_nothing_that_it_should_not(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """The issuer itself may write strange tokens, with good signatures."""
    said = {**MANGLED_WORLD.provider.claims(), **claims}
    token = signed({"alg": "ES256", "kid": "ES256", **header}, said, signing_key("ES256"), "ES256")
    try:
        found = await MANGLED_WORLD.verifier.verify(token, NOW)
    except RefusedToken:
        return
    assert (header.get("alg", "ES256"), header.get("kid") or "ES256") == ("ES256", "ES256")
    assert "crit" not in header
    assert said["iss"] == MANGLED_WORLD.provider.issuer
    assert AUDIENCE in said["aud"]
    assert found.key_id == caller_id(said["iss"], said["sub"])
