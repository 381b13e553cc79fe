"""Labels by which an application says that a text is a document: something it found, not something its user wrote.

    extra_headers={"x-guardproxy-documents": "messages[1].content[0], messages[3]"}
    {"role": "user", "name": "document", "content": "..."}

A label can only lower trust. A labelled text keeps the provenance it has and gets that of a document beside it: it is
held against the rules for both, and of their fences the stricter one is put around it. System text and messages of the
assistant cannot be labelled, since a document must not speak for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from guardproxy.core.context import is_operator_role
from guardproxy.core.exchange import Provenance, RequestReading, Segment
from guardproxy.errors import InvalidRequest
from guardproxy.wire.path import Path, format_path

HEADER: Final = "x-guardproxy-documents"
MOST: Final = 1000
"""Labels of one request."""

# Members that say what something is, or belongs to, and nothing else.
_STRUCTURE: Final = frozenset({"role", "type", "id", "call_id", "tool_call_id", "tool_use_id"})
_NAME: Final = re.compile(r"document(?:[_-][A-Za-z0-9_-]{1,55})?")
_LABEL: Final = re.compile(r"[a-z_]{1,32}(?:\.[a-z_]{1,32}|\[[0-9]{1,6}\])*")
_STEP: Final = re.compile(r"([a-z_]+)|\[([0-9]+)\]")


def is_document_name(name: object) -> bool:
    """Whether the `name` of a message says that it is a document: `document`, `document_2`, `document-readme`."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def labels_in(header: str) -> tuple[Path, ...]:
    """The places a header names, written as in `error.param`. Raises `InvalidRequest`."""
    labels = [label.strip() for label in header.split(",")]
    if len(labels) > MOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidRequest(
            f"{HEADER} is a list of at most {MOST} places, separated by commas: messages[1].content[0], messages[3]",
            param=HEADER,
        )
    return tuple(tuple(name or int(index) for name, index in _STEP.findall(label)) for label in labels)


class Labels:
    """Places of a request, asked for each of its texts: it takes no longer for many of them."""

    __slots__ = ("_lengths", "_places")

    def __init__(self, places: Iterable[Path] = ()) -> None:
        self._places = dict.fromkeys(places)
        self._lengths = sorted({len(place) for place in self._places})

    def __iter__(self) -> Iterator[Path]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def over(self, path: Path) -> list[Path]:
        """The labels on the text at a path."""
        return [path[:length] for length in self._lengths if path[:length] in self._places]


NO_LABELS: Final = Labels()


def check_labels(reading: RequestReading, labels: Labels) -> None:
    """Raises `InvalidRequest` for a label on nothing, on system text or on a message of the assistant."""
    speakers = {turn.path: turn.role for turn in reading.turns}
    labelled: dict[Path, set[Provenance]] = {}
    for segment in reading.segments:
        for label in labels.over(segment.path):
            labelled.setdefault(label, set()).add(segment.provenance)
    for label in labels:
        role = next((speakers[label[:length]] for length in (2, 1) if label[:length] in speakers), None)
        # Some APIs have outputs of tools that are no messages.
        if label not in labelled or (role is None and labelled[label] != {Provenance.TOOL}):
            raise InvalidRequest("a label names a place where no text of a message stands", param=format_path(label))
        if role is not None and (is_operator_role(role) or role == "assistant"):
            raise InvalidRequest(
                "only user and tool messages can be labelled as documents: move the document into one of them",
                param=format_path(label),
            )


def with_documents(segments: Sequence[Segment], labels: Labels) -> tuple[Segment, ...]:
    """The segments, and each labelled one once more as a document."""
    labelled = [
        segment._replace(provenance=Provenance.DOCUMENT)
        for segment in segments
        if segment.provenance is not Provenance.DOCUMENT and labels.over(segment.path)
    ]
    return (*segments, *labelled)


def without_labelled(document: Any, labels: Labels) -> Any:
    """The request with every labelled text empty. What stands elsewhere is shared with it, not copied.

    The labels are known to name places of texts (`check_labels`).
    """
    for path in labels:
        document = _emptied(document, path)
    return document


def _emptied(value: Any, path: Path) -> Any:
    if path:
        copied: Any = dict(value) if isinstance(value, dict) else list(value)
        copied[path[0]] = _emptied(copied[path[0]], path[1:])
        return copied
    if isinstance(value, dict):
        return {name: child if name in _STRUCTURE else _emptied(child, ()) for name, child in value.items()}
    if isinstance(value, list):
        return [_emptied(child, ()) for child in value]
    return "" if isinstance(value, str) else value
