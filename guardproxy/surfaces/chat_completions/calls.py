"""Tool calls of a stream, collected until they are whole.

Fragments belong together by their `index`, not by their position, and calls may interleave (`Belonging`). A call is
released once its choice has finished, read like a call of a whole answer: what the policy hides is cut out of its
names, its numbers and its decoded arguments, which stay valid JSON. One that was cut off is not released, but counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.rewrite import redact_json_text, unescaped
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.chat_completions.belonging import Belonging
from guardproxy.surfaces.chat_completions.conversation import calls_of
from guardproxy.surfaces.chat_completions.cut import is_judged, is_whole
from guardproxy.surfaces.texts import read_call, signatures
from guardproxy.wire.document import replace
from guardproxy.wire.path import Path

_GROWING: Final = frozenset({"arguments", "input"})
# What one choice may make us hold: characters of its fragments, and calls.
MOST_CHARACTERS: Final = 4 * 1024 * 1024
MOST_CALLS: Final = 1000


class _Grown(list[str]):
    """The pieces of a growing string. They are joined once: appending to the string would copy it for each piece."""


class PendingCalls:
    """The unfinished calls of one choice: `tool_calls` by the index they go out with, and the one legacy
    `function_call`.
    """

    __slots__ = ("_belonging", "_calls", "_function", "cut", "held")

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}
        self._belonging = Belonging()
        self._function: dict[str, Any] | None = None
        self.held = 0  # characters of fragments
        self.cut = 0  # calls that `release` left out

    def take(self, delta: dict[str, Any]) -> bool:
        """Move call fragments out of a delta; whether there were any. Raises `UpstreamUnavailable` over a bound."""
        calls = delta.get("tool_calls")
        function = delta.get("function_call")
        if isinstance(calls, list):
            del delta["tool_calls"]
            for position, fragment in enumerate(calls):
                if isinstance(fragment, dict):
                    index = self._belonging.index_of(fragment, position)
                    self.held += _merge(self._calls.setdefault(index, {}), fragment)
        if isinstance(function, dict):
            del delta["function_call"]
            self._function = self._function or {}
            self.held += _merge(self._function, function)
        if self.held > MOST_CHARACTERS or len(self._calls) > MOST_CALLS:
            raise UpstreamUnavailable("the upstream's tool calls are too large", reason="too_large")
        return isinstance(calls, list) or isinstance(function, dict)

    def whole(self, reason: object) -> dict[str, Any]:
        """The calls that rules about tools are asked of, as one message holds them, and as the model wrote them."""
        calls = [_joined(self._calls[index]) for index in sorted(self._calls)]
        message: dict[str, Any] = {"tool_calls": [call for call in calls if is_judged(call, reason)]}
        function = _joined(self._function)
        if function is not None and is_judged(function, reason):
            message["function_call"] = function
        return message

    def drop(self) -> int:
        """No call ends any more; how many had begun."""
        begun = len(self._calls) + (self._function is not None)
        self._calls, self._function = {}, None
        return begun

    def release(self, reason: object, clean: Callable[[str], str]) -> Iterator[dict[str, Any]]:
        """A delta for each whole call, cleaned. `reason`: the choice's finish reason, None at `[DONE]` without one."""
        calls, self._calls = self._calls, {}
        function, self._function = self._function, None
        for index in sorted(calls):
            call = _joined(calls[index])
            if is_whole(call, reason):
                yield {"tool_calls": [{"index": index, **_clean(call, clean)} | {"index": index}]}
            else:
                self.cut += 1
        function = _joined(function)
        if function is not None and is_whole(function, reason):
            yield {"function_call": _clean(function, clean)}
        elif function is not None:
            self.cut += 1


def released(guard: OutputGuard, calls: PendingCalls, path: Path, reason: object) -> tuple[list[dict[str, Any]], int]:
    """A delta for each call that may go out, and the characters of their texts. None goes out when one is blocked,
    since they were meant together.
    """
    if guard.judges_calls and not guard.judge(calls_of(calls.whole(reason), path)):
        return [], 0
    characters = 0

    def clean(text: str) -> str:
        nonlocal characters
        cleaned = guard.whole(text, path)
        characters += len(cleaned)
        return cleaned

    deltas = list(calls.release(reason, clean))
    guard.cut_calls += calls.cut
    for delta in deltas:
        for where in signatures(delta, path):
            guard.lets(OpaqueKind.ENCRYPTED, where, seals=True)
    return ([] if guard.blocked else deltas), characters


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


def _clean(call: dict[str, Any], clean: Callable[[str], str]) -> dict[str, Any]:
    """The call, edited in place."""
    given: dict[Path, str] = {}
    for at, body in (((), call), (("function",), call.get("function"))):
        if isinstance(body, dict) and isinstance(body.get("arguments"), str):
            given[*at, "arguments"], body["arguments"] = body["arguments"], ""
    edits = {path: _arguments(text, clean) for path, text in given.items()}
    for text, _, path, *_ in read_call(call, (), Provenance.MODEL):
        if path not in given and (cleaned := clean(text)) != text:
            edits[path] = cleaned
    replace(call, edits)
    return call


def _arguments(text: str, clean: Callable[[str], str]) -> str:
    """JSON in a string: its leaves are cleaned. Without JSON, what a lenient reader would see."""
    inside = redact_json_text(text, clean)
    if inside is not None:
        return inside
    view = unescaped(text)
    cleaned = clean(view)
    return text if cleaned == view else cleaned
