"""What an excerpt of a text hides: whatever any rule hides, wherever it applies, and halves of what is cut in two.

To know that, the text is held against every rule once more, so it costs what inspecting it costs: it stops as often (a
bare `yield`), and is paid for. Where that is more than may be spent on showing (`guardproxy.core.allowance`) no excerpt
is shown. What was decided stays decided.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence

from guardproxy.core.allowance import Allowance, Showing, scan_within
from guardproxy.core.excerpt import Range, mask_excerpt
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.policy import Policy
from guardproxy.core.rewrite import hides
from guardproxy.core.scanning import Hits, runs_of, scan_run
from guardproxy.match.scanner import Span

# Characters shown on each side of a match.
EXCERPT_CONTEXT = 40


class Excerpts:
    """What a reviewer may see of one text around a match. `hidden` are the ranges that nobody may see."""

    def __init__(self, text: str, hidden: Iterable[Range]) -> None:
        self._text = text
        self._hidden = sorted(set(hidden))
        # A hidden text that reaches into a window begins at most so far before it.
        self._longest = max((end - start for start, end in self._hidden), default=0)

    def around(self, start: int, end: int) -> str:
        first = bisect_left(self._hidden, (start - EXCERPT_CONTEXT - self._longest, 0))
        last = bisect_left(self._hidden, (end + EXCERPT_CONTEXT, 0))
        return mask_excerpt(self._text, start, end, self._hidden[first:last], EXCERPT_CONTEXT)


def masked(
    policy: Policy, text: str, found: Iterable[Span], allowance: Allowance
) -> Generator[None, None, Excerpts | None]:
    """The excerpts of a text, which is scanned once, however many are shown; None where that costs too much.

    `found` are the matches of the text, which mask each other.
    """
    hidden = [(span.start, span.end) for span in found if hides(policy.rules[span.rule])]
    for detector in policy.masking:
        spans = yield from scan_within(Showing(allowance), detector, text)
        if spans is None:
            return None
        hidden += [(span.start, span.end) for span in spans]
    return Excerpts(text, hidden)


def masks_of_runs(
    policy: Policy, segments: Sequence[Segment], hits: Collection[Segment], allowance: Allowance
) -> Generator[None, None, Mapping[Segment, Sequence[Span]]]:
    """What an excerpt of a segment hides because of its neighbours: its part of a secret that is cut in two.

    Where that costs too much the `allowance` shows nothing any more, and what is told is not all.
    """
    masks: Hits = {}
    for provenance in Provenance:
        for together in runs_of([segment for segment in segments if segment.provenance is provenance]):
            if any(segment in hits for segment in together):
                for detector in policy.masking:
                    if not (yield from scan_run(detector, together, masks, Showing(allowance))):
                        return masks
    return masks
