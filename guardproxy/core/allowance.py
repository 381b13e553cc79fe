"""How much matching work one exchange may cost, so that a text written to be dear ends it and not the service.

What ordinary text costs is looked up and hardly counts as work (`guardproxy.match.work`). Text that is made to look
like much that it is not, or a policy whose patterns multiply, costs steps for every character. A request, and an
answer, may cost so many steps for each character of it, and some beyond that are free: every text is new once. What
costs more is refused. It is never let through unread: the finding blocks, whatever else was found. Only a policy in
shadow mode, which stops nothing, passes it, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Detector, Rule
from guardproxy.core.verdict import Action, Finding, Severity
from guardproxy.match.scanner import Span
from guardproxy.wire.path import Path

FREE: Final = 1_000_000
"""Steps of work, half a second or so."""

MATCHING_WORK: Final = "limits.matching_work"
"""The finding of a text that costs too much, and why such texts were not looked at to the end."""

RULE: Final = Rule(
    MATCHING_WORK, "A text that costs too much to inspect", Severity.MEDIUM, Action.BLOCK, frozenset(Provenance), ""
)
IN_SHADOW: Final = replace(RULE, action=Action.ALLOW, shadow=Action.BLOCK)
"""The same under a policy in shadow mode: the text goes on, unread, and that is told."""


Result = TypeVar("Result")


class Allowance:
    """What is left for one request, or one answer. `per_character`: None for no limit.

    `rule` is what follows when it is used up, in a policy that may be in `shadow` mode.
    """

    __slots__ = ("_left", "_per_character", "rule")

    def __init__(self, per_character: int | None, *, shadow: bool = False) -> None:
        self._per_character = per_character
        self.rule = IN_SHADOW if shadow else RULE
        self._left = FREE

    @property
    def exceeded(self) -> bool:
        return self._left < 0

    def spend(self, steps: int, characters: int) -> bool:
        """Whether so many steps for so many more characters are within what is allowed."""
        if self._per_character is not None:
            self._left += self._per_character * characters - steps
        return self._left >= 0


def work_of(detectors: Collection[Detector]) -> int:
    return sum(detector.work for detector in detectors)


def scan_within(allowance: Allowance, detector: Detector, text: str) -> Generator[None, None, Sequence[Span] | None]:
    """The spans of a whole text, in steps; None when it costs more than is allowed."""
    steps = detector.scan_in_steps(text)
    characters = len(text)
    while True:
        before = detector.work
        try:
            next(steps)
        except StopIteration as end:
            found: Sequence[Span] = end.value
            return found if allowance.spend(detector.work - before, characters) else None
        if not allowance.spend(detector.work - before, characters):
            return None
        characters = 0
        yield


def run_through(steps: Generator[None, None, Result]) -> Result:
    """What the steps come to, without a stop."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def too_dear(provenance: Provenance, path: Path) -> Finding:
    """What is told of a text that costs too much."""
    return Finding(MATCHING_WORK, RULE.severity, provenance, path, 0, 0)
