"""What was found, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from guardproxy.core.exchange import Coverage, Provenance
from guardproxy.wire.path import Path

MAX_FINDINGS: Final = 100
"""A hostile text can hold a match every few characters. Beyond so many only the verdict's action tells of the findings:
a log line has to stay a line."""


class Action(IntEnum):
    """What a rule does when it finds something. The order is the strictness: the strictest finding decides."""

    ALLOW = 0
    FLAG = 1
    REDACT = 2
    BLOCK = 3

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS: Final = tuple(action.name.lower() for action in Action)


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Finding(NamedTuple):
    """A rule found something at `[start, end)` of the text at `path`. It says nothing about what to do.

    `score` is how sure the detector is, from 0 to 1; a pattern is always sure.

    `excerpt` is the masked surroundings for a reviewer: never the match itself, never another secret near it.
    """

    rule: str
    severity: Severity
    provenance: Provenance
    path: Path
    start: int
    end: int
    excerpt: str = ""
    score: float = 1.0


class Verdict(NamedTuple):
    """The decision about a request or a whole response.

    `edits` maps the path of a text to its redacted form; it is empty unless `action` is REDACT. `findings` holds
    only findings of rules that do something (flag, redact, block). `features` counts what was noticed beside the rules.
    `shadow` are findings of rules in shadow, which do nothing yet, and `would` is the strictest action of them.
    """

    action: Action
    findings: tuple[Finding, ...] = ()
    edits: Mapping[Path, str] = MappingProxyType({})
    coverage: Coverage = Coverage()
    features: Mapping[str, int] = MappingProxyType({})
    shadow: tuple[Finding, ...] = ()
    would: Action = Action.ALLOW
