"""Texts that mostly hold matches, rules that overlap, and every way of cutting a stream."""

from __future__ import annotations

import itertools
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import Context, Detector, Policy, Rule
from guardproxy.core.rewrite import hides, redact
from guardproxy.core.verdict import Action, Severity
from guardproxy.detectors.pattern import PatternOptions, build
from guardproxy.match.scanner import Span
from guardproxy.match.syntax import PatternSyntaxError, parse_pattern

Piece = TypeVar("Piece", str, bytes, list[Any])


class Feeder(Protocol):
    """What takes a stream piece by piece."""

    def feed(self, piece: Any, /) -> Any: ...

    def finish(self) -> Any: ...


def pieces_of(whole: Piece, cuts: Sequence[int]) -> list[Piece]:
    """`whole` cut at these places; each is taken modulo its length, so any numbers will do."""
    places = sorted({cut % (len(whole) + 1) for cut in cuts} | {0, len(whole)})
    return [whole[start:end] for start, end in itertools.pairwise(places)] or [whole]


def ways_of_cutting(whole: Piece, cuts: Sequence[int]) -> list[list[Piece]]:
    """In one piece, one by one, and at `cuts`."""
    one_by_one = [whole[at : at + 1] for at in range(len(whole))]
    return [[whole], one_by_one, pieces_of(whole, cuts)]


def feed_every_way(make: Callable[[], Feeder], whole: Piece, cuts: Sequence[int] = (3, 7, 8, 20)) -> list[list[Any]]:
    """What a fresh feeder returned for each piece and for the end: fed whole, one by one, and cut at `cuts`."""
    return [_fed(make(), pieces) for pieces in ways_of_cutting(whole, cuts)]


def _fed(feeder: Feeder, pieces: Sequence[Any]) -> list[Any]:
    return [*map(feeder.feed, pieces), feeder.finish()]


def rule(
    name: str = "test.rule",
    action: Action = Action.REDACT,
    placeholder: str = "",
    applies_to: frozenset[Provenance] = frozenset(Provenance),
) -> Rule:
    shown = placeholder or f"[{name.partition('.')[2].upper()}]"
    return Rule(name, f"the rule {name}", Severity.HIGH, action, applies_to, shown)


@dataclass(frozen=True)
class Kit:
    """Rules with real detectors. `groups` are the rules of each detector, as (rule id, options)."""

    groups: tuple[tuple[tuple[str, PatternOptions], ...], ...]
    rules: Mapping[str, Rule] = field(repr=False)
    detectors: tuple[Detector, ...] = field(repr=False)
    actions: Mapping[str, Action] = field(default_factory=dict)

    def spans(self, text: str) -> list[Span]:
        """In the order in which a whole text is redacted."""
        return [span for detector in self.detectors for span in detector.scan(text)]

    def hiding(self, text: str) -> list[Span]:
        return [span for span in self.spans(text) if hides(self.rules[span.rule])]

    def released(self, text: str) -> tuple[str, bool]:
        """What may leave of a text, and whether a rule stopped it: the whole-text meaning of `StreamGuard`."""
        spans = sorted(self.hiding(text), key=lambda span: span.start)
        for position, span in enumerate(spans):
            if self.rules[span.rule].action is Action.BLOCK:
                before = spans[:position]
                end = max([span.start, *(earlier.end for earlier in before)])
                return redact(text[:end], before, self.rules), True
        return redact(text, spans, self.rules), False

    def policy(self, **more: Any) -> Policy:
        """These rules for every provenance; what nobody can read passes."""
        return Policy(
            "test",
            "revision",
            rules=self.rules,
            detectors=dict.fromkeys(Provenance, self.detectors),
            masking=self.detectors,
            opaque=more.pop("opaque", dict.fromkeys(OpaqueKind, Action.ALLOW)),
            context=more.pop("context", Context()),
            **more,
        )


def make_kit(*groups: Mapping[str, PatternOptions | str], actions: Mapping[str, Action] | None = None) -> Kit:
    """One detector per group of {rule name: pattern}. Rules redact unless `actions` says otherwise."""
    written = tuple(
        tuple(
            (f"test.{name}", option if isinstance(option, PatternOptions) else PatternOptions(option))
            for name, option in group.items()
        )
        for group in groups
    )
    rules = {
        name: rule(name, (actions or {}).get(name.partition(".")[2], Action.REDACT))
        for name, _ in itertools.chain(*written)
    }
    return Kit(written, rules, tuple(build(group) for group in written), actions or {})


# ---------------------------------------------------------------- small alphabets: matches overlap, nest and touch

_units = st.builds(
    str.__add__,
    st.sampled_from(["a", "b", "c", "[ab]", "[bc]", "[a-c]"]),
    st.sampled_from(["", "", "", "?", "{1,3}", "{2}", "{0,4}"]),
)
_series = st.lists(_units, min_size=1, max_size=3).map("".join)
_cores = st.one_of(_series, st.lists(_series, min_size=2, max_size=2).map(lambda both: f"(?:{'|'.join(both)})"))


def _matches_something(core: str) -> bool:
    try:
        parse_pattern(core)
    except PatternSyntaxError:
        return False
    return True


_boundaries = st.sampled_from(["", "", "", "a", "c", "1"])
bounded_options = st.builds(PatternOptions, _cores.filter(_matches_something), _boundaries, _boundaries)
plain_options = st.builds(PatternOptions, _cores.filter(_matches_something))

