"""What a case asked for and what it came to, held against each other, in words a person can act on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import ndiff
from typing import Any, NamedTuple

from guardproxy.cli.cases.stage import Outcome
from guardproxy.policyfile.cases import WrittenCase
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.wire.path import Path, format_path


class Difference(NamedTuple):
    """`what` was to be `expected` and was `found`."""

    what: str
    expected: Any
    found: Any

    def lines(self) -> list[str]:
        """One line, or, for two texts, a diff."""
        if isinstance(self.expected, str) and isinstance(self.found, str) and (" " in self.expected + self.found):
            marked = ndiff(self.expected.splitlines(), self.found.splitlines())
            return [f"{self.what}  (- expected, + found)", *(f"  {line.rstrip()}" for line in marked)]
        return [f"{self.what}: expected {_shown(self.expected)}, found {_shown(self.found)}"]


def differences(case: WrittenCase, outcome: Outcome, *, stream: bool) -> list[Difference]:
    """Everything in which the outcome is not what the case says; empty if it holds."""
    found = []
    if outcome.decision != case.expect:
        found.append(Difference("decision", case.expect, outcome.decision))
    # A stream that a rule stops after its first byte ends in-band, without an error's code.
    if case.code is not None and not (stream and outcome.code is None) and outcome.code != case.code:
        found.append(Difference("code", case.code, outcome.code))
    for what, asked, fired in (
        ("rules", case.rules, outcome.rules),
        ("shadow_rules", case.shadow_rules, outcome.shadow_rules),
    ):
        if asked is not None and sorted(asked) != sorted(fired):
            found.append(Difference(what, sorted(asked), sorted(fired)))
    found += _values("sent", case.sent, outcome.sent, _last_text(outcome.sent))
    if not (stream and case.expect == "block"):  # what had gone out before the match is not the whole answer
        received = outcome.received or {}
        found += _values("received", case.received, outcome.received, received.get("content"))
    return found


def _values(what: str, asked: Any, document: Any, text: Any) -> Iterator[Difference]:
    if asked is None:
        return
    if isinstance(asked, str):
        if asked != text:
            yield Difference(what, asked, text)
        return
    known = dict(_leaves(document))
    for path, value in asked.items():
        if path not in known:
            yield Difference(f"{what} has no {path}{suggestion(path, known)}", value, None)
        elif known[path] != value:
            yield Difference(f"{what} {path}", value, known[path])


def _last_text(body: Any) -> Any:
    messages = body.get("messages") if isinstance(body, dict) else None
    return messages[-1].get("content") if messages else None


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[str, Any]]:
    """Every value inside, by its path in words; objects and lists as well, so that they may be named."""
    if path:
        yield format_path(path), value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in inside:
        yield from _leaves(below, (*path, step))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
