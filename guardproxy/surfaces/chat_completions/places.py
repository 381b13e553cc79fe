"""Texts below a member of an event that hold what no API says of it: any of them may be a piece of one that grows.

A server may stream a text of its own in a member nobody has heard of, and a client may add it up. So every such place
is a channel, keyed by the choice and the path, and what of a text is not decided waits. What is only repeated in event
after event is no more of a text (`Repeats`). Values that an API documents to arrive whole (`WHOLE`), and labels, are
looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.items import forms_of, key_of
from guardproxy.surfaces.chat_completions.opaque import Unread, is_bytes
from guardproxy.surfaces.chat_completions.plain import DELTA_LABELS, OpenChoice
from guardproxy.surfaces.chat_completions.signed import SIGNATURE, drop, sign
from guardproxy.surfaces.texts import is_signature
from guardproxy.wire.document import replace, walk_strings
from guardproxy.wire.path import Path, Step

# Members of an event, a choice or a delta that one of the APIs and dialects served here sends whole each time.
WHOLE: Final = frozenset(
    {
        "annotations", "citations", "content_filter_offsets", "content_filter_raw", "content_filter_result",
        "content_filter_results", "error", "logprobs", "moderation", "obfuscation", "prompt_filter_results",
        "prompt_logprobs", "search_results", "timings", "token_ids", "usage", "x_groq",
    }
)  # fmt: skip

Grow = Callable[[OpenChoice, Path, str], str]
"""Feed the channel of a choice that has this key; what of the text may go out now."""


class Places:
    """Edits containers in place. `ahead`: of a choice whose `ahead` goes out, so that a signature can end a text."""

    def __init__(self, guard: OutputGuard, cleaner: Cleaner, grow: Grow, *, ahead: bool = False) -> None:
        self._guard = guard
        self._ahead = ahead
        self._cleaner = cleaner
        self._grow = grow

    def edit(
        self, choice: OpenChoice, at: Path, holder: Any, member: str | int, found: Unread = ()
    ) -> dict[Path, Path]:
        """Edit a member of what stands `at` that path of the choice; `found` is what of it cannot be read.

        The keys of the channels that grew, with the place in the choice where the last of their text stands.
        """
        # Names first: frames of our own repeat those of the places where text is held.
        value, where = holder[member], (*choice.path, *at, member)
        words = not at  # a delta is full of them
        if isinstance(value, (dict, list)) and self._cleaner.names_below(value, where, words=words):
            choice.renamed.add(str(member))
        present: dict[Path, Path] = {}
        edits: dict[Path, str] = {}
        begun: list[Path] = []
        signatures: list[tuple[Path, Path]] = []
        before: dict[Path, int] = {}
        for path, text in walk_strings(holder[member], (member,)):
            key = (*at, *key_of(holder, path))
            if path[-1] == SIGNATURE:
                if text:
                    signatures.append((path, key))
            elif is_label(path[-1]):
                edits[path] = self._guard.whole(text, (*choice.path, *key))
            elif is_bytes(found, path, text):
                continue
            elif is_signature(path, text):
                self._guard.lets(OpaqueKind.ENCRYPTED, (*choice.path, *key), seals=True)
            else:
                if key not in choice.channels:
                    begun.append(path)
                before.setdefault(key, choice.channels[key].length if key in choice.channels else 0)
                edits[path] = self.grow(choice, key, text)
                present[key] = (*at, *path)
        dropped = [
            path[:-1] for path, key in signatures if not self._sign(choice, at, path, key, edits, present, before)
        ]
        replace(holder, edits)
        for path in begun:  # now with labels as they may be shown
            choice.forms.update({(*at, *item): form for item, form in forms_of(holder, path).items()})
        if dropped:
            _drop(holder, at, dropped, present)
        return present

    def _sign(
        self,
        choice: OpenChoice,
        at: Path,
        path: Path,
        key: Path,
        edits: dict[Path, str],
        present: dict[Path, Path],
        before: Mapping[Path, int],
    ) -> bool:
        """A signature ends the texts beside it, which are decided before it goes out. False if its block may not."""
        text = sign(choice.channels, choice.signed, key, before, ends=self._ahead)
        holds = text.holds and str(path[0]) not in choice.renamed
        drops = not text.holds and text.at_once
        if not holds:
            edits[path] = ""
        for channel, rest in text.ends.items() if not drops else ():
            if rest:
                choice.repeats.forget(channel)
            if rest and channel in present:
                edits[present[channel][len(at) :]] += rest
            elif rest:
                choice.ahead.append((channel, rest))
        return not drops

    def grow(self, choice: OpenChoice, key: Path, text: str) -> str:
        """Feed a channel of such a place."""
        if choice.repeats.is_one(key, choice.channels.get(key), text):
            return text
        return self._grow(choice, key, text)


def _drop(holder: Any, at: Path, blocks: list[Path], present: dict[Path, Path]) -> None:
    """Blocks leave the member in which they stand, and what is `present` behind them moves up."""
    drop(holder, blocks)
    for key, path in list(present.items()):
        moved: list[Any] = list(path)
        for block in map(at.__add__, blocks):
            depth, last = len(block) - 1, block[-1]
            step: Any = path[depth] if depth < len(path) else None
            if path[: depth + 1] == block:
                del present[key]
                break
            if path[:depth] == block[:-1] and isinstance(last, int) and step > last:
                moved[depth] -= 1
        else:
            present[key] = tuple(moved)


def is_label(name: Step) -> bool:
    """Whether a member names something, which is told at once."""
    return isinstance(name, str) and (name in DELTA_LABELS or name.endswith("_id"))
