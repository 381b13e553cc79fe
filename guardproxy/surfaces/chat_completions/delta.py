"""The delta of a choice in an event: which of its strings grow, which arrive at once, what its members are called."""

from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.stream import StreamGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.opaque import is_bytes, withhold
from guardproxy.surfaces.chat_completions.places import WHOLE, Grow, Places
from guardproxy.surfaces.chat_completions.plain import OpenChoice
from guardproxy.wire.path import Path


class DeltaEditor:
    """Edits deltas in place."""

    def __init__(self, guard: OutputGuard, cleaner: Cleaner, grow: Grow) -> None:
        self._guard = guard
        self._cleaner = cleaner
        self._grow = grow
        self._places = Places(guard, cleaner, grow, ahead=True)

    def edit(self, choice: OpenChoice, at: str, delta: dict[str, Any]) -> dict[Path, Path]:
        """Edit the delta, which stands `at` that member of the choice.

        The keys of the channels that grew, with the place in the choice where the last of their text stands.
        """
        present: dict[Path, Path] = {}
        self._cleaner.names(delta)
        found = withhold(delta, self._guard.lets, (*choice.path, at))
        for member, value in delta.items():
            if isinstance(value, (dict, list)) and member in WHOLE:
                self._cleaner.below(delta, member, found=found)
            elif isinstance(value, (dict, list)):
                present.update(self._places.edit(choice, (at,), delta, member, found))
            elif found and isinstance(value, str) and is_bytes(found, (member,), value):
                continue
            elif isinstance(value, str) and member != "role":
                delta[member] = self._grow(choice, (at, member), value)
                present[at, member] = (at, member)
            elif isinstance(value, str) and value != "assistant":
                delta[member] = self._guard.whole(value, (at, member))
        if choice.cited or delta.get("annotations"):  # last, when the text of this event is decided as far as it is
            _cite(choice, choice.channels.get((at, "content")), delta)
        return present


def rest_cited(choice: OpenChoice) -> list[Any]:
    """The citations that waited for the end of the content."""
    content = choice.channels.get(("delta", "content"), choice.channels.get(("message", "content")))
    return [annotation for annotation, _ in choice.cited.take(content, ended=True)]


def _cite(choice: OpenChoice, text: StreamGuard | None, delta: dict[str, Any]) -> None:
    """Leave the citations in a delta whose text is decided."""
    came = delta.get("annotations")
    for annotation in came if isinstance(came, list) else ():
        choice.cited.add(annotation)
    told = [annotation for annotation, _ in choice.cited.take(text)]
    if told:
        delta["annotations"] = told
    elif isinstance(came, list) and came:
        del delta["annotations"]
