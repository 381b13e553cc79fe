"""Which policy an exchange gets, and the one place where the policies in force are kept.

A caller is given the policy of its key. With the header `x-guardproxy-use-policy` it may ask for another one, if that
was found to be at least as strict and its key's terms allow it; any other is refused in the same words, whether it
exists or not. The policies in force are replaced as a whole; an exchange keeps the policy it was given until its last
byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Facts
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.errors import NotAllowed

ASKING_HEADER: Final = "x-guardproxy-use-policy"


class Rejection(NamedTuple):
    """Changed policies that were not taken over: when (epoch milliseconds), and what is wrong with them."""

    time_ms: int
    problems: Sequence[str]


class Policies:
    """The policies in force. `current` changes between two exchanges and never for one.

    `since_ms` is when they were put in force, `pinned` whether by a rollback. `reloads` and `rejections` count what
    came of changes, `rejected` is the last one that was not taken.
    """

    def __init__(self, current: PolicySet, since_ms: int = 0, *, pinned: bool = False) -> None:
        self.current = current
        self.since_ms = since_ms
        self.pinned = pinned
        self.reloads = 0
        self.rejections = 0
        self.rejected: Rejection | None = None

    @classmethod
    def of(cls, policy: Policy | Choice) -> Policies:
        """One policy, for everybody."""
        return cls(PolicySet.of(policy))

    def take(self, policies: PolicySet, now_ms: int, *, pinned: bool = False) -> None:
        """Put others in force."""
        self.current, self.since_ms, self.pinned = policies, now_ms, pinned
        self.reloads += 1

    def reject(self, problems: Sequence[str], now_ms: int) -> None:
        """Note that others were not taken over."""
        self.rejected = Rejection(now_ms, tuple(problems))
        self.rejections += 1


def choose(policies: PolicySet, principal: Principal, headers: Mapping[str, str]) -> Choice:
    """The policy of a caller, or the stricter one it asks for. Raises `NotAllowed`."""
    assigned = policies.assigned(principal) if policies.keys or policies.teams else policies.default
    name = headers.get(ASKING_HEADER)
    if name is None:
        return assigned
    asked = policies.asked(name, assigned)
    if asked is not assigned and not principal.scope.allows_policy(name):
        asked = None
    if asked is None:
        raise NotAllowed(
            f"{ASKING_HEADER} may name a policy that this key may ask for and that is stricter than the one it has; "
            "this is none",
            param=ASKING_HEADER,
            code="policy_not_allowed",
        )
    return asked


def facts_of(principal: Principal, surface: str, document: Any = None) -> Facts:
    """What conditions may ask about an exchange; `document` is the request's body, as it was parsed."""
    members = document if isinstance(document, dict) else {}
    model, metadata = members.get("model"), members.get("metadata")
    return Facts(
        key=principal.name,
        team=principal.team or "",
        surface=surface,
        model=model if isinstance(model, str) else "",
        metadata={name: value for name, value in metadata.items() if isinstance(value, str)}
        if isinstance(metadata, dict)
        else {},
    )
