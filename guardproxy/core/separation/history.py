"""Answers that went out, remembered by digest, so that a caller cannot make up what the model said.

A chat client sends the model's earlier answers back as assistant messages, and models take them for their own words: a
forged one is a strong injection. Where a policy says `history: seen`, each piece of such a message (its text, each of
its tool calls) must be one that this proxy gave to the same key, and a tool message must answer a call that it gave.

Remembered is a keyed digest of 128 bits for each piece, never the text, and only the latest ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

from guardproxy.core.exchange import Provenance
from guardproxy.core.verdict import Finding, Severity
from guardproxy.wire.path import Path

UNSEEN: Final = "context.unseen-answer"

MOST: Final = 200_000
"""How many pieces are remembered: about 35 MB."""


class Piece(NamedTuple):
    """A part of an answer: what kind of part, and its text. White space around it does not count."""

    kind: str
    text: str


class Claim(NamedTuple):
    """What a caller says the model said, and where."""

    path: Path
    piece: Piece


class SeenAnswers:
    """`key` is secret: nobody can make two pieces that look alike."""

    def __init__(self, key: bytes, *, most: int = MOST) -> None:
        self._empty = blake2b(digest_size=16, key=key)
        self._most = most
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def remember(self, key_id: str, pieces: Iterable[Piece]) -> None:
        """These went out to the holder of a key."""
        for piece in pieces:
            digest = self._digest(key_id, piece)
            self._seen[digest] = None
            self._seen.move_to_end(digest)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def refuse_unseen(self, key_id: str, claims: Iterable[Claim]) -> list[Finding]:
        """The claims that never went out to this key, as findings that block; one for each place."""
        unseen = {claim.path: None for claim in claims if not self._knows(key_id, claim.piece)}
        return [Finding(UNSEEN, Severity.HIGH, Provenance.USER, path, 0, 0) for path in unseen]

    def _knows(self, key_id: str, piece: Piece) -> bool:
        digest = self._digest(key_id, piece)
        if digest not in self._seen:
            return False
        self._seen.move_to_end(digest)
        return True

    def _digest(self, key_id: str, piece: Piece) -> bytes:
        digest = self._empty.copy()
        text = piece.text.strip().encode("utf-8", "surrogatepass")
        digest.update(f"{len(key_id)}:{key_id}{len(piece.kind)}:{piece.kind}".encode("utf-8", "surrogatepass"))
        digest.update(text)
        return digest.digest()
