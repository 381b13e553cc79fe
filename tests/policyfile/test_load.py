"""Reading gathers a policy with all its rules, and the problems of all its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import PolicyDocument, RuleDocument, read_document, read_policy, read_rule
from tests.policyfile.workshop import rule, write_policy, write_rule


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_document(path)
    return raised.value.message.splitlines()


def test_without_a_path_the_shipped_default_is_read() -> None:
    document = read_policy()
    assert document.written.name == "default"
    assert {"secrets", "injection"} == {rule.written.id.partition(".")[0] for rule in document.rules}


def test_a_policy_brings_the_rules_of_its_packs_and_its_own(tmp_path: Path) -> None:
    write_rule(tmp_path, rule("mine.one", "abc"))
    write_rule(tmp_path, rule("mine.two", "abc"))
    document = read_policy(write_policy(tmp_path, packs=["./mine"], rules=[rule("own.three", "abc")]))
    assert [rule.written.id for rule in document.rules] == ["mine.one", "mine.two", "own.three"]


def test_a_rule_knows_the_file_and_line_of_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = read_rule(write_rule(tmp_path, rule("mine.one", "abc")))
    assert document.at("with", "pattern") == "mine/one.yaml:6:14"
    assert document.at("with", "pattern", offset=1) == "mine/one.yaml:6:16"


def test_a_file_is_told_apart_by_its_keys(tmp_path: Path) -> None:
    assert isinstance(read_document(write_rule(tmp_path, rule("mine.one", "abc"))), RuleDocument)
    assert isinstance(read_document(write_policy(tmp_path)), PolicyDocument)


def test_a_rule_in_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    path = write_rule(tmp_path, rule("mine.one", "abc"))
    moved = path.rename(path.with_name("two.yaml"))
    assert [f"{moved}:2:8: this file must hold the rule 'mine.two', not 'mine.one'"] == problems_of(moved)


def test_the_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    one = write_rule(tmp_path, rule("mine.one", "abc", action="redcat"))
    two = write_rule(tmp_path, rule("mine.two", "abc", severity="hgh"))
    policy = write_policy(tmp_path, packs=["./mine", "nosuch"])
    assert [
        f"{one}:13:12: unknown action 'redcat'; use allow, flag, redact or block",
        f"{two}:12:14: unknown severity 'hgh'; use low, medium, high or critical",
        f"{policy}:6:3: unknown pack 'nosuch'; known: injection, pii, secrets "
        "(a directory of your own is written './nosuch')",
    ] == problems_of(policy)


def test_a_file_that_looks_like_a_rule_is_never_silently_left_out(tmp_path: Path) -> None:
    path = write_rule(tmp_path, rule("mine.one", "abc"))
    other = path.with_name("two.yml")
    other.touch()
    policy = write_policy(tmp_path, packs=["./mine"])
    assert [f"{policy}:5:3: {other}: a pack holds its rules as files named <rule>.yaml, side by side"] == problems_of(
        policy
    )


def test_hidden_and_other_files_of_a_pack_are_not_rules(tmp_path: Path) -> None:
    path = write_rule(tmp_path, rule("mine.one", "abc"))
    path.with_name("README.md").touch()
    path.with_name(".two.yaml").touch()
    assert len(read_policy(write_policy(tmp_path, packs=["./mine"])).rules) == 1


def test_an_empty_pack_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    policy = write_policy(tmp_path, packs=["./mine"])
    assert [f"{policy}:5:3: the pack {tmp_path / 'mine'} holds no rules"] == problems_of(policy)


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    assert [f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"] == problems_of(
        tmp_path / "none.yaml"
    )


@pytest.mark.parametrize(
    ("more", "where", "key"),
    [
        ("extends:\n", "3:1", "extends"),
        ("tools:\n", "3:1", "tools"),
        ("mode: # enforce\n", "3:1", "mode"),
        ("limits: {messages: }\n", "3:10", "messages"),
        ("packs: [secrets]\noverride:\n  secrets.*: {action: }\n", "5:15", "action"),
        ("tools: {rules: [{id: a, calls: [b], arguments: [{of: [to], one_of: }]}]}\n", "3:60", "one_of"),
    ],
)
def test_a_key_with_nothing_behind_it_is_a_mistake_and_not_the_default(
    tmp_path: Path, more: str, where: str, key: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\nname: p\n{more}", encoding="utf-8")
    told = f"{path}:{where}: nothing is written behind '{key}': write a value, or leave the key out"
    assert problems_of(path) == [told]


def test_an_item_of_a_list_with_nothing_in_it_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nname: p\npacks:\n  - secrets\n  -\n", encoding="utf-8")
    [told] = problems_of(path)
    assert told.startswith(f"{path}:5:")
    assert told.endswith(": nothing is written here")


def test_null_is_a_value_where_there_may_be_none(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nname: p\nlimits: {matching_work: null}\n", encoding="utf-8")
    assert read_policy(path).written.limits.matching_work is None


def test_a_file_that_is_not_a_mapping_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("- 1\n")
    assert [f"{file}:1:1: the file has to be a mapping: `name: value`"] == problems_of(file)
