"""A mistake in a file is told where it stands, with its cure."""

from __future__ import annotations

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.mistakes import read_as, suggestion
from guardproxy.policyfile.schema import WrittenPolicy
from guardproxy.policyfile.yaml_nodes import parse_yaml


def problems(text: str) -> list[str]:
    file = parse_yaml(text.encode(), "policy.yaml")
    with pytest.raises(ConfigurationError) as caught:
        read_as(WrittenPolicy, file, file.content)
    return caught.value.message.splitlines()


def test_all_mistakes_of_a_file_come_at_once_each_with_its_place() -> None:
    told = sorted(problems("version: 1\nname: mine\nlimits:\n  mesages: 3\n  tools: many\n"))
    assert told[0].startswith("policy.yaml:4:3: unknown key 'mesages', did you mean 'messages'?")
    assert told[1].startswith("policy.yaml:5:10: 'tools'")


def test_a_key_that_is_misspelt_is_not_also_missing() -> None:
    (told,) = problems("version: 1\nnaem: mine\n")
    assert told == "policy.yaml:2:1: unknown key 'naem', did you mean 'name'?"


def test_what_was_written_is_not_quoted_where_it_may_be_a_key() -> None:
    secret = "gpk_" + "a" * 40
    for told in problems(f"version: 1\nname: mine\nlimits: {{messages: {secret}}}\n"):
        assert secret not in told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("limits: 5", "'limits' has to be a mapping: `name: value`"),
        ("override: []", "'override' has to be a mapping: `name: value`"),
        ("packs: secrets", "'packs' has to be a list: `[one, another]`"),
        ("limits: {messages: '3'}", "'messages' has to be a whole number, without quotes"),
        ("limits: {messages: 3.5}", "'messages' has to be a whole number, without quotes"),
        ("quotas: [{metric: cost, per: day, limit: many}]", "'limit' has to be a number, without quotes"),
        ("order: 1", "unknown key 'order'"),
        ("context: {fence: {sandwich: 'true'}}", "'sandwich' has to be true or false, without quotes"),
        ("description: 7", "'description' has to be text: in quotes, if it would be read as something else"),
    ],
)
def test_a_value_of_another_kind_is_told_in_the_words_of_yaml(written: str, told: str) -> None:
    (problem,) = problems(f"version: 1\nname: mine\n{written}\n")
    assert told in problem


@pytest.mark.parametrize(
    ("word", "known", "told"),
    [
        ("mesages", {"messages", "tools"}, ", did you mean 'messages'?"),
        ("xyz", {"messages", "tools"}, "; known: messages, tools"),
        ("xyz", set(), ""),
    ],
)
def test_the_nearest_word_is_suggested_or_all_that_are_known(word: str, known: set[str], told: str) -> None:
    assert suggestion(word, known) == told
