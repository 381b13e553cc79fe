"""A mistake in a file is told with its place and with what to write instead."""

from __future__ import annotations

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.mistakes import read_as, suggestion
from guardproxy.policyfile.schema import WrittenPolicy, WrittenRule
from guardproxy.policyfile.yaml_nodes import parse_yaml

RULE = """\
id: pack.name
title: A rule
detector: pattern
with: {pattern: abc}
applies_to: [user]
severity: high
action: redact
examples:
  match: [abc]
  pass: [xyz]
"""


def read_rule(text: str) -> WrittenRule:
    file = parse_yaml(text.encode(), "r.yaml")
    return read_as(WrittenRule, file, file.content)


def rule_problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_rule(text)
    return raised.value.message.splitlines()


def policy_problems(text: str) -> list[str]:
    file = parse_yaml(f"version: 1\nname: p\n{text}".encode(), "p.yaml")
    with pytest.raises(ConfigurationError) as raised:
        read_as(WrittenPolicy, file, file.content)
    return raised.value.message.splitlines()


def test_a_complete_rule_is_read() -> None:
    rule = read_rule(RULE)
    assert (rule.id, rule.with_, rule.applies_to) == ("pack.name", {"pattern": "abc"}, ("user",))
    assert (rule.examples.match, rule.examples.pass_, rule.examples.todo_match) == (("abc",), ("xyz",), ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("redact", "redcat", "r.yaml:7:9: unknown action 'redcat'; use allow, flag, redact or block"),
        ("high", "severe", "r.yaml:6:11: unknown severity 'severe'; use low, medium, high or critical"),
        ("[user]", "[user, tol]", "r.yaml:5:20: unknown provenance 'tol'; use operator, user, tool, document or model"),
        ("severity", "severty", "r.yaml:6:1: unknown key 'severty', did you mean 'severity'?"),
        ("  pass:", "  passes:", "r.yaml:10:3: unknown key 'passes', did you mean 'pass'?"),
        ("[user]", "[]", "r.yaml:5:13: 'applies_to' needs at least one entry"),
        ("[abc]", "[]", "r.yaml:9:10: 'match' needs at least one entry"),
        (
            "pack.name",
            "Pack_Name",
            "r.yaml:1:5: id is written <pack>.<name>, in lower case letters, digits and single hyphens",
        ),
        ("A rule", "7", "r.yaml:2:8: 'title' has to be text: in quotes, if it would be read as something else"),
        ("[abc]", "[true]", "r.yaml:9:11: 'match' has to be text: in quotes, if it would be read as something else"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_cure(old: str, new: str, expected: str) -> None:
    assert expected in rule_problems(RULE.replace(old, new, 1))


def test_a_list_whose_entries_are_wrong_is_not_told_to_be_empty() -> None:
    assert rule_problems(RULE.replace("[user]", "[usre]")) == [
        "r.yaml:5:14: unknown provenance 'usre'; use operator, user, tool, document or model"
    ]


def test_what_is_missing_is_told_where_it_should_stand() -> None:
    assert rule_problems(RULE.replace("  pass: [xyz]\n", "")) == ["r.yaml:9:3: 'pass' is missing"]


def test_all_mistakes_of_a_file_come_at_once() -> None:
    assert rule_problems(RULE.replace("high", "hgh").replace("redact", "hide")) == [
        "r.yaml:6:11: unknown severity 'hgh'; use low, medium, high or critical",
        "r.yaml:7:9: unknown action 'hide'; use allow, flag, redact or block",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quota: []", "p.yaml:3:1: unknown key 'quota', did you mean 'quotas'?"),
        ("limits: {mesages: 3}", "p.yaml:3:10: unknown key 'mesages', did you mean 'messages'?"),
        ("override: {a.b: {acton: flag}}", "p.yaml:3:18: unknown key 'acton', did you mean 'action'?"),
        (
            "quotas: [{metric: tokens, every: day}]",
            "p.yaml:3:27: unknown key 'every'; known: hard, limit, metric, mode, "
            "on_store_error, only, per, scope, unit, zone",
        ),
        ("limits: {messages: '3'}", "p.yaml:3:20: 'messages' has to be a whole number, without quotes"),
        ("limits: {messages: 0}", "p.yaml:3:20: 'messages' should be greater than 0"),
        ("limits: {messages: true}", "p.yaml:3:20: 'messages' has to be a whole number, without quotes"),
        ("opaque: {image: flag}", "p.yaml:3:17: unknown image 'flag'; use allow or block"),
        (
            "context: {operator_messages: all}",
            "p.yaml:3:30: unknown operator_messages 'all'; use operator_keys, any_key or nobody",
        ),
        (
            "quotas: [{metric: tokens, per: year, limit: 1}]",
            "p.yaml:3:32: unknown window 'year'; use second, minute, hour, day, calendar_day, week or month",
        ),
        ("name: p2", "p.yaml:3:1: 'name' is written twice; the first is in line 2"),
    ],
)
def test_a_mistake_in_a_policy_is_told_with_its_cure(text: str, expected: str) -> None:
    try:
        assert expected in policy_problems(text)
    except ConfigurationError as error:  # found while the YAML was read
        assert expected == error.message


@pytest.mark.parametrize(
    "name",
    [
        "https://mcp.example.com*",
        "https://*.example.com/*",
        "http*://mcp.example.com/*",
        "https://*:443/a",
        "https://*a",
    ],
)
def test_a_server_that_any_host_would_fit_is_refused(name: str) -> None:
    (told,) = policy_problems(f"limits: {{mcp_servers: ['*', '{name}']}}\n")
    assert told.startswith(f"p.yaml:3:29: 'mcp_servers' holds '{name}', which any host fits")


@pytest.mark.parametrize("name", ["mcp.example.com", "*.example.com/*", "example/mcp"])
def test_a_server_without_its_scheme_is_refused(name: str) -> None:
    (told,) = policy_problems(f"limits: {{mcp_servers: ['{name}']}}\n")
    assert told.startswith(f"p.yaml:3:24: 'mcp_servers' holds '{name}': a URL is written with its scheme")


@pytest.mark.parametrize(
    "name", ["*", "https://*", "https://mcp.example.com", "https://mcp.example.com/*", "connector_gmail", "connector_*"]
)
def test_a_server_by_its_url_or_id_is_taken(name: str) -> None:
    file = parse_yaml(f"version: 1\nname: p\nlimits: {{mcp_servers: ['{name}']}}\n".encode(), "p.yaml")
    assert read_as(WrittenPolicy, file, file.content).limits.mcp_servers == (name,)


@pytest.mark.parametrize("list_", ["allow", "deny"])
def test_a_star_in_the_name_of_a_parameter_is_refused_since_it_would_name_none(list_: str) -> None:
    (told,) = policy_problems(f"parameters: {{{list_}: [top_k, 'chat_template_kwargs.*']}}\n")
    assert f"{list_} is written as requests write it" in told


def test_another_version_of_the_format_is_refused() -> None:
    file = parse_yaml(b"version: 2\nname: p\n", "p.yaml")
    with pytest.raises(ConfigurationError, match="unknown version '2'; use 1"):
        read_as(WrittenPolicy, file, file.content)


def test_what_is_not_said_is_the_safe_choice() -> None:
    file = parse_yaml(b"version: 1\nname: p\n", "p.yaml")
    policy = read_as(WrittenPolicy, file, file.content)
    assert {"block"} == set(policy.opaque.model_dump(exclude={"hosted"}).values())
    assert policy.opaque.hosted == "allow" and policy.limits.mcp_servers == ()
    assert (policy.context.operator_messages, policy.context.unknown_roles) == ("operator_keys", "block")


def test_a_word_unlike_any_other_gets_the_list() -> None:
    assert suggestion("redcat", ["redact", "block"]) == ", did you mean 'redact'?"
    assert suggestion("xyz", ["redact", "block"]) == "; known: block, redact"
    assert suggestion("xyz", []) == ""
