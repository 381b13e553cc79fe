"""What the upper policy says wins, the rest stays, and every value knows the file and line it was written in."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.policyfile.layers import ADDED, OWN, Layers
from guardproxy.policyfile.yaml_nodes import parse_yaml

LOWER = b"""version: 1
name: lower
description: not taken over
limits: {messages: 5, tools: 2}
packs: [secrets]
quotas: [1, 2]
"""
UPPER = b"""version: 1
name: upper
limits: {messages: 7}
packs: [pii]
quotas: [3]
"""


def layers(raw: bytes, name: str) -> Layers:
    return Layers.of(parse_yaml(raw, name))


def test_mappings_merge_lists_of_packs_add_up_and_other_lists_are_replaced() -> None:
    merged = layers(LOWER, "lower.yaml").under(layers(UPPER, "upper.yaml"))
    assert merged.content == {
        "version": 1, "name": "upper", "limits": {"messages": 7, "tools": 2},
        "packs": ["secrets", "pii"], "quotas": [3],
    }  # fmt: skip


def test_every_value_is_told_with_its_own_file() -> None:
    merged = layers(LOWER, "lower.yaml").under(layers(UPPER, "upper.yaml"))
    assert merged.at(("limits", "messages")) == "upper.yaml:3:20"
    assert merged.at(("limits", "tools")) == "lower.yaml:4:30"
    assert merged.at_key(("limits", "tools")) == "lower.yaml:4:23"
    assert merged.at(("packs", 0)) == "lower.yaml:5:9"
    assert merged.at(("packs", 1)) == "upper.yaml:4:9"
    assert merged.at(("quotas", 0)) == "upper.yaml:5:10"
    assert merged.at(("name",)) == "upper.yaml:2:7"
    assert merged.at(()) == "upper.yaml:1:1"


def test_a_chain_of_three_keeps_the_place_of_the_lowest() -> None:
    top = layers(b"version: 1\nname: top\nlimits: {choices: 1}\n", "top.yaml")
    merged = layers(LOWER, "lower.yaml").under(layers(UPPER, "upper.yaml")).under(top)
    assert merged.content["limits"] == {"messages": 7, "tools": 2, "choices": 1}
    assert merged.at(("limits", "tools")) == "lower.yaml:4:30"
    assert merged.at(("limits", "messages")) == "upper.yaml:3:20"
    assert merged.at(("limits", "choices")) == "top.yaml:3:19"


def test_a_block_is_laid_over_the_policy_it_stands_in() -> None:
    whole = layers(b"limits: {tools: 2}\nwhen:\n  - if: {team: x}\n    limits: {messages: 1}\n", "one.yaml")
    laid = whole.with_block(("when", 0), frozenset({"if"}))
    assert laid.content["limits"] == {"tools": 2, "messages": 1}
    assert laid.at(("limits", "messages")) == "one.yaml:4:24"
    assert whole.content["limits"] == {"tools": 2}


names = st.sampled_from(["limits", "override", "packs", "quotas", "x"])
values: Any = st.recursive(
    st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
contents: Any = st.dictionaries(names, values, max_size=4)


def expected(lower: Any, upper: Any, top: bool = True) -> Any:
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = expected(below, value, False)
        elif top and key in ADDED and isinstance(below, list) and isinstance(value, list):
            merged[key] = below + value
        else:
            merged[key] = value
    return merged


def leaves(content: Any, place: tuple[Any, ...] = ()) -> Any:
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield from leaves(value, (*place, key))
    if not isinstance(content, dict | list):
        yield place, content


@given(st.lists(contents, min_size=1, max_size=3))
def test_the_origin_of_every_leaf_holds_its_value(stack: list[Any]) -> None:
    import json

    merged = layers(json.dumps(stack[0]).encode(), "0")
    want = stack[0]
    for number, content in enumerate(stack[1:], start=1):
        merged = merged.under(layers(json.dumps(content).encode(), str(number)))
        want = expected({k: v for k, v in want.items() if k not in OWN}, content)
    assert merged.content == want
    for place, value in leaves(merged.content):
        file, inside = merged.origin(place)
        there: Any = file.content
        for step in inside:
            there = there[step]
        assert there == value
