"""Answers that went out, remembered by digest, so that a caller cannot make up what the model said.

A chat client sends the model's earlier answers back as assistant messages, and models take them for their own words: a
forged one is a strong injection. Where a policy says `history: seen`, each piece of such a message (its text, each of
its tool calls) must be one that this proxy gave to the same key, and a tool message must answer a call that it gave.

Remembered is a keyed digest of 128 bits for each piece, never the text, and only the latest ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
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


class Recollection(NamedTuple):
    """What is known of claims. `unknown`: the digests of pieces that never went out as far as is known here, each with
    its place; `stale`: digests of others that were learned a while ago.
    """

    unknown: Sequence[tuple[bytes, Path]]
    stale: Sequence[bytes]


class SeenAnswers:
    """`key` is secret: nobody can make two pieces that look alike. Times are seconds of any one clock."""

    def __init__(self, key: bytes, *, most: int = MOST) -> None:
        self._empty = blake2b(digest_size=16, key=key)
        self._most = most
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def remember(self, key_id: str, pieces: Iterable[Piece], now: float = 0.0) -> Sequence[bytes]:
        """These went out to the holder of a key. The digests of those that were not known."""
        digests = [self._digest(key_id, piece) for piece in pieces]
        new = [digest for digest in dict.fromkeys(digests) if digest not in self._seen]
        for digest in digests:
            self._seen.setdefault(digest, now)
            self._seen.move_to_end(digest)
        self._forget()
        return new

    def learn(self, digests: Iterable[bytes], now: float = 0.0) -> None:
        """These went out, as somebody else knows."""
        for digest in digests:
            self._seen[digest] = now
            self._seen.move_to_end(digest)
        self._forget()

    def recall(self, key_id: str, claims: Iterable[Claim], stale_since: float = 0.0) -> Recollection:
        """What is known of these claims; `stale` is what was last learned before that time."""
        unknown: list[tuple[bytes, Path]] = []
        stale: dict[bytes, None] = {}
        for path, piece in claims:
            digest = self._digest(key_id, piece)
            learned = self._seen.get(digest)
            if learned is None:
                unknown.append((digest, path))
                continue
            self._seen.move_to_end(digest)
            if learned < stale_since:
                stale[digest] = None
        return Recollection(unknown, list(stale))

    def refuse_unseen(self, key_id: str, claims: Iterable[Claim]) -> list[Finding]:
        """The claims that never went out to this key, as findings that block; one for each place."""
        return refuse_places(path for _, path in self.recall(key_id, claims).unknown)

    def _forget(self) -> None:
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def _digest(self, key_id: str, piece: Piece) -> bytes:
        digest = self._empty.copy()
        text = piece.text.strip().encode("utf-8", "surrogatepass")
        digest.update(f"{len(key_id)}:{key_id}{len(piece.kind)}:{piece.kind}".encode("utf-8", "surrogatepass"))
        digest.update(text)
        return digest.digest()


def refuse_places(places: Iterable[Path]) -> list[Finding]:
    """What blocks: something stands in these places that never went out. One for each."""
    return [Finding(UNSEEN, Severity.HIGH, Provenance.USER, path, 0, 0) for path in dict.fromkeys(places)]
