"""One text made harmless: hidden characters first, since they can hide a control token, then control tokens.

A text that is JSON is also cleaned inside of its strings, and of the JSON in those, since an upstream that decodes it
would read what its escapes hide.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from guardproxy.core.separation.control_tokens import ControlTokens
from guardproxy.core.separation.fake_turns import fake_turns
from guardproxy.core.separation.hidden_characters import visible
from guardproxy.core.separation.terms import Separation, Treatment
from guardproxy.match.signs import signs_in
from guardproxy.wire.document import UndecodableJson, decode, encode, replace, walk_strings
from guardproxy.wire.path import Path

# JSON in a string of JSON in a string of JSON.
_DEPTH: Final = 4


class Counted(NamedTuple):
    """What was found in some text."""

    control_tokens: int = 0
    hidden_characters: int = 0
    fake_turns: int = 0

    def plus(self, other: Counted) -> Counted:
        return Counted(*(one + more for one, more in zip(self, other, strict=True)))


NOTHING: Final = Counted()


class Cleaner:
    """Cleans as a policy says. What the policy only flags or refuses is counted and left as it is."""

    __slots__ = ("_breaks", "_looks", "_removes", "_turns", "tokens")

    def __init__(self, terms: Separation) -> None:
        self.tokens: ControlTokens = terms.tokens
        # Also where tokens are left alone: nobody below the operator writes a fence.
        self._breaks = terms.control_tokens is Treatment.CLEAN or terms.fenced
        self._looks = terms.control_tokens in (Treatment.FLAG, Treatment.BLOCK)
        self._removes = terms.hidden_characters
        self._turns = terms.fake_turns is not Treatment.ALLOW

    def clean(self, text: str, depth: int = _DEPTH) -> tuple[str, Counted]:
        """The text as it may go on, and what was found in it."""
        if not text:
            return text, NOTHING
        signs = signs_in(text)
        text, hidden = self._without_hidden(text, signs)
        broken, tokens = self.tokens.broken(text, signs) if self._breaks or self._looks else (text, 0)
        counted = Counted(tokens, hidden, fake_turns(text) if self._turns else 0)
        if self._breaks:
            text = broken
        return self._inside(text, counted, depth)

    def clean_run(self, texts: list[str]) -> tuple[list[str], int]:
        """Texts that are read as one, each cleaned by itself before; counted is what is cut in two between them."""
        if not (self._breaks or self._looks):
            return texts, 0
        broken, found = self.tokens.broken_run([self.tokens.broken(text)[0] for text in texts])
        return (broken if self._breaks else texts), found

    def _without_hidden(self, text: str, signs: frozenset[str]) -> tuple[str, int]:
        if self._removes is Treatment.ALLOW:
            return text, 0
        shown, hidden = visible(text, signs)
        return (shown if self._removes is Treatment.CLEAN else text), hidden

    def _inside(self, text: str, counted: Counted, depth: int) -> tuple[str, Counted]:
        """Escapes are what can hide something in the strings of JSON."""
        if not depth or "\\" not in text or text.lstrip()[:1] not in ("{", "[", '"'):
            return text, counted
        try:
            holder = [decode(text)]
        except UndecodableJson:
            return text, counted
        edits: dict[Path, str] = {}
        for path, leaf in walk_strings(holder, names=True):
            cleaned, found = self.clean(leaf, depth - 1)
            if cleaned != leaf:
                edits[path] = cleaned
                counted = counted.plus(found)
        if not edits:
            return text, counted
        replace(holder, edits)
        return encode(holder[0]).decode(), counted
