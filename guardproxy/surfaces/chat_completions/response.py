"""Where text stands in a whole response: all choices, all members; whatever is not known is found by the catch-all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, ResponseReading, Segment
from guardproxy.surfaces.chat_completions.opaque import CARRIERS, beside, opaques, unread
from guardproxy.surfaces.texts import read_call, walk
from guardproxy.wire.path import Key, Path, is_word

# Names that need no look: most of what an answer has.
_NAMES: Final = frozenset(
    {
        "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "index",
        "message", "logprobs", "finish_reason", "role", "content", "refusal", "annotations", "tool_calls",
        "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
    }
)  # fmt: skip

# The text again as tokens, with their bytes or numbers; on a choice, some servers also put them on the response.
_COPIES: Final = ("logprobs", "token_ids", "prompt_logprobs", "prompt_token_ids")


def read_response(document: Any) -> ResponseReading:
    """Every text of a whole response, all choices, all members."""
    if not isinstance(document, dict):
        return ResponseReading(tuple(walk(document, (), Provenance.MODEL)))
    segments: list[Segment] = []
    opaque: list[Opaque] = []
    for name, value in document.items():
        if name not in _NAMES:
            segments += _name(name, ())
        if name == "choices" and isinstance(value, list):
            for index, choice in enumerate(value):
                _read_choice(choice, ("choices", index), segments, opaque)
        elif name == "usage" and isinstance(value, dict):
            segments += _read_usage(value)
        elif isinstance(value, (dict, list)):
            segments += walk(value, (name,), Provenance.MODEL)
        elif isinstance(value, str) and not (name == "object" and value == "chat.completion"):
            # That is the API's own word, which no rule is about.
            segments.append(Segment(value, Provenance.MODEL, (name,)))
    return ResponseReading(tuple(segments), tuple(opaque), document.get("usage"))


def _read_usage(usage: dict[str, Any]) -> Iterator[Segment]:
    """Counts, as a rule; nearly all names are words of an API, below the first level too."""
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


def _read_choice(choice: Any, path: Path, segments: list[Segment], opaque: list[Opaque]) -> None:
    if not isinstance(choice, dict):
        segments += walk(choice, path, Provenance.MODEL)
        return
    for name, value in choice.items():
        if name not in _NAMES:
            segments += _name(name, path)
        if name == "message" and isinstance(value, dict):
            _read_reply(value, (*path, name), segments, opaque)
        elif isinstance(value, str):
            segments.append(Segment(value, Provenance.MODEL, (*path, name)))
        elif isinstance(value, (dict, list)):
            segments += walk(value, (*path, name), Provenance.MODEL)


def _read_reply(message: dict[str, Any], path: Path, segments: list[Segment], opaque: list[Opaque]) -> None:
    for name, value in message.items():
        here = (*path, name)
        if name not in _NAMES:
            segments += _name(name, path)
        found = unread(name, value) if value and name in CARRIERS else ()
        if found:
            opaque += opaques(found, path, Provenance.MODEL)
            segments += beside(found, name, value, path, Provenance.MODEL)
        elif isinstance(value, str):
            segments.append(Segment(value, Provenance.MODEL, here))
        elif name == "tool_calls" and isinstance(value, list):
            for index, call in enumerate(value):
                segments += (
                    read_call(call, (*here, index), Provenance.MODEL)
                    if isinstance(call, dict)
                    else walk(call, (*here, index), Provenance.MODEL)
                )
        elif name == "function_call" and isinstance(value, dict):
            segments += read_call(value, here, Provenance.MODEL)
        elif name == "audio" and isinstance(value, dict) and isinstance(value.get("data"), str):
            opaque.append(Opaque(OpaqueKind.AUDIO, Provenance.MODEL, here))
            segments += walk({k: v for k, v in value.items() if k != "data"}, here, Provenance.MODEL)
        elif value is not None:
            segments += walk(value, here, Provenance.MODEL)
