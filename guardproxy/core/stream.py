"""Streamed text out, exactly as safe as if the whole text had been redacted at once.

A `StreamGuard` stands on one channel (one text that grows in a stream). Its scanners say what they found and up to
where they are sure; it releases text up to the least of their `safe`, with every cluster of hiding spans replaced by
one placeholder. Text that can still become part of a match waits; all other text leaves in the same call.

Three things make this equal to `redact()` on the whole text, for every way of cutting it:

- a span is looked at only once its start lies before `safe`: nothing that starts earlier can appear any more;
- a span that starts inside a cluster that is already out only makes that cluster longer (`_covered`), so a match
  may grow without end while its placeholder left long ago;
- among spans with one start the first scanner's first confirmed span names the cluster, and both orders are functions
  of the text alone.

A text that may have ended can be paused: what is held is decided as at its end. It may go on all the same, and what a
match has shown by then cannot be taken back; its rest is hidden.

A rule that blocks stops the channel at the start of its match: text before it is out, nothing after it ever is. A text
that costs more to look at than is allowed stops it too: what was not decided by then never leaves (under a policy in
shadow mode, which stops and hides nothing, it leaves unread).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guardproxy.core.allowance import Allowance
from guardproxy.core.hit import Hit, OnHit, Told
from guardproxy.core.moved import Moved
from guardproxy.core.policy import Rule
from guardproxy.core.rewrite import RANKS, Pending, hides
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import MeteredScanner, Span

# A longer piece is read in several, so that it can end between two of them: under the worst of policies a character
# costs a millisecond.
_AT_A_STRETCH = 256

# Characters: to ask after each chunk of a few would cost more than most chunks do.
_PAID_AT_ONCE = 64

# Enough released text to mask what stands before a match, also when it begins in the middle of something.
_TAIL = 512


class StreamGuard:
    """Guards one channel. `feed()` and `finish()` return what may go out now; `blocked` is the rule that ended it."""

    __slots__ = (
        "_allowance",
        "_at",
        "_base",
        "_buffer",
        "_counted",
        "_covered",
        "_first",
        "_on_hit",
        "_order",
        "_pending",
        "_ranks",
        "_rules",
        "_scanners",
        "_shift",
        "_tail",
        "_told",
        "_worked",
        "blocked",
        "ended",
    )

    def __init__(
        self,
        scanners: Sequence[MeteredScanner],
        rules: Mapping[str, Rule],
        on_hit: OnHit,
        allowance: Allowance | None = None,
    ) -> None:
        self._scanners = tuple(scanners)
        self._ranks: Sequence[int] = range(0, RANKS * len(scanners), RANKS)
        self._allowance = Allowance(None) if allowance is None else allowance
        self._worked = self._counted = 0  # steps of work, and characters, that were paid for
        self._rules = rules
        self._on_hit = on_hit
        self._buffer = ""  # text from `_base` on
        self._base = 0
        self._at = 0  # text before is released or hidden; between two calls it is `_base`
        self._covered = 0  # end of the last cluster whose placeholder is out
        self._first = self._shift = 0  # where the first cluster begins; how far text behind the last one has moved
        self._pending: list[Pending] = []
        self._order = 0
        self._tail = ""
        self._told = Told()
        self.blocked: Rule | None = None
        self.ended = False

    @property
    def length(self) -> int:
        """Code points of the text so far."""
        return self._base + len(self._buffer)

    @property
    def held(self) -> int:
        """Code points that wait for a decision."""
        return len(self._buffer)

    @property
    def edited(self) -> bool:
        """Whether any text was hidden so far."""
        return self._covered > 0

    def hid_behind(self, place: int) -> bool:
        """Whether any text behind that place of the text as it came was hidden so far."""
        return self._covered > place

    @property
    def moved(self) -> Moved | None:
        """Where places of the text have gone, as far as it is decided; None if nothing was hidden so far."""
        if not self.edited:
            return None
        return Moved(self._first, self._covered, self._shift - max(self._covered - self._at, 0))

    def decides(self, place: int) -> bool:
        """Whether all text before that place of the text as it came is decided, so that `moved` holds for it."""
        return not self._scanners or place <= self._base

    def feed(self, text: str) -> str:
        if not self._scanners:
            return text
        if self.blocked is not None:
            return ""
        if len(text) > _AT_A_STRETCH:
            return "".join(self.feed(text[at : at + _AT_A_STRETCH]) for at in range(0, len(text), _AT_A_STRETCH))
        self._buffer += text
        safe = self._base + len(self._buffer)
        owing = safe - self._counted
        for number, scanner in enumerate(self._scanners):
            spans = scanner.feed(text)
            if spans:
                self._queue(self._ranks[number], spans)
            if scanner.safe < safe:
                safe = scanner.safe
        if owing >= _PAID_AT_ONCE and not self._pay():
            return self._give_up()
        return self._release(safe)

    def finish(self) -> str:
        """The text ends here: everything that is left is decided."""
        self.ended = True
        if not self._scanners or self.blocked is not None:
            return ""
        return self._end(self.length)

    def take(self) -> str:
        """What was decided since the text has ended: nothing, if it is joined with no other."""
        return ""

    def _end(self, sure: int) -> str:
        for number, scanner in enumerate(self._scanners):
            self._queue(self._ranks[number], scanner.finish())
        if not self._pay():
            return self._give_up()
        return self._release(min(sure, self.length))

    def pause(self) -> str:
        """The text may end here: what `finish()` would give, so that nothing is held any more. Should it go on, a match
        that began before is hidden from here on.
        """
        if not self._scanners or self.blocked is not None or not self._buffer:
            return ""
        going_on = tuple([scanner.fork() for scanner in self._scanners])
        released = self.finish()
        self.ended = False
        if self._scanners:  # otherwise it was given up
            self._scanners = going_on
            self._worked = sum([scanner.work for scanner in going_on])
        return released

    def _pay(self) -> bool:
        """Whether what was read is within the allowance."""
        worked = sum([scanner.work for scanner in self._scanners])
        steps, characters = worked - self._worked, self._base + len(self._buffer) - self._counted
        self._worked, self._counted = worked, self._counted + characters
        return self._allowance.spend(steps, characters)

    def _give_up(self) -> str:
        """The text costs too much to look at. That ends the channel; in shadow mode it goes on unread."""
        rule, unread = self._allowance.rule, self._buffer
        self._on_hit(Hit(rule, self._at, self._at, "", 0))
        self._pending.clear()
        self._buffer = ""
        if rule.action is Action.BLOCK:
            self.blocked = rule
            return ""
        self._scanners = ()
        return unread

    def _queue(self, rank: int, spans: Sequence[Span]) -> None:
        for span in spans:
            self._pending.append(Pending(span.start, rank, span.start, "", self._order, span.end, span.rule))
            self._order += 1

    def _release(self, safe: int) -> str:
        if not self._pending and self._covered <= self._at:  # nothing was found near, as in most text
            return self._let_out(safe)
        out: list[str] = []
        if self._pending and not self._apply_decided(safe, out):
            self._pending.clear()
            self._buffer = ""
            return "".join(out)
        self._hide()
        if safe > self._at:
            out.append(self._advance(safe))
        self._buffer = self._buffer[self._at - self._base :]
        self._base = self._at
        released = "".join(out)
        self._remember(released)
        return released

    def _let_out(self, safe: int) -> str:
        """What `_release` comes to where there is nothing to hide."""
        decided = max(safe - self._base, 0)
        released, self._buffer = self._buffer[:decided], self._buffer[decided:]
        self._base = self._at = self._base + decided
        self._remember(released)
        return released

    def _remember(self, released: str) -> None:
        """Keep enough of what is out for what stands before a match; it is cut to that now and then."""
        tail = self._tail + released
        self._tail = tail if len(tail) < 2 * _TAIL else tail[-_TAIL:]

    def _apply_decided(self, safe: int, out: list[str]) -> bool:
        """Take the spans into account that nothing can come before any more; False when one ends the channel."""
        self._pending.sort()
        decided = 0
        for span in self._pending:
            if span.start >= safe and span.start >= self._covered:
                break
            decided += 1
            if not self._apply(span, out):
                return False
        del self._pending[:decided]
        return True

    def _apply(self, span: Pending, out: list[str]) -> bool:
        rule = self._rules[span.rule]
        inside = span.start < self._covered
        self._hide()
        if not inside and hides(rule):
            out.append(self._advance(span.start))
        self._report(rule, span, out)
        if rule.action is Action.BLOCK:
            self.blocked = rule
            return False
        if hides(rule):
            if not inside:
                out.append(rule.placeholder)
                if not self.edited:
                    self._first = max(span.start, self._at)
                self._shift += len(rule.placeholder)
            self._covered = max(self._covered, span.end)
        return True

    def _hide(self) -> None:
        """Pass over what is left of the last cluster."""
        self._shift -= len(self._advance(min(self._covered, self._base + len(self._buffer))))

    def _advance(self, to: int) -> str:
        """Go on to offset `to`; the text on the way."""
        if to <= self._at:
            return ""
        passed = self._buffer[self._at - self._base : to - self._base]
        self._at = to
        return passed

    def _report(self, rule: Rule, span: Pending, out: Sequence[str]) -> None:
        """Tell the listener once per rule and start, however often the span grows."""
        if not self._told.is_new(rule.id, span.start):
            return
        # Inside a cluster that is out it has lost its beginning, or all of it.
        begin = max(min(max(span.start, self._at), span.end), self._base)
        before = self._text_before(begin, out)
        match = self._buffer[begin - self._base : max(span.end - self._base, 0)]
        self._on_hit(Hit(rule, span.start, span.end, before + match, len(before)))

    def _text_before(self, offset: int, out: Sequence[str]) -> str:
        """The last characters that leave before `offset`, the undecided ones among them as they are."""
        text = self._buffer[max(self._at, offset - _TAIL) - self._base : offset - self._base]
        for piece in reversed(out):
            if len(text) >= _TAIL:
                return text
            text = piece[-_TAIL:] + text
        return (self._tail + text)[-_TAIL:]
