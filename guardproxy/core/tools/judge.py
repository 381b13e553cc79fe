"""Deciding about calls: before a request goes out, and before any byte of a call goes back.

A `ToolGuard` lives for one exchange. It reads the conversation once, asks for the origin of a value only when a rule
does, and counts the calls it has let through, so that several answers or pieces of one cannot pass a limit together.
What a request does not show (a conversation kept by the server) is taken to hold output of every tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from guardproxy.core.exchange import Provenance
from guardproxy.core.tools.arguments import ArgumentCheck
from guardproxy.core.tools.conversation import (
    DOCUMENT,
    UNREADABLE,
    Conversation,
    Definition,
    Found,
    Spoken,
    ToolCall,
    ToolResult,
)
from guardproxy.core.tools.entities import normalised
from guardproxy.core.tools.json_schema import fits
from guardproxy.core.tools.names import Names, folded
from guardproxy.core.tools.origin import Sources
from guardproxy.core.tools.pins import definition_digest
from guardproxy.core.tools.rules import (
    CHANGED_DEFINITION,
    NOT_ALLOWED,
    NOT_OFFERED,
    TOO_MANY_CALLS,
    UNMATCHED_RESULT,
    UNPINNED_DEFINITION,
    UNREADABLE_ARGUMENTS,
    VERB,
    FlowRule,
    NameLists,
    Span,
    ToolRules,
)
from guardproxy.core.verdict import Action, Severity
from guardproxy.wire.path import Path

_UNKNOWN_TOOL: Final = ("(unknown)",)
_WORD: Final = re.compile(r"\w+")
_NAME_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_SHORT: Final = 3


class ToolFinding(NamedTuple):
    """What a rule says about a call, a result or a definition. `reason` is in the policy's words, never a caller's."""

    rule: str
    action: Action
    severity: Severity
    tool: str
    path: Path
    reason: str


class ToolGuard:
    """Judges one exchange. `key` is the name of the caller's key."""

    def __init__(self, rules: ToolRules, conversation: Conversation, key: str = "") -> None:
        self._rules = rules
        self._conversation = conversation
        self._lists: tuple[NameLists, ...] = tuple(filter(None, (rules.lists, rules.keys.get(key))))
        self._flow = tuple(rule for rule in rules.rules if rule.action is not Action.ALLOW and rule.keys.match(key))
        self._seen: list[tuple[str, ...]] = [
            step.names or _UNKNOWN_TOOL for step in conversation.steps if isinstance(step, ToolResult)
        ]
        if any(isinstance(step, Found) for step in conversation.steps):
            self._seen.append(DOCUMENT)
        self._untold = conversation.unseen or _UNKNOWN_TOOL in self._seen
        self._answer: list[ToolCall] = []
        self._check: ArgumentCheck | None = None
        self._words: frozenset[str] | None = None

    def request_findings(self) -> list[ToolFinding]:
        """What is wrong with the tools a request offers, demands, or brings results of."""
        found: list[ToolFinding] = []
        offered, unmatched = self._rules.offered, self._rules.unmatched_results
        for definition in self._conversation.definitions:
            if not self._permits(definition.names):
                found.append(_finding(NOT_ALLOWED, offered, definition.names, definition.path, "offered"))
            else:
                found += self._pin_findings(definition)
        for forced in self._conversation.forced:
            if not self._permits((forced.name,)):
                found.append(_finding(NOT_ALLOWED, offered, (forced.name,), forced.path, "demanded"))
            elif not forced.only:
                found += self._forced_findings(ToolCall((forced.name,), {}, forced.path))
        for step in self._conversation.steps:
            if isinstance(step, ToolResult):
                if not step.names:
                    found.append(_finding(UNMATCHED_RESULT, unmatched, _UNKNOWN_TOOL, step.path, "belongs to no call"))
                elif not self._permits(step.names):
                    found.append(_finding(NOT_ALLOWED, Action.BLOCK, step.names, step.path, "gave a result"))
        return [finding for finding in found if finding.action is not Action.ALLOW]

    def judge(self, steps: Iterable[ToolCall | ToolResult]) -> list[ToolFinding]:
        """What speaks against these calls of the answer, which are whole. They count from now on.

        A result among them is of a tool the upstream runs itself: the model has read it before the next call.
        """
        found: list[ToolFinding] = []
        for step in steps:
            if isinstance(step, ToolResult):
                self._note(step)
            else:
                self._answer.append(step)
                found += self._call_findings(step)
        return [finding for finding in found if finding.action is not Action.ALLOW]

    def _note(self, result: ToolResult) -> None:
        self._seen.append(result.names or _UNKNOWN_TOOL)
        self._conversation = self._conversation._replace(steps=(*self._conversation.steps, result))
        self._check = None

    def _call_findings(self, call: ToolCall) -> Iterator[ToolFinding]:
        if not self._permits(call.names):
            yield _finding(NOT_ALLOWED, Action.BLOCK, call.names, call.path, "called")
            return
        if not call.declared and not self._is_offered(call.names):
            yield _finding(NOT_OFFERED, self._rules.not_offered, call.names, call.path, "called")
        if self._rules.max_calls is not None and len(self._answer) > self._rules.max_calls:
            yield _finding(TOO_MANY_CALLS, Action.BLOCK, call.names, call.path, "in one answer")
        if call.arguments is UNREADABLE:
            yield _finding(UNREADABLE_ARGUMENTS, Action.BLOCK, call.names, call.path, "not JSON")
            return
        for rule in self._flow:
            if rule.is_about(call.names) and self._is_due(rule):
                reason = self._objection(rule, call)
                if reason is not None:
                    yield ToolFinding(rule.id, rule.action, rule.severity, call.names[0], call.path, reason)

    def _forced_findings(self, call: ToolCall) -> Iterator[ToolFinding]:
        """A call the request demands, if no arguments could make it right."""
        for rule in self._flow:
            if rule.forbids and rule.is_about(call.names) and self._is_due(rule):
                yield ToolFinding(rule.id, rule.action, rule.severity, call.names[0], call.path, "demanded")

    def _pin_findings(self, definition: Definition) -> Iterator[ToolFinding]:
        pins = [self._rules.pinned[name] for name in map(folded, definition.names) if name in self._rules.pinned]
        if not pins:
            yield _finding(UNPINNED_DEFINITION, self._rules.unpinned, definition.names, definition.path, "not pinned")
        elif definition_digest(definition.document) not in pins:
            yield _finding(CHANGED_DEFINITION, self._rules.changed, definition.names, definition.path, "has changed")

    def _permits(self, names: tuple[str, ...]) -> bool:
        return all(lists.permit(names) for lists in self._lists)

    def _is_offered(self, names: tuple[str, ...]) -> bool:
        if self._conversation.unseen:  # the tools may have been offered there
            return True
        offered = {folded(name) for definition in self._conversation.definitions for name in definition.names}
        return any(folded(name) in offered for name in names)

    def _is_due(self, rule: FlowRule) -> bool:
        """Whether what the rule waits for is in the context."""
        waits: Sequence[Names] = (*rule.after_all, *(() if rule.after is None else (rule.after,)))
        if not all(self._untold or any(names.match_any(seen) for seen in self._seen) for names in waits):
            return False
        return not (rule.unless_asked and self._asked(rule.unless_asked))

    def _objection(self, rule: FlowRule, call: ToolCall) -> str | None:
        """Why the rule does not let this call pass; None if it does."""
        if rule.forbids:
            return "called"
        if rule.schema is not None and not fits(rule.schema, call.arguments):
            return "does not fit the schema"
        if rule.limit is not None and self._count(rule, rule.limit.per) > rule.limit.calls:
            return f"more than {rule.limit.calls} in one {rule.limit.per.value}"
        if rule.asked and not self._asked(_words(rule.asked, call)):
            return "nobody asked for it"
        for demand in rule.arguments:
            if (reason := self._arguments().objection(demand, call.arguments)) is not None:
                return reason
        return None

    def _count(self, rule: FlowRule, span: Span) -> int:
        steps = self._conversation.steps if span is not Span.ANSWER else ()
        if span is Span.TURN:
            last = max((at for at, step in enumerate(steps) if isinstance(step, Spoken) and step.asks), default=0)
            steps = steps[last:]
        calls = [step for step in steps if isinstance(step, ToolCall)] + self._answer
        return sum(rule.is_about(call.names) for call in calls)

    def _asked(self, words: tuple[str, ...]) -> bool:
        if self._words is None:
            asks = [step.text for step in self._conversation.steps if isinstance(step, Spoken) and step.asks]
            self._words = frozenset(word for text in asks for word in _WORD.findall(normalised(text)))
        return any(word.startswith(words) for word in self._words)

    def _arguments(self) -> ArgumentCheck:
        if self._check is None:
            self._check = ArgumentCheck(self._sources())
        return self._check

    def _sources(self) -> Sources:
        trusted: list[str] = []
        tainted: list[str] = []
        for step in self._conversation.steps:
            match step:
                case Spoken(text, provenance):
                    if provenance in self._rules.trusted_texts:
                        trusted.append(text)
                    elif provenance is not Provenance.MODEL:
                        tainted.append(text)
                case ToolResult(names, texts):
                    believed = bool(names) and self._rules.trusted_results.match_any(names)
                    (trusted if believed else tainted).extend(texts)
                case Found(texts):
                    (trusted if self._rules.trusted_results.match_any(DOCUMENT) else tainted).extend(texts)
                case ToolCall():
                    pass
        tainted += self._unpinned_descriptions()
        return Sources(trusted, tainted, unseen=self._untold)

    def _unpinned_descriptions(self) -> Iterator[str]:
        """What definitions tell the model is data too, unless it was looked at: whoever runs the tool wrote it."""
        for definition in self._conversation.definitions:
            if self._rules.pinned.keys().isdisjoint(map(folded, definition.names)):
                yield from descriptions(definition.document)


def _words(asked: tuple[str, ...], call: ToolCall) -> tuple[str, ...]:
    """The words of a rule, with what the called tool does by its name: `approv` for `approve_claim`, `approveClaim`."""
    if VERB not in asked:
        return asked
    parts = _NAME_PART.findall(call.names[-1])
    verb = folded(parts[0]) if parts else ""
    stem = verb[:-1] if len(verb) > _SHORT and verb[-1] in "ey" else verb
    return tuple(word for word in asked if word != VERB) + ((stem,) if stem else ())


def descriptions(document: object) -> Iterator[str]:
    """Every `description` below a definition."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            said = value.get("description")
            if isinstance(said, str):
                yield said
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _finding(rule: str, action: Action, names: tuple[str, ...], path: Path, reason: str) -> ToolFinding:
    return ToolFinding(rule, action, Severity.HIGH, names[0], path, reason)
