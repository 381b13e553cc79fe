"""`GET /v1/models` and `GET /v1/models/{id}`: passed through, but looked at like any other answer."""

from __future__ import annotations

from typing import Any

from guardproxy.core.exchange import Provenance, RequestReading, ResponseReading, Segment
from guardproxy.surfaces.query import Query
from guardproxy.wire.document import walk_strings


def read_target(target: str, query: Query) -> RequestReading:
    """A model's name in the path is text that leaves, like any other."""
    texts = (Segment(target, Provenance.USER, ("model",)),) if target else ()
    return RequestReading(model="", stream=False, segments=texts, output_tokens=0)


def read_response(document: Any) -> ResponseReading:
    """Every string of the answer, as model text."""
    return ResponseReading(tuple(Segment(text, Provenance.MODEL, path) for path, text in walk_strings(document, ())))


def strip_copies(document: Any) -> None:
    """A list of models repeats nothing in another encoding."""
