"""`GET /v1/models` and `GET /v1/models/{id}`: passed through, but looked at like any other answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from guardproxy.core.exchange import Provenance, RequestReading, ResponseReading, Segment
from guardproxy.surfaces.query import Query
from guardproxy.wire.document import walk_strings

# OpenAI's and Anthropic's servers list models under `data`; llama.cpp and Ollama also under `models`.
_LISTS: Final = ("data", "models")
_NAMES: Final = ("id", "model", "name")


def read_target(target: str, query: Query) -> RequestReading:
    """A model's name in the path is text that leaves, like any other."""
    texts = (Segment(target, Provenance.USER, ("model",)),) if target else ()
    return RequestReading(model="", stream=False, segments=texts, output_tokens=0)


def read_response(document: Any) -> ResponseReading:
    """Every string of the answer, as model text."""
    return ResponseReading(tuple(Segment(text, Provenance.MODEL, path) for path, text in walk_strings(document, ())))


def keep_models(document: Any, allowed: Callable[[str], bool]) -> None:
    """Take the models out of a list that its reader may not ask for, and what cannot be told apart from them.

    Where a list says with which model it begins and ends, that follows.
    """
    for name in _LISTS:
        if isinstance(document.get(name), list):
            document[name] = [item for item in document[name] if allowed(_name(item))]
    listed = document.get("data")
    kept = listed if isinstance(listed, list) and listed else [None]
    for end, item in (("first_id", kept[0]), ("last_id", kept[-1])):
        if end in document:
            document[end] = _name(item) or None


def _name(model: Any) -> str:
    names = (model.get(member) for member in _NAMES) if isinstance(model, dict) else ()
    return next((name for name in names if isinstance(name, str)), "")


def strip_copies(document: Any) -> None:
    """A list of models repeats nothing in another encoding."""
