"""A pattern set, looked for in every way a text can be read.

A text is read as it is written; as it is seen, if that is something else (`guardproxy.match.view`), and as it is seen
when JSON in JSON is undone, too (`guardproxy.match.escapes`); and as what its invisible characters spell, if they spell
anything (`guardproxy.match.hidden_text`). A match in any reading is a match,
and is told in offsets of the text as written. So folding can add matches and never loses one: a key with `²` behind it
is found as written, a full-width one as it is seen, and a pattern for Russian words is held against Russian words.

Of matches that begin with the same character those in the text as written come first, then those in the text as it is
seen, then hidden ones; within a reading the order is that of the set (`guardproxy.match.pattern_set`).

ASCII has one reading. It costs one question more than the set by itself. Any other whole text is read once for each
reading, as far as something may match there; where that is nearly everywhere, and the readings differ in few places, it
is read as a stream is (`guardproxy.match.readings_scanner`), once but for those.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Final

from guardproxy.match.escapes import has_escapes, is_nested, seen_in_steps, seen_text
from guardproxy.match.hidden_text import hidden_runs_in_steps, hidden_strings, hidden_texts, is_hiding
from guardproxy.match.named import Known
from guardproxy.match.pattern_set import MUCH, SLICE, PatternSet
from guardproxy.match.readings_scanner import ReadingsScanner
from guardproxy.match.regions import Window
from guardproxy.match.scanner import Span
from guardproxy.match.signs import signs_in
from guardproxy.match.view import View

_BETWEEN: Final = "\x00"  # no letter
_PIECE: Final = 256  # characters that are read before it is asked what that cost
_PART: Final = 64
_FEW: Final = 2  # of so many parts one may have several readings


class Readings:
    """Looks for all matches of the patterns in all readings; a `guardproxy.core.policy.Detector`."""

    def __init__(self, patterns: PatternSet) -> None:
        self._patterns = patterns

    @property
    def work(self) -> int:
        """The steps of work that all texts have cost so far (`guardproxy.match.work`)."""
        return self._patterns.work

    def accelerate(self) -> None:
        """Pass over clean text more quickly from now on, if that is possible; preparing it takes seconds."""
        self._patterns.accelerate()

    @property
    def accelerated(self) -> bool:
        return self._patterns.accelerated

    def may_match(self, text: str) -> bool:
        """False only if nothing can match in the text, nor in a part of it that is cut out where no letter stands in
        any reading.
        """
        if self._patterns.may_match(text):
            return True
        if _has_one_reading(text):
            return False
        signs = signs_in(text)
        seen = seen_text(text, signs)
        if seen == text:
            return False
        if self._patterns.may_match(seen):
            return True
        if is_nested(text) and self._patterns.may_match(seen_text(text, signs, deep=True)):
            return True
        return is_hiding(text, signs) and self._patterns.may_match(_BETWEEN.join(hidden_strings(text)))

    def scan(self, text: str) -> Sequence[Span]:
        """All spans of a whole text: those of `scanner()`, and where several begin with one character, in its order."""
        if _has_one_reading(text):
            return self._patterns.scan(text)
        steps = self._all_in_steps(text)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: Sequence[Span] = end.value
                return found

    def scan_in_steps(self, text: str) -> Generator[None, None, Sequence[Span]]:
        """`scan` that stops after each slice of a long text, and after so much work."""
        return self._patterns.scan_in_steps(text) if _has_one_reading(text) else self._all_in_steps(text)

    def _all_in_steps(self, text: str) -> Generator[None, None, Sequence[Span]]:
        windows = None
        if not self._patterns.accelerated:
            windows = yield from self._patterns.windows_in_steps(text)
            if _is_dense(windows, text) and _is_mostly_plain(text):
                return (yield from self._at_once_in_steps(text))
        found = yield from self._patterns.scan_in_steps(text, windows)
        seen, reading = yield from seen_in_steps(text, SLICE)
        if seen.text == text:
            return found
        found = [*found, *seen.spans((yield from self._patterns.scan_in_steps(seen.text, known=_alike(text, seen))))]
        if is_nested(text):
            seen, reading = yield from seen_in_steps(text, SLICE, deep=True)
            found += seen.spans((yield from self._patterns.scan_in_steps(seen.text, known=_alike(text, seen))))
        runs = yield from hidden_runs_in_steps(text, SLICE)
        for hidden in hidden_texts(text, runs):
            found += hidden.spans((yield from self._patterns.scan_in_steps(hidden.text)))
        return _once(map(reading.whole, found))

    def _at_once_in_steps(self, text: str) -> Generator[None, None, Sequence[Span]]:
        """All readings together, as a stream is read, which parts them only where they differ."""
        scanner = self.scanner()
        found: list[Span] = []
        paid = read = 0
        for at in range(0, len(text), _PIECE):
            found += scanner.feed(text[at : at + _PIECE])
            read += _PIECE
            if read >= SLICE or scanner.work - paid >= MUCH:
                paid, read = scanner.work, 0
                yield
        return _once([*found, *scanner.finish()])

    def scanner(self) -> ReadingsScanner:
        """A fresh scanner for a text that arrives in pieces."""
        return ReadingsScanner(self._patterns.scanner)


def _alike(text: str, seen: View) -> Known:
    """Where a text is written as it is seen, up to both neighbours of what is asked about."""

    def alike(begin: int, end: int) -> bool:
        first, last = max(begin - 1, 0), min(end + 1, len(seen.text))
        written_first, written_last = seen.source.source_start(first), seen.source.source_end(last)
        if (first == 0) is not (written_first == 0) or (last == len(seen.text)) is not (written_last == len(text)):
            return False
        return seen.text[first:last] == text[written_first:written_last]

    return alike


def _is_dense(windows: Sequence[Window], text: str) -> bool:
    """Whether most of the text has to be read."""
    return 2 * sum(end - begin for begin, end in windows) > len(text)


def _is_mostly_plain(text: str) -> bool:
    """Whether few parts of the text have more than one reading."""
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    return _FEW * sum(not _has_one_reading(part) for part in parts) <= len(parts)


def _has_one_reading(text: str) -> bool:
    return text.isascii() and not has_escapes(text)


def _once(spans: Iterable[Span]) -> list[Span]:
    """Of spans with one start and rule the longest, where the first one stood."""
    ends: dict[tuple[int, str], int] = {}
    for start, end, rule in spans:
        ends[start, rule] = max(end, ends.get((start, rule), 0))
    return [Span(start, end, rule) for (start, rule), end in ends.items()]
