"""The packs that ship, all three on for what a model says, and what a whole text becomes under them.

Compiled once per session: the properties of this folder hold it against texts, streams and single rules.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import AnswerFields, Detector, Policy
from guardproxy.core.rewrite import redact
from guardproxy.core.stream import StreamGuard
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import Span
from guardproxy.policyfile.compile import CompiledRule, compile_policy, compile_rules
from guardproxy.policyfile.examples import expand
from guardproxy.policyfile.load import PolicyDocument, read_policy

# Injections block in the texts they are for; here they redact like the others, so that no text ends early.
_WRITTEN = """\
version: 1
name: all-packs
packs: [secrets, pii, injection]
override:
  injection.*: {applies_to: [model, tool, document], action: redact}
"""


@cache
def _document() -> PolicyDocument:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "all-packs.yaml"
        file.write_text(_WRITTEN, encoding="utf-8")
        return read_policy(file)


@cache
def policy() -> Policy:
    return compile_policy(_document())


@cache
def interleaved() -> Policy:
    """For an upstream that may return to any field of a choice at any time."""
    return replace(policy(), answer_fields=AnswerFields.INTERLEAVED)


@cache
def rules() -> Mapping[str, CompiledRule]:
    """By id, in the order of the packs."""
    return {compiled.rule.id: compiled for compiled in compile_rules(_document())}


def cold() -> tuple[Detector, ...]:
    """Detectors that have read nothing, as in a process that has just started."""
    return compile_policy(_document()).detectors_for(Provenance.MODEL)


@cache
def detectors() -> tuple[Detector, ...]:
    found = policy().detectors_for(Provenance.MODEL)
    assert {Action.REDACT} == {compiled.rule.action for compiled in rules().values()}
    return found


@cache
def accelerated() -> tuple[Detector, ...]:
    """The same detectors, with the native library."""
    found = compile_policy(_document()).detectors_for(Provenance.MODEL)
    for detector in found:
        detector.accelerate()
    return found


@cache
def alone(rule: str) -> Detector:
    """A detector of one rule."""
    return rules()[rule].detector()


@cache
def examples(rule: str, kind: str) -> tuple[str, ...]:
    """The templates a rule has under `match` or `pass`."""
    written = rules()[rule].document.written.examples
    return tuple(written.match if kind == "match" else written.pass_)


def example(rule: str, kind: str, random: Random) -> str:
    """A text of the rule, made up anew: one that matches, or one that only looks like it."""
    return expand(random.choice(examples(rule, kind)), random)


def spans_in(text: str, looking: Sequence[Detector] | None = None) -> list[Span]:
    return [span for detector in (detectors() if looking is None else looking) for span in detector.scan(text)]


def whole(text: str) -> str:
    """What the text becomes when it is redacted at once."""
    return redact(text, spans_in(text), policy().rules)


def covered(spans: Iterable[tuple[int, int]]) -> set[int]:
    """The offsets that (start, end) cover."""
    return {offset for start, end in spans for offset in range(start, end)}


def hidden(spans: Iterable[Span]) -> set[int]:
    return covered((span.start, span.end) for span in spans)


def guard() -> StreamGuard:
    """A guard of one channel of an answer."""
    return StreamGuard([detector.scanner() for detector in detectors()], policy().rules, lambda hit: None)


def streamed(pieces: Iterable[str]) -> str:
    one = guard()
    return "".join([*map(one.feed, pieces), one.finish()])
