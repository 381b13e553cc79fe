"""What stands beside the choices of a streamed event: labels, what arrives whole, and texts that grow all the same."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.events import own_event_beside
from guardproxy.surfaces.chat_completions.items import nest
from guardproxy.surfaces.chat_completions.places import WHOLE, Grow, Places
from guardproxy.surfaces.chat_completions.plain import LABELS, OpenChoice
from guardproxy.wire.document import get, replace
from guardproxy.wire.path import Path


class Beside:
    """Edits it in place, event by event. `own_word`: the API's own `object`, which no rule is about."""

    def __init__(self, guard: OutputGuard, cleaner: Cleaner, grow: Grow, labels: dict[str, str], own_word: str) -> None:
        self._guard = guard
        self._cleaner = cleaner
        self._labels = labels
        self._own_word = own_word
        self._texts = OpenChoice()
        self._places = Places(guard, cleaner, grow)
        self._present: dict[Path, Path] = {}  # texts that stand in the event at hand

    def edit(self, document: dict[str, Any]) -> None:
        """All members of the next event but a list of choices."""
        self._present = {}
        for member, value in document.items():
            if member == "choices" and isinstance(value, list):
                continue
            if value == self._own_word and member == "object":
                self._labels[member] = self._own_word
            elif isinstance(value, str) and member in LABELS:
                self._cleaner.label(document, member, value)
            elif isinstance(value, (str, dict, list)) and member in WHOLE:
                self._cleaner.below(document, member, counts=member == "usage")
            elif isinstance(value, (str, dict, list)):
                self._present.update(self._places.edit(self._texts, (), document, member))

    def edit_odd(self, choices: list[Any], position: int) -> None:
        """What stands among the choices of the same event and is none."""
        self._present.update(self._places.edit(self._texts, ("choices",), choices, position))

    def end(self, last: Mapping[str, Any], document: dict[str, Any] | None = None) -> list[bytes]:
        """All these texts end, in the event at hand (`document`) or before it: frames to send first.

        `last`: the last event, which frames of our own look like.
        """
        if self._texts.finished:
            return []
        present = {} if document is None else self._present
        append_rest(self._texts, document or {}, present)
        rest = list(rest_of(self._texts, present))
        self._texts.finished = self._guard.blocked is None
        return [own_event_beside(last, nest(key, text, self._texts.forms)) for key, text in rest]


def append_rest(choice: OpenChoice, value: dict[str, Any], present: Mapping[Path, Path]) -> int:
    """Texts that stand in the event at hand end there; how many characters came out of them."""
    characters = 0
    for key, path in present.items():
        text = choice.channels[key].finish()
        if text:
            characters += len(text)
            replace(value, {path: get(value, path) + text})
    return characters


def ended_of(
    choice: OpenChoice, value: dict[str, Any], present: Mapping[Path, Path]
) -> Iterator[tuple[Path, str, bool]]:
    """What was held of the texts that end at the event at hand, by key; and whether it was put into that event, which
    has the last text of the field (an empty one may stand there behind what begins).
    """
    ahead, choice.ahead = choice.ahead, []
    yield from ((key, text, False) for key, text in ahead)
    if not choice.grown:
        return
    for key, grew in choice.take_ended():
        text = choice.channels[key].pause()
        if text and grew:
            replace(value, {present[key]: get(value, present[key]) + text})
        if text:
            choice.repeats.forget(key)
            yield key, text, grew


def rest_of(choice: OpenChoice, present: Container[Path]) -> Iterator[tuple[Path, str]]:
    """The texts of a choice end but those that stand in the event at hand: what was held of each, by its key."""
    for key, channel in choice.channels.items():
        if key not in present:
            text = channel.finish()
            if text:
                yield key, text


def paused(choice: OpenChoice) -> Iterator[tuple[Path, str]]:
    """The same of texts that may have ended."""
    for key, channel in choice.channels.items():
        if text := channel.pause():
            choice.repeats.forget(key)
            yield key, text
