"""What may stand under `tools:`."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.tool_schema import WrittenTools
from tests.policyfile.workshop import write_policy


def problem(directory: Path, **tools: object) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read_policy(write_policy(directory, tools=tools))
    return raised.value.message


def test_an_empty_section_is_one_with_the_safe_answers(tmp_path: Path) -> None:
    written = read_policy(write_policy(tmp_path, tools={})).written.tools
    assert written == WrittenTools()
    assert written is not None
    assert (written.offered, written.not_offered, written.allow) == ("block", "block", ("*",))


def test_without_the_section_there_are_no_rules_about_tools(tmp_path: Path) -> None:
    assert read_policy(write_policy(tmp_path)).written.tools is None


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ({"alow": ["x"]}, "unknown key 'alow', did you mean 'allow'?"),
        ({"offered": "redact"}, "unknown offered 'redact'; use allow, flag or block"),
        ({"definitions": {"pinned": {"a": "sha256:1"}}}, "64 hexadecimal digits"),
        ({"max_calls": 0}, "greater than 0"),
        ({"rules": [{"id": "x"}]}, "'calls' is missing"),
        ({"rules": [{"id": "x", "calls": ["a"], "afer": ["b"]}]}, "unknown key 'afer', did you mean 'after'?"),
        (
            {"rules": [{"id": "x", "calls": ["a"], "limit": {"calls": 1, "per": "day"}}]},
            "use answer, turn or conversation",
        ),
        ({"rules": [{"id": "x", "calls": ["a"], "arguments": [{"origin": ["user"]}]}]}, "use trusted, tainted"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, tools: dict[str, object], said: str) -> None:
    message = problem(tmp_path, **tools)
    assert said in message
    assert "policy.yaml:" in message
