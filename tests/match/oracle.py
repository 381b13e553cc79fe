"""What the pattern engine must find, worked out the slow way: every piece of the text against Python's `re`.

Of a block the pieces are a start and all that can follow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from guardproxy.match.parts import Check
from guardproxy.match.pattern_set import Block, Pattern, PatternSet
from guardproxy.match.scanner import Scanner, Span
from guardproxy.match.syntax import PatternSyntaxError, parse_programs
from guardproxy.match.tree import Chars, Choice, Node, Repeat, Series


class Sample(NamedTuple):
    """A pattern, and the expression that means the same to Python."""

    pattern: Pattern
    python: str

    def matches(self, text: str) -> list[tuple[int, int]]:
        """Every (start, end) the specification names."""
        language = re.compile(self.python)
        bars = [re.compile(f"[{c}]") if c else None for c in (self.pattern.not_before, self.pattern.not_after)]

        def barred(bar: re.Pattern[str] | None, char: str) -> bool:
            return bool(bar and char and bar.match(char))

        return [
            (start, end)
            for start in range(len(text))
            if not barred(bars[0], text[start - 1 : start] if start else "")
            for end in range(start + 1, len(text) + 1)
            if not barred(bars[1], text[end : end + 1])
            and language.fullmatch(text, start, end)
            and (self.pattern.check is None or self.pattern.check(text[start:end]))
        ]


class BlockSample(NamedTuple):
    """A block, and expressions for its start and its end."""

    pattern: Block
    start: str
    end: str

    def matches(self, text: str) -> list[tuple[int, int]]:
        """Every start of a block, and where the block ends that it opens."""
        opened = Sample(Pattern(self.pattern.rule, "x", self.pattern.not_before), self.start).matches(text)
        closed = Sample(Pattern(self.pattern.rule, "x"), self.end).matches(text)
        found = []
        for start, inside in opened:
            limit = min(inside + self.pattern.max, len(text))
            found.append((start, min([limit, *(end for begin, end in closed if begin >= inside)])))
        return found


AnySample = Sample | BlockSample


def clusters(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that share a character, merged."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def of_rule(spans: Sequence[Span], rule: str) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in spans if span.rule == rule]


def read(scanner: Scanner, pieces: Iterable[str]) -> list[Span]:
    """Everything a scanner reports of a text in these pieces."""
    spans = [span for piece in pieces for span in scanner.feed(piece)]
    return spans + list(scanner.finish())


@st.composite
def cuts(draw: DrawFn, text: str) -> list[str]:
    """The text in pieces, some of them empty."""
    at = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]


# --- realistic patterns, small enough for brute force -----------------------------------------------------------

_WORD = "A-Za-z0-9_"
REALISTIC = [
    Sample(
        Pattern("openai", r"sk-(?:proj-)?[A-Za-z0-9_-]{5,12}", _WORD, "A-Za-z0-9_-"),
        r"sk-(?:proj-)?[A-Za-z0-9_-]{5,12}",
    ),
    Sample(Pattern("ant", r"sk-ant-\w{2}-[a-z-]{4,9}", _WORD), r"sk-ant-[A-Za-z0-9_]{2}-[a-z-]{4,9}"),
    Sample(Pattern("github", r"gh[pousr]_[A-Za-z0-9]{4}", _WORD, _WORD), r"gh[pousr]_[A-Za-z0-9]{4}"),
    Sample(Pattern("aws", r"(?:AKIA|ASIA)[A-Z0-9]{4}"), r"(?:AKIA|ASIA)[A-Z0-9]{4}"),
    Sample(Pattern("card", r"\d(?:[ -]?\d){3,6}", "0-9", "0-9"), r"[0-9](?:[ -]?[0-9]){3,6}"),
    Sample(
        Pattern("mail", r"[a-z.]{1,6}@(?:[a-z]{1,4}\.){1,2}[a-z]{2,3}"), r"[a-z.]{1,6}@(?:[a-z]{1,4}\.){1,2}[a-z]{2,3}"
    ),
    Sample(
        Pattern("ignore", r"ignore\s{1,2}(?:all )?(?:previous|prior)", ignore_case=True),
        r"(?i:ignore\s{1,2}(?:all )?(?:previous|prior))",
    ),
    Sample(Pattern("straße", "straße|ÇA VA", ignore_case=True), "(?i:straße|ÇA VA)"),
    Sample(Pattern("tag", "(?i)Straß[e-g]{1,3}-", _WORD), "(?i:straß)[e-gE-G]{1,3}-"),
    Sample(Pattern("url", r"https?://[^ ]+"), "https?://[^ ]+"),
    Sample(Pattern("list", r"id[a-z]{2,}(?:-[a-z]+)*", "a-z", "0-9", True), "(?i:id[a-z]{2,}(?:-[a-z]+)*)"),
    Sample(Pattern("quoted", r"[\"'][^\"'\n]{1,8}[\"']", not_after="é-ü"), "[\"'][^\"'\n]{1,8}[\"']"),
]


def _divisible(text: str) -> bool:
    return sum(map(int, filter(str.isdigit, text))) % 3 == 0


def _mixed(text: str) -> bool:
    return len(set(text)) > 2


CHECKED = [
    Sample(Pattern("luhn", r"\d(?:[ -]?\d){3,6}", "0-9", "0-9", check=_divisible), r"[0-9](?:[ -]?[0-9]){3,6}"),
    Sample(Pattern("triple", r"\d{3}", check=_divisible), "[0-9]{3}"),
    Sample(Pattern("digits", r"\d{2,5}", not_after="a-z", check=_divisible), "[0-9]{2,5}"),
    Sample(Pattern("token", r"[a-z\d-]{3,6}", "", "A-Z", check=_mixed), "[a-z0-9-]{3,6}"),
    Sample(Pattern("assigned", r"key ?= ?\w{2,5}", "a-z", _WORD, check=_mixed), "key ?= ?[A-Za-z0-9_]{2,5}"),
]
BLOCKS = [
    BlockSample(
        Block("pem", "-{2}BEGIN(?: KEY)?-{2}", "-{2}END [A-Z]{1,3}-+", 16),
        "-{2}BEGIN(?: KEY)?-{2}",
        "-{2}END [A-Z]{1,3}-+",
    ),
    BlockSample(Block("fence", "<[a-z]{1,3}", ">{1,2}", 6, not_before="a-z"), "<[a-z]{1,3}", ">{1,2}"),
    # The end of one block goes on in the start of the next, and what began before that start is no end.
    BlockSample(Block("glued", "--a--", "--1-+|a--;", 20), "--a--", "--1-+|a--;"),
    BlockSample(Block("case", "(?i)<x", "(?i)x>", 8), "<[xX]", "[xX]>"),
    BlockSample(Block("note", "note:", "[.\n]", 9, ignore_case=True), "(?i:note:)", "[.\n]"),
]


def realistic_patterns() -> SearchStrategy[list[Sample]]:
    return st.lists(st.sampled_from(REALISTIC), min_size=1, max_size=4, unique_by=lambda s: s.pattern.rule)


def any_realistic_patterns() -> SearchStrategy[list[AnySample]]:
    """With checks, and blocks."""
    every: list[AnySample] = [*REALISTIC, *2 * CHECKED, *4 * BLOCKS]
    return st.lists(st.sampled_from(every), min_size=1, max_size=4, unique_by=lambda s: s.pattern.rule)


@st.composite
def match_of(draw: DrawFn, node: Node) -> str:
    """A text in the language of the tree."""
    match node:
        case Chars(allowed):
            first, last = draw(st.sampled_from(allowed.intervals))
            return chr(draw(st.integers(first, min(last, first + 40))))
        case Series(parts):
            return "".join(draw(match_of(part)) for part in parts)
        case Choice(options):
            return draw(match_of(draw(st.sampled_from(options))))
        case Repeat(part, low, high):
            return "".join(draw(match_of(part)) for _ in range(draw(st.integers(low, min(high, low + 3)))))


@st.composite
def match_of_sample(draw: DrawFn, sample: AnySample) -> str:
    """A text in the language of the pattern, or a block with something in it, perhaps without an end."""
    if isinstance(sample, BlockSample):
        pieces = [draw(_language(sample.pattern.start, sample.pattern.ignore_case)), draw(st.text("a1- .", max_size=8))]
        if draw(st.booleans()):
            pieces.append(draw(_language(sample.pattern.end, sample.pattern.ignore_case)))
        return "".join(pieces)
    return draw(_language(sample.pattern.core, sample.pattern.ignore_case))


def _language(core: str, ignore_case: bool) -> SearchStrategy[str]:
    (program,) = parse_programs(core, ignore_case=ignore_case, holds=False)
    return match_of(program.tree)


@st.composite
def adversarial_text(draw: DrawFn, samples: Sequence[AnySample]) -> str:
    """Matches: whole, cut short, one character too many, glued together, inside each other, between noise."""
    pieces: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        sample = draw(st.sampled_from(samples))
        match = draw(match_of_sample(sample))
        at = draw(st.integers(0, len(match)))
        match draw(st.sampled_from(["whole", "short", "long", "nested", "glued", "noise"])):
            case "whole":
                pieces.append(match)
            case "short":
                pieces.append(match[:at])
            case "long":
                pieces.append(match + match[-1])
            case "nested":
                pieces.append(match[:at] + draw(match_of_sample(sample)) + match[at:])
            case "glued":
                pieces.append(match + draw(match_of_sample(sample)))
            case "noise":
                pieces.append(draw(st.text("a1-_ .é\n😀", max_size=4)))
        pieces.append(draw(st.sampled_from(["", "", " ", "x", "7", "-", "ü"])))
    return "".join(pieces)[:48]


# --- patterns nobody would write, over a tiny alphabet ------------------------------------------------------------

TINY_ALPHABET = "aAbé\n1 "
_ATOMS = ["a", "b", "é", "ab", "[ab]", "[^a]", "[^é\n]", "."]
_SETS = {r"\d": "[0-9]", r"\w": "[A-Za-z0-9_]", r"\s": r"\s", r"\W": "[^A-Za-z0-9_]"}
_BOUNDARIES = ["", "", "a", "ab", "^a", "é"]


def _with_cases(atom: str) -> str:
    """The atom with both cases of its letters written out."""
    body = atom.strip("[]").lstrip("^")
    if atom.startswith("["):
        return f"[{'^' if atom[1] == '^' else ''}{body}{body.upper()}]"
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in atom)


@st.composite
def _expressions(draw: DrawFn, depth: int, ignore_case: bool) -> tuple[str, str]:
    """An expression in our language, and the same in Python's."""
    kind = draw(st.sampled_from(["atom", "set", "series", "choice", "repeat"] if depth else ["atom", "set"]))
    inner = _expressions(depth - 1, ignore_case)
    match kind:
        case "atom":
            atom = draw(st.sampled_from(_ATOMS))
            return atom, _with_cases(atom) if ignore_case else atom
        case "set":
            name = draw(st.sampled_from(sorted(_SETS)))
            return name, _SETS[name]
        case "series":
            (ours, theirs), (more, their_more) = draw(inner), draw(inner)
            return ours + more, theirs + their_more
        case "choice":
            options = draw(st.lists(inner, min_size=2, max_size=3))
            return "(?:" + "|".join(o for o, _ in options) + ")", "(?:" + "|".join(t for _, t in options) + ")"
        case _:
            ours, theirs = draw(inner)
            count = draw(st.sampled_from(["?", "{2}", "{1,3}", "{0,2}", "*", "+", "{2,}"]))
            return f"({ours}){count}", f"(?:{theirs}){count}"


