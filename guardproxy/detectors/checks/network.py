"""Addresses of machines that can lead to a person: public IP addresses and MAC addresses of devices.

Private, loopback, link-local, multicast and reserved addresses stand for a role, not for anybody, and fill every
manual. The documentation ranges (RFC 5737, RFC 3849) count as addresses: examples and tests are written with them.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_NOBODYS: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
# Resolvers everybody knows: in a text they are never somebody's address.
_KNOWN: Final = frozenset(map(IPv4Address, ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9")))
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_HOST_BITS: Final = (1 << 64) - 1
_MAC: Final = re.compile(
    r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}"
)


def ipv4_host(text: str) -> bool:
    """A public IPv4 address of a host. Not a network (`198.51.100.0`), nor what reads like a version (`1.2.3.4`)."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return False
    if address in _KNOWN or text.endswith(".0") or all(len(part) == 1 for part in text.split(".")):
        return False
    return not any(address in network for network in _NOBODYS)


def ipv6_host(text: str) -> bool:
    """A global unicast IPv6 address with something in its host part; `2001:db8::` is a network."""
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return False
    return address in _GLOBAL_UNICAST and bool(int(address) & _HOST_BITS)


def mac(text: str) -> bool:
    """The MAC address of one device, as `00:00:5e:00:53:01`, `00-00-5E-00-53-01` or `0000.5e00.5301`."""
    if not _MAC.fullmatch(text):
        return False
    number = int(re.sub(r"[.:-]", "", text), 16)
    multicast = number >> 40 & 1
    return number != 0 and not multicast
