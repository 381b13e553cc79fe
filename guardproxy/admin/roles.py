"""What an admin may do: four roles, each a set of permissions.

The roles are not a ladder. Who reads what callers wrote (an analyst) need not be able to make keys, and who makes keys
(an operator) need not read what callers wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Permission(StrEnum):
    """READ: how things stand. REVEAL: excerpts of what callers wrote.

    OPERATE: keys, quotas, policies. ADMINISTER: admins.
    """

    READ = "read"
    REVEAL = "reveal"
    OPERATE = "operate"
    ADMINISTER = "administer"


class Role(StrEnum):
    VIEWER = "viewer"
    ANALYST = "analyst"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, permission: Permission) -> bool:
        return permission in GRANTED[self]


GRANTED: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({Permission.READ}),
        Role.ANALYST: frozenset({Permission.READ, Permission.REVEAL}),
        Role.OPERATOR: frozenset({Permission.READ, Permission.OPERATE}),
        Role.ADMIN: frozenset(Permission),
    }
)
