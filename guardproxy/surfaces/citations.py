"""Citations beside a text: they name the stretch they are about by its place, which a redaction moves.

`annotations` stand beside a message's `content` (chats) or a part's `text` (responses). Their `start_index` and
`end_index` follow the text; everything else of them is text like any other. In a stream a citation waits until the
text it is about is decided, and those that come after it wait behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from guardproxy.core.moved import Moved
from guardproxy.core.stream import StreamGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.wire.document import get
from guardproxy.wire.path import Path

_TEXTS: Final = frozenset({"content", "text"})
_HOLDER: Final = "annotations"
MOST_WAITING: Final = 10_000

Edit = Callable[[Any, Mapping[Path, str]], None]


def edit_cited(document: Any, edits: Mapping[Path, str], edit: Edit) -> None:
    """`edit`, after which citations point at what they pointed at."""
    cited = []
    for path, text in edits.items():
        if path and isinstance(path[-1], str) and path[-1] in _TEXTS:
            holder = get(document, path[:-1])
            if isinstance(holder, dict) and holder.get(_HOLDER) and isinstance(holder[path[-1]], str):
                cited.append((holder[_HOLDER], Moved.between(holder[path[-1]], text)))
    edit(document, edits)
    for beside, moved in cited:
        move_citations(beside, moved)


def move_citations(annotations: Any, moved: Moved) -> None:
    """Let citations follow their text. A chat's stand one object deeper, named like their type."""
    for annotation in annotations if isinstance(annotations, list) else ():
        if isinstance(annotation, dict):
            _move(annotation, moved)
            for below in annotation.values():
                if isinstance(below, dict):
                    _move(below, moved)


def end_of(annotation: Any) -> int:
    """The last place of a text that a citation names; 0 if it names none."""
    holders = [annotation, *annotation.values()] if isinstance(annotation, dict) else []
    places = [one.get(name) for one in holders if isinstance(one, dict) for name in ("start_index", "end_index")]
    return max((place for place in places if type(place) is int), default=0)


class WaitingCitations:
    """The citations of one text of a stream that wait, each as it came, with what it came in."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, Any]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, annotation: Any, carrier: Any = None) -> None:
        """One more. Raises `UpstreamUnavailable` for too many."""
        self._waiting.append((annotation, carrier))
        if len(self._waiting) > MOST_WAITING:
            raise UpstreamUnavailable("the upstream's answer is too large to be looked at", reason="too_large")

    def take(self, text: StreamGuard | None, *, ended: bool = False) -> Iterator[tuple[Any, Any]]:
        """Those whose text is decided, or all if it has `ended`, moved with it."""
        while self._waiting and (ended or text is None or text.decides(end_of(self._waiting[0][0]))):
            annotation, carrier = self._waiting.popleft()
            if text is not None and text.moved is not None:
                move_citations([annotation], text.moved)
            yield annotation, carrier


def _move(holder: dict[str, Any], moved: Moved) -> None:
    start, end = holder.get("start_index"), holder.get("end_index")
    if type(start) is int:
        holder["start_index"] = moved.beginning(start)
    if type(end) is int:
        holder["end_index"] = moved.ending(end)
