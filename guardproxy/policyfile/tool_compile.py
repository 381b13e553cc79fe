"""From what stands under `tools:` to `ToolRules`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Rule
from guardproxy.core.tools import rules as ids
from guardproxy.core.tools.entities import Kind
from guardproxy.core.tools.json_schema import SchemaError, check_schema
from guardproxy.core.tools.names import Names, folded
from guardproxy.core.tools.origin import Origin
from guardproxy.core.tools.rules import ArgumentRule, CallLimit, FlowRule, NameLists, Span, ToolRules
from guardproxy.core.verdict import Action, Severity
from guardproxy.errors import ConfigurationError
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.syntax import PatternSyntaxError
from guardproxy.policyfile.load import PolicyDocument
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.tool_schema import WrittenArgument, WrittenFlowRule, WrittenLists, WrittenTools

PACK: Final = "tools"
_GROUP: Final = "$"
_Place = tuple[str | int, ...]

# By what was written: the same rules are one object, so that policies that share them can be compared.
_compiled: dict[str, ToolRules] = {}
_MOST_COMPILED: Final = 100


def compile_tools(document: PolicyDocument) -> ToolRules | None:
    """The rules about tools, if the policy has any. Raises `ConfigurationError`, one line per problem."""
    if document.written.tools is None:
        return None
    written = document.written.tools.model_dump_json(by_alias=True)
    if (tools := _compiled.get(written)) is None:
        tools = _Compiler(document, document.written.tools).compile()
        if len(_compiled) >= _MOST_COMPILED:
            _compiled.clear()
        _compiled[written] = tools
    return tools


def rules_of(tools: ToolRules | None) -> dict[str, Rule]:
    """What a finding of each of these rules means. None of them looks at a text."""
    if tools is None:
        return {}
    own = {
        ids.NOT_ALLOWED: Action.BLOCK,
        ids.NOT_OFFERED: tools.not_offered,
        ids.TOO_MANY_CALLS: Action.BLOCK,
        ids.UNREADABLE_ARGUMENTS: Action.BLOCK,
        ids.UNMATCHED_RESULT: tools.unmatched_results,
        ids.CHANGED_DEFINITION: tools.changed,
        ids.UNPINNED_DEFINITION: tools.unpinned,
    }
    found = {name: _rule(name, Severity.HIGH, action) for name, action in own.items()}
    return found | {rule.id: _rule(rule.id, rule.severity, rule.action) for rule in tools.rules}


def _rule(name: str, severity: Severity, action: Action) -> Rule:
    return Rule(name, name, severity, action, frozenset(), "")


class _Compiler:
    """Compiles one policy's tool rules, and collects what is wrong with them."""

    def __init__(self, document: PolicyDocument, written: WrittenTools) -> None:
        self._document = document
        self._written = written
        self._problems: list[str] = []

    def compile(self) -> ToolRules:
        written = self._written
        tools = ToolRules(
            lists=self._lists(WrittenLists(allow=written.allow, deny=written.deny), ()),
            keys={name: self._lists(lists, ("keys", name)) for name, lists in written.keys.items()},
            trusted_texts=frozenset(map(Provenance, written.trust.texts)),
            trusted_results=self._names(written.trust.results, ("trust", "results")),
            rules=tuple(self._flow_rules()),
            max_calls=written.max_calls,
            offered=Action[written.offered.upper()],
            not_offered=Action[written.not_offered.upper()],
            unmatched_results=Action[written.unmatched_results.upper()],
            pinned={folded(name): digest for name, digest in written.definitions.pinned.items()},
            changed=Action[written.definitions.changed.upper()],
            unpinned=Action[written.definitions.unpinned.upper()],
        )
        if self._problems:
            raise ConfigurationError("\n".join(self._problems))
        return tools

    def _lists(self, written: WrittenLists, place: _Place) -> NameLists:
        return NameLists(self._names(written.allow, (*place, "allow")), self._names(written.deny, (*place, "deny")))

    def _flow_rules(self) -> Iterator[FlowRule]:
        seen: dict[str, int] = {name.removeprefix(f"{PACK}."): -1 for name in rules_of(ToolRules())}
        for index, written in enumerate(self._written.rules):
            place = ("rules", index)
            if written.id in seen:
                first = self._at(("rules", seen[written.id], "id")) if seen[written.id] >= 0 else "guardproxy's own"
                self._problem((*place, "id"), f"the rule '{written.id}' is already there: {first}")
            seen.setdefault(written.id, index)
            yield self._flow_rule(written, place)

    def _flow_rule(self, written: WrittenFlowRule, place: _Place) -> FlowRule:
        self._check_schema(written.schema_, (*place, "schema"))
        self._check_words(written.asked or (), (*place, "asked"), {ids.VERB})
        self._check_words(written.unless_asked or (), (*place, "unless_asked"), frozenset())
        names = {
            name: self._names(getattr(written, name), (*place, name))
            for name in ("calls", "keys", "after")
            if getattr(written, name) is not None
        }
        after_all = enumerate(written.after_all or ())
        return FlowRule(
            id=f"{PACK}.{written.id}",
            severity=Severity(written.severity),
            action=Action[written.action.upper()],
            **names,
            after_all=tuple(self._names((name,), (*place, "after_all"), at) for at, name in after_all),
            schema=written.schema_,
            arguments=tuple(
                self._argument(argument, (*place, "arguments", at))
                for at, argument in enumerate(written.arguments or ())
            ),
            asked=tuple(folded(word) for word in written.asked or ()),
            unless_asked=tuple(folded(word) for word in written.unless_asked or ()),
            excepted=self._names(written.except_ or (), (*place, "except")),
            limit=None if written.limit is None else CallLimit(written.limit.calls, Span(written.limit.per)),
        )

    def _check_words(self, words: Iterable[str], place: _Place, signs: Collection[str]) -> None:
        for at, word in enumerate(words):
            if not word.isalnum() and word not in signs:
                self._problem((*place, at), f"'{word}' is not one word, or the beginning of one")

    def _argument(self, written: WrittenArgument, place: _Place) -> ArgumentRule:
        demands = (written.origin, written.one_of, written.at_most, written.matches, written.never)
        if all(value is None for value in demands):
            self._problem(place, "this demands nothing; use origin, one_of, at_most, matches or never")
        return ArgumentRule(
            of=frozenset(map(folded, written.of or ())),
            kinds=frozenset(map(Kind, written.kinds or ())),
            origins=None if written.origin is None else frozenset(map(Origin, written.origin)),
            one_of=None if written.one_of is None else Names.of(written.one_of),
            at_most=written.at_most,
            matches=self._patterns([written.matches], written, lambda _: (*place, "matches")),
            never=self._patterns(written.never or [None], written, lambda at: (*place, "never", at)),
        )

    def _patterns(
        self, texts: Sequence[str | None], written: WrittenArgument, place_of: Callable[[int], _Place]
    ) -> PatternSet | None:
        patterns = []
        for at, text in enumerate(texts):
            if text is None:
                return None
            pattern = Pattern(str(at), text, ignore_case=written.ignore_case)
            try:
                PatternSet([pattern])
            except PatternSyntaxError as error:
                self._problem(place_of(at), str(error), error.offset)
            else:
                patterns.append(pattern)
        return PatternSet(patterns) if patterns else None

    def _names(self, patterns: Iterable[str], place: _Place, first: int = 0) -> Names:
        """The patterns, with the names of groups (`$name`) replaced by what is in them."""
        found: list[str] = []
        for at, pattern in enumerate(patterns, first):
            if not pattern.startswith(_GROUP):
                found.append(pattern)
                continue
            group = self._written.groups.get(pattern.removeprefix(_GROUP))
            if group is None:
                known = [_GROUP + name for name in self._written.groups]
                self._problem((*place, at), f"no group '{pattern}'{suggestion(pattern, known)}")
            else:
                found += group
        return Names.of(found)

    def _check_schema(self, schema: Mapping[str, Any] | None, place: _Place) -> None:
        if schema is None:
            return
        try:
            check_schema(schema)
        except SchemaError as error:
            self._problem((*place, *error.place), str(error))

    def _at(self, place: _Place, offset: int | None = None) -> str:
        return self._document.file.at((PACK, *place), offset)

    def _problem(self, place: _Place, message: str, offset: int | None = None) -> None:
        self._problems.append(f"{self._at(place, offset)}: {message}")
