"""Whatever rule an incident names, the operator is sent to a place that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.cli.rule_origin import shipped_file, where_to_look
from guardproxy.core.allowance import MATCHING_WORK
from guardproxy.core.context import SERVER_STATE
from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.separation.speakers import ROLE_ORDER
from guardproxy.core.tools.rules import NOT_OFFERED
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.schema import WrittenPolicy


def told(*rules: str) -> list[str]:
    return list(where_to_look(rules, "mine"))


def test_every_rule_of_the_default_policy_is_sent_to_a_file_that_is_there() -> None:
    rules = [rule for rule in load_policy(None).rules if rule.partition(".")[0] in ("secrets", "pii", "injection")]
    assert len(rules) > 100
    for rule in rules:
        file = shipped_file(rule)
        assert file is not None
        assert (Path.cwd() / file).is_file()
        assert (file.parent.name, file.stem) == tuple(rule.split("."))
        assert told(rule)[0] == f"  {file}"
        assert "under `pass`" in told(rule)[1]


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (MATCHING_WORK, "limits"),
        (SERVER_STATE, "server_state"),
        (ROLE_ORDER, "context"),
        (NOT_OFFERED, "tools"),
        ("tools.rule-of-two", "tools"),
        *((f"opaque.{kind}", "opaque") for kind in OpaqueKind),
    ],
)
def test_what_no_pattern_found_is_sent_to_its_part_of_the_policy(rule: str, part: str) -> None:
    assert part in WrittenPolicy.model_fields
    first, *advice = told(rule)
    assert first == f"  {rule}: `{part}:` in the policy mine"
    assert not any("yaml" in line or "pass" in line for line in [first, *advice])


def test_a_rule_of_the_policy_is_sent_to_the_policy() -> None:
    first, *advice = told("own.codeword")
    assert first.startswith("  own.codeword: ")
    assert "policy mine under `rules:`" in first
    assert ".yaml" not in first
    assert "under `pass`" in advice[0]


def test_advice_is_given_once_for_several_rules() -> None:
    lines = told("own.codeword", "secrets.openai-key", ROLE_ORDER, SERVER_STATE)
    assert len(lines) == len(set(lines)) == 4 + 3


@pytest.mark.parametrize(
    "rule", ["../packs/secrets.openai-key", "secrets", "secrets.", ".", "secrets.a/b", "\x1b.x", ""]
)
def test_what_is_no_rule_id_is_never_looked_for_as_a_file(rule: str) -> None:
    assert shipped_file(rule) is None
