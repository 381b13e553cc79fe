"""For people an explanation is a table of two columns that line up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.cli.explain_lines import lines_of

SAID: dict[str, Any] = {
    "asked": {"key": "widget", "team": "", "surface": "chat_completions", "model": "", "metadata": {"tier": "gold"}},
    "notes": [],
    "refused": ["unknown_url: closed", "model_not_allowed: not this one"],
    "policy": "strict@1",
    "file": "p/strict.yaml:1:1",
    "because": "it is the default",
    "extends": ["p/base.yaml", "p/lowest.yaml"],
    "when": [
        {"at": "p/strict.yaml:5:1", "if": "team is x", "holds": False, "why_not": "there is no team"},
        {"at": "p/strict.yaml:9:1", "if": "model is m*", "holds": True, "why_not": None},
    ],
    "mode": "shadow",
    "rules": {"secrets": {"redact": 2, "flag": 1}},
    "overrides": {"secrets.jwt": {"action": "flag", "at": "p/strict.yaml:4:1"}},
    "sections": {
        "server_state": {"value": "own", "at": "p/strict.yaml:3:1", "elsewhere": {}},
        "limits": {"value": {"messages": 3, "models": []}, "at": None, "elsewhere": {"messages": "p/base.yaml:2:2"}},
        "tools": {"value": None, "at": None, "elsewhere": {}},
    },
    "quotas": [{"metric": "cost", "limit": 300.0, "per": "day", "at": "p/strict.yaml:7:3"}],
    "may_choose": ["stricter"],
    "rule": {"id": "secrets.jwt", "shadow": None, "applies_to": ["model", "user"]},
}


def test_every_part_is_told_once_with_its_label_and_its_place() -> None:
    assert list(lines_of(SAID)) == [
        "asked for     key widget, surface chat_completions, metadata {tier gold}",
        "refused       unknown_url: closed",
        "              model_not_allowed: not this one",
        "policy        strict@1  (p/strict.yaml)",
        "because       it is the default",
        "extends       p/base.yaml -> p/lowest.yaml",
        "when          team is x: does not hold, since there is no team  (p/strict.yaml:5:1)",
        "              model is m*: holds  (p/strict.yaml:9:1)",
        "stricter      the caller may ask for stricter with x-guardproxy-use-policy",
        "mode          shadow: only told in the log, nothing is refused",
        "rules         secrets: 2 redact, 1 flag",
        "override      secrets.jwt: action flag  (p/strict.yaml:4:1)",
        "server_state  own  (p/strict.yaml:3:1)",
        "limits        messages 3  (default; messages p/base.yaml:2:2)",
        "quotas        metric cost, limit 300, per day  (p/strict.yaml:7:3)",
        "rule          id: secrets.jwt",
        "              shadow: none",
        "              applies_to: [model, user]",
    ]


labels = st.lists(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), unique=True, min_size=1, max_size=4)


@given(labels)
def test_the_columns_line_up_whatever_the_labels(names: list[str]) -> None:
    sections = {name: {"value": "x", "at": "p:1:1", "elsewhere": {}} for name in names}
    lines = list(lines_of(SAID | {"sections": sections}))
    (column,) = {line.index("x  (p:1:1)") for line in lines if line.endswith("x  (p:1:1)")}
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in lines)
