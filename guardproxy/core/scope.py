"""What a key is for: which models, APIs and policies, and from where.

Each list that is empty bounds nothing. A list with entries bounds to them alone, so what nobody thought of is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Scope:
    """`models` may hold `*`; `routes` are names of APIs, `policies` of those a caller may ask for."""

    models: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    def allows_model(self, name: str) -> bool:
        return not self.models or allows_name(self.models, name)

    def allows_route(self, name: str) -> bool:
        return not self.routes or name in self.routes

    def allows_policy(self, name: str) -> bool:
        return not self.policies or name in self.policies

    def allows_address(self, address: Address | None) -> bool:
        """An address that is not known is in no network."""
        return not self.networks or (address is not None and any(address in network for network in self.networks))


ANYTHING = Scope()


def allows_name(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the patterns is the name in any case of letters; `*` in one is any text."""
    return any(fnmatchcase(name.lower(), _literal(pattern)) for pattern in patterns)


@cache
def _literal(pattern: str) -> str:
    """The pattern with nothing but `*` standing for something else."""
    return pattern.lower().replace("[", "[[]").replace("?", "[?]")
