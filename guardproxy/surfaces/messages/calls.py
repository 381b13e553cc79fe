"""What is held of a stream until it is whole: the input of a call, and a compaction, which comes in one delta.

A client acts on a call, and some repair a truncated one into one that runs. So a call is shown at its end or not at
all. Input that is no JSON at that end may have been cut off; whether it was, only what comes next can tell. Input in
which something is still open then was cut off whatever comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.events import Edited
from guardproxy.surfaces.messages.leaves import is_call
from guardproxy.surfaces.messages.sealed import is_sealed, unseal
from guardproxy.wire.json_end import is_all
from guardproxy.wire.path import Path

COMPACTION: Final = "compaction"
# By the type of a delta, its member that is held.
HELD_IN: Final = {"input_json_delta": "partial_json", "compaction_delta": "content"}


def is_held(block: Mapping[str, Any]) -> bool:
    """Whether a block is shown whole or not at all."""
    return is_call(block) or block.get("type") == COMPACTION


class Call:
    """The events of one such block so far. `start` is None where the block is known to the client already.

    `rest`: frames that go out before its end, with texts beside the call.
    """

    __slots__ = ("_deltas", "_pieces", "_start", "ended", "rest", "stop")

    def __init__(self, start: Edited | None) -> None:
        self._start = start
        self._deltas: list[Edited] = []
        self._pieces: list[str] = []
        self.stop: Edited | None = None
        self.rest: list[bytes] = []
        self.ended = False  # nothing more may come

    @property
    def known(self) -> bool:
        """Whether the client knows of it already."""
        return self._start is None

    def take(self, delta: Edited) -> None:
        """One more delta."""
        inner = delta.document["delta"]
        text = inner.get(HELD_IN[inner["type"]])
        self._pieces.append(text if isinstance(text, str) else "")
        self._deltas.append(delta)

    @property
    def text(self) -> str:
        """What the deltas brought, as the model wrote it."""
        return "".join(self._pieces)

    @property
    def brings_input(self) -> bool:
        """Whether any delta was one of a call's input."""
        return any(one.document["delta"]["type"] == "input_json_delta" for one in self._deltas)

    @property
    def is_complete(self) -> bool:
        """Whether it shows by itself that nothing is missing, as JSON does."""
        if self._is_compaction:
            return True
        raw = self.text
        if not raw:
            return self._start is not None and bool(self._start.document["content_block"].get("input"))
        return is_all(raw, ended=False)

    @property
    def is_cut(self) -> bool:
        """Whether its input was cut off, although the model went on."""
        return bool(self.text.strip()) and not self._is_compaction and not is_all(self.text, ended=True)

    def release(self, cleaner: Cleaner, path: Path) -> tuple[list[bytes], int]:
        """Its frames, as they came if nothing of it was hidden, and the characters of its text."""
        text = self.text
        cleaned = cleaner.text(text, path) if self._is_compaction else cleaner.arguments(text, path)
        if cleaned != text:
            self._rewrite(cleaned)
        begun = [] if self._start is None else [self._start]
        frames = [*(one.frame() for one in (*begun, *self._deltas)), *self.rest]
        return frames if self.stop is None else [*frames, self.stop.frame()], len(cleaned)

    @property
    def _is_compaction(self) -> bool:
        return any(one.document["delta"]["type"] == "compaction_delta" for one in self._deltas)

    def _rewrite(self, text: str) -> None:
        """Make of its deltas one with that text. What is sealed beside it holds the text too, so it goes."""
        first = self._deltas[0]
        inner = first.document["delta"]
        beside = {name: value for name, value in inner.items() if name != "encrypted_content"}
        delta = {**beside, HELD_IN[inner["type"]]: text}
        self._deltas = [Edited(first.event, {**first.document, "delta": delta}, changed=True)]
        if self._start is not None and is_sealed(self._start.document["content_block"]):
            unseal(self._start.document["content_block"])
            self._start = self._start._replace(changed=True)
