"""`POST /v1/embeddings`: text goes in, vectors come out.

A vector is nothing to read: it goes on untouched, as it is spelled and without a look at each of its millions of
numbers. So `decode_response` leaves vectors as the bytes they came in; only what is provably a vector counts as one
(a list of numbers, or base64 of plausible floats), and anything else that stands in its place is looked at like all
other text.
"""

from __future__ import annotations

import binascii
import re
from array import array
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from guardproxy.core.exchange import Provenance, RequestReading, ResponseReading, Segment
from guardproxy.surfaces.facts import members_of, text_fact
from guardproxy.surfaces.inputs import InputReader
from guardproxy.surfaces.parameter_tables import OFFICIAL
from guardproxy.surfaces.texts import walk
from guardproxy.wire.document import decode, walk_strings
from guardproxy.wire.path import Key, Path

_VECTOR: Final = "embedding"
# The API's own names and words, which no rule is about, and which stand in each of thousands of items.
_NAMES: Final = frozenset(
    {"object", "data", "model", "usage", "id", "created", "index", "embedding", "prompt_tokens", "total_tokens"}
)
_OWN: Final = frozenset({("object", "embedding"), ("object", "list")})
_NUMBERS: Final = frozenset({int, float})
# All that a list of numbers, or of such lists, is written with.
_OF_NUMBERS: Final = b"0123456789+-.eE,[] \t\r\n"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{342,}={0,2}")
_FLOAT_BYTES: Final = 4
# Floats of a vector add up to little; those read out of anything else are of all sizes up to 1e38.
_LARGEST_SUM: Final = 1e6

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def read_request(document: Any, *, operator: bool) -> RequestReading:
    """Every text of a request, all of it the user's: nobody speaks as the operator to an embedding.

    Some servers take a chat's `messages` in place of `input`. Raises `InvalidRequest` where a type is wrong.
    """
    members = members_of(document)
    reader = InputReader(Provenance.USER, parts=True)
    inputs = 1
    if members.get("messages") is None:
        inputs = reader.read_input(members.get("input"), ("input",))
    for name, value in members.items():
        if name == "messages" and value is not None:
            reader.read_input(value, (name,))
        elif name == "input" and members.get("messages") is None:
            continue
        elif name in OFFICIAL["embeddings"]:
            reader.segments += walk(value, (name,), Provenance.USER)
        else:
            reader.segments += walk({name: value}, (), Provenance.USER)
    return RequestReading(
        model=text_fact(members, "model"),
        stream=False,
        segments=tuple(reader.segments),
        opaque=tuple(reader.opaque),
        inputs=inputs,
        output_tokens=0,
    )


def decode_response(raw: bytes) -> Any:
    """`document.decode` of a response, but each list of numbers under `data[].embedding` stays `msgspec.Raw`.

    Encoding writes those as they came. Raises `UndecodableJson`.
    """
    try:
        members = _MEMBERS.decode(raw)
        items = _ITEMS.decode(members["data"])
    except (LookupError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return decode(raw)  # of another form, or no JSON at all
    read: dict[str, Any] = {name: None if name == "data" else decode(bytes(value)) for name, value in members.items()}
    read["data"] = [{name: _kept(name, value) for name, value in item.items()} for item in items]
    return read


def read_response(document: Any) -> ResponseReading:
    """Every string of a response but its vectors, and every member name that is not the API's own, as model text."""
    usage = document.get("usage") if isinstance(document, dict) else None
    return ResponseReading(tuple(_texts(document)), usage=usage)


def strip_copies(document: Any) -> None:
    """A vector is no text in another encoding: nothing is dropped."""


def _kept(name: str, value: msgspec.Raw) -> Any:
    spelled = bytes(value)
    if name == _VECTOR and spelled.startswith(b"[") and not spelled.translate(None, _OF_NUMBERS):
        return value
    return decode(spelled)


def _texts(document: Any) -> Iterator[Segment]:
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        yield from _read(document, ())
        return
    for name, value in document.items():
        if name != "data":
            yield from _read({name: value}, ())
    for index, item in enumerate(document["data"]):
        path: Path = ("data", index)
        if isinstance(item, dict):
            rest = {name: value for name, value in item.items() if name != _VECTOR or not _is_vector(value)}
            yield from _read(rest, path)
        else:
            yield from _read(item, path)


def _read(value: Any, path: Path) -> Iterator[Segment]:
    for where, text in walk_strings(value, path, names=True):
        own = text in _NAMES if where and isinstance(where[-1], Key) else (*where[-1:], text) in _OWN
        if not own:
            yield Segment(text, Provenance.MODEL, where)


def _is_vector(value: Any) -> bool:
    """Whether this is numbers and nothing else, told without a look at each."""
    if isinstance(value, list):
        return set(map(type, value)) <= _NUMBERS or all(map(_is_vector, value))
    if isinstance(value, str):
        return _is_packed(value)
    return isinstance(value, msgspec.Raw) or type(value) in _NUMBERS


def _is_packed(text: str) -> bool:
    """Whether this is base64 of 32-bit floats, at least 64, and these are such as vectors hold."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        return False
    packed = binascii.a2b_base64(text)
    if len(packed) % _FLOAT_BYTES:
        return False
    floats = array("f")
    floats.frombytes(packed)
    return abs(sum(floats)) < _LARGEST_SUM  # False also for NaN
