"""What a reviewer may see of a match and its surroundings.

An excerpt has to answer "was this right?" without becoming a second copy of what the guard kept back. So the match
is shown by its two ends only, every other detected entity near it is hidden whole, and what is left is made safe to
print: a control sequence, a bidi override or an invisible character in an attacker's text must not act on the
reviewer's terminal.

    mail «jo•••om» or call ••• before noon…
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

Range = tuple[int, int]

MASK: Final = "•••"
CUT: Final = "…"

_SHOWN_ENDS: Final = 2
_LONG: Final = 12
_RECOGNISABLE: Final = 5
_PART: Final = 8

_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Characters that `str.isprintable` accepts and that nobody can see: Unicode's Default_Ignorable_Code_Point outside
# category Cf (joiners, Hangul fillers, Khmer inherent vowels, variation selectors), and the blank Braille pattern.
_UNSEEN: Final = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180F, 0x2800, 0x3164, 0xFFA0))
) | frozenset(map(chr, (*range(0x180B, 0x180E), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))


def printable(text: str, limit: int | None = None) -> str:
    """The text with everything unseen or acting on a terminal as a visible escape (`\\n`, `\\x1b`, `\\u{202e}`).

    At most `limit` characters long; a cut shows as `…`. What is printable already stays as it is, so calling it twice
    changes nothing.
    """
    if not (text.isascii() and text.isprintable()):
        # An escape is never shorter than its character: what is beyond the limit cannot show, so it is not looked at.
        text = "".join(map(_visible, text if limit is None else text[: limit + 1]))
    return text if limit is None or len(text) <= limit else text[: max(0, limit - 1)] + CUT


def mask_excerpt(text: str, start: int, end: int, hide: Sequence[Range], context: int = 40) -> str:
    """The match `text[start:end]` masked, in `«»`, with up to `context` code points on either side, safe to print.

    A match of 12 or more code points shows its first and last two, a shorter one only its length class. Every range in
    `hide` becomes `•••`, also where it reaches over the window or into the match; a range equal to the match is
    the match itself. Further occurrences of the match in the window are hidden too. Ranges may overlap, come in any
    order and reach outside the text. Costs O(len(hide) + length of the match).
    """
    start = min(max(start, 0), len(text))
    end = min(max(end, start), len(text))
    first, last = max(0, start - context), min(len(text), end + context)
    hidden = [span for span in hide if span != (start, end) and span[0] < last and span[1] > first]
    match = _masked_match(text, start, end, hidden)
    hidden.extend(_repeats(text, start, end, first, last))
    before, after = _with_masks(text, first, start, hidden), _with_masks(text, end, last, hidden)
    return f"{CUT if first else ''}{before}«{match}»{after}{CUT if last < len(text) else ''}"


def without_parts(text: str, secret: str) -> str:
    """The text with each stretch of 8 or more characters that stands in `secret` as a mask: a secret may be cut off.

    What is shorter than that is no secret, and nothing is hidden.
    """
    parts = {secret[at : at + _PART] for at in range(len(secret) - _PART + 1)}
    shown: list[str] = []
    end = 0  # of the last masked stretch
    for at in range(len(text) - _PART + 1):
        if text[at : at + _PART] in parts:
            if at > end or not shown:
                shown += (text[end:at], MASK)
            end = at + _PART
    return "".join((*shown, text[end:]))


def _masked_match(text: str, start: int, end: int, hidden: Iterable[Range]) -> str:
    length = end - start
    if length == 0:
        return ""
    if length < _LONG:
        return f"{MASK} 1-4" if length < _RECOGNISABLE else f"{MASK} 5-11"
    ends = ((start, start + _SHOWN_ENDS), (end - _SHOWN_ENDS, end))
    head, tail = ("" if _touched(low, high, hidden) else printable(text[low:high]) for low, high in ends)
    return f"{head}{MASK}{tail}"


def _touched(low: int, high: int, hidden: Iterable[Range]) -> bool:
    return any(start < high and end > low for start, end in hidden)


def _repeats(text: str, start: int, end: int, first: int, last: int) -> Iterator[Range]:
    """Where the window shows the match again. A rule that blocks once may well have stopped looking there."""
    match = text[start:end]
    if len(match) < _RECOGNISABLE:
        return
    low, high = max(0, first - len(match) + 1), last + len(match) - 1
    at = text.find(match, low, high)
    while at >= 0:
        yield at, at + len(match)
        at = text.find(match, at + 1, high)


def _with_masks(text: str, low: int, high: int, hidden: Iterable[Range]) -> str:
    """`text[low:high]`, each run of hidden code points as one mask, whatever its length."""
    shown: list[str] = []
    at = low
    for start, end in sorted(span for span in hidden if span[0] < high and span[1] > low and span[0] < span[1]):
        if start > at or not shown:
            shown += (printable(text[at : max(at, start)]), MASK)
        at = max(at, end)
    shown.append(printable(text[min(at, high) : high]))
    return "".join(shown)


def _visible(char: str) -> str:
    if char.isprintable() and char not in _UNSEEN:
        return char
    code = ord(char)
    return _SHORT_ESCAPES.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}")