def _code(text: str) -> bool:
    return sum(map(ord, text)) % 3 != 0


def _in_language(pattern: Pattern | Block) -> bool:
    try:
        PatternSet([pattern])
    except PatternSyntaxError:
        return False
    return True


def _not_empty(ours_and_theirs: tuple[str, str]) -> bool:
    return not re.fullmatch(ours_and_theirs[1], "")


@st.composite
def _tiny_sample(draw: DrawFn, rule: str, checks: Sequence[Check | None] = (None,)) -> Sample:
    ignore_case = draw(st.booleans())
    ours, theirs = draw(_expressions(3, ignore_case).filter(_not_empty))
    before, after = draw(st.sampled_from(_BOUNDARIES)), draw(st.sampled_from(_BOUNDARIES))
    return Sample(Pattern(rule, ours, before, after, ignore_case, draw(st.sampled_from(checks))), theirs)


@st.composite
def _tiny_block(draw: DrawFn, rule: str) -> BlockSample:
    ignore_case = draw(st.booleans())
    start, their_start = draw(_expressions(2, ignore_case).filter(_not_empty))
    end, their_end = draw(_expressions(2, ignore_case).filter(_not_empty))
    before = draw(st.sampled_from(_BOUNDARIES))
    return BlockSample(Block(rule, start, end, draw(st.integers(1, 6)), ignore_case, before), their_start, their_end)


