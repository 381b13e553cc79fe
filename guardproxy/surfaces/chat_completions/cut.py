"""Calls that were cut off, of a stream and of a whole answer: they are never shown.

A client acts on a call, and some repair a truncated one into one that runs. Arguments show by themselves whether
anything is missing (`json_end`): what has not ended is cut off, whatever the finish reason says. What does not show it
- the text of a custom call, no arguments at all, a number, arguments that are no JSON, or no string - is whole if the
model says that it ended the call.

An answer that lost a call so says `length`, as any answer that was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from guardproxy.wire.json_end import is_all

CUT: Final = "length"
# The model ended the call itself; any other reason may have cut it off.
_ENDED: Final = frozenset({"tool_calls", "function_call", "stop"})
_CALLS: Final = frozenset({"tool_calls", "function_call"})


def says_ended(reason: object) -> bool:
    """Whether a finish reason is one of those with which the model itself ends its calls."""
    return isinstance(reason, str) and reason in _ENDED


def is_judged(call: Mapping[str, Any], reason: object) -> bool:
    """Whether a call counts for rules about tools: also one the model means to have ended, whose arguments nobody can
    read.
    """
    return says_ended(reason) or is_whole(call, reason)


def is_whole(call: Mapping[str, Any], reason: object) -> bool:
    """Whether nothing of a call is missing. `reason`: the choice's finish reason, None if there was none."""
    ended = says_ended(reason)
    grown = list(_grown(call))
    return all(_is_whole(member, value, ended) for member, value in grown) if grown else ended


def reason_of(choice: Mapping[str, Any]) -> object:
    """The finish reason of a choice that arrived whole: without one, nothing says that it was cut off."""
    return choice.get("finish_reason") or "stop"


def drop_cut_calls(document: Any) -> int:
    """Take the calls that were cut off out of a whole answer, in place; how many there were."""
    count = 0
    choices = document.get("choices") if isinstance(document, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or _CALLS.isdisjoint(message):
            continue
        dropped = _drop(message, reason_of(choice))
        if dropped and says_ended(choice.get("finish_reason")):
            choice["finish_reason"] = CUT
        count += dropped
    return count


def _drop(message: dict[str, Any], reason: object) -> int:
    """How many there were to drop. A list of which nothing is left goes too: no client expects an empty one."""
    calls, function = message.get("tool_calls"), message.get("function_call")
    dropped = int(isinstance(function, dict) and not is_whole(function, reason))
    if dropped:
        del message["function_call"]
    if isinstance(calls, list):
        kept = [call for call in calls if not isinstance(call, dict) or is_whole(call, reason)]
        if len(kept) < len(calls):
            dropped += len(calls) - len(kept)
            message["tool_calls"] = kept
            if not kept:
                del message["tool_calls"]
    return dropped


def _grown(call: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for body in (call, call.get("function"), call.get("custom")):
        if isinstance(body, dict):
            yield from ((member, body[member]) for member in ("arguments", "input") if member in body)


def _is_whole(member: str, value: Any, ended: bool) -> bool:
    if member != "arguments" or not isinstance(value, str) or not value.strip():
        return ended
    return is_all(value, ended=ended)
