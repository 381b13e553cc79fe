"""Redacting text: which parts go, and what stands there instead.

Spans that overlap are one cluster and one placeholder, named after the member that starts first (ties: the one
confirmed first). The union of *all* spans is hidden, not the leftmost-longest of each rule: no rule can hide
another one, and adding a rule never reveals what was hidden before. `StreamGuard` does the same, piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.core.policy import Rule
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import Span
from guardproxy.wire.document import UndecodableJson, decode, encode, repeats_names, replace, walk_strings

_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SHORT_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


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


def redact_json_text(text: str, clean: Callable[[str], str]) -> str | None:
    """Clean each string and long number in `text`, which should hold one JSON value (a tool call's arguments).

    Scanning the text itself would be wrong: `\\n` before a credential is two characters, `\\u0041KIA` hides one, and
    a placeholder could break the syntax. So the decoded leaves and member names are cleaned and the value is encoded
    anew, only if something changed. None if `text` is not JSON.
    """
    try:
        value = decode(text)
    except UndecodableJson:
        return None
    holder: list[Any] = [value]
    edits = {}
    for path, leaf in walk_strings(holder, names=True, numbers=True):
        cleaned = clean(leaf)
        if cleaned != leaf:
            edits[path] = cleaned
    if not edits and not repeats_names(text):
        return text
    # Of a name that stands twice only the last value was looked at, so only that one may go out.
    replace(holder, edits)
    return encode(holder[0]).decode()


def unescaped(text: str) -> str:
    """`text` with JSON's escapes read, for text that should be JSON and is not: lenient readers may still read it."""
    if "\\" not in text:
        return text
    read = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _SHORT_ESCAPES.get(m[2], m[2]), text)
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
