"""What a policy says about who may speak as whom, and about text of lower trust. All of it is off unless written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from guardproxy.core.separation.control_tokens import ControlTokens
from guardproxy.core.separation.fence import Fences

# Stands for all keys.
EVERY_KEY: Final = "*"


class Place(StrEnum):
    """Where the policy's prompt stands: before the callers' system text, behind it, or instead of it."""

    PREPEND = "prepend"
    APPEND = "append"
    REPLACE = "replace"


class Treatment(StrEnum):
    """What becomes of something that should not stand in a text. CLEAN: it is made harmless and the text goes on."""

    ALLOW = "allow"
    CLEAN = "clean"
    FLAG = "flag"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class OperatorPrompt:
    """System text of the policy. `role` is `system` or `developer`."""

    text: str
    place: Place = Place.PREPEND
    role: str = "system"


@dataclass(frozen=True, slots=True)
class RoleOrder:
    """Which turns may come where, and how many.

    `operator_first`: system messages only before everything else. `tool_after_call`: tool messages only behind an
    assistant message. `last`: whose message may be the last one; empty for anybody's. `most` by one of `SPEAKERS`.
    """

    operator_first: bool = False
    tool_after_call: bool = False
    last: frozenset[str] = frozenset()
    most: Mapping[str, int] = field(default_factory=dict)


# Members of a request, in any API, that most servers write into the model's input beside the system prompt.
DEFINING: Final = (
    "tools", "functions", "tool_choice", "function_call", "response_format", "text", "output_config", "mcp_servers"
)  # fmt: skip

SPEAKERS: Final = ("operator", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Separation:
    """`pinned` are SHA-256 digests of the system texts callers may send; empty: any. `signed_keys` are ids and names of
    the keys whose operator text must be signed.
    """

    prompt: OperatorPrompt | None = None
    pinned: frozenset[str] = frozenset()
    signed_keys: frozenset[str] = frozenset()
    order: RoleOrder | None = None
    seen_only: bool = False
    control_tokens: Treatment = Treatment.ALLOW
    token_families: frozenset[str] = frozenset()
    hidden_characters: Treatment = Treatment.ALLOW
    fake_turns: Treatment = Treatment.ALLOW
    fences: Fences | None = None
    definitions_by_operators: bool = False
    tokens: ControlTokens = field(init=False, repr=False, compare=False)
    cleans: bool = field(init=False)

    def __post_init__(self) -> None:
        families = self.token_families if self.control_tokens is not Treatment.ALLOW else frozenset()
        tokens = ControlTokens(families, fences=self.fenced)
        object.__setattr__(self, "tokens", tokens)
        treated = {self.control_tokens, self.hidden_characters, self.fake_turns}
        object.__setattr__(self, "cleans", self.fenced or treated != {Treatment.ALLOW})

    @property
    def fenced(self) -> bool:
        return self.fences is not None and self.fences.ever

    @property
    def speaks(self) -> bool:
        """Whether the proxy itself says something in the operator's place."""
        return self.prompt is not None or self.fenced

    def signs(self, key_id: str, name: str) -> bool:
        """Whether the operator text of this key must be signed."""
        return bool(self.signed_keys) and not self.signed_keys.isdisjoint((EVERY_KEY, key_id, name))
