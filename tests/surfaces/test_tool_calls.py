"""Calls and results, as every dialect writes them."""

from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.surfaces.tool_calls import CallIds, forced_names, function_definition, speaker, text_of


def test_an_id_of_two_different_calls_belongs_to_neither() -> None:
    ids = CallIds()
    ids.add("a", ("read",))
    ids.add("a", ("read",))
    assert ids.names_of("a") == ("read",)
    ids.add("a", ("contacts",))
    assert ids.names_of("a") == ()
    ids.add("a", ("read",))
    assert ids.names_of("a") == ()
    ids.add(None, ("x",))
    assert ids.names_of(None) == ids.names_of("b") == ()


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ({"type": "function", "function": {"name": "a"}}, "a"),
        ({"type": "custom", "custom": {"name": "b"}}, "b"),
        ({"type": "function", "name": "c"}, "c"),
        ({"type": "web_search"}, "web_search"),
        ({"type": "mcp", "server_label": "crm"}, "mcp:crm"),
        ({}, ""),
    ],
)
def test_a_definition_has_a_name_in_every_dialect(tool: dict[str, Any], name: str) -> None:
    assert function_definition(tool)[0] == (name,)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", []),
        (None, []),
        ({"type": "auto"}, []),
        ({"type": "function", "function": {"name": "a"}}, [("a", False)]),
        ({"name": "a"}, [("a", False)]),
        ({"type": "function", "name": "a"}, [("a", False)]),
        ({"type": "web_search"}, [("web_search", False)]),
        ({"type": "allowed_tools", "tools": [{"type": "function", "name": "a"}, 7]}, [("a", True)]),
        ({"type": "allowed_tools", "allowed_tools": {"tools": [{"function": {"name": "a"}}]}}, [("a", True)]),
    ],
)
def test_what_a_choice_demands(choice: Any, expected: list[tuple[str, bool]]) -> None:
    assert list(forced_names(choice)) == expected


def test_whose_text_a_message_is() -> None:
    assert speaker("System", operator=True) is Provenance.OPERATOR
    assert speaker("developer", operator=False) is Provenance.USER
    assert speaker("user", operator=True) is Provenance.USER
    assert speaker("assistant", operator=True) is Provenance.MODEL
    assert speaker(" Tool", operator=True) is Provenance.DOCUMENT
    assert text_of({"a": 1}, "a") == ""
