"""Texts of a stream that a client joins: each is guarded by itself, and as a part of all of them.

Of a whole answer three things are looked at: each text, all texts one behind the other, and the same with a line end in
every cut (`guardproxy.core.scanning`); what is found over a cut is hidden on both sides of it. Here the same is found
piece by piece. Beside the scanners of a text run *readings*: scanners that have read the texts before, and tell each
text its part of what they find.

So a text does not end where its block ends. What of it may be the beginning of a match there waits until the next texts
have decided it, or until none follows; nothing of a later text leaves before that. Mostly that takes a word: a reading
in which nothing is alive that began in an earlier text will find the same as the text's own scanner, and is given up
until the next cut.

A text that begins while another one goes on stands in line: it is read once those before it have ended, and nothing of
it leaves before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Self

from guardproxy.core.allowance import Allowance
from guardproxy.core.hit import OnHit
from guardproxy.core.joined_reading import Onward, Reading, Unread
from guardproxy.core.joined_text import JoinedText
from guardproxy.core.policy import Rule
from guardproxy.core.rewrite import RANKS
from guardproxy.core.scanning import SEAMS
from guardproxy.core.stream import StreamGuard
from guardproxy.match.scanner import DetectorScanner, MeteredScanner, Span
from guardproxy.match.tree import UNBOUNDED


class Run:
    """The texts of an answer that are joined, in the order in which they begin."""

    def __init__(self, allowance: Allowance | None = None) -> None:
        self._allowance = Allowance(None) if allowance is None else allowance
        self._last: JoinedText | None = None
        self._alone: Sequence[DetectorScanner] = ()  # the scanners of the last text by itself
        self._readings: list[Reading | None] = []  # by detector and seam; None: nothing but what those find
        self._waiting: list[JoinedText] = []  # texts that ended and are not decided
        self._line: list[tuple[JoinedText, Sequence[DetectorScanner]]] = []  # texts that are not read yet

    def open(self, scanners: Sequence[DetectorScanner], rules: Mapping[str, Rule], on_hit: OnHit) -> JoinedText:
        """The guard of the next text. The text ends with `end`, not with `finish`."""
        guard = JoinedText(scanners, rules, on_hit, self._allowance)
        if self._last is not None and self._last.scans and not self._last.ended:
            guard.read_by([Unread()], [0])
            self._line.append((guard, scanners))
        else:
            self._begin(guard, scanners)
        return guard

    def end(self, guard: StreamGuard) -> str:
        """A text has ended; what of it is decided. While some is `held`, `take` gives more once others were read."""
        if guard is self._last and guard.scans:
            released = self._end(guard)
            self._read_line()
            return released + guard.take()  # what was read now may have decided more
        in_line = next((one for one, _ in self._line if one is guard), None)
        return guard.finish() if in_line is None else in_line.end(0)

    def let_go(self) -> None:
        """What waits is decided as if no text followed. Should one follow, a match that began before is hidden there
        only.
        """
        if not self._waiting:
            return
        worked = sum([reading.pause() for reading in self._readings if reading is not None])
        if not self._allowance.spend(worked, 0):
            self._waiting[0].give_up()
        while self._waiting:
            self._waiting[0].settle(UNBOUNDED)
            if self._waiting[0].blocked is not None:
                return
            del self._waiting[0]

    def finish(self) -> None:
        """No text follows."""
        while self._line:  # nobody said that the one before has ended
            self._read_next()
            self._read_line()
        self.let_go()
        self._readings, self._last = [], None

    @property
    def stopped(self) -> bool:
        """Whether a text that had ended is one that the policy stops."""
        return bool(self._waiting) and self._waiting[0].blocked is not None

    def advance(self, read: int) -> None:
        """The last text has been read by all, so many characters of it."""
        readings = [*self._readings]
        for at, reading in enumerate(readings):
            # One less: what is found may depend on the character before it.
            if reading is not None and self._alone[at // len(SEAMS)].stands_like(reading.scanner, read - 1):
                self._readings[at] = None
        self._settle(readings)
        if self._readings != readings and self._last is not None:
            self._read_on(self._last, read)

    def _begin(self, guard: JoinedText, scanners: Sequence[DetectorScanner]) -> None:
        """The text is the last one from here on."""
        readings = self._onward()
        self._last, self._alone = guard, scanners
        self._readings = [None] * (len(SEAMS) * len(scanners))
        if readings:
            self._readings = [*readings]
            for reading in readings:
                reading.go_on(guard)
            self._settle(readings)
            self._read_on(guard, 0)

    def _end(self, guard: JoinedText) -> str:
        """The last text has ended; what of it is decided."""
        readings = self._all_readings(guard)
        for reading in readings:
            reading.end_part()
        released = guard.end(_sure_of(guard, readings))
        if guard.held:
            self._waiting.append(guard)
        return released

    def _read_line(self) -> None:
        """The last text has ended: go on with those that stand in line, up to the first that goes on."""
        while self._line and (self._last is None or self._last.ended or not self._last.scans):
            self._read_next()

    def _read_next(self) -> None:
        guard, scanners = self._line.pop(0)
        guard.read_by(scanners, range(0, RANKS * len(scanners), RANKS))
        self._begin(guard, scanners)
        guard.catch_up()
        if guard.ended:
            guard.add_late(self._end(guard))

    def _onward(self) -> list[Reading]:
        """Readings that go on with the next text; none if there is no text before it."""
        last = self._last
        if last is None or not last.scans:
            return []
        readings = self._all_readings(last)
        if not last.ended:  # nobody said so
            for reading in readings:
                reading.end_part()
            last.read_by(self._alone, range(0, RANKS * len(self._alone), RANKS))
        return readings

    def _all_readings(self, guard: JoinedText) -> list[Reading]:
        """All readings of the last text, those too that find what its own scanners do."""
        readings = [
            reading if reading is not None else self._fork(guard, at) for at, reading in enumerate(self._readings)
        ]
        self._readings = [*readings]
        return readings

    def _fork(self, guard: JoinedText, at: int) -> Reading:
        detector, seam = divmod(at, len(SEAMS))
        return Reading(self._alone[detector].fork(), RANKS * detector + 1 + seam, SEAMS[seam], guard)

    def _read_on(self, guard: JoinedText, read: int) -> None:
        """Let the last text be read by what has to read it."""
        scanners: list[MeteredScanner] = []
        ranks: list[int] = []
        for detector, alone in enumerate(self._alone):
            scanners.append(alone)
            ranks.append(RANKS * detector)
            at = len(SEAMS) * detector
            for reading in self._readings[at : at + len(SEAMS)]:
                if reading is not None:
                    scanners.append(Onward(reading))
                    ranks.append(reading.rank)
        if len(scanners) > len(self._alone):
            scanners.append(_Turn(self, read))
            ranks.append(RANKS * len(self._alone))
        guard.read_by(scanners, ranks)

    def _settle(self, readings: Sequence[Reading | None]) -> None:
        """Decide what these have decided, in the order of the texts."""
        while self._waiting:
            first = self._waiting[0]
            first.settle(_sure_of(first, readings))
            if first.held or first.blocked is not None:
                return
            del self._waiting[0]


def _sure_of(guard: JoinedText, readings: Sequence[Reading | None]) -> int:
    """Up to where a text that has ended is decided."""
    return min((reading.safe_in(guard) for reading in readings if reading is not None), default=UNBOUNDED)


class _Turn:
    """Stands behind the scanners of a text: once these have read a piece, the texts before it are settled first."""

    __slots__ = ("_read", "_run")

    work: Final = 0

    def __init__(self, run: Run, read: int) -> None:
        self._run = run
        self._read = read

    @property
    def safe(self) -> int:
        return 0 if self._run.stopped else UNBOUNDED

    def feed(self, text: str) -> Sequence[Span]:
        self._read += len(text)
        self._run.advance(self._read)
        return ()

    def finish(self) -> Sequence[Span]:
        return ()

    def fork(self) -> Self:
        return self
