from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.oidc.schema import AuthSettings
from guardproxy.settings import load_settings

GOOD = "name: corp, issuer: 'https://idp.example.test', audience: [guardproxy]"


def loaded(folder: Path, *issuers: str) -> AuthSettings:
    file = folder / "guardproxy.yaml"
    file.write_text("auth:\n  oidc:\n" + "".join(f"  - {{{issuer}}}\n" for issuer in issuers), encoding="utf-8")
    return load_settings(file, {}).auth


def mistake(folder: Path, *issuers: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, *issuers)
    assert "guardproxy.yaml:" in caught.value.message
    return caught.value.message


def test_an_issuer_needs_a_name_an_address_and_an_audience(tmp_path: Path) -> None:
    (issuer,) = loaded(tmp_path, GOOD).oidc
    assert (issuer.name, issuer.issuer, issuer.audience) == ("corp", "https://idp.example.test", ("guardproxy",))
    assert issuer.algorithms == ("RS256", "ES256", "EdDSA")
    told = mistake(tmp_path, "leeway: 1")
    assert all(f"'{name}' is missing" in told for name in ("name", "issuer", "audience"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("audience: []", "'audience' needs at least one entry"),
        ("leeway: 61", "less than or equal to 60"),
        ("leeway: -1", "greater than or equal to 0"),
        (
            "algorithms: [HS256]",
            "unknown algorithm 'HS256'; use RS256, ES256 or EdDSA (with a "
            "shared secret, as HS256 has, or none, whoever checks a token could make one)",
        ),
        ("algorithms: [none]", "unknown algorithm 'none'"),
        ("callers: {roles: [god]}", "unknown role 'god'; use viewer, analyst, operator or admin"),
        ("issuer: 'http://idp.example.test'", "begins with https://"),
        ("jwks_url: 'http://10.0.0.1/keys'", "begins with https://"),
        ("refresh: 1", "greater than or equal to 30"),
        ("claims: {roles: {claim: x}}", "'words' is missing"),
        ("claims: {roles: {claim: x, words: {a: root}}}", "use viewer, analyst, operator or admin"),
        ("claims: {speaks_as: {claim: x, words: {a: system}}}", "use operator or user"),
        ("required: [{claim: x, any_of: []}]", "needs at least one entry"),
        ("required: [{claim: x, any_of: [1.5]}]", "a text, a whole number, true or false"),
        ("callers: {team: a}, claims: {team: {claim: x}}", "has team under `callers` and under `claims`"),
        ("name: Corp", "in lower case"),
        ("jwks: x", "unknown key 'jwks'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, more: str, told: str) -> None:
    name = more.partition(":")[0]
    kept = ", ".join(part for part in GOOD.split(", ") if not part.startswith(f"{name}:"))
    assert told in mistake(tmp_path, f"{kept}, {more}")


def test_an_issuer_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    assert loaded(tmp_path, "name: dev, issuer: 'http://127.0.0.1:9000', audience: [x]").oidc


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("name: corp, issuer: 'https://two', audience: [x]", "names the name corp more than once"),
        ("name: two, issuer: 'https://idp.example.test', audience: [x]", "the issuer https://idp.example.test more"),
    ],
)
def test_issuers_are_told_apart_by_name_and_address(tmp_path: Path, second: str, told: str) -> None:
    assert told in mistake(tmp_path, GOOD, second)


def test_files_are_named_from_where_the_settings_lie(tmp_path: Path) -> None:
    (issuer,) = loaded(tmp_path, GOOD + ", ca_file: ca.pem").oidc
    assert issuer.ca_file == str(tmp_path / "ca.pem")
