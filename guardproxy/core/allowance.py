"""How much matching work one exchange may cost, so that a text written to be dear ends it and not the service.

What ordinary text costs is looked up and hardly counts as work (`guardproxy.match.work`). Text that is made to look
like much that it is not, or a policy whose patterns multiply, costs steps for every character. A request, and an
answer, may cost so many steps for each character of it, and some beyond that are free: every text is new once. What
costs more is refused. It is never let through unread: the finding blocks, whatever else was found. Only a policy in
shadow mode, which stops nothing, passes it, and says so.

Both numbers are as small as ordinary text lets them be. To a process that has just started, with all packs on, pages of
links, addresses, telephone numbers or customers cost up to 2.6 steps a character, in JSON in JSON 3.5, and once such
text is known half of that; what is free pays for the beginning. A step takes about a microsecond, so what a character
may cost is at most ten times what one of prose does. A finding of a rule that has found nothing yet costs some 1,700:
thousands of characters in which every word is a finding of another rule are read, hundreds of thousands are not.

To show what was found costs as much again as to find it. That comes out of what is left, but for half of what is free:
that is kept, so that what is shown of one text is never why the next one is refused.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Detector, Rule
from guardproxy.core.verdict import Action, Finding, Severity
from guardproxy.match.scanner import Span
from guardproxy.wire.path import Path

FREE: Final = 100_000
"""Steps of work, a tenth of a second or so."""

MATCHING_WORK: Final = "limits.matching_work"
"""The finding of a text that costs too much, and why such texts were not looked at to the end."""

RULE: Final = Rule(
    MATCHING_WORK, "A text that costs too much to inspect", Severity.MEDIUM, Action.BLOCK, frozenset(Provenance), ""
)
IN_SHADOW: Final = replace(RULE, action=Action.ALLOW, shadow=Action.BLOCK)
"""The same under a policy in shadow mode: the text goes on, unread, and that is told."""


Result = TypeVar("Result")


class Account(Protocol):
    """Who pays for steps of work."""

    def spend(self, steps: int, characters: int) -> bool:
        """Whether so many steps for so many more characters are within what is allowed."""


class Allowance:
    """What is left for one request, or one answer. `per_character`: None for no limit.

    `rule` is what follows when it is used up, in a policy that may be in `shadow` mode.
    """

    __slots__ = ("_left", "_per_character", "rule")

    def __init__(self, per_character: int | None, *, shadow: bool = False) -> None:
        self._per_character = per_character
        self.rule = IN_SHADOW if shadow else RULE
        self._left = FREE

    def spend(self, steps: int, characters: int) -> bool:
        """Whether so many steps for so many more characters are within what is allowed."""
        if self._per_character is not None:
            self._left += self._per_character * characters - steps
        return self._left >= 0

    @property
    def shows(self) -> bool:
        """Whether something is left to show what was found."""
        return self._left >= FREE // 2


class Showing:
    """What of an allowance may be spent on showing what was found. No character counts for that: each was read."""

    __slots__ = ("_allowance",)

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    def spend(self, steps: int, characters: int) -> bool:
        self._allowance.spend(steps, 0)
        return self._allowance.shows


def scan_within(allowance: Account, detector: Detector, text: str) -> Generator[None, None, Sequence[Span] | None]:
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
