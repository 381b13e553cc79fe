"""Looking at every text of an exchange and deciding.

`inspect()` looks at a request or a whole response; `OutputGuard` looks at a response that streams. Both hold the
same rules of the same policy against the same provenance, so both decide the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence

from guardproxy.core.allowance import MATCHING_WORK, Allowance, run_through, scan_within, too_dear
from guardproxy.core.context import refuse_opaque
from guardproxy.core.exchange import NO_RULE, Coverage, Opaque, OpaqueKind, Provenance, Seal, Segment
from guardproxy.core.hit import Hit
from guardproxy.core.joined import Run
from guardproxy.core.masking import masked, masks_of_runs
from guardproxy.core.memo import Memo
from guardproxy.core.policy import AnswerFields, Policy, Rule, Unknown
from guardproxy.core.rewrite import hides, redact
from guardproxy.core.scanning import Hits, may_hold, scan_group
from guardproxy.core.stream import StreamGuard
from guardproxy.core.tools.conversation import ToolCall, ToolResult
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.verdicts import told
from guardproxy.core.verdict import MAX_FINDINGS, Action, Finding, Severity, Verdict
from guardproxy.match.scanner import Span
from guardproxy.wire.path import Path

# Each match of a stream is shown as it comes, and to mask what stands before it costs as much as to inspect hundreds of
# characters. So many are more than a reviewer reads of one answer, and as many as an incident keeps.
MAX_SHOWN = 20

# What is told of events of a stream that no API documents: the count of them, and the finding of one that is refused.
UNKNOWN_EVENTS = "unknown_events"
UNKNOWN_EVENT = "answers.unknown_events"

# The count of calls that were cut off, which are never shown.
CUT_CALLS = "cut_calls"

_MODEL_ONLY = frozenset({Provenance.MODEL})


def inspect(policy: Policy, segments: Sequence[Segment], skipped: Collection[str] = ()) -> Verdict:
    """Hold every segment against the rules for its provenance. `skipped` names what could not be read at all."""
    return run_through(inspect_in_steps(policy, segments, skipped))


def inspect_at_once(
    policy: Policy, segments: Sequence[Segment], skipped: Collection[str] = (), memo: Memo | None = None
) -> Verdict | None:
    """The verdict on a few short texts in which it is plain that nothing is, as in most; None for all others."""
    groups = _groups(segments)
    for provenance, group in groups.items():
        detectors = policy.detectors.get(provenance)
        if detectors and may_hold(detectors, group, memo):
            return None
    return Verdict(Action.ALLOW, coverage=Coverage.of(groups, skipped, policy.watched))


def inspect_in_steps(
    policy: Policy, segments: Sequence[Segment], skipped: Collection[str] = (), memo: Memo | None = None
) -> Generator[None, None, Verdict]:
    """`inspect` that stops now and then, so that a long text holds nobody else up. Texts the `memo` knows are clean."""
    groups = _groups(segments)
    coverage = Coverage.of(groups, skipped, policy.watched)
    hits: Hits = {}
    allowance = Allowance(policy.limits.matching_work, shadow=policy.shadow)
    known = None if memo is None else memo.under(policy.revision)
    for provenance, group in groups.items():
        if detectors := policy.detectors.get(provenance):
            dear = yield from scan_group(detectors, group, hits, allowance, known)
            if dear is not None:
                unread = Coverage.of({}, [*skipped, *(MATCHING_WORK for _ in segments)])
                told = (too_dear(provenance, dear.path),)
                if policy.shadow:
                    return Verdict(Action.ALLOW, coverage=unread, shadow=told, would=Action.BLOCK)
                return Verdict(Action.BLOCK, told, coverage=unread)
    if not hits:
        return Verdict(Action.ALLOW, coverage=coverage)
    yield
    masks = yield from masks_of_runs(policy, segments, hits, allowance)
    return (yield from _judge(policy, hits, masks, coverage, allowance))


def _groups(segments: Sequence[Segment]) -> Mapping[Provenance, Sequence[Segment]]:
    kinds = {provenance for _, provenance, _, _ in segments}
    if len(kinds) == 1:  # every answer
        return {kinds.pop(): segments}
    groups: dict[Provenance, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.provenance, []).append(segment)
    return groups


def _judge(
    policy: Policy,
    hits: Mapping[Segment, Sequence[Span]],
    masks: Mapping[Segment, Sequence[Span]],
    coverage: Coverage,
    allowance: Allowance,
) -> Generator[None, None, Verdict]:
    fired = [policy.rules[name] for name in {span.rule for spans in hits.values() for span in spans}]
    action, would = max(rule.action for rule in fired), max(rule.shadow for rule in fired)
    findings: list[Finding] = []
    hidden: dict[Path, tuple[str, list[Span]]] = {}
    for segment, spans in hits.items():
        if len(findings) < MAX_FINDINGS:
            more = yield from _findings(policy, segment, spans, masks.get(segment, ()), allowance)
            findings += more[: MAX_FINDINGS - len(findings)]
        if action is Action.REDACT and any(hides(policy.rules[span.rule]) for span in spans):
            # A text that is also a document is looked at twice.
            hidden.setdefault(segment.path, (segment.text, []))[1].extend(spans)
    edits = {path: redact(text, spans, policy.rules) for path, (text, spans) in hidden.items()}
    if would is Action.ALLOW:
        return Verdict(action, tuple(findings), edits, coverage)
    shadow = tuple(finding for finding in findings if policy.rules[finding.rule].shadow)
    told = tuple(finding for finding in findings if not policy.rules[finding.rule].shadow)
    return Verdict(action, told, edits, coverage, shadow=shadow, would=would)


def _findings(
    policy: Policy, segment: Segment, spans: Sequence[Span], masks: Sequence[Span], allowance: Allowance
) -> Generator[None, None, list[Finding]]:
    """What is told of one text. Once the allowance shows nothing any more there are no excerpts."""
    excerpts = None
    if allowance.shows:
        excerpts = yield from masked(policy, segment.text, [*spans, *masks], allowance)
    findings = []
    for span in sorted(set(spans))[:MAX_FINDINGS]:
        severity = policy.rules[span.rule].severity
        shown = excerpts.around(span.start, span.end) if excerpts is not None else ""
        findings.append(Finding(span.rule, severity, segment.provenance, segment.path, span.start, span.end, shown))
    return findings


class OutputGuard:
    """Looks at one streamed response: opens a guard per channel, collects the findings, knows whether to stop."""

    def __init__(self, policy: Policy, tools: ToolGuard | None = None) -> None:
        self._policy = policy
        self._tools = tools
        self._detectors = policy.detectors_for(Provenance.MODEL)
        self._allowance = Allowance(policy.limits.matching_work, shadow=policy.shadow)
        self.findings: list[Finding] = []
        self.shadow: list[Finding] = []
        self.action = self.would = Action.ALLOW
        self.blocked: Rule | None = None
        self.inspected = 0
        self.opened: list[StreamGuard] = []
        self._unread: dict[Opaque, None] = {}
        self._too_dear = self._unknown_events = 0
        self.cut_calls = 0  # left out, as they had been cut off
        self.redacts = policy.redacts_answers
        self.on_block, self.block_message = policy.on_block, policy.block_message
        self.ordered = policy.answer_fields is not AnswerFields.INTERLEAVED
        self.sequential = policy.answer_fields is AnswerFields.SEQUENTIAL

    def run(self) -> Run:
        """For texts that a client joins."""
        return Run(self._allowance)

    def open(self, path: Path, run: Run | None = None) -> StreamGuard:
        """A guard for one growing text at `path`, the next one of that run."""
        self.inspected += 1

        def on_hit(hit: Hit) -> None:
            self._found(hit.rule, path, hit.start, hit.end, self._excerpt(hit))

        scanners = [detector.scanner() for detector in self._detectors]
        rules = self._policy.rules
        if run is None:
            guard = StreamGuard(scanners, rules, on_hit, self._allowance)
        else:
            guard = run.open(scanners, rules, on_hit)
        self.opened.append(guard)
        return guard

    def _excerpt(self, hit: Hit) -> str:
        """What is shown of a match: of the first ones, and of the one that ends the answer. It costs work as well; when
        too little is left nothing is shown.
        """
        told = len(self.findings) + len(self.shadow)
        if (told >= MAX_SHOWN and hit.rule.action is not Action.BLOCK) or not self._allowance.shows:
            return ""
        excerpts = run_through(masked(self._policy, hit.context, (), self._allowance))
        return excerpts.around(hit.at, len(hit.context)) if excerpts is not None else ""

    def whole(self, text: str, path: Path) -> str:
        """Look at a text that arrives at once; what may go out of it."""
        self.inspected += 1
        spans = self._spans(text)
        if spans is None:
            self._found(self._allowance.rule, path, 0, 0, "")
            return text if self._policy.shadow else ""
        if not spans:
            return text
        excerpts = run_through(masked(self._policy, text, spans, self._allowance)) if self._shows else None
        for span in spans:
            shown = excerpts.around(span.start, span.end) if excerpts is not None and self._room else ""
            self._found(self._policy.rules[span.rule], path, span.start, span.end, shown)
        return redact(text, spans, self._policy.rules)

    def _spans(self, text: str) -> list[Span] | None:
        """What is found in it; None when it costs too much."""
        found: list[Span] = []
        for detector in self._detectors:
            if detector.may_match(text):
                spans = run_through(scan_within(self._allowance, detector, text))
                if spans is None:
                    return None
                found += spans
        return found

    def lets(self, kind: OpaqueKind, path: Path, *, seals: bool = False) -> bool:
        """Note content at `path` that nobody can read; whether the policy lets it through. If not, the answer ends."""
        item = (Seal if seals else Opaque)(kind, Provenance.MODEL, path)
        if item in self._unread:
            return True
        if len(self._unread) < MAX_FINDINGS:
            self._unread[item] = None
        refused = refuse_opaque(self._policy, (item,))
        for finding in refused:
            self._refused(finding.rule, path)
        return self._policy.shadow or not refused

    def lets_unknown(self, path: Path) -> bool:
        """Note an event whose type, at `path`, no API documents; whether it may go on. If it is refused, the answer
        ends.
        """
        self._unknown_events += 1
        if self._policy.unknown_events is Unknown.REJECT:
            self._refused(UNKNOWN_EVENT, path)
        return self._policy.shadow or self._policy.unknown_events is Unknown.PASS

    def _refused(self, rule: str, path: Path) -> None:
        """Something may not go out whatever it says; a policy in shadow only tells."""
        does, would = (Action.ALLOW, Action.BLOCK) if self._policy.shadow else (Action.BLOCK, Action.ALLOW)
        self._found(Rule(rule, rule, Severity.MEDIUM, does, _MODEL_ONLY, "", would), path, 0, 0, "")

    @property
    def judges_calls(self) -> bool:
        """Whether the policy has rules about tools, so that `judge` has to be asked before a call goes out."""
        return self._tools is not None

    def judge(self, steps: Iterable[ToolCall | ToolResult]) -> bool:
        """Hold whole calls against the rules about tools; whether they may go out."""
        for found in self._tools.judge(steps) if self._tools is not None else ():
            shadow = self._policy.shadow
            self.action = max(self.action, Action.ALLOW if shadow else found.action)
            self.would = max(self.would, found.action if shadow else Action.ALLOW)
            if found.action is Action.BLOCK and self.blocked is None and not shadow:
                self.blocked = self._policy.rules[found.rule]
            if self._room:
                (self.shadow if shadow else self.findings).append(told(self._policy, found))
        return self.blocked is None

    @property
    def _shows(self) -> bool:
        return self._room and self._allowance.shows

    @property
    def _room(self) -> bool:
        return len(self.findings) + len(self.shadow) < MAX_FINDINGS

    def _found(self, rule: Rule, path: Path, start: int, end: int, shown: str) -> None:
        self.action = max(self.action, rule.action)
        ends = rule.action is Action.BLOCK and self.blocked is None
        if ends:
            self.blocked = rule
        self.would = max(self.would, rule.shadow)
        self._too_dear += rule.id == MATCHING_WORK
        if ends or self._room or (rule.id == MATCHING_WORK and self._too_dear == 1):
            told = self.shadow if rule.shadow else self.findings
            told.append(Finding(rule.id, rule.severity, Provenance.MODEL, path, start, end, shown))

    def verdict(self) -> Verdict:
        """What has been decided so far."""
        looked_at = Provenance.MODEL.value if self._detectors else NO_RULE
        counts = {looked_at: self.inspected} if self.inspected else {}
        coverage = Coverage(counts) if self._detectors else Coverage(skipped=counts)
        if unread := [*(item.kind.value for item in self._unread), *[MATCHING_WORK] * self._too_dear]:
            coverage = coverage.plus(Coverage(skipped=Counter(unread)))
        noticed = {UNKNOWN_EVENTS: self._unknown_events, CUT_CALLS: self.cut_calls}
        features = {name: count for name, count in noticed.items() if count}
        findings, shadow = tuple(self.findings), tuple(self.shadow)
        return Verdict(self.action, findings, {}, coverage, features, shadow, self.would)
