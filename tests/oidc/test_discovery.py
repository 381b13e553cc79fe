from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.oidc.discovery import UnusableDiscovery, discovery_url, is_safe_url, read_discovery

ISSUER = "https://idp.example.test/realms/main"


def document(**members: object) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.example.test/jwks", **members}).encode()


def test_the_document_stands_below_the_issuer() -> None:
    assert discovery_url(ISSUER) == ISSUER + "/.well-known/openid-configuration"
    assert discovery_url("https://idp/") == "https://idp/.well-known/openid-configuration"


def test_it_says_where_the_keys_are() -> None:
    assert read_discovery(document(), ISSUER) == "https://keys.example.test/jwks"


@pytest.mark.parametrize("issuer", [ISSUER + "/", ISSUER.upper(), "", None, 1, [ISSUER]])
def test_a_document_of_another_issuer_is_none(issuer: object) -> None:
    with pytest.raises(UnusableDiscovery, match="not of this issuer"):
        read_discovery(document(issuer=issuer), ISSUER)


@pytest.mark.parametrize("url", [None, 1, "", "http://keys.example.test/jwks", "file:///etc/passwd", "//keys/jwks"])
def test_keys_come_over_tls_only(url: object) -> None:
    with pytest.raises(UnusableDiscovery, match="https"):
        read_discovery(document(jwks_uri=url), ISSUER)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"<html>", b'{"issuer":1,"issuer":2}'])
def test_what_is_no_document_is_told(raw: bytes) -> None:
    with pytest.raises(UnusableDiscovery):
        read_discovery(raw, ISSUER)


@pytest.mark.parametrize(
    "url", ["https://a", "https://a:8443/x?y=z", "http://127.0.0.1:8/x", "http://[::1]/x", "http://localhost/x"]
)
def test_addresses_that_are_safe(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://a", "http://127.0.0.1.evil.example", "http://10.0.0.1", "https://", "https://u:p@a/", "https://a/#x",
     "ftp://a", "https://a/ b", "https://a/\n", "https://[::1", "https://a:99999/", "https://ä.example/", "a", ""],
)  # fmt: skip
def test_addresses_that_are_not(url: str) -> None:
    assert not is_safe_url(url)


@given(st.text(max_size=40))
def test_any_text_is_safe_or_not(url: str) -> None:
    if is_safe_url(url):
        assert url.startswith(("https://", "http://")) or url.lower().startswith("http")
