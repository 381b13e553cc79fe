from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from guardproxy.core.exchange import NamedServer, OpaqueKind, Provenance
from guardproxy.surfaces import CHAT_COMPLETIONS, MESSAGES, RESPONSES, Surface
from guardproxy.surfaces.hosted import read_hosted
from guardproxy.wire.document import get
from guardproxy.wire.path import Path
from tests.support.strategies import json_values

SAID: dict[str, Any] = {"role": "user", "content": "Hi."}
URL = "https://mcp.example.com/sse"

HOSTED: list[tuple[Surface, dict[str, Any], list[Path]]] = [
    (RESPONSES, {"tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]}, [("tools", 0)]),
    (RESPONSES, {"tools": [{"type": "code_interpreter"}, {"type": "file_search"}]}, [("tools", 0), ("tools", 1)]),
    (RESPONSES, {"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, [("tools", 0)]),
    (RESPONSES, {"tools": [{"type": "namespace", "tools": [{"type": "web_search"}]}]}, [("tools", 0, "tools", 0)]),
    (
        RESPONSES,
        {"input": [{"type": "additional_tools", "tools": [{"type": "mcp", "server_url": URL}]}]},
        [("input", 0, "tools", 0)],
    ),
    (RESPONSES, {"tools": [{"type": "unheard_of"}]}, [("tools", 0)]),
    (CHAT_COMPLETIONS, {"web_search_options": {}}, [("web_search_options",)]),
    (CHAT_COMPLETIONS, {"tools": [{"type": "web_search"}]}, [("tools", 0)]),
    (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, [("tools", 0)]),
    (
        MESSAGES,
        {
            "mcp_servers": [{"type": "url", "url": URL, "name": "x"}],
            "tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}],
        },
        [("mcp_servers", 0)],
    ),
]
CALLERS: list[tuple[Surface, dict[str, Any]]] = [
    (RESPONSES, {"tools": [{"type": "function", "name": "f"}, {"type": "custom"}, {"type": "local_shell"}]}),
    (RESPONSES, {"tools": [{"type": "shell"}, {"type": "shell", "environment": {"type": "local"}}]}),
    (CHAT_COMPLETIONS, {"tools": [{"type": "function", "function": {"name": "f"}}], "web_search_options": None}),
    (MESSAGES, {"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}),
]


def read(surface: Surface, members: dict[str, Any]) -> Any:
    said = {"input": "Hi."} if surface is RESPONSES else {"messages": [SAID], "max_tokens": 5}
    assert surface.read_request is not None
    return surface.read_request({"model": "m", **said, **members}, operator=True)


def shown(value: object) -> str:
    return value.name if isinstance(value, Surface) else str(value)


@pytest.mark.parametrize(("surface", "members", "paths"), HOSTED, ids=shown)
def test_tools_that_the_upstream_runs_cannot_be_read(
    surface: Surface, members: dict[str, Any], paths: list[Path]
) -> None:
    assert paths == [one.path for one in read(surface, members).opaque if one.kind is OpaqueKind.HOSTED]


@pytest.mark.parametrize(("surface", "members"), CALLERS, ids=shown)
def test_tools_that_the_caller_runs_are_no_such(surface: Surface, members: dict[str, Any]) -> None:
    reading = read(surface, members)
    assert (reading.opaque, reading.servers) == ((), ())


def test_servers_connectors_and_tunnels_are_told_with_their_names() -> None:
    tools = [
        {"type": "mcp", "server_url": URL},
        {"type": "mcp", "connector_id": "connector_gmail"},
        {"type": "mcp", "tunnel_id": "t"},
        {"type": "mcp", "server_label": "x"},
    ]
    assert read(RESPONSES, {"tools": tools}).servers == (
        NamedServer(URL, ("tools", 0, "server_url")),
        NamedServer("connector_gmail", ("tools", 1, "connector_id")),
        NamedServer("t", ("tools", 2, "tunnel_id")),
        NamedServer("", ("tools", 3)),
    )
    servers = [{"type": "url", "url": URL}, {"type": "url"}, "odd"]
    assert [one.name for one in read(MESSAGES, {"mcp_servers": servers}).servers] == [URL, "", ""]


def test_a_block_that_adds_tools_in_a_message_is_seen() -> None:
    added = {"type": "tool_addition", "tool": {"type": "web_fetch_20250910", "name": "web_fetch"}}
    found = read_hosted({"messages": [{"role": "user", "content": [added]}]}, Provenance.USER, in_messages=True)
    assert [one.path for one in found.tools] == [("messages", 0, "content", 0, "tool")]


@given(json_values)
def test_whatever_stands_there_each_place_is_one_of_it(value: Any) -> None:
    document = {"tools": value, "mcp_servers": value, "input": [value], "messages": [{"content": [value]}]}
    found = read_hosted(document, Provenance.USER, in_messages=True)
    for path in [*(tool.path for tool in found.tools), *(server.path for server in found.servers)]:
        get(document, path)  # or it raises
