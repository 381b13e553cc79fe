"""Finding: what the detectors of one provenance see in the texts of one exchange.

Nearly every exchange holds nothing, so one cheap question is asked about all texts together; and where a detector does
not tell well, one about all names and ids, which look like what is looked for and would make the other question dear.
What a model reads as one text (`Segment.run`) is also looked at as one, so that nothing hides in the cut between two
parts. Everything here stops now and then (a bare `yield`): between two stops at most a slice of a long text is read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Final

from guardproxy.core.allowance import Account, Allowance, scan_within
from guardproxy.core.exchange import ALONE, Segment
from guardproxy.core.memo import LEAST, Memo
from guardproxy.core.policy import Detector
from guardproxy.match.pattern_set import ASKED
from guardproxy.match.scanner import Span

Hits = dict[Segment, list[Span]]

# Stands between texts that are asked about together: no letter, and nothing that a view takes out of a text, because
# they would be asked about once more without it.
_BETWEEN: Final = "\n"

# What servers put between two parts of one text before a model reads it: a credential is cut where there is nothing,
# a phrase where there is a line end.
SEAMS: Final = ("", "\n")

BRIEF: Final = 64
"""Texts of so many characters are asked about apart: most are names and ids."""

# Fewer texts are no history: looking at them costs less than asking whether they were looked at.
_HISTORY: Final = 4


# Characters that are looked at in less than a millisecond.
_AT_ONCE: Final = 16_384


def may_hold(detectors: Sequence[Detector], group: Sequence[Segment], memo: Memo | None) -> bool:
    """False only if it is plain that nothing is in these texts of one provenance. Where that takes a while, True."""
    if (memo is not None and len(group) >= _HISTORY) or runs_of(group):
        return True
    texts = [text for text, _, _, _ in group]
    together = _BETWEEN.join(texts)
    if len(together) > _AT_ONCE:
        return True
    unsure = [one for one in detectors if not one.accelerated or one.may_match(together)]
    if not unsure:
        return False
    in_brief = _BETWEEN.join([text for text in texts if len(text) <= BRIEF])
    in_long = _BETWEEN.join([text for text in texts if len(text) > BRIEF])
    for detector in unsure:
        if (in_brief and detector.may_match(in_brief)) or (in_long and detector.may_match(in_long)):
            return True
    return False


def scan_group(
    detectors: Sequence[Detector],
    group: Sequence[Segment],
    hits: Hits,
    allowance: Allowance,
    memo: Memo | None = None,
) -> Generator[None, None, Segment | None]:
    """Add to `hits` what is found in the texts of one provenance, each by itself and where several are read as one.
    Ends with a text that costs more than is allowed, if there is one.
    """
    runs = runs_of(group)
    recall = _Recall(memo, group) if memo is not None and len(group) >= _HISTORY else None
    if recall is not None:
        group = [segment for segment in group if recall.unknown((segment,))]
        runs = [run for run in runs if recall.unknown(run)]
    briefs, texts = _Together(), _Together()
    places = [(briefs if len(segment.text) <= BRIEF else texts).add(segment.text) for segment in group]
    joined = [[texts.add(seam.join(segment.text for segment in run)) for seam in SEAMS] for run in runs]
    for detector in detectors:
        brief = yield from briefs.ask(detector)
        long = yield from texts.ask(detector)
        if True not in brief and True not in long:
            continue
        for segment, place in zip(group, places, strict=True):
            if (brief if len(segment.text) <= BRIEF else long)[place]:
                spans = yield from scan_within(allowance, detector, segment.text)
                if spans is None:
                    return segment
                if spans:
                    hits.setdefault(segment, []).extend(spans)
        for run, of_run in zip(runs, joined, strict=True):
            if any(long[place] for place in of_run) and not (yield from scan_run(detector, run, hits, allowance)):
                return run[0]
    if recall is not None:
        recall.remember(hits)
    return None


def runs_of(group: Sequence[Segment]) -> list[list[Segment]]:
    """The segments a model reads as one text, where there is more than one."""
    if len(group) < 2:
        return []
    runs: dict[int, list[Segment]] = {}
    for segment in group:
        if segment.run != ALONE:
            runs.setdefault(segment.run, []).append(segment)
    return [run for run in runs.values() if len(run) > 1]


def scan_run(detector: Detector, run: Sequence[Segment], hits: Hits, allowance: Account) -> Generator[None, None, bool]:
    """Find what is cut in two between segments; each segment gets its part of the span. False if it costs too much."""
    for seam in SEAMS:
        starts = list(accumulate((len(segment.text) + len(seam) for segment in run), initial=0))
        spans = yield from scan_within(allowance, detector, seam.join(segment.text for segment in run))
        if spans is None:
            return False
        found: list[tuple[int, int, str, Span]] = []  # those that began before a text go by their start and their rule
        for span in spans:
            at = bisect_right(starts, span.start) - 1
            while at < len(run) and starts[at] < span.end:
                begun, end = span.start - starts[at], min(span.end - starts[at], len(run[at].text))
                if max(begun, 0) < end:
                    found.append(
                        (at, min(begun, 0), span.rule if begun < 0 else "", Span(max(begun, 0), end, span.rule))
                    )
                at += 1
        for at, _, _, span in sorted(found, key=itemgetter(0, 1, 2)):
            hits.setdefault(run[at], []).append(span)
    return True


class _Together:
    """Texts that are asked about together, a bounded number of characters at once."""

    def __init__(self) -> None:
        self._questions: list[list[str]] = []
        self._room = 0

    def add(self, text: str) -> int:
        """The place of its answer. A text that is longer than all of a question has one to itself."""
        if not self._questions or len(text) > self._room:
            self._questions.append([])
            self._room = ASKED
        self._questions[-1].append(text)
        self._room -= len(text)
        return len(self._questions) - 1

    def ask(self, detector: Detector) -> Generator[None, None, list[bool]]:
        """Whether it may find something in any of the texts of a question. It stops between two of them."""
        answers: list[bool] = []
        for texts in self._questions:
            if answers:
                yield
            # Of a longer text `scan` asks itself, and stops while it does.
            answers.append(len(texts[0]) > ASKED or detector.may_match(_BETWEEN.join(texts)))
        return answers


class _Recall:
    """What a memo knows of the texts and runs of one group, and what it will know when nothing is found in them."""

    def __init__(self, memo: Memo, group: Sequence[Segment]) -> None:
        self._memo = memo
        self._provenance = group[0].provenance
        self._asked: list[tuple[bytes, Sequence[Segment]]] = []

    def unknown(self, segments: Sequence[Segment]) -> bool:
        """Whether this text, or these read as one, have to be looked at."""
        if sum(len(segment.text) for segment in segments) < LEAST:
            return True
        digest = self._memo.digest(self._provenance, [segment.text for segment in segments])
        if self._memo.knows(digest):
            return False
        self._asked.append((digest, segments))
        return True

    def remember(self, hits: Hits) -> None:
        for digest, segments in self._asked:
            if not any(segment in hits for segment in segments):
                self._memo.remember(digest)
