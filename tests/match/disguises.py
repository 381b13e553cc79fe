"""Texts that look, or are read, like others: secrets in disguise."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from guardproxy.match.lookalikes import fold
from guardproxy.match.scanner import Span

# Of ASCII, but white space.
CONTROLS = frozenset(map(chr, (*range(0x09), *range(0x0E, 0x20), 0x7F)))

IN_TAGS = {code: 0xE0000 + code for code in range(0x20, 0x7F)}
IN_SELECTORS = {code: 0xE0100 - 16 + code for code in range(0x20, 0x7F)}

_TWINS = {
    "A": "Α",
    "K": "К",
    "a": "а",
    "b": "ⓑ",
    "e": "ё",
    "o": "о",
    "p": "р",
    "s": "ѕ",
    "i": "і",
    "-": "‑",
    " ": "\u2003",
}
_UNSEEN = [
    "\x00",
    "\x1b",
    "\x7f",
    "\u0640",
    "\u200b",
    "\u00ad",
    "\ufe0f",
    "\u0301",
    "\U000e0041",
    "\U000e0073",
    "\U000e006b",
    "\U000e002d",
    "\ufeff",
]


def in_tags(text: str) -> str:
    """The text in characters nobody sees."""
    return text.translate(IN_TAGS)


def in_selectors(text: str) -> str:
    return text.translate(IN_SELECTORS)


@st.composite
def disguised(draw: st.DrawFn, text: str, often: int = 3) -> str:
    """Full-width, look-alike and accented characters and ones nobody sees, one in `often`; or all of it hidden."""
    match draw(st.sampled_from(["plain", "seen", "seen", "seen", "hidden", "strewn"])):
        case "plain":
            return text
        case "hidden":
            return "".join(draw(st.sampled_from([in_tags, in_tags, in_selectors]))(char) for char in text)
        case "strewn":
            return "".join(in_tags(char) + "x" * draw(st.sampled_from([0, 0, 1, 2, 20])) for char in text)
    return "".join(draw(_disguised(char)) if not draw(st.integers(0, often)) else char for char in text)


@st.composite
def _disguised(draw: st.DrawFn, char: str) -> str:
    match draw(st.sampled_from(["wide", "twin", "behind", "before"])):
        case "wide" if "!" <= char <= "~":
            return chr(ord(char) + 0xFEE0)
        case "twin":
            return _TWINS.get(char, char)
        case "before":
            return draw(st.sampled_from(_UNSEEN)) + char
    return char + draw(st.sampled_from(_UNSEEN))


AROUND = [
    "",
    "",
    " ",
    "x",
    "²",
    "é",
    "…",
    "😀",
    "❤️",
    "ﬁ",
    "℀",
    "\u200b",
    "漢字",
    " quiet words ",
    "für ",
    in_tags("ab"),
]


@st.composite
def texts_in_disguise(draw: st.DrawFn, secrets: st.SearchStrategy[str]) -> str:
    """Secrets in disguise, glued together and apart, between other characters that do not stay what they are."""
    pieces = []
    for secret in draw(st.lists(secrets, min_size=1, max_size=3)):
        pieces += [draw(disguised(secret)), draw(st.sampled_from(AROUND))]
    return draw(st.sampled_from(AROUND)) + "".join(pieces)


def source_of(text: str) -> tuple[str, list[int]]:
    """The text as it is seen, and where each of its characters stands; one by one. It has no backslashes."""
    seen = [(written, at) for at, written in enumerate(text) if written not in CONTROLS]
    folded = [(char, at) for written, at in seen for char in fold(written)]
    return "".join(char for char, _ in folded), [at for _, at in folded]


def hidden_in(text: str, most_between: int) -> list[tuple[str, list[int]]]:
    """What is spelled out by characters nobody sees, and where; a new text behind so many others."""
    spelled = {chr(hidden): chr(code) for table in (IN_TAGS, IN_SELECTORS) for code, hidden in table.items()}
    texts: list[tuple[str, list[int]]] = []
    for at, char in enumerate(text):
        if char in spelled:
            if not texts or at - texts[-1][1][-1] - 1 > most_between:
                texts.append(("", []))
            texts[-1] = (texts[-1][0] + spelled[char], [*texts[-1][1], at])
    return texts


def in_the_source(found: Sequence[Span], where: Sequence[int]) -> list[Span]:
    return [Span(where[start], where[end - 1] + 1, rule) for start, end, rule in found]
