"""Arguments held against what a rule demands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.core.tools.arguments import LONGEST, ArgumentCheck, leaves, matches_whole
from guardproxy.core.tools.entities import Kind
from guardproxy.core.tools.names import Names
from guardproxy.core.tools.origin import Origin, Sources
from guardproxy.core.tools.rules import ArgumentRule
from guardproxy.match.pattern_set import Pattern, PatternSet

TRUSTED = frozenset({Origin.TRUSTED})
TO = ArgumentRule(of=frozenset({"to"}), origins=TRUSTED, one_of=Names.of(["*@example.com"]))


def patterns(*texts: str) -> PatternSet:
    return PatternSet([Pattern(str(at), text) for at, text in enumerate(texts)])


def objection(rule: ArgumentRule, arguments: Any, *, trusted: str = "", tainted: str = "") -> str | None:
    return ArgumentCheck(Sources([trusted], [tainted])).objection(rule, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "eve@evil.net"},
        {"To": ["ann@example.com", "eve@evil.net"]},
        {"message": {"to": {"address": "eve@evil.net"}}},
        {"to": {"eve@evil.net": "Ann"}},
        {"to": "ann@example.com <eve@evil.net>"},
        {"to": "somebody"},
        {"to": 12345},
        "eve@evil.net",
        ["eve@evil.net"],
        {"ｔｏ ": "eve@evil.net"},
        {"payload": json.dumps({"message": {"to": "eve@evil.net"}})},
        {"payload": json.dumps([json.dumps({"To": json.dumps(["eve@evil.net"])})])},
        {"payload": json.dumps(json.dumps({"to": "eve@evil.net"}))},
        {"payload": '{"to": "eve@evil.net", "to": "ann@example.com"}'},
    ],
)
def test_a_stranger_is_found_wherever_the_argument_hides_it(arguments: Any) -> None:
    assert objection(TO, arguments, tainted="eve@evil.net somebody") is not None


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "Ann@Example.com"},
        {"to": ["bob@corp.net"]},
        {"body": "eve@evil.net"},
        {"body": json.dumps({"from": "eve@evil.net", "to": "bob@corp.net"})},
        {"body": '{"to": eve@evil.net'},
        {"to": None},
        {"to": []},
        {},
    ],
)
def test_known_people_and_other_arguments_pass(arguments: Any) -> None:
    assert objection(TO, arguments, trusted="write to bob@corp.net", tainted="eve@evil.net") is None


def test_a_rule_about_no_argument_in_particular_looks_at_json_in_a_text_as_at_one_text() -> None:
    whole = ArgumentRule(matches=patterns(r"\{[a-z\":@.]{1,40}\}"))
    assert objection(whole, {"body": '{"to":"eve@evil.net"}'}) is None


def test_the_objection_names_the_policys_argument_and_never_a_value() -> None:
    assert objection(TO, {"to": "eve@evil.net"}, tainted="eve@evil.net") == "to is tainted"
    assert objection(TO, {"to": "eve@evil.net"}) == "to is model"
    assert objection(ArgumentRule(one_of=Names.of(["a"])), {"x": "b"}) == "an argument is no text that is allowed"


def test_only_entities_of_the_kinds_count() -> None:
    rule = ArgumentRule(kinds=frozenset({Kind.URL}), origins=TRUSTED)
    assert objection(rule, {"body": "write to eve@evil.net"}) is None
    assert objection(rule, {"body": "see https://evil.net/x"}) is not None
    assert objection(rule, {"a": {"https://evil.net/x": 1}}) is not None


def test_a_list_names_links_by_host_or_by_beginning() -> None:
    by_host = ArgumentRule(one_of=Names.of(["*.example.com", "https://api.corp.net/v1/*", "https://*.corp.org/*"]))
    for good in ("https://docs.example.com/x", "https://api.corp.net/v1/items", "https://a.corp.org/b"):
        assert objection(by_host, {"url": good}) is None
    for bad in (
        "https://example.com.evil.net/",
        "https://evil.net/.example.com",
        "https://docs.example.com@evil.net/",
        "https://evil.net\\@docs.example.com/",
        "https://api.corp.net@evil.net/v1/items",
        "https://api.corp.net/v2",
        "https://api.corp.net/v1/%2e%2e/admin",
        "https://evil.net/x.corp.org/items",
    ):
        assert objection(by_host, {"url": bad}) is not None


def test_numbers_up_to_a_bound_pass_however_they_are_read() -> None:
    rule = ArgumentRule(of=frozenset({"amount"}), origins=TRUSTED, at_most=500)
    for good in (499.99, 500, "500", "12,50"):
        assert objection(rule, {"amount": good}) is None
    for bad in (500.01, "1.500", "-3", -3, "many", 1e300):
        assert objection(rule, {"amount": bad}) is not None
    assert objection(rule, {"amount": 3100}, trusted="pay 3,100.00 today") is None


def test_expressions_are_about_all_of_a_value_or_anything_in_it() -> None:
    form = ArgumentRule(of=frozenset({"id"}), matches=patterns(r"[A-Z]{2}\d{1,6}"))
    assert objection(form, {"id": "AB12"}) is None
    assert objection(form, {"id": "AB12; drop"}) == "id is not written as demanded"
    assert objection(form, {"id": 12}) is not None
    never = ArgumentRule(of=frozenset({"cmd"}), never=patterns(r"rm\s", r"\.ssh"))
    assert objection(never, {"cmd": "ls"}) is None
    assert objection(never, {"cmd": "cat ~/.ssh/x"}) == "cmd holds what it must not"


def test_a_value_too_long_to_look_at_does_not_pass() -> None:
    assert objection(TO, {"to": "x" * (LONGEST + 1)}) == "to is too long to be looked at"


def test_leaves_are_texts_and_numbers_with_all_names_above() -> None:
    found = {(leaf.value, leaf.names, leaf.is_name) for leaf in leaves({"A": {"b": [1, True, None, "x"]}})}
    below = frozenset({"a", "b"})
    assert found == {("b", frozenset({"a"}), True), (1, below, False), ("x", below, False)}


def test_all_of_a_text_has_to_match() -> None:
    assert matches_whole(patterns("ab?"), "ab")
    assert not matches_whole(patterns("ab?"), "abc")
    assert not matches_whole(patterns("ab?"), "")
