"""From which address a request comes.

That is the address of the connection. Only where the connection comes from a proxy that the settings trust does
`X-Forwarded-For` count, read from its right end: each proxy appends whom it saw, so the right-most address that is no
trusted proxy is the last one a trusted proxy vouches for. What stands left of it anybody may have written.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from multidict import MultiMapping

from guardproxy.core.scope import Address, Network

FORWARDED: Final = "X-Forwarded-For"
_MOST_HOPS: Final = 50


def caller_address(peer: str | None, headers: MultiMapping[str], trusted: tuple[Network, ...] = ()) -> Address | None:
    """The address of the caller, `peer` being that of the connection; None where it cannot be told."""
    address = _parsed(peer or "")
    if address is None or not _is_trusted(address, trusted):
        return address
    hops = [hop for line in headers.getall(FORWARDED, ()) for hop in line.split(",")]
    return _right_most(reversed(hops[-_MOST_HOPS:]), trusted, address)


def _right_most(hops: Iterable[str], trusted: tuple[Network, ...], nearest: Address) -> Address | None:
    """The first of the hops that is not trusted; the last one where all are. None for one that is no address."""
    for hop in hops:
        address = _parsed(hop.strip())
        if address is None:
            return None
        if not _is_trusted(address, trusted):
            return address
        nearest = address
    return nearest


def _is_trusted(address: Address, trusted: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    """An address as proxies write it, also with a port; one of IPv4 written in IPv6 is that of IPv4."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
