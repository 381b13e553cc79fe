"""Replacing what a reader sees: a match in the folded text, cut out of the text as it was written.

A tokenizer that normalises, and a model that reads past an accent or a character without width, see the folded text.
So what must not stand in a text is looked for there, and nothing is gained by writing it in full-width letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from guardproxy.match.escapes import seen_text, unescaped_view
from guardproxy.match.scanner import Span
from guardproxy.match.view import folded, view


def seen_spans(pattern: re.Pattern[str], text: str) -> list[Span]:
    """Where the pattern matches in the text as it is read, in offsets of the text as it was written."""
    if not is_seen(pattern, text):
        return []
    seen = view(text)
    return seen.spans(Span(found.start(), found.end(), "") for found in pattern.finditer(seen.text))


def is_seen(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern matches in the text as it is read."""
    return pattern.search(folded(text)) is not None


def replace_seen(pattern: re.Pattern[str], text: str, instead: Callable[[str], str]) -> tuple[str, int]:
    """Each match, as it was written, replaced by what `instead` makes of it, until there is none; and how many.

    `instead` has to break a match: it may leave no part that matches by itself, nor add one.
    """
    total = 0
    while True:
        text, found = _replaced(pattern, text, instead)
        if not found:
            return text, total
        total += found


def replace_escaped(pattern: re.Pattern[str], text: str, instead: str) -> str:
    """Each match behind escapes of JSON, and of JSON in a string of JSON, replaced by `instead`, which breaks it."""
    while pattern.search(seen_text(text, deep=True)):
        seen, reading = unescaped_view(text)
        found = (Span(match.start(), match.end(), "") for match in pattern.finditer(seen.text))
        for start, end, _ in reversed(list(map(reading.whole, seen.spans(found)))):
            text = f"{text[:start]}{instead}{text[end:]}"
    return text


def _replaced(pattern: re.Pattern[str], text: str, instead: Callable[[str], str]) -> tuple[str, int]:
    spans = seen_spans(pattern, text)
    if not spans:
        return text, 0
    out: list[str] = []
    at = 0
    for start, end, _ in spans:
        if start >= at:  # one written character may be read as several, and belong to two matches
            out += (text[at:start], instead(text[start:end]))
            at = end
    out.append(text[at:])
    return "".join(out), len(spans)
