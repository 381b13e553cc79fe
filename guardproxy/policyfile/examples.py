"""A rule's own examples, run: what it must find, what it must leave alone, and what it is known to miss.

So that no real-looking credential stands in a file, an example may hold generators: `{alnum:32}` becomes 32 random
letters and digits, the same ones on every run. `{{` and `}}` are literal braces. Every `match` example is also read in
pieces, the first one of a rule with a cut at each position: what a stream finds must not depend on where it was cut.
"""

from __future__ import annotations

import multiprocessing
import re
import string
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple

from guardproxy.core.policy import Detector
from guardproxy.errors import ConfigurationError
from guardproxy.match.scanner import Span
from guardproxy.policyfile.compile import CompiledRule
from guardproxy.policyfile.mistakes import suggestion

ALPHABETS: Final[Mapping[str, str]] = {
    "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "base36": string.ascii_lowercase + string.digits,
    "base58": "".join(char for char in string.digits + string.ascii_letters if char not in "0IOl"),
    "base62": string.ascii_letters + string.digits,
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
}
MAX_GENERATED: Final = 10_000
# The length of the pieces an example is cut into; each position is a cut in one of as many ways to begin.
PIECE: Final = 9
WORTH_FORKING: Final = 100

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z0-9]+):(?P<length>[0-9]{1,6})\}|[{}]")


class ExampleFailure(NamedTuple):
    """An example that does not hold. `where` is `file:line:column`."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def run_examples(rules: Iterable[CompiledRule], *, thoroughly: bool = False) -> list[ExampleFailure]:
    """All examples of the rules that do not hold, in the order they were written.

    `thoroughly`: every match example is cut at each position, not only the first one of a rule.
    Raises `ConfigurationError` for a rule whose options cannot be used.
    """
    return [failure for rule in rules for failure in _failures(rule, thoroughly=thoroughly)]


def problems_side_by_side(rules: Sequence[CompiledRule], processes: int) -> list[list[str]]:
    """For each rule what is wrong with it: its options cannot be used, or examples of it do not hold.

    In several processes, where this system can fork and there are rules enough to be worth it.
    """
    if processes < 2 or len(rules) < WORTH_FORKING or sys.platform != "linux":
        return list(map(_problems, rules))
    parts = [rules[start::processes] for start in range(processes)]
    context = multiprocessing.get_context("fork")
    with context.Pool(processes, _inherit, (parts,)) as pool:
        found = pool.map(_run_part, range(processes))
    return [found[number % processes][number // processes] for number in range(len(rules))]


def _problems(rule: CompiledRule) -> list[str]:
    try:
        return list(map(str, _failures(rule)))
    except ConfigurationError as error:
        return error.message.splitlines()


# What a forked process works on: rules hold detectors and cannot be sent, but they can be inherited.
_inherited: list[Sequence[CompiledRule]] = []


def _inherit(parts: Sequence[Sequence[CompiledRule]]) -> None:
    _inherited[:] = parts


def _run_part(number: int) -> list[list[str]]:
    return list(map(_problems, _inherited[number]))


def count_examples(rules: Iterable[CompiledRule]) -> int:
    """How many examples `run_examples` would run."""
    examples = (rule.document.written.examples for rule in rules)
    return sum(len(given.match) + len(given.pass_) + len(given.todo_match) for given in examples)


def expand(template: str, random: Random) -> str:
    """The example text with its generators run. Raises `ConfigurationError` for one that is malformed."""

    def replace(token: re.Match[str]) -> str:
        if token[0] in ("{{", "}}"):
            return token[0][0]
        if token["name"] is None:
            raise ConfigurationError(f"a lone '{token[0]}': write '{token[0] * 2}', or a generator like {{hex:40}}")
        if token["name"] not in ALPHABETS:
            raise ConfigurationError(f"unknown generator '{token['name']}'{suggestion(token['name'], ALPHABETS)}")
        if not 0 < (length := int(token["length"])) <= MAX_GENERATED:
            raise ConfigurationError(f"a generator makes 1 to {MAX_GENERATED:,} characters, not {length:,}")
        return "".join(random.choices(ALPHABETS[token["name"]], k=length))

    return _TOKEN.sub(replace, template)


def _failures(rule: CompiledRule, *, thoroughly: bool = False) -> Iterator[ExampleFailure]:
    given = rule.document.written.examples
    detector = rule.detector()
    kinds = {"match": given.match, "pass": given.pass_, "todo_match": given.todo_match}
    for kind, templates in kinds.items():
        for index, template in enumerate(templates):
            # Seeded by its own place: adding an example leaves the texts of the others as they were.
            random = Random(f"{rule.rule.id}/{kind}/{index}")  # noqa: S311
            try:
                text = expand(template, random)
                starts = _starts(0 if thoroughly else index)
                message = _missed(detector, text, starts) if kind == "match" else _CHECKS[kind](detector, text)
            except ConfigurationError as error:
                message = error.message
            if message:
                yield ExampleFailure(rule.document.at("examples", kind, index), f"{rule.rule.id}: {message}")


def _starts(index: int) -> range:
    """Where the first of the pieces begin: the first example of a rule is cut at every place, others at every third."""
    return range(PIECE) if index == 0 else range(index % 3, PIECE, 3)


def _missed(detector: Detector, text: str, starts: Iterable[int]) -> str:
    spans = detector.scan(text)
    if not spans or not detector.may_match(text):
        return "this match example is not found"
    whole = _covered(spans)
    for first in starts:
        cuts = [0, *range(first, len(text), PIECE), len(text)]
        pieces = [text[start:end] for start, end in pairwise(cuts)]
        if _covered(_streamed(detector, *pieces)) != whole:
            return f"this match example is found otherwise when a stream is cut: {' | '.join(filter(None, pieces))}"
    return ""


def _false_alarm(detector: Detector, text: str) -> str:
    if not (spans := detector.scan(text)):
        return ""
    start, end, _ = spans[-1]
    return f"this pass example is found, at characters {start} to {end}"


def _done(detector: Detector, text: str) -> str:
    return "this todo_match example is found now: move it to match" if detector.scan(text) else ""


_CHECKS: Final = {"pass": _false_alarm, "todo_match": _done}


def _streamed(detector: Detector, *pieces: str) -> list[Span]:
    scanner = detector.scanner()
    spans = [span for piece in pieces for span in scanner.feed(piece)]
    return [*spans, *scanner.finish()]


def _covered(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The stretches of text that the spans cover together: what would be redacted."""
    stretches: list[tuple[int, int]] = []
    for start, end, _ in sorted(spans):
        if stretches and start <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        else:
            stretches.append((start, end))
    return stretches
