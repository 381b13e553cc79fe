"""Tool calls of a stream, collected until they are whole.

Fragments belong together by their `index`, not by their position, and calls may interleave. A call is released once
its choice has finished; what the policy hides is then cut out of its decoded arguments, which stay valid JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from guardproxy.core.rewrite import redact_json_text, unescaped
from guardproxy.errors import UpstreamUnavailable

# The model ended the call itself; any other reason may have cut it off.
_ENDED: Final = frozenset({"tool_calls", "function_call", "stop"})
_GROWING: Final = frozenset({"arguments", "input"})
# What one choice may make us hold: characters of its fragments, and calls.
MOST_CHARACTERS: Final = 4 * 1024 * 1024
MOST_CALLS: Final = 1000


class _Grown(list[str]):
    """The pieces of a growing string. They are joined once: appending to the string would copy it for each piece."""


class PendingCalls:
    """The unfinished calls of one choice: `tool_calls` by index, and the one legacy `function_call`."""

    __slots__ = ("_calls", "_function", "_held")

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}
        self._function: dict[str, Any] | None = None
        self._held = 0

    def take(self, delta: dict[str, Any]) -> bool:
        """Move call fragments out of a delta; whether there were any. Raises `UpstreamUnavailable` over a bound."""
        calls = delta.get("tool_calls")
        function = delta.get("function_call")
        if isinstance(calls, list):
            del delta["tool_calls"]
            for position, fragment in enumerate(calls):
                if isinstance(fragment, dict):
                    index = fragment.get("index")
                    index = index if isinstance(index, int) else position
                    self._held += _merge(self._calls.setdefault(index, {}), fragment)
        if isinstance(function, dict):
            del delta["function_call"]
            self._function = self._function or {}
            self._held += _merge(self._function, function)
        if self._held > MOST_CHARACTERS or len(self._calls) > MOST_CALLS:
            raise UpstreamUnavailable("the upstream's tool calls are too large", reason="too_large")
        return isinstance(calls, list) or isinstance(function, dict)

    def whole(self, reason: object) -> dict[str, Any]:
        """The calls `release` would give, as one message holds them, and as the model wrote them."""
        calls = [_joined(self._calls[index]) for index in sorted(self._calls)]
        message: dict[str, Any] = {"tool_calls": [call for call in calls if _is_whole(call, reason)]}
        function = _joined(self._function)
        if function is not None and _whole(function, reason):
            message["function_call"] = function
        return message

    def release(self, reason: object, clean: Callable[[str], str]) -> Iterator[dict[str, Any]]:
        """A delta for each whole call, cleaned. `reason`: the choice's finish reason, None at `[DONE]` without one."""
        calls, self._calls = self._calls, {}
        function, self._function = self._function, None
        for index in sorted(calls):
            call = _joined(calls[index])
            if _is_whole(call, reason):
                yield {"tool_calls": [{"index": index, **_clean(call, clean)}]}
        function = _joined(function)
        if function is not None and _whole(function, reason):
            yield {"function_call": _clean(function, clean)}


def _merge(call: dict[str, Any], fragment: dict[str, Any]) -> int:
    """Add a fragment: growing strings are appended, everything else is taken over when it is there.

    Returns the characters of its strings.

    Some servers repeat a call's id and name in each fragment, some send them empty, and some cut the name in two.
    """
    size = 0
    for name, value in fragment.items():
        known = call.get(name)
        size += len(value) if isinstance(value, str) else 1
        if isinstance(value, dict):
            known = known if isinstance(known, dict) else {}
            size += _merge(known, value)
            call[name] = known
        elif isinstance(value, str) and name in _GROWING:
            if not isinstance(known, _Grown):
                known = call[name] = _Grown([known] if isinstance(known, str) else [])
            known.append(value)
        elif isinstance(value, str) and isinstance(known, str):
            if name == "name" and value != known and len(known) < 1000:
                call[name] = known + value
            elif value:
                call[name] = value
        elif value is not None or name not in call:
            call[name] = value
    return size


def _joined(value: Any) -> Any:
    if isinstance(value, _Grown):
        return "".join(value)
    return {name: _joined(below) for name, below in value.items()} if isinstance(value, dict) else value


def _is_whole(call: dict[str, Any], reason: object) -> bool:
    return _whole(call.get("function", call.get("custom", call)), reason)


def _whole(body: Any, reason: object) -> bool:
    """Whether the call was not cut off: the model ended it, or its arguments are complete JSON."""
    arguments = body.get("arguments") if isinstance(body, dict) else None
    if reason in _ENDED:
        return True
    return isinstance(arguments, str) and redact_json_text(arguments, lambda text: text) is not None


def _clean(value: Any, clean: Callable[[str], str], name: str = "") -> Any:
    if isinstance(value, str):
        if name == "arguments":
            inside = redact_json_text(value, clean)
            return _clean_broken(value, clean) if inside is None else inside
        return clean(value)
    if isinstance(value, dict):
        return {member: _clean(below, clean, member) for member, below in value.items()}
    if isinstance(value, list):
        return [_clean(below, clean) for below in value]
    return value


def _clean_broken(arguments: str, clean: Callable[[str], str]) -> str:
    """Arguments that are not JSON. What a lenient reader would make of them is looked at, and sent if that was cut."""
    view = unescaped(arguments)
    cleaned = clean(view)
    return arguments if cleaned == view else cleaned
