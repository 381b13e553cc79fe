"""Tools that the upstream runs itself: what they read and do is never seen here.

A search brings in text that no rule was held against, a code interpreter runs what no rule has judged, an MCP server
gets what the model sends it. So a policy is asked about them as about all that cannot be read (`opaque.hosted`), and an
exchange that offers some says `partial` in its coverage. Which servers a request may name is up to the policy, too.

A tool nobody has heard of counts as one: whoever runs it, it is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from guardproxy.core.exchange import NamedServer, Opaque, OpaqueKind, Provenance
from guardproxy.surfaces.member_names import DATA
from guardproxy.wire.path import Path

# Types of tools that the caller carries out, or that hold other tools, or whose outcome is a picture, which is asked
# about as such. Anthropic's have the day of their version.
_CALLERS: Final = frozenset(
    {
        "function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview", "namespace",
        "tool_search", "mcp_toolset", "image_generation",
    }
)  # fmt: skip
_DATED: Final = re.compile(
    r"(?:bash|browser_toolset|computer|computer_toolset|memory|text_editor|tool_search_tool_bm25|tool_search_tool_regex)"
    r"_20[0-9]{6}"
)
# Members of a tool that name the server it stands for.
_SERVERS: Final = ("server_url", "connector_id", "tunnel_id")
_HOLDERS: Final = ("tools", "tool", "tool_changes")


class Hosted(NamedTuple):
    """The tools of a request that the upstream runs, each at its place; and the servers it names."""

    tools: tuple[Opaque, ...]
    servers: tuple[NamedServer, ...]


def read_hosted(document: dict[str, Any], provenance: Provenance, *, in_messages: bool = False) -> Hosted:
    """`in_messages`: blocks of messages may add tools. A server that has no name has an empty one."""
    tools: list[Path] = []
    servers: list[NamedServer] = []
    for tool, path in _tools(document, in_messages):
        if _is_hosted(tool):
            tools.append(path)
            servers += _servers_of(tool, path)
    named = document.get("mcp_servers")
    for index, server in enumerate(named if isinstance(named, list) else ()):
        url = server.get("url") if isinstance(server, dict) else None
        tools.append(("mcp_servers", index))
        servers.append(NamedServer(url if isinstance(url, str) else "", ("mcp_servers", index)))
    if document.get("web_search_options") is not None:
        tools.append(("web_search_options",))
    return Hosted(tuple(Opaque(OpaqueKind.HOSTED, provenance, path) for path in tools), tuple(servers))


def _servers_of(tool: dict[str, Any], path: Path) -> list[NamedServer]:
    found = [NamedServer(tool[name], (*path, name)) for name in _SERVERS if isinstance(tool.get(name), str)]
    return [NamedServer("", path)] if not found and tool.get("type") == "mcp" else found


def _is_hosted(tool: dict[str, Any]) -> bool:
    kind = tool.get("type", "custom")
    if kind == "shell":
        environment = tool.get("environment")
        return isinstance(environment, dict) and environment.get("type") != "local"
    if not isinstance(kind, str) or any(isinstance(tool.get(name), str) for name in _SERVERS):
        return True
    return kind not in _CALLERS and _DATED.fullmatch(kind) is None


def _tools(document: dict[str, Any], in_messages: bool) -> Iterator[tuple[dict[str, Any], Path]]:
    """All tools a request offers: at its top, in a namespace, and in items and blocks that add some."""
    yield from _below(document.get("tools"), ("tools",))
    for place, items in _said(document, in_messages):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                for name in _HOLDERS:
                    if isinstance(item.get(name), (dict, list)) and item.get("type") is not None:
                        yield from _below(item[name], (*place, index, name))


def _said(document: dict[str, Any], in_messages: bool) -> Iterator[tuple[Path, Iterable[Any]]]:
    """The lists of a conversation in which tools may be added: the input's items, the blocks of messages."""
    items, messages = document.get("input"), document.get("messages") if in_messages else None
    if isinstance(items, list):
        yield ("input",), items
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            yield ("messages", index, "content"), content


def _below(value: Any, path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _below(one, (*path, index))
    elif isinstance(value, dict):
        # What adds a tool holds it.
        inner = [name for name in _HOLDERS if name not in DATA and isinstance(value.get(name), (dict, list))]
        if not inner or "type" not in value or value["type"] == "namespace":
            yield value, path
        for name in inner:
            yield from _below(value[name], (*path, name))
