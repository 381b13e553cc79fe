"""Texts in which nothing was found, remembered, so that a conversation is not inspected again with each of its turns.

A chat client sends the whole history with every message. A text that was found clean under the same policy and of the
same provenance is clean again; what was found in a text is never remembered, it is looked for each time. Remembered is
a keyed digest of 128 bits, never the text, and only as many as fit: forgetting costs time and changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from copy import copy
from hashlib import blake2b
from typing import Final

from guardproxy.core.exchange import Provenance

MOST: Final = 20_000
"""How many texts a memo remembers: about 4 MB."""

LEAST: Final = 64
"""Shorter texts, in characters, cost less to inspect than to remember."""

MOST_REVISIONS: Final = 1000


class Memo:
    """For one policy `revision`, and, by `under`, in the same space for any other.

    `key` is secret: nobody can make two texts that look alike to the memo.
    """

    def __init__(self, revision: str, key: bytes, *, most: int = MOST) -> None:
        self.revision = revision
        self._keyed = blake2b(digest_size=16, key=key)
        self._empty = self._keyed.copy()
        self._empty.update(f"{revision}\0".encode())
        self._most = most
        self._clean: OrderedDict[bytes, None] = OrderedDict()
        self._known = {revision: self}

    def __len__(self) -> int:
        return len(self._clean)

    def under(self, revision: str) -> Memo:
        """This memo for another revision: what is clean under one says nothing about the others."""
        known = self._known.get(revision)
        if known is None:
            if len(self._known) >= MOST_REVISIONS:
                self._known.clear()
            known = copy(self)
            known.revision = revision
            known._empty = self._keyed.copy()
            known._empty.update(f"{revision}\0".encode())
            self._known[revision] = known
        return known

    def digest(self, provenance: Provenance, texts: Sequence[str]) -> bytes:
        """What the memo knows a text by, or several that are read as one: no other texts come to the same digest."""
        digest = self._empty.copy()
        digest.update(f"{provenance} {' '.join(str(len(text)) for text in texts)}\0".encode())
        for text in texts:
            digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def knows(self, digest: bytes) -> bool:
        """Whether nothing was found in this text before; it is then remembered longer."""
        if digest not in self._clean:
            return False
        self._clean.move_to_end(digest)
        return True

    def remember(self, digest: bytes) -> None:
        """Nothing was found in this text."""
        self._clean[digest] = None
        if len(self._clean) > self._most:
            self._clean.popitem(last=False)
