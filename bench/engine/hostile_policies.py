"""Policies a careless author could load: each rule is legal, together they are as bad as we know how to write them.

Every policy comes with the text that is worst for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from bench.engine.hostile_inputs import Input, dotted, drawn, repeated

_SHORT: Final = 40_000


class HostilePolicy(NamedTuple):
    """A policy as it would be written, and what to feed it."""

    name: str
    policy: Mapping[str, Any]
    text: Input


def _rule(number: int, detector: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"hostile.rule-{number}",
        "title": f"Rule {number}",
        "detector": detector,
        "with": dict(options),
        "applies_to": ["model"],
        "severity": "low",
        "action": "redact",
        "placeholder": "#",  # found by none of the rules
        "examples": {"match": ["any"], "pass": ["none"]},
    }


def _policy(name: str, detector: str, options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rules = [_rule(number, detector, one) for number, one in enumerate(options)]
    return {"version": 1, "name": name, "rules": rules}


def _patterns(name: str, patterns: Sequence[str], **more: str) -> dict[str, Any]:
    return _policy(name, "pattern", [{"pattern": pattern, **more} for pattern in patterns])


def hostile_policies() -> tuple[HostilePolicy, ...]:
    return (
        HostilePolicy(
            "60 endless rules that all match each word",
            _patterns("endless", [f"[a-z]{{{least},}}" for least in range(1, 61)]),
            Input("letters, some spaces", drawn("abcdefghijklmnop ")),
        ),
        HostilePolicy(
            "60 endless rules on one run of letters",
            _patterns("endless-run", [f"[a-z]{{{least},}}" for least in range(1, 61)]),
            Input("one letter", repeated("a")),
        ),
        HostilePolicy(
            "one window of 200 characters",
            _patterns("window", ["x[a-z]{0,200}1"]),
            Input("letters, many of them x", dotted(drawn("xabc"), "1 ", 180), _SHORT),
        ),
        HostilePolicy(
            "40 windows of 200 characters",
            _patterns("windows", [f"[x-z][a-z]{{0,200}}{number}!" for number in range(10, 50)]),
            Input("letters, many of them x", dotted(drawn("xabc"), "49! ", 180), _SHORT),
        ),
        HostilePolicy(
            "one counted repeat of 9,000 characters",
            _patterns("counted", ["[a-z]{9000}!"]),
            Input("runs of 8,999 letters", dotted(repeated("a"), "!", 8_999), _SHORT),
        ),
        HostilePolicy(
            "20 rules with a check, overlapping",
            _patterns(
                "checked",
                [f"[0-9](?:[ -]?[0-9]){{{least},40}}" for least in range(8, 28)],
                not_after="0-9",
                check="luhn",
            ),
            Input("digits and spaces", drawn("0123456789 ")),
        ),
        HostilePolicy(
            "30 blocks that are opened again and again",
            _policy(
                "blocks",
                "block",
                [{"start": "<<[a-z]", "end": f">>{number}", "max": 1_000_000} for number in range(30)],
            ),
            Input("openings", repeated("<<a"), _SHORT),
        ),
    )
