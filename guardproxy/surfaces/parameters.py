"""Which members of a request may go on: those a guard can vouch for, and of the rest what the policy says.

Three kinds. Denied ones (`parameter_tables.DENIED`) would defeat the guard and are refused in every mode, unless they
say no more than leaving them out would, or the policy allows them by name. Known ones pass. For the unknown the policy
chooses: `pass` them on (they are inspected like everything else), `strip` them, or `reject` the request.

A name that differs from one of ours only in the case of its letters is always refused: some servers (Go's and .NET's
JSON readers) take it for the real one, so `Messages` would speak past a guard that looked at `messages`. What
stands below the members is held against the names of all APIs (`member_names`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.core.policy import ParameterRules, Unknown
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.member_names import find_renamed, is_plain
from guardproxy.surfaces.parameter_tables import DENIED, DIALECTS, IN_MESSAGES, OFFICIAL, Denied
from guardproxy.wire.path import Path, format_path

# The codes OpenAI uses for the same two cases.
UNSUPPORTED: Final = "unsupported_parameter"
UNKNOWN: Final = "unknown_parameter"


class RefusedParameter(NamedTuple):
    """One parameter that may not go on, and why, in words for the caller. It never quotes what the caller wrote."""

    path: Path
    message: str
    code: str


class ParameterVerdict(NamedTuple):
    """`strip` are the paths to take out of the request, `refused` the reasons it may not go on at all, in order."""

    strip: tuple[Path, ...] = ()
    refused: tuple[RefusedParameter, ...] = ()

    def error(self) -> InvalidRequest | None:
        """What the caller is told, about the first refused parameter; None if nothing was refused."""
        if not self.refused:
            return None
        path, message, code = self.refused[0]
        return InvalidRequest(message, param=format_path(path), code=code)


NO_RULES: Final = ParameterRules()
_FINE: Final = ParameterVerdict()
_MARKED: Final = frozenset({"chat_completions", "messages"})


def judge_parameters(document: Any, surface: str, rules: ParameterRules = NO_RULES) -> ParameterVerdict:
    """What is to become of a request's parameters; nothing, if it is no object, which its surface will refuse.

    Raises `LookupError` for a surface without a table.
    """
    table = _TABLES[surface]
    if not isinstance(document, dict):
        return _FINE
    if not rules.deny and _is_bare(document, table):
        return _FINE  # most of all
    renamed, marked = find_renamed(document), _marked_messages(document) if surface in _MARKED else ()
    if renamed is None and not marked and not rules.deny and _is_plain(document, table):
        return _FINE  # the usual case
    judge = _Judge(table, rules)
    judge.look(document, (), "")
    for path in marked:
        judge.refuse_marked(path)
    if renamed is not None:
        judge.refuse_renamed(*renamed)
    return ParameterVerdict(tuple(judge.strip), tuple(judge.refused))


def strip_parameters(document: Any, verdict: ParameterVerdict) -> None:
    """Take out of a request, in place, what the verdict strips."""
    for path in verdict.strip:
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]


class _Table(NamedTuple):
    """What is known of one surface. `holders` are objects whose members are judged one by one.

    Of a holder in `closed` all members are known, so any other one is an unknown parameter. `plain` are known and
    neither denied nor holders: whatever their value, there is nothing to judge. `plain_below`: such members of holders.
    """

    known: frozenset[str]
    denied: Mapping[str, Denied]
    holders: frozenset[str]
    closed: frozenset[str]
    plain: frozenset[str]
    plain_below: Mapping[str, frozenset[str]]


def _table(surface: str) -> _Table:
    known, denied = OFFICIAL[surface] | DIALECTS[surface], DENIED[surface]
    closed = frozenset(_holder(name) for name in known) - {""}
    nested = frozenset(_holder(name) for name in denied) - {""}
    holders = closed | nested
    plain = known - denied.keys() - holders
    below = {holder: frozenset(_last(name) for name in plain if _holder(name) == holder) for holder in holders}
    return _Table(known | holders, denied, holders, closed, plain, below)


def _holder(name: str) -> str:
    return name.rpartition(".")[0]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _is_plain(document: Mapping[str, Any], table: _Table) -> bool:
    """Whether there is nothing to judge in a request, told by its names alone."""
    plain = table.plain
    if plain.issuperset(document):
        return True
    for name, value in document.items():
        if name not in plain:
            below = table.plain_below.get(name)
            if below is None or not isinstance(value, dict) or not below.issuperset(value):
                return False
    return True


def _is_bare(document: Mapping[str, Any], table: _Table) -> bool:
    """Whether a request has only plain members, and below them nothing but messages of a role and a text.

    Then no name is there twice, of any kind, and nothing stands below a name.
    """
    if not table.plain.issuperset(document):
        return False
    for name, value in document.items():
        if isinstance(value, (dict, list)) and not (name == "messages" and is_plain(value)):
            return False
    return True


def _holders_of(name: str) -> Iterator[str]:
    """`a` and `a.b` for `a.b.c`."""
    while name := _holder(name):
        yield name


_TABLES: Final = {surface: _table(surface) for surface in OFFICIAL}


class _Judge:
    def __init__(self, table: _Table, rules: ParameterRules) -> None:
        self._table = table
        self._rules = rules
        self._plain, self._holders = table.plain, table.holders
        if rules.deny:
            self._plain = frozenset()
            self._holders |= {above for name in rules.deny for above in _holders_of(name)}
        self.strip: list[Path] = []
        self.refused: list[RefusedParameter] = []

    def look(self, members: Mapping[str, Any], above: Path, prefix: str) -> None:
        """Judge the members of an object that stands at `above`; `prefix` is its name in the tables and a dot."""
        table, rules, plain = self._table, self._rules, self._plain
        for member, value in members.items():
            if prefix + member in plain:
                continue
            path, name = (*above, member), prefix + member.casefold()
            denied = table.denied.get(name) or (None if name in table.known else table.denied.get(prefix + "*"))
            if name in rules.deny:
                if value is not None:
                    self._refuse(path, "the policy denies it")
            elif name in rules.allow and name == prefix + member:
                continue
            elif denied is not None:
                if not _is_harmless(value, denied):
                    self._refuse(path, f"{denied.reason}; a policy can allow it under parameters.allow")
            elif name not in table.known and name not in self._holders:
                self._judge_unknown(path, prefix)
            elif name != prefix + member:
                self.refuse_renamed(path, name)
            elif name in self._holders and isinstance(value, dict):
                self.look(value, path, f"{name}.")

    def refuse_marked(self, path: Path) -> None:
        """A member of a message that makes the model take the message for its own words."""
        name = str(path[-1])
        if f"messages.{name}" not in self._rules.allow:
            self._refuse(path, f"{IN_MESSAGES[name].reason}; a policy can allow it under parameters.allow")

    def refuse_renamed(self, path: Path, known: str) -> None:
        self._refuse(path, f"it differs from '{known}' only in the case of its letters")

    def _judge_unknown(self, path: Path, prefix: str) -> None:
        if prefix and prefix[:-1] not in self._table.closed:
            return
        match self._rules.unknown:
            case Unknown.STRIP:
                self.strip.append(path)
            case Unknown.REJECT:
                message = f"the parameter '{format_path(path)}' is not known here, and the policy refuses such"
                self.refused.append(RefusedParameter(path, message, UNKNOWN))
            case Unknown.PASS:
                pass

    def _refuse(self, path: Path, reason: str) -> None:
        message = f"the parameter '{format_path(path)}' is refused: {reason}"
        self.refused.append(RefusedParameter(path, message, UNSUPPORTED))


def _marked_messages(document: Mapping[str, Any]) -> list[Path]:
    """Members of messages that may be denied and are there."""
    messages = document.get("messages")
    return [
        ("messages", index, name)
        for index, message in enumerate(messages if isinstance(messages, list) else ())
        if isinstance(message, dict) and not IN_MESSAGES.keys().isdisjoint(message)
        for name in sorted(IN_MESSAGES.keys() & message)
        if not _is_harmless(message[name], IN_MESSAGES[name])
    ]


def _is_harmless(value: Any, denied: Denied) -> bool:
    """Whether the value says no more than leaving the parameter out."""
    if value is None or value == [] or value == {}:
        return True
    if denied.only:
        return value not in denied.only
    return any(type(value) is type(harmless) and value == harmless for harmless in denied.harmless)
