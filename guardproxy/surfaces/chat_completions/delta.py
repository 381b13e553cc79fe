"""The delta of a choice in an event: which of its strings grow, which arrive at once, what its members are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.items import forms_of, key_of
from guardproxy.surfaces.chat_completions.opaque import Unread, is_bytes, withhold
from guardproxy.surfaces.chat_completions.plain import DELTA_LABELS, OpenChoice
from guardproxy.surfaces.chat_completions.signed import SIGNATURE, signature_holds
from guardproxy.surfaces.citations import move_citations
from guardproxy.wire.document import replace, walk_strings
from guardproxy.wire.path import Path

Grow = Callable[[int, OpenChoice, Path, str], str]
"""Feed the channel of a choice that has this key; what of the text may go out now."""


class DeltaEditor:
    """Edits deltas in place."""

    def __init__(self, guard: OutputGuard, cleaner: Cleaner, grow: Grow) -> None:
        self._guard = guard
        self._cleaner = cleaner
        self._grow = grow

    def edit(self, index: int, choice: OpenChoice, at: str, delta: dict[str, Any]) -> dict[Path, Path]:
        """Edit the delta, which stands `at` that member of the choice.

        The keys of the channels that grew, with the place in the choice where the last of their text stands.
        """
        present: dict[Path, Path] = {}
        self._cleaner.names(delta)
        found = withhold(delta, self._guard.lets, ("choices", index, at))
        for member, value in delta.items():
            if isinstance(value, (dict, list)):
                # Names first: frames of our own repeat those of the places where text is held.
                if self._cleaner.names_below(value, ("choices", index, at, member)):
                    choice.renamed.add(member)
                present.update(self._edit_below(index, choice, at, delta, member, found))
            elif found and isinstance(value, str) and is_bytes(found, (member,), value):
                continue
            elif isinstance(value, str) and member != "role":
                delta[member] = self._grow(index, choice, (at, member), value)
                present[at, member] = (at, member)
            elif isinstance(value, str) and value != "assistant":
                delta[member] = self._guard.whole(value, (at, member))
        if delta.get("annotations"):  # last, when the text of this event is decided as far as it is
            text = choice.channels.get((at, "content"))
            if text is not None and text.moved is not None:
                move_citations(delta["annotations"], text.moved)
        return present

    def _edit_below(
        self, index: int, choice: OpenChoice, at: str, delta: dict[str, Any], member: str, found: Unread
    ) -> dict[Path, Path]:
        present: dict[Path, Path] = {}
        edits: dict[Path, str] = {}
        grown: list[Path] = []
        for path, text in walk_strings(delta[member], (member,)):
            key = (at, *key_of(delta, path))
            if path[-1] == SIGNATURE:
                holds = member not in choice.renamed and signature_holds(choice.channels, key)
                edits[path] = text if holds else ""
            elif path[-1] in DELTA_LABELS:
                edits[path] = self._guard.whole(text, ("choices", index, *key))
            elif is_bytes(found, path, text):
                continue
            else:
                if key not in choice.channels:
                    grown.append(path)
                edits[path] = self._grow(index, choice, key, text)
                present[key] = (at, *path)
        replace(delta, edits)
        for path in grown:  # now with labels as they may be shown
            choice.forms.update({(at, *item): form for item, form in forms_of(delta, path).items()})
        return present
