"""The scanner of a text that can be read in several ways (`guardproxy.match.readings`), as it arrives.

Up to the first character that does not stay what it is, all readings are one: a single scanner reads. There it is
forked: one copy goes on with the text as written, one reads it as it is seen, and a third scanner reads what is hidden.
The fork ends when the copies stand alike, and everything alive in them began behind the last character that did not
stay: whatever comes, both would find the same in it. So an accent or an emoji costs something up to the end of its
word, not for the rest of the stream.

An escape of JSON does not stay what it is either (`guardproxy.match.escapes`). A span takes all of an escape that it
begins or ends in, so nothing is sure inside of one, and a span whose end may yet be inside of one waits. At the first
two backslashes that stand together a further copy goes on, which reads deep. Each of its escapes is made of whole ones
of the other, so they count from there on.

Text is sure where it is sure in every reading. A span of one reading may begin where another reading is not sure yet,
and what that one finds would have to come first; so while several read, a span is reported once its start is sure. It
could not be used earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from operator import itemgetter
from typing import Final, Self

from guardproxy.match.escapes import Unescaping, first_escape, has_escapes, is_nested
from guardproxy.match.hidden_scanner import HiddenScanner
from guardproxy.match.hidden_text import is_hiding
from guardproxy.match.scanner import Span
from guardproxy.match.set_scanner import SetScanner
from guardproxy.match.view import SourceMap, stays_at_first, stays_at_last
from guardproxy.match.view_scanner import Growing, ViewScanner, still_growing

_AT_A_STRETCH: Final = 256  # looked at for the first character that does not stay
_FORKED: Final = 16  # read by both copies before it is asked whether they are one again

_WRITTEN, _SEEN, _DEEP, _HIDDEN = range(4)


class _Reader:
    """One way to read the text as it is seen: `seen` is read by `copy`."""

    __slots__ = ("copy", "reading", "seen")

    def __init__(self, copy: SetScanner, reading: Unescaping, seen: ViewScanner) -> None:
        self.copy = copy
        self.reading = reading
        self.seen = seen

    def fork(self, *, deep: bool = False) -> _Reader:
        """Another one that has read the same; with `deep` one that goes on deep."""
        copied, reading = self.copy.fork(), self.reading.deepened() if deep else self.reading.fork()
        return _Reader(copied, reading, self.seen.reading_for(copied, reading))

    def finish(self) -> Sequence[Span]:
        self.reading.end()
        return [*self.seen.feed(""), *self.seen.finish()]


class _Fork:
    """The other readings. `alike` characters were read since the last that did not stay."""

    __slots__ = ("alike", "deep", "hidden", "once")

    def __init__(self, copy: SetScanner, growing: Growing) -> None:
        read = SourceMap()
        read.keep(copy.position)
        reading = Unescaping()
        self.once = _Reader(copy, reading, ViewScanner(copy, reading, source=read, growing=growing))
        self.deep: _Reader | None = None
        self.hidden: HiddenScanner | None = None
        self.alike = 0

    def fork(self) -> _Fork:
        """The same readings once more."""
        other = copy(self)
        other.once = self.once.fork()
        other.deep = None if self.deep is None else self.deep.fork()
        other.hidden = None if self.hidden is None else self.hidden.fork()
        return other

    @property
    def readers(self) -> Sequence[_Reader]:
        return (self.once,) if self.deep is None else (self.once, self.deep)

    @property
    def reading(self) -> Unescaping:
        """The one whose escapes count."""
        return self.once.reading if self.deep is None else self.deep.reading

    @property
    def safe(self) -> int:
        safe = self.once.seen.safe
        if self.deep is not None:
            safe = min(safe, self.deep.seen.safe)
        return safe if self.hidden is None else min(safe, self.hidden.safe)

    @property
    def growing(self) -> bool:
        return any(reader.seen.growing for reader in self.readers)

    @property
    def known_from(self) -> int:
        return min(reader.seen.known_from for reader in self.readers)


class ReadingsScanner:
    """Reads one text piece by piece; see `guardproxy.match.scanner.Scanner`. `begin` makes a fresh scanner."""

    __slots__ = ("_begin", "_beside", "_fork", "_growing", "_pending", "_written")

    def __init__(self, begin: Callable[[], SetScanner]) -> None:
        self._begin = begin
        self._written = begin()
        self._fork: _Fork | None = None
        self._growing: Growing = {}  # as long as there is no fork
        self._beside = 0  # the steps of work of the other readings
        self._pending: list[tuple[int, int, Span]] = []  # (start, reading, span), as they were found

    @property
    def safe(self) -> int:
        fork = self._fork
        if fork is None:
            return self._written.safe
        reading = fork.reading
        safe = reading.begin_at(min(self._written.safe, fork.safe))
        if reading.begun:  # a span may end in it, and then covers all of it
            known = self._written.position - len(reading.begun)
            return min(safe, *(reading.begin_at(start) for start, _, span in self._pending if span.end > known), known)
        return safe

    @property
    def work(self) -> int:
        """The steps of work that this text has cost so far, in all readings."""
        return self._written.work + self._beside

    @property
    def forked(self) -> bool:
        """Whether there are several readings to follow."""
        return self._fork is not None

    def feed(self, text: str) -> Sequence[Span]:
        if self._fork is None and text.isascii() and not has_escapes(text):  # one reading, as of most text
            return self._feed_alone(text)
        found: list[Span] = []
        at = 0
        while at < len(text):
            if self._fork is None:
                stretch = text[at : at + _AT_A_STRETCH]
                stays = min(stays_at_first(stretch), first_escape(stretch))
                if stays == len(stretch) or stays >= _FORKED:
                    found += self._feed_alone(stretch[:stays])
                    at += stays
                    continue
                self._fork = self._forked()
            found += self._feed_all(self._fork, text[at : at + _FORKED])
            at += _FORKED
        return found

    def finish(self) -> Sequence[Span]:
        fork, self._fork = self._fork, None
        if fork is None:
            return self._written.finish()
        self._note(_WRITTEN, self._written.finish())
        before = self._written.done
        self._note(_SEEN, fork.once.finish())
        self._note(_DEEP, fork.deep.finish() if fork.deep else ())
        self._note(_HIDDEN, fork.hidden.finish() if fork.hidden else ())
        self._beside += self._written.done - before
        return self._decided(fork.reading, self._written.position)

    def fork(self) -> Self:
        """Another scanner that has read the same text."""
        other = copy(self)
        other._written = self._written.fork()
        other._fork = None if self._fork is None else self._fork.fork()
        other._pending = [*self._pending]
        return other

    def stands_like(self, other: Self, alike: int) -> bool:
        """Whether both will find the same in whatever comes: see `SetScanner`; and there is one reading, in which
        nothing that was reported may still grow.
        """
        if self._grows or other._grows:
            return False
        return self._written.stands_like(other._written, alike)

    @property
    def _grows(self) -> bool:
        """Whether there are several readings to follow, or a span may still grow."""
        if self._fork is not None or self._pending:
            return True
        return bool(self._growing) and bool(still_growing(self._growing, (), self._written.safe))

    def _feed_alone(self, text: str) -> Sequence[Span]:
        spans = self._written.feed(text)
        if spans:
            self._growing = still_growing(self._growing, spans, self._written.safe)
        return spans

    def _forked(self) -> _Fork:
        growing, self._growing = self._growing, {}
        return _Fork(self._written.fork(), still_growing(growing, (), self._written.safe) if growing else growing)

    def _feed_all(self, fork: _Fork, piece: str) -> Sequence[Span]:
        begin = self._written.position
        self._note(_WRITTEN, self._written.feed(piece))
        before = self._written.done
        if fork.deep is None and is_nested(fork.once.reading.begun + piece):
            fork.deep = fork.once.fork(deep=True)
        self._note(_SEEN, fork.once.seen.feed(piece))
        if fork.deep is not None:
            self._note(_DEEP, fork.deep.seen.feed(piece))
        stays = stays_at_last(piece)
        if stays < len(piece) and fork.hidden is None and is_hiding(piece):
            fork.hidden = HiddenScanner(self._begin, begin)
        alike = 0 if fork.reading.begun else min(stays, self._written.position - fork.reading.last_end)
        fork.alike = alike if alike < len(piece) else fork.alike + alike
        if fork.hidden is not None:
            self._note(_HIDDEN, fork.hidden.feed(piece))
        self._beside += self._written.done - before
        safe = self.safe
        spans = self._decided(fork.reading, safe) if self._pending else ()
        passed = min(safe, fork.known_from, *(start for start, _, _ in self._pending))
        for reader in fork.readers:
            reader.reading.forget(passed)
        if fork.alike and not self._pending and self._is_over(fork):
            self._fork = None
        return spans

    def _is_over(self, fork: _Fork) -> bool:
        """Whether all readings will find the same in whatever comes."""
        if fork.growing or (fork.hidden is not None and fork.hidden.open):
            return False
        return all(self._written.stands_like(reader.copy, fork.alike) for reader in fork.readers)

    def _note(self, reading: int, spans: Iterable[Span]) -> None:
        for span in spans:
            self._pending.append((span.start, reading, span))

    def _decided(self, reading: Unescaping, safe: int) -> Sequence[Span]:
        """Those of the pending spans that begin before `safe`, with whole escapes: by start, then reading, then as they
        were found.
        """
        decided, pending = [], []
        for entry in self._pending:
            _, number, span = entry
            whole = reading.whole(span)
            if whole.start < safe:
                decided.append((whole.start, number, whole))
            else:
                pending.append(entry)
        self._pending = pending
        return list(dict.fromkeys(span for _, _, span in sorted(decided, key=itemgetter(0, 1))))