def tiny_samples() -> SearchStrategy[list[Sample]]:
    return _numbered(_tiny_sample)


def any_tiny_samples() -> SearchStrategy[list[AnySample]]:
    return _numbered(lambda rule: st.one_of(_tiny_sample(rule, [None, _code, _code]), _tiny_block(rule)))


def _numbered(one: Callable[[str], SearchStrategy[Any]]) -> SearchStrategy[list[Any]]:
    refused_left_out = [one(f"rule{number}").filter(lambda sample: _in_language(sample.pattern)) for number in range(3)]
    return st.integers(1, 3).flatmap(lambda count: st.tuples(*refused_left_out[:count]).map(list))


def tiny_text() -> SearchStrategy[str]:
    return st.text(TINY_ALPHABET, max_size=14)


@st.composite
def samples_and_text(draw: DrawFn) -> tuple[list[Sample], str]:
    """Patterns of either kind, and a text that is hard for them."""
    if draw(st.booleans()):
        samples = draw(realistic_patterns())
        return samples, draw(adversarial_text(samples))
    return draw(tiny_samples()), draw(tiny_text())


@st.composite
def any_samples_and_text(draw: DrawFn) -> tuple[list[AnySample], str]:
    """The same with checks, and blocks."""
    if draw(st.booleans()):
        samples = draw(any_realistic_patterns())
        return samples, draw(adversarial_text(samples))
    return draw(any_tiny_samples()), draw(tiny_text())


EVERY_CHECK: Final = 10_000
"""So many free checks that none of a short text is left out."""


def set_of(samples: Sequence[AnySample], **more: int) -> PatternSet:
    return PatternSet([sample.pattern for sample in samples], free_checks=EVERY_CHECK, **more)