HIDING = (Action.REDACT,)
NOT_BLOCKING = (Action.REDACT, Action.REDACT, Action.FLAG)
ANY_ACTION = (Action.REDACT, Action.REDACT, Action.FLAG, Action.BLOCK)


@st.composite
def kits(
    draw: st.DrawFn,
    actions: Sequence[Action] = ANY_ACTION,
    options: st.SearchStrategy[PatternOptions] = bounded_options,
) -> Kit:
    """One or two detectors with one to three rules each, over the letters a, b, c."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    names = iter(f"r{number}" for number in range(sum(sizes)))
    groups = [{next(names): draw(options) for _ in range(size)} for size in sizes]
    chosen = {name: draw(st.sampled_from(actions)) for group in groups for name in group}
    return make_kit(*groups, actions=chosen)


_words = st.sampled_from(["a", "b", "c", "ab", "abc", "bb", "bca", "cab", "aaa", "abbc", "1", " ", "é😀\n"])
short_texts = st.lists(_words, min_size=3, max_size=8).map(lambda words: "".join(words)[:12])
texts = st.lists(_words, min_size=6, max_size=20).map("".join)
cut_places = st.lists(st.integers(0, 1 << 16), max_size=8)


def matches_by_definition(kit: Kit, text: str) -> set[tuple[int, int, str]]:
    """Every match of every rule, found by trying all parts of the text with the standard library's engine."""
    found = set()
    for name, options in itertools.chain(*kit.groups):
        flags = re.IGNORECASE if options.ignore_case else 0
        core = re.compile(options.pattern, flags)
        for start in range(len(text)):
            if options.not_before and start and re.match(f"[{options.not_before}]", text[start - 1]):
                continue
            for end in range(start + 1, len(text) + 1):
                barred = options.not_after and re.match(f"[{options.not_after}]", text[end : end + 1])
                if not barred and core.fullmatch(text, start, end):
                    found.add((start, end, name))
    return found


# ---------------------------------------------------------------- credentials, made up anew each time

_LETTERS = string.ascii_letters + string.digits


@cache
def secrets_kit() -> Kit:
    """Rules like those a proxy runs with: fixed lengths and ranges, boundaries, and one rule that blocks or flags."""
    word = "A-Za-z0-9"
    return make_kit(
        {
            "aws": PatternOptions("(?:AKIA|ASIA)[A-Z2-7]{16}", not_before=word, not_after=word),
            "github": PatternOptions("gh[pousr]_[A-Za-z0-9]{36}"),
            "openai": PatternOptions("sk-(?:proj-[A-Za-z0-9_-]{20,80}|[A-Za-z0-9]{20,60})", not_before=word),
            "key_block": PatternOptions(r"-----BEGIN PRIVATE KEY-----\s[A-Za-z0-9+/=\s]{16,400}"),
        },
        {
            "mail": PatternOptions(r"[a-z]{1,20}@[a-z]{1,20}\.[a-z]{2,6}", not_before="a-z"),
            "long_number": PatternOptions(r"\d{12,19}"),
            "phrase": PatternOptions(r"internal\s{1,3}only", ignore_case=True),
        },
        actions={"phrase": Action.FLAG},
    )


@st.composite
def secrets(draw: st.DrawFn) -> str:
    """A text one of the rules of `secrets_kit` matches."""
    chance = random.Random(draw(st.integers(0, 1 << 32)))

    def some(letters: str, least: int, most: int | None = None) -> str:
        return "".join(chance.choices(letters, k=chance.randint(least, most or least)))

    makers: list[Callable[[], str]] = [
        lambda: "AKIA" + some(string.ascii_uppercase, 16),
        lambda: "ghp_" + some(_LETTERS, 36),
        lambda: "sk-proj-" + some(_LETTERS + "_-", 20, 80),
        lambda: "sk-" + some(_LETTERS, 20, 60),
        lambda: "-----BEGIN PRIVATE KEY-----\n" + some(_LETTERS + "+/", 40, 80) + "\n",
        lambda: some("abcdef", 1, 8) + "@" + some("abcdef", 1, 8) + ".org",
        lambda: some("0123456789", 12, 19),
        lambda: "INTERNAL  only",
    ]
    return draw(st.sampled_from(makers))()


@st.composite
def texts_with_secrets(draw: st.DrawFn, max_parts: int = 6) -> str:
    """Secrets, truncated secrets and prose, apart or glued together."""
    parts = []
    for kind in draw(st.lists(st.sampled_from(["whole", "whole", "cut", "prose"]), min_size=2, max_size=max_parts)):
        match kind:
            case "whole":
                parts.append(draw(secrets()))
            case "cut":
                secret = draw(secrets())
                parts.append(secret[: draw(st.integers(1, len(secret)))])
            case _:
                parts.append(
                    draw(st.sampled_from([" ", "\n", "the key is ", "s", "-----", "sk-", "é", "😀", "x: ", "1"]))
                )
        parts.append(draw(st.sampled_from(["", " ", " ", ", "])))
    return "".join(parts)


# ---------------------------------------------------------------- JSON


def strings_of(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string with the name of the member it stands below."""
    match value:
        case str():
            yield name, value
        case list():
            for below in value:
                yield from strings_of(below, name)
        case dict():
            for member, below in value.items():
                yield from strings_of(below, member)


numbers = st.one_of(
    st.integers(),
    st.integers(min_value=1 << 63, max_value=1 << 200),
    st.floats(allow_nan=False, allow_infinity=False),
)
# No backslash: it may begin an escape, so it waits for what follows it.
quiet_texts = st.text('xyz éß😀"\n', max_size=12)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, quiet_texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("xyzé_", max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
