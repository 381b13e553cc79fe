"""Where an issuer publishes its keys (OpenID Connect Discovery 1.0).

The answer has to name the very issuer that was asked, or it is somebody else's. Keys are fetched over TLS: who could
change them on their way would sign what they like. Only this machine itself is asked without.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from guardproxy.errors import InvalidJson
from guardproxy.wire.strict_json import parse_strict

WELL_KNOWN: Final = "/.well-known/openid-configuration"


class UnusableDiscovery(Exception):
    """The discovery document is not one, or not of this issuer."""


def is_safe_url(url: str) -> bool:
    """Whether keys may come from there: https, or http on this machine; without user and fragment."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def discovery_url(issuer: str) -> str:
    return issuer.rstrip("/") + WELL_KNOWN


def read_discovery(raw: bytes, issuer: str) -> str:
    """The address of the issuer's keys. Raises `UnusableDiscovery`."""
    try:
        document = parse_strict(raw)
    except InvalidJson:
        raise UnusableDiscovery("is not JSON") from None
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise UnusableDiscovery("is not of this issuer")
    url = document.get("jwks_uri")
    if not isinstance(url, str) or not is_safe_url(url):
        raise UnusableDiscovery("names no https address of keys")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
