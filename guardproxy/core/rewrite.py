"""Redacting text: which parts go, and what stands there instead.

Spans that overlap are one cluster and one placeholder, named after the member that starts first (ties: the one
confirmed first). The union of *all* spans is hidden, not the leftmost-longest of each rule: no rule can hide
another one, and adding a rule never reveals what was hidden before. `StreamGuard` does the same, piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Final, NamedTuple

from guardproxy.core.policy import Rule
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import Span
from guardproxy.wire.document import MIN_DIGITS
from guardproxy.wire.json_text import JsonText

_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SHORT_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


NESTED: Final = 4
"""How deep strings of JSON in strings of JSON are read."""

RANKS: Final = 3
"""Scanners that a detector may have for one text: of the text by itself, and two of the texts it is joined with."""


class Pending(NamedTuple):
    """What was found, in the order in which one names its cluster. What began before the text goes by its rule."""

    start: int
    rank: int
    begun: int
    name: str
    order: int
    end: int
    rule: str


def hides(rule: Rule) -> bool:
    """Whether a match of this rule may not leave as it is."""
    return rule.action >= Action.REDACT


def redact(text: str, spans: Iterable[Span], rules: Mapping[str, Rule]) -> str:
    """`text` with each cluster of hiding spans replaced by its placeholder. Spans in order of confirmation."""
    out: list[str] = []
    at = 0
    for span in sorted((s for s in spans if hides(rules[s.rule])), key=lambda s: s.start):
        if span.start >= at:
            out.append(text[at : span.start])
            out.append(rules[span.rule].placeholder)
        at = max(at, span.end)
    out.append(text[at:])
    return "".join(out)


def redact_json_text(text: str, clean: Callable[[str], str], *, within: int = NESTED) -> str | None:
    """Clean each string and long number in `text`, which should hold one JSON value (a tool call's arguments).

    Scanning the text itself would be wrong: `\\n` before a credential is two characters, `\\u0041KIA` hides one, and
    a placeholder could break the syntax. So the decoded leaves and member names are cleaned, and only those that change
    are written anew. A string that holds JSON itself stays JSON, `within` so many others. None if `text` is not JSON.
    """
    try:
        read = JsonText(text)
    except (ValueError, RecursionError):
        return None
    changed: dict[int, str] = {}
    for leaf in read.leaves:
        if leaf.value is not None:
            value = whole_characters(leaf.value)
            cleaned = _cleaned(value, clean, within)
            if cleaned != value:
                changed[leaf.at] = cleaned
        else:
            for number in long_number(leaf.spelled):
                if (cleaned := clean(number)) != number:
                    changed[leaf.at] = cleaned
                    break
    return read.written(changed) if changed else text


def _cleaned(value: str, clean: Callable[[str], str], within: int) -> str:
    """A string is cleaned as one text, since a match may be longer than a leaf of what it holds. Only where that leaves
    no JSON of what was JSON, its leaves are, if that hides as much.
    """
    cleaned = clean(value)
    if within and cleaned != value and _breaks(value, cleaned, within):
        inside = redact_json_text(value, clean, within=within - 1)
        if inside is not None and clean(inside) == inside:
            return inside
    return cleaned


def _breaks(before: str, after: str, within: int) -> bool:
    """Whether a text was JSON and is none any more, or one of its strings is so."""
    if within == 0 or before == after or before.lstrip()[:1] not in ("{", "["):
        return False
    try:
        told = JsonText(before).leaves
    except (ValueError, RecursionError):
        return False
    try:
        left = JsonText(after).leaves
    except (ValueError, RecursionError):
        return True
    pairs = [(one.value, other.value) for one, other in zip(told, left, strict=False)]
    return any(one is not None and other is not None and _breaks(one, other, within - 1) for one, other in pairs)


def long_number(spelled: str) -> Iterator[str]:
    """A scalar as numbers are read, and as it is spelled where that is another text; nothing if it is a short one."""
    if spelled[0] not in "-0123456789" or not spelled[-1].isdigit():
        return
    value = float(spelled)
    if abs(value) < 10 ** (MIN_DIGITS - 1):
        return
    exact = spelled.lstrip("-").isdigit()
    if not exact and isfinite(value):
        yield str(value)
    if exact or str(value) != spelled:
        yield spelled


def whole_characters(text: str) -> str:
    """The text, with a replacement for each half of a surrogate pair, which is no text."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def unescaped(text: str) -> str:
    """`text` with JSON's escapes read, for text that should be JSON and is not: lenient readers may still read it."""
    if "\\" not in text:
        return text
    read = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _SHORT_ESCAPES.get(m[2], m[2]), text)
    return whole_characters(read)
