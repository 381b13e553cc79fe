"""Where text stands in a whole response: all choices, all members; whatever is not known is found by the catch-all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from guardproxy.core.exchange import ALONE, Opaque, OpaqueKind, Provenance, ResponseReading, Seal, Segment, segment_of
from guardproxy.surfaces.chat_completions.opaque import CARRIERS, beside, opaques, unread
from guardproxy.surfaces.texts import is_signature, may_be_signed, read_call, signatures, walk
from guardproxy.wire.path import Key, Path, is_word

# Names that need no look: most of what an answer has.
_NAMES: Final = frozenset(
    {
        "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "index",
        "message", "logprobs", "finish_reason", "role", "content", "refusal", "annotations", "tool_calls",
        "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
    }
)  # fmt: skip

# Members of a message that say all they say as a string. Most messages have no others.
_SPOKEN: Final = frozenset({"role", "content", "refusal"})

_COUNTS: Final = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_INT: Final = frozenset({int})
_MODEL: Final = Provenance.MODEL

# The text again as tokens, with their bytes or numbers; on a choice, some servers also put them on the response.
_COPIES: Final = ("logprobs", "token_ids", "prompt_logprobs", "prompt_token_ids")


def read_response(document: Any) -> ResponseReading:
    """Every text of a whole response, all choices, all members."""
    if not isinstance(document, dict):
        return ResponseReading(tuple(walk(document, (), Provenance.MODEL)))
    segments: list[Segment] = []
    opaque: list[Opaque] = []
    if not _NAMES.issuperset(document):
        segments += (segment for name in document if name not in _NAMES for segment in _name(name, ()))
    for name, value in document.items():
        if isinstance(value, str):
            if not (name == "object" and value == "chat.completion"):  # the API's own word, which no rule is about
                segments.append(segment_of((value, _MODEL, (name,), ALONE)))
        elif isinstance(value, (dict, list)):
            if name == "choices" and isinstance(value, list):
                for index, choice in enumerate(value):
                    at = len(segments)
                    if _read_choice(choice, index, segments, opaque):
                        segments[at:] = [_in_run(segment, index) for segment in segments[at:]]
            elif name == "usage" and isinstance(value, dict):
                segments += _read_usage(value)
            else:
                segments += walk(value, (name,), _MODEL)
    return ResponseReading(tuple(segments), tuple(opaque), document.get("usage"))


def _in_run(segment: Segment, choice: int) -> Segment:
    """The text of a part of a message with those of its other parts, which clients join."""
    path = segment.path
    joined = len(path) == 6 and path[3] == "content" and path[5] == "text"
    return segment._replace(run=choice) if joined else segment


def _read_usage(usage: dict[str, Any]) -> Sequence[Segment]:
    """Counts, as a rule; nearly all names are words of an API, below the first level too."""
    if _COUNTS.issuperset(usage) and _INT.issuperset(map(type, usage.values())):
        return ()
    return list(_read_more_usage(usage))


def _read_more_usage(usage: dict[str, Any]) -> Iterator[Segment]:
    for name, value in usage.items():
        if name not in _NAMES:
            yield from _name(name, ("usage",))
        if not isinstance(value, int):
            below = walk(value, ("usage", name), Provenance.MODEL)
            yield from (one for one in below if not (isinstance(one.path[-1], Key) and is_word(one.text)))


def _name(name: str, path: Path) -> Sequence[Segment]:
    """A member's name as a text, unless it is a word of an API, of which an answer is full."""
    return () if is_word(name) else (Segment(name, Provenance.MODEL, (*path, Key(name))),)


def strip_copies(document: Any) -> None:
    """Drop what repeats the text in another encoding: log probabilities (tokens and bytes), token ids, spoken audio.

    Called when the policy redacts model text; a redacted word must not survive beside its placeholder.
    """
    if not isinstance(document, dict):
        return
    strip_tokens(document)
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            strip_choice_copies(choice, choice.get("message"))


def strip_choice_copies(choice: dict[str, Any], message: Any) -> None:
    """`strip_copies` for one choice and its message or delta."""
    strip_tokens(choice)
    audio = message.get("audio") if isinstance(message, dict) else None
    if isinstance(audio, dict):
        audio.pop("data", None)


def strip_tokens(holder: dict[str, Any]) -> None:
    """Null in place of the text's tokens in a response, an event or a choice."""
    for name in _COPIES:
        if holder.get(name) is not None:
            holder[name] = None


def _read_choice(choice: Any, index: int, segments: list[Segment], opaque: list[Opaque]) -> bool:
    """Whether its message comes in parts."""
    if not isinstance(choice, dict):
        segments += walk(choice, ("choices", index), _MODEL)
        return False
    if not _NAMES.issuperset(choice):
        path: Path = ("choices", index)
        segments += (segment for name in choice if name not in _NAMES for segment in _name(name, path))
    in_parts = False
    for name, value in choice.items():
        if isinstance(value, str):
            segments.append(segment_of((value, _MODEL, ("choices", index, name), ALONE)))
        elif name == "message" and isinstance(value, dict):
            _read_reply(value, index, segments, opaque)
            in_parts = isinstance(value.get("content"), list)
        elif isinstance(value, (dict, list)):
            segments += walk(value, ("choices", index, name), _MODEL)
    return in_parts


def _read_reply(message: dict[str, Any], index: int, segments: list[Segment], opaque: list[Opaque]) -> None:
    if not _SPOKEN.issuperset(message):
        path: Path = ("choices", index, "message")
        segments += (segment for name in message if name not in _NAMES for segment in _name(name, path))
        if may_be_signed(message):
            opaque += (Seal(OpaqueKind.ENCRYPTED, _MODEL, where) for where in signatures(message, path))
    for name, value in message.items():
        if name in _SPOKEN and isinstance(value, str):
            segments.append(segment_of((value, _MODEL, ("choices", index, "message", name), ALONE)))
        elif value is not None:
            _read_member(name, value, ("choices", index, "message"), segments, opaque)


def _read_member(name: str, value: Any, path: Path, segments: list[Segment], opaque: list[Opaque]) -> None:
    """Any member of the message at `path`."""
    here = (*path, name)
    found = unread(name, value) if value and name in CARRIERS else ()
    if found:
        opaque += opaques(found, path, _MODEL)
        segments += beside(found, name, value, path, _MODEL)
    elif isinstance(value, str):
        segments.append(segment_of((value, _MODEL, here, ALONE)))
    elif name == "tool_calls" and isinstance(value, list):
        for index, call in enumerate(value):
            at = (*here, index)
            segments += read_call(call, at, _MODEL) if isinstance(call, dict) else walk(call, at, _MODEL)
    elif name == "function_call" and isinstance(value, dict):
        segments += read_call(value, here, _MODEL)
    elif name == "audio" and isinstance(value, dict) and isinstance(value.get("data"), str):
        opaque.append(Opaque(OpaqueKind.AUDIO, _MODEL, here))
        segments += walk({k: v for k, v in value.items() if k != "data"}, here, _MODEL)
    else:
        segments += (one for one in walk(value, here, _MODEL) if not is_signature(one.path, one.text))
