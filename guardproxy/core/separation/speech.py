"""What the proxy itself says in a conversation, for a surface to put where its API has a place for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from guardproxy.core.separation.history import Claim, Piece
from guardproxy.core.separation.terms import OperatorPrompt, Place

KEY_NAME: Final = "{{key_name}}"


class Speech(NamedTuple):
    """`before` and `behind` are operator text around that of the caller, or instead of it. `restated` is a user message
    behind all others. `trusted`: the caller's system text is the operator's, so ours may stand in one message with it.
    """

    role: str = "system"
    before: str = ""
    behind: str = ""
    instead: bool = False
    restated: str = ""
    trusted: bool = False


class AnswerCollector(Protocol):
    """Collects a streamed answer from the frames that go out. `ended`: whether one of them told that it is complete."""

    @property
    def ended(self) -> bool: ...

    def feed(self, frames: Sequence[bytes]) -> None: ...

    def pieces(self) -> Iterable[Piece]: ...


class Speaking(NamedTuple):
    """Who speaks where in an API. `place` puts a speech into a request.

    `operator_part` is all a request says in the operator's place, as JSON: what a signature covers; None if nothing is.
    `answered` are the pieces of a whole answer, `collector` makes what collects those of a streamed one, and `claimed`
    is what a request says was answered before.
    """

    place: Callable[[Any, Speech], None]
    operator_part: Callable[[Any], Any]
    answered: Callable[[Any], Iterable[Piece]]
    collector: Callable[[], AnswerCollector]
    claimed: Callable[[Any], Iterable[Claim]]


def compose(prompt: OperatorPrompt | None, key_name: str, fences: str, restated: str, *, trusted: bool) -> Speech:
    """The policy's prompt, with the sentence that names the fences behind it or behind the caller's system text."""
    if prompt is None:
        return Speech(behind=fences, restated=restated, trusted=trusted)
    text = prompt.text.replace(KEY_NAME, key_name)
    match prompt.place:
        case Place.PREPEND:
            return Speech(prompt.role, text, fences, restated=restated, trusted=trusted)
        case Place.APPEND:
            return Speech(prompt.role, "", joined(text, fences), restated=restated, trusted=trusted)
        case Place.REPLACE:
            return Speech(prompt.role, joined(text, fences), "", instead=True, restated=restated, trusted=trusted)


def joined(*texts: str) -> str:
    """Texts of one speaker as one, with an empty line between them."""
    return "\n\n".join(text for text in texts if text)
