"""Texts written to make the engine work: much that could become a match, and never, or hardly ever, does.

Each is a function of a random source and a length; what is random is never the same twice.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

from guardproxy.policyfile.examples import expand
from guardproxy.policyfile.load import PolicyDocument

Make = Callable[[Random, int], str]

LONG: Final = 1_000_000
USUAL: Final = 120_000

_BASE64: Final = string.ascii_letters + string.digits + "+/"
# Planes with letters, marks, digits of many scripts, full-width forms, emoji and tags; no surrogates.
_PLANES: Final = ((0x00A0, 0x0600), (0x0900, 0x1200), (0x2000, 0x2C00), (0xFE00, 0xFFF0), (0x1D400, 0x1FB00))
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"


class Input(NamedTuple):
    """A kind of text, and how much of it is tried."""

    name: str
    make: Make
    characters: int = USUAL


def repeated(piece: str) -> Make:
    """The same over and over."""
    return lambda _, length: (piece * (length // len(piece) + 1))[:length]


def drawn(alphabet: Sequence[str]) -> Make:
    return lambda random, length: "".join(random.choices(alphabet, k=length))[:length]


def dotted(make: Make, mark: str, every: int) -> Make:
    """The same with a mark in it now and then, so that a search for what a match requires does not pass over it all."""

    def marked(random: Random, length: int) -> str:
        text = make(random, length)
        return mark.join(text[at : at + every] for at in range(0, len(text), every))[:length]

    return marked


def _filled(parts: Callable[[Random], Iterator[str]]) -> Make:
    """Parts until the text is long enough."""

    def make(random: Random, length: int) -> str:
        taken: list[str] = []
        there = 0
        for part in parts(random):
            taken.append(part)
            there += len(part)
            if there >= length:
                break
        return "".join(taken)[:length]

    return make


def _unicode(random: Random) -> Iterator[str]:
    while True:
        yield chr(random.randrange(*random.choice(_PLANES)))


def _split_by_nothing(random: Random) -> Iterator[str]:
    """Letters, digits and dots with characters between them that nobody sees."""
    while True:
        yield random.choice("sk-AKIA@.:/0123456789=") + random.choice(_INVISIBLE)


def match_examples(document: PolicyDocument) -> list[str]:
    """What the rules of a policy must find, as it was written."""
    return [template for rule in document.rules for template in rule.written.examples.match]


def _expanded(templates: Sequence[str], random: Random) -> Iterator[str]:
    while True:
        yield expand(random.choice(templates), random)


def near_misses(templates: Sequence[str]) -> Make:
    """Examples with one of their characters changed."""

    def parts(random: Random) -> Iterator[str]:
        for text in _expanded(templates, random):
            at = random.randrange(len(text))
            yield f"{text[:at]}{random.choice(string.printable[:94])}{text[at + 1 :]}\n"

    return _filled(parts)


def cut_short(templates: Sequence[str]) -> Make:
    """Beginnings of examples, glued: a candidate inside a candidate inside a candidate."""
    return _filled(lambda random: (text[: random.randint(1, len(text))] for text in _expanded(templates, random)))


def hostile_inputs(templates: Sequence[str]) -> tuple[Input, ...]:
    """All of them. `templates` are the examples of the rules that are attacked."""
    return (
        Input("one letter", repeated("a"), LONG),
        Input("one capital", repeated("A"), LONG),
        Input("one digit", repeated("7"), LONG),
        Input("spaces", repeated(" "), LONG),
        Input("line feeds", repeated("\n"), LONG),
        Input("zeros and spaces", repeated("0 ")),
        Input("ones and hyphens", repeated("1-")),
        Input("digits and separators", drawn(string.digits * 2 + " -./")),
        Input("digits", drawn(string.digits)),
        Input("hexadecimal", drawn("0123456789abcdef")),
        Input("capitals", drawn(string.ascii_uppercase)),
        Input("capitals and digits", drawn(string.ascii_uppercase + string.digits)),
        Input("base64", drawn(_BASE64)),
        Input("a@a@a@", repeated("a@")),
        Input("a.a@a.a@", repeated("a.a@")),
        Input("://:://:", repeated("://:")),
        Input("://a:a@://", repeated("://a:a@")),
        Input("nested prefixes", repeated("sk-eyJ.AKIA-ghp_xoxb-")),
        Input("nested names", repeated("api_key=token:secret password=")),
        Input("nested blocks", repeated("-----BEGIN PRIVATE KEY-----\n")),
        Input("punctuation", drawn(string.punctuation)),
        Input("printable characters", drawn(string.printable)),
        Input("scripts and signs", _filled(_unicode)),
        Input("invisible separators", _filled(_split_by_nothing)),
        Input("JSON escapes", repeated("\\u0041\\u004b\\n\\\\")),
        Input("examples, one character off", near_misses(templates)),
        Input("examples, cut and glued", cut_short(templates)),
    )
