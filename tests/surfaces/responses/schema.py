"""Documents made from the official client's own types, with a mark in each string that may be anything."""

from __future__ import annotations

import json
import types
import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from openai.types.responses import Response, ResponseInputItem, ResponseOutputItem, ResponseStreamEvent
from pydantic import BaseModel

from tests.support.strategies import Kit, make_kit

# The dot makes it no base64 and no padding, so it is text wherever it stands.
marks = st.integers(0, 10**9).map(lambda number: f"mark{number}.")
_free = st.recursive(
    st.one_of(marks, st.booleans(), st.integers(0, 99), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(marks, inner, max_size=2)),
    max_leaves=4,
)
# Which event belongs to which text must be likely to repeat.
_indexes = st.integers(0, 1)


def members_of(union: Any) -> list[type[BaseModel]]:
    """The models of one of the client's unions, which it marks with what tells them apart."""
    inner = typing.get_args(union)[0] if typing.get_origin(union) is typing.Annotated else union
    return [one for one in typing.get_args(inner) if isinstance(one, type) and issubclass(one, BaseModel)]


EVENTS = members_of(ResponseStreamEvent)
OUTPUT_ITEMS = members_of(ResponseOutputItem)
INPUT_ITEMS = members_of(ResponseInputItem)


def type_of(model: type[BaseModel]) -> str | None:
    """The value of `type` that names a model."""
    field = model.model_fields.get("type")
    for annotation in (field.annotation, *typing.get_args(field.annotation)) if field else ():
        if typing.get_origin(annotation) is typing.Literal:
            return str(typing.get_args(annotation)[0])
    return None


BY_TYPE = {type_of(model): model for model in EVENTS}


def validate(document: dict[str, Any]) -> None:
    """Raises if an event is none of the official union."""
    BY_TYPE[document["type"]].model_validate(document)


def documents(model: type[BaseModel], depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that fit a model. Members that may be missing sometimes are."""

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        made = {}
        for name, field in model.model_fields.items():
            if field.is_required() or (depth < 3 and draw(st.booleans())):
                made[field.alias or name] = draw(_values(field.annotation, depth + 1, name))
        return made

    return build()


def parameters(kind: Any, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """The same for what the client takes, which it writes as typed dictionaries."""

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        made = {}
        for name, annotation in typing.get_type_hints(kind, include_extras=True).items():
            required = typing.get_origin(annotation) is typing.Required
            if required or (depth < 3 and draw(st.integers(0, 2)) == 0):
                made[name] = draw(_values(annotation, depth + 1, name))
        return made

    return build()


def _values(annotation: Any, depth: int, name: str = "") -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Annotated, typing.Required, typing.NotRequired):
        return _values(arguments[0], depth, name)
    if hasattr(annotation, "__required_keys__"):  # a typed dictionary, of whichever library
        return st.deferred(lambda: parameters(annotation, depth))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        wanted = [one for one in arguments if one is not type(None)]
        # Deep down the simplest: types hold each other.
        simple = sorted(wanted, key=_weight)[:1] if depth > 3 else wanted
        return st.one_of(*(_values(one, depth, name) for one in simple))
    if origin in (list, Iterable, Sequence):
        least = 1 if depth < 2 else 0  # a request without messages is none
        return st.lists(_values(arguments[0], depth, name), min_size=least, max_size=2 if depth < 4 else 1)
    if origin in (dict, Mapping):
        return st.dictionaries(marks, _values(arguments[1], depth, name), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return st.deferred(lambda: documents(annotation, depth))
    if annotation is str and name == "arguments":  # of which no JSON may have been cut off
        return marks.map(json.dumps)
    if annotation is int and name.endswith("_index"):
        return _indexes
    return {str: marks, int: st.integers(0, 99), float: st.just(0.5), bool: st.booleans()}.get(annotation, _free)


def _weight(annotation: Any) -> int:
    return 0 if annotation in (str, int, bool, float) or typing.get_origin(annotation) is typing.Literal else 1


def planted(value: Any) -> Counter[str]:
    """The marks in all strings and names of a document."""
    match value:
        case str():
            return Counter("mark" + rest.partition(".")[0] for rest in value.split("mark")[1:] if rest[:1].isdigit())
        case list():
            return sum(map(planted, value), Counter[str]())
        case dict():
            return sum(map(planted, [*value, *value.values()]), Counter[str]())
    return Counter()


def marks_kit() -> Kit:
    return make_kit({"mark": r"mark[0-9]{1,10}"})


responses = documents(Response)
