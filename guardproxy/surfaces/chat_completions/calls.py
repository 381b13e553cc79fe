"""Tool calls of a stream, collected until they are whole.

Fragments belong together by their `index`, not by their position, and calls may interleave. A call is released once
its choice has finished; what the policy hides is then cut out of its decoded arguments, which stay valid JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from guardproxy.core.rewrite import redact_json_text, unescaped

# The model ended the call itself; any other reason may have cut it off.
_ENDED: Final = frozenset({"tool_calls", "function_call", "stop"})
_GROWING: Final = frozenset({"arguments", "input"})


class PendingCalls:
    """The unfinished calls of one choice: `tool_calls` by index, and the one legacy `function_call`."""

    __slots__ = ("_calls", "_function")

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}
        self._function: dict[str, Any] | None = None

    def take(self, delta: dict[str, Any]) -> bool:
        """Move call fragments out of a delta; whether there were any."""
        calls = delta.get("tool_calls")
        function = delta.get("function_call")
        if isinstance(calls, list):
            del delta["tool_calls"]
            for position, fragment in enumerate(calls):
                if isinstance(fragment, dict):
                    index = fragment.get("index")
                    index = index if isinstance(index, int) else position
                    _merge(self._calls.setdefault(index, {}), fragment)
        if isinstance(function, dict):
            del delta["function_call"]
            self._function = self._function or {}
            _merge(self._function, function)
        return isinstance(calls, list) or isinstance(function, dict)

    def release(self, reason: object, clean: Callable[[str], str]) -> Iterator[dict[str, Any]]:
        """A delta for each whole call, cleaned. `reason`: the choice's finish reason, None at `[DONE]` without one."""
        calls, self._calls = self._calls, {}
        function, self._function = self._function, None
        for index in sorted(calls):
            call = calls[index]
            if _whole(call.get("function", call.get("custom", call)), reason):
                yield {"tool_calls": [{"index": index, **_clean(call, clean)}]}
        if function is not None and _whole(function, reason):
            yield {"function_call": _clean(function, clean)}


def _merge(call: dict[str, Any], fragment: dict[str, Any]) -> None:
    """Add a fragment: growing strings are appended, everything else is taken over when it is there.

    Some servers repeat a call's id and name in each fragment, some send them empty, and some cut the name in two.
    """
    for name, value in fragment.items():
        known = call.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            _merge(known, value)
        elif isinstance(value, str) and isinstance(known, str):
            if name in _GROWING or (name == "name" and value != known):
                call[name] = known + value
            elif value:
                call[name] = value
        elif value is not None or name not in call:
            call[name] = value


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
