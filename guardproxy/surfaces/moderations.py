"""`POST /v1/moderations`: text or images go in, categories and their scores come out."""

from __future__ import annotations

from typing import Any, Final

from guardproxy.core.exchange import Provenance, RequestReading, ResponseReading, Segment
from guardproxy.surfaces.facts import members_of, text_fact
from guardproxy.surfaces.inputs import InputReader
from guardproxy.surfaces.parameter_tables import OFFICIAL
from guardproxy.surfaces.texts import walk
from guardproxy.wire.document import walk_strings
from guardproxy.wire.path import Key

# What stands in a log for the model of a request that names none: the upstream has one for such.
DEFAULT_MODEL: Final = "default"

# The API's own names, most of them of categories, which stand three times in each result.
_NAMES: Final = frozenset(
    {
        "id", "model", "results", "flagged", "categories", "category_scores", "category_applied_input_types",
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
        "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
    }
)  # fmt: skip


def read_request(document: Any, *, operator: bool) -> RequestReading:
    """Every text of a request, all of it the user's. Raises `InvalidRequest` where a type is wrong."""
    members = members_of(document)
    reader = InputReader(Provenance.USER, parts=True)
    inputs = reader.read_input(members.get("input"), ("input",))
    for name, value in members.items():
        if name != "input":
            known = name in OFFICIAL["moderations"]
            reader.segments += (
                walk(value, (name,), Provenance.USER) if known else walk({name: value}, (), Provenance.USER)
            )
    return RequestReading(
        model=DEFAULT_MODEL if members.get("model") is None else text_fact(members, "model"),
        stream=False,
        segments=tuple(reader.segments),
        opaque=tuple(reader.opaque),
        inputs=inputs,
        output_tokens=0,
    )


def read_response(document: Any) -> ResponseReading:
    """Every string of a response, and every member name that is not the API's own, as model text."""
    found = walk_strings(document, names=True)
    segments = tuple(
        Segment(text, Provenance.MODEL, path)
        for path, text in found
        if not (path and isinstance(path[-1], Key) and text in _NAMES)
    )
    return ResponseReading(segments, usage=document.get("usage") if isinstance(document, dict) else None)


def strip_copies(document: Any) -> None:
    """Categories and scores repeat no text."""
