"""What the rules find, counted: in ordinary text (false alarms) and in labelled text (recall and false alarms).

A *finding* is what a reader would call one: overlapping spans of one rule are one finding. Every text is scanned whole.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from bench.named_text import HARMLESS, Mark, Record
from bench.ordinary_text import Kind, Piece
from bench.ruleset import Ruleset
from guardproxy.core.policy import Detector
from guardproxy.match.scanner import Span

UNLABELLED: Final = "(no label)"

T = TypeVar("T")
Say = Callable[[str], None]
_REPORT_EVERY_S: Final = 5.0


def find(detectors: Iterable[Detector], text: str) -> list[Span]:
    """The findings in `text`, by place."""
    return merged(span for detector in detectors for span in detector.scan(text))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans of the same rule as one."""
    last: dict[str, int] = {}
    findings: list[Span] = []
    for span in sorted(spans):
        index = last.get(span.rule)
        if index is not None and span.start < findings[index].end:
            findings[index] = findings[index]._replace(end=max(span.end, findings[index].end))
        else:
            last[span.rule] = len(findings)
            findings.append(span)
    return findings


class Shown(NamedTuple):
    """One finding for a person: where it stands, and its masked surroundings."""

    where: str
    excerpt: str


@dataclass(slots=True)
class RuleCount:
    """What one rule found: `findings` by kind of text (or label), the number of texts it hit, and a few to look at."""

    findings: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    shown: list[Shown] = field(default_factory=list)


@dataclass(slots=True)
class Work:
    """How much was scanned, and what it took: CPU seconds of this process, bytes of UTF-8."""

    texts: int = 0
    characters: int = 0
    bytes: int = 0
    cpu_s: float = 0.0

    @property
    def mb_per_s(self) -> float:
        return self.bytes / 1e6 / self.cpu_s if self.cpu_s > 0 else 0.0

    def find(self, detectors: Iterable[Detector], text: str) -> list[Span]:
        """`find`, on the clock."""
        before = time.process_time()
        findings = find(detectors, text)
        self.cpu_s += time.process_time() - before
        self.texts += 1
        self.characters += len(text)
        self.bytes += len(text.encode("utf-8", "surrogatepass"))
        return findings


@dataclass(slots=True)
class Ordinary:
    """The count on ordinary text. `characters` by kind; `rules` has every rule that was looked for."""

    rules: dict[str, RuleCount]
    characters: Counter[Kind] = field(default_factory=Counter)
    work: Work = field(default_factory=Work)


def count_ordinary(ruleset: Ruleset, pieces: Sequence[Piece], show: int, say: Say) -> Ordinary:
    """Hold every rule against every piece, whatever it applies to. Keeps `show` findings of each rule to look at."""
    ordinary = Ordinary({rule: RuleCount() for rule in ruleset.active})
    for number, piece in enumerate(_told(pieces, f"of {len(pieces)} pieces", say), start=1):
        ordinary.characters[piece.kind] += len(piece.text)
        findings = ordinary.work.find(ruleset.everywhere, piece.text)
        where = f"{piece.origin}, piece {number}"
        _count(ruleset, ordinary.rules, piece.kind, Shown(where, piece.text), findings, show)
    return ordinary


def _count(
    ruleset: Ruleset, rules: dict[str, RuleCount], column: str, text: Shown, findings: Sequence[Span], show: int
) -> None:
    for rule in dict.fromkeys(span.rule for span in findings):
        rules[rule].texts[column] += 1
    for span in findings:
        count = rules[span.rule]
        count.findings[column] += 1
        if len(count.shown) < show:
            count.shown.append(Shown(text.where, ruleset.excerpt(text.excerpt, findings, span)))


@dataclass(slots=True)
class Found:
    """Of `total`, `found` were found, and `whole` of them from the first to the last character."""

    total: int = 0
    found: int = 0
    whole: int = 0


@dataclass(slots=True)
class Labelled:
    """The count on labelled text: texts by (label, group), marked places by type, and each rule by label."""

    rules: dict[str, RuleCount]
    groups: dict[tuple[str, str], Found] = field(default_factory=dict)
    types: dict[str, Found] = field(default_factory=dict)
    work: Work = field(default_factory=Work)


class Reading(NamedTuple):
    """How labelled text is looked at: every rule `everywhere`, grouped `by` a fact, `show` false alarms of a rule."""

    everywhere: bool = False
    by: str = "kind"
    show: int = 0


def count_labelled(ruleset: Ruleset, records: Iterable[Record], reading: Reading, say: Say) -> Labelled:
    """Hold the rules against every record. A harmless text with a finding is a false alarm, any other one is caught."""
    labelled = Labelled({rule: RuleCount() for rule in ruleset.active})
    for record in _told(records, "labelled texts", say):
        label = record.label or UNLABELLED
        findings = labelled.work.find(
            ruleset.detectors_at(None if reading.everywhere else record.provenance), record.text
        )
        group = labelled.groups.setdefault((label, record.facts.get(reading.by, "")), Found())
        group.total += 1
        group.found += bool(findings)
        show = reading.show if label in HARMLESS else 0
        _count(ruleset, labelled.rules, label, Shown(record.where, record.text), findings, show)
        _count_marks(labelled.types, record, findings)
    return labelled


def _count_marks(types: dict[str, Found], record: Record, findings: Sequence[Span]) -> None:
    for mark in record.marks:
        of_type = types.setdefault(mark.type, Found())
        of_type.total += 1
        of_type.found += any(span.start < mark.end and span.end > mark.start for span in findings)
        of_type.whole += _covered(mark, findings)


def _covered(mark: Mark, findings: Sequence[Span]) -> bool:
    """Whether the findings together, which come by place, hide all of it."""
    at = mark.start
    for span in findings:
        if span.start <= at:
            at = max(at, span.end)
    return at >= mark.end


def _told(texts: Iterable[T], what: str, say: Say) -> Iterator[T]:
    """The same texts; every few seconds somebody waiting is told how many there were."""
    due = time.monotonic() + _REPORT_EVERY_S
    for number, text in enumerate(texts):
        if time.monotonic() >= due:
            say(f"{number:,} {what}")
            due = time.monotonic() + _REPORT_EVERY_S
        yield text
