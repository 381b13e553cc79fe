"""Which policy an exchange gets: by whose key it is, by what its caller asks for, and by what the policy's `when` says.

A `Choice` is one named policy with all the forms its conditions can give it, compiled beforehand. A `PolicySet` is
everything a proxy decides by at one moment; it is replaced as a whole, and an exchange keeps what it started with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from guardproxy.core.conditions import Condition, Facts, outcome_of
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal


@dataclass(frozen=True, slots=True)
class Choice:
    """`policy` holds where none of the `conditions` does; `forms` has a policy for each way they can turn out.

    `body_bytes` is the most any form allows: which form holds is known only when the body was read.
    """

    policy: Policy
    conditions: tuple[Condition, ...] = ()
    forms: Mapping[int, Policy] = field(default_factory=dict)
    body_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        most = max(policy.limits.body_bytes for policy in (self.policy, *self.forms.values()))
        object.__setattr__(self, "body_bytes", most)

    @property
    def every(self) -> tuple[Policy, ...]:
        """What it can come to."""
        return (self.policy, *(form for outcome, form in self.forms.items() if outcome))

    def among(self, facts: Facts) -> Policy:
        """The form for an exchange of which this is known."""
        outcome = outcome_of(self.conditions, facts)
        return self.forms[outcome] if outcome else self.policy


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies of a proxy by name, and who gets which.

    `tighter` has a pair (asked for, assigned) for each policy a caller may choose instead of its own: only such as were
    found to be at least as strict when they were loaded.
    """

    revision: str
    default: Choice
    named: Mapping[str, Choice] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    tighter: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, policy: Policy | Choice) -> PolicySet:
        """Of one policy, for everybody."""
        choice = policy if isinstance(policy, Choice) else Choice(policy)
        return cls(choice.policy.revision, choice, {choice.policy.name: choice})

    @property
    def every(self) -> tuple[Policy, ...]:
        """All that any caller may get, in every form."""
        return tuple(form for choice in self.named.values() for form in choice.every)

    def accelerate(self) -> None:
        """Pass over clean text more quickly from now on, if that is possible. May take seconds, beside what goes on."""
        for detectors in {id(those): those for policy in self.every for those in policy.detectors.values()}.values():
            for detector in detectors:
                detector.accelerate()

    def assigned(self, principal: Principal) -> Choice:
        """The policy of a key: its own, or that of its team, or the default."""
        name = self.keys.get(principal.name) or self.teams.get(principal.team or "")
        return self.named[name] if name else self.default

    def asked(self, name: str, assigned: Choice) -> Choice | None:
        """The policy a caller asks for, if it may have it instead of the one it is assigned."""
        if name == assigned.policy.name:
            return assigned
        return self.named[name] if (name, assigned.policy.name) in self.tighter else None
