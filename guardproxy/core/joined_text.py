"""A text that a client joins with others: it ends before all of it is decided.

`end()` decides what the text by itself decides, matches that only the join shows come with `learn()`, and what they
leave of the rest goes out with `settle()` and `take()`. Who reads it with the others is `guardproxy.core.joined`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guardproxy.core.allowance import Allowance
from guardproxy.core.hit import OnHit
from guardproxy.core.policy import Rule
from guardproxy.core.rewrite import Pending
from guardproxy.core.stream import StreamGuard
from guardproxy.match.scanner import MeteredScanner, Span


class JoinedText(StreamGuard):
    """Guards one such text."""

    __slots__ = ("_late",)

    def __init__(
        self, scanners: Sequence[MeteredScanner], rules: Mapping[str, Rule], on_hit: OnHit, allowance: Allowance
    ) -> None:
        super().__init__(scanners, rules, on_hit, allowance)
        self._late: list[str] = []  # decided by texts that follow

    @property
    def scans(self) -> bool:
        """Whether the text is looked at."""
        return bool(self._scanners) and self.blocked is None

    def end(self, sure: int) -> str:
        """The text ends here, but texts follow that are read with it: what begins behind `sure` waits for `settle`."""
        self.ended = True
        return self._end(sure) if self.scans else ""

    def learn(self, rank: int, span: Span) -> None:
        """Something was found by reading this text with others, before which it may begin. `rank`: where it stands
        among what is found here.
        """
        if span.end > self._base and self.blocked is None:
            start, end, rule = span
            name = rule if start < 0 else ""
            self._pending.append(Pending(max(start, 0), rank, start, name, self._order, end, rule))
            self._order += 1

    def settle(self, sure: int) -> None:
        """Of a text that has ended everything before `sure` is decided; `take` gives it."""
        if self._buffer and self.blocked is None:
            self._late.append(self._release(min(sure, self.length)))

    def take(self) -> str:
        """What was decided since the text has ended."""
        late, self._late = self._late, []
        return "".join(late)

    def read_by(self, scanners: Sequence[MeteredScanner], ranks: Sequence[int]) -> None:
        """Other scanners that have read the same go on with the text. `ranks`: their order where they find the same."""
        unpaid = sum([scanner.work for scanner in self._scanners]) - self._worked
        self._scanners, self._ranks = tuple(scanners), ranks
        self._worked = sum([scanner.work for scanner in scanners]) - unpaid

    def catch_up(self) -> None:
        """Have the text read that came before its scanners did; what that decides goes out with the next of it."""
        for number, scanner in enumerate(self._scanners):
            self._queue(self._ranks[number], scanner.feed(self._buffer))

    def add_late(self, text: str) -> None:
        """More for `take`."""
        self._late.append(text)

    def give_up(self) -> None:
        """What the texts cost that follow is more than is allowed."""
        self._late.append(self._give_up())
