"""A small policy for tests of what happens around it: one rule that hides, one that blocks, on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import Detector, Policy, Rule
from guardproxy.core.verdict import Action, Severity
from guardproxy.detectors import DETECTORS

HIDDEN = "codeword-tulip"
PLACEHOLDER = "[REDACTED:own.codeword]"
FORBIDDEN = "forbidden phrase"

_EVERYBODY = frozenset(Provenance)


def _rule(name: str, action: Action) -> Rule:
    return Rule(name, name, Severity.HIGH, action, _EVERYBODY, f"[REDACTED:{name}]")


def _detector() -> Detector:
    technique = DETECTORS["pattern"]
    patterns = {"own.codeword": "codeword-[a-z]{4,20}", "own.forbidden": "forbidden phrase", "own.odd": "odd one"}
    return technique.build([(name, technique.options(pattern=pattern)) for name, pattern in patterns.items()])


_LOOKS: Detector = _detector()
SMALL = Policy(
    name="small",
    revision="r1",
    rules={
        "own.codeword": _rule("own.codeword", Action.REDACT),
        "own.forbidden": _rule("own.forbidden", Action.BLOCK),
        "own.odd": _rule("own.odd", Action.FLAG),
    },
    detectors=dict.fromkeys(Provenance, (_LOOKS,)),
    masking=(_LOOKS,),
    opaque={OpaqueKind.IMAGE: Action.ALLOW},
)


def small(**changes: Any) -> Policy:
    """`SMALL` with other parts."""
    return replace(SMALL, **changes)
