"""Rules about tools, compiled and frozen.

A `FlowRule` is about the calls of some tools, always or once output of other tools is in the context. Such a call
has to meet everything the rule demands; a rule that demands nothing forbids it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.entities import Kind
from guardproxy.core.tools.names import EVERYTHING, NOTHING, Names
from guardproxy.core.tools.origin import Origin
from guardproxy.core.verdict import Action, Severity
from guardproxy.match.pattern_set import PatternSet

# Findings of the proxy itself, in the same place of a log line as a rule's id.
NOT_ALLOWED: Final = "tools.not-allowed"
NOT_OFFERED: Final = "tools.not-offered"
TOO_MANY_CALLS: Final = "tools.too-many-calls"
UNREADABLE_ARGUMENTS: Final = "tools.unreadable-arguments"
UNMATCHED_RESULT: Final = "tools.unmatched-result"
CHANGED_DEFINITION: Final = "tools.changed-definition"
UNPINNED_DEFINITION: Final = "tools.unpinned-definition"


VERB: Final = "{verb}"
"""Among words a user must have used: the first word of the name of the tool that is called."""


class Span(StrEnum):
    """Over what calls are counted: one answer, everything since the user last spoke, the whole conversation."""

    ANSWER = "answer"
    TURN = "turn"
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """What some arguments must be. `of`: names of members, at any depth; empty: all arguments.

    Each value, or each entity of `kinds` in it, must come from one of `origins`, match `one_of` or be a number of
    `at_most`; with none of them given it may be anything. All of it must match `matches`, and nothing in it `never`.
    """

    of: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    origins: frozenset[Origin] | None = None
    one_of: Names | None = None
    at_most: float | None = None
    matches: PatternSet | None = None
    never: PatternSet | None = None


@dataclass(frozen=True, slots=True)
class CallLimit:
    calls: int
    per: Span


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One rule about calls but those `excepted`.

    `after`: output of any of these is in the context; `after_all`: of each of these sets.

    `asked`: words of which the user must have used one, as beginnings of words, `VERB` for what the tool does by its
    name. `unless_asked`: whoever used one of these is not held against the rule.
    """

    id: str
    severity: Severity
    action: Action
    calls: Names
    keys: Names = EVERYTHING
    after: Names | None = None
    after_all: tuple[Names, ...] = ()
    schema: Any = None
    arguments: tuple[ArgumentRule, ...] = ()
    asked: tuple[str, ...] = ()
    unless_asked: tuple[str, ...] = ()
    excepted: Names = NOTHING
    limit: CallLimit | None = None

    def is_about(self, names: tuple[str, ...]) -> bool:
        """Whether calls of a tool with these names have to meet the rule."""
        return self.calls.match_any(names) and not self.excepted.match_any(names)

    @property
    def forbids(self) -> bool:
        """Whether nothing a call could say would make it right."""
        return self.schema is None and not self.arguments and not self.asked and self.limit is None


@dataclass(frozen=True, slots=True)
class NameLists:
    """Which tools there may be: those of `allow` that are not of `deny`."""

    allow: Names = EVERYTHING
    deny: Names = NOTHING

    def permit(self, names: tuple[str, ...]) -> bool:
        return self.allow.match_any(names) and not self.deny.match_any(names)


@dataclass(frozen=True, slots=True)
class ToolRules:
    """Everything a policy says about tools. `keys`: further lists by the name of a key; a tool has to be in both.

    `trusted_texts`, `trusted_results`: who is believed when a value is looked up. `pinned`: digests of definitions by
    folded name. The actions are about: tools that are offered or called though the lists do not permit them, calls of
    tools that were not offered, results that belong to no call, definitions that are no longer what was pinned, and
    definitions that were not pinned.
    """

    lists: NameLists = NameLists()
    keys: Mapping[str, NameLists] = field(default_factory=dict)
    trusted_texts: frozenset[Provenance] = frozenset({Provenance.OPERATOR, Provenance.USER})
    trusted_results: Names = NOTHING
    rules: tuple[FlowRule, ...] = ()
    max_calls: int | None = None
    offered: Action = Action.BLOCK
    not_offered: Action = Action.BLOCK
    unmatched_results: Action = Action.FLAG
    pinned: Mapping[str, str] = field(default_factory=dict)
    changed: Action = Action.BLOCK
    unpinned: Action = Action.ALLOW
