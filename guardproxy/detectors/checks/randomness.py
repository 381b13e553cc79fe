"""Whether a text was drawn by chance: what keys and tokens without a form of their own have in common.

Three signs together. Shannon entropy per character, near what the alphabet allows at that length: words repeat letters.
Digits and letters both: words and numbers have one of them. And many changes between digits, small and capital letters:
in words, versions and paths they come in runs (`LoginForm2.tsx` changes once), in a random base 62 token at every other
character. A placeholder (`changeme`, `your-api-key-here`, `${TOKEN}`) is none, whatever its entropy.

Of random tokens of 20 characters, 96 in 100 look random to it, of 32 more than 99 (a test draws them). Shorter ones are
too much like names: 80 in 100 at 12.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import Final

SHORTEST: Final = 10
LONGEST: Final = 4096
_ENTROPY: Final = 0.7  # of the most that is possible
_CHANGES: Final = 0.15  # per character

_ALPHABETS: Final = (
    (re.compile(r"[0-9]+"), 10),
    (re.compile(r"[0-9a-fA-F-]+"), 16),
    (re.compile(r"[0-9A-Za-z]{1,8}[_.-][0-9a-fA-F-]{16,}"), 20),  # a prefix says whose key it is: `key-3f9a...`
    (re.compile(r"[0-9a-z]+|[0-9A-Z]+"), 36),
    (re.compile(r"[0-9a-z_.-]+|[0-9A-Z_.-]+"), 39),
)
_LARGEST: Final = 62
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_.~!#%&*@^$-]+")
_PLACEHOLDER: Final = re.compile(
    r"[$%]?\{|\$\(|<|%[A-Za-z_]+%|\[|\*{3}|\.{3}|(?i:x{4}|your|example|change.?me|placeholder|dummy|sample|insert|"
    r"redacted|replace|secret.?key|my.?(?:secret|token|key|pass)|test.?(?:secret|token|key|pass)|abcdef|qwerty|"
    r"0123456|1234567|password|undefined|todo)"
)
_CHANGE: Final = re.compile(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])|(?<=[a-z])(?=[A-Z](?![a-z]))")
_SEPARATOR: Final = re.compile(r"[\s=:>\"'`(,;|]")
_QUOTES: Final = " \t\r\n\"'`),;"


def random_looking(text: str) -> bool:
    """At least ten characters that look drawn by chance. Not a word, a path, a version, a name, a placeholder."""
    if not SHORTEST <= len(text) <= LONGEST or not _TOKEN.fullmatch(text) or _PLACEHOLDER.search(text):
        return False
    if not any(char.isdigit() for char in text) or not any(char.isalpha() for char in text):
        return False
    return _entropy(text) >= _ENTROPY * _most_entropy(text) and _changes(text) >= max(3, _CHANGES * len(text))


def assigned_secret(text: str) -> bool:
    """What an assignment assigns is random looking: `api_key = "..."`, `"token": "..."`, `SECRET=...`."""
    value = text.rstrip(_QUOTES)
    padding = len(value) - len(value.rstrip("="))
    begin = max((found.end() for found in _SEPARATOR.finditer(value, 0, len(value) - padding)), default=0)
    return random_looking(value[begin:])


def _entropy(text: str) -> float:
    """Bits per character."""
    total = len(text)
    return -sum(count / total * log2(count / total) for count in Counter(text).values())


def _most_entropy(text: str) -> float:
    alphabet = next((size for form, size in _ALPHABETS if form.fullmatch(text)), _LARGEST)
    return log2(min(len(text), alphabet))


def _changes(text: str) -> int:
    """How often a digit, small or capital letter follows one of another kind, the humps of camelCase left out."""
    return len(_CHANGE.findall(text))
