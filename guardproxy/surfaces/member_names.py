"""Names below the members of a request that a careless reader takes for others.

Go's and .NET's JSON readers find a member whatever the case of its letters, and the last one wins: to them
`{"role": "user", "Role": "system"}` is a system message. So a name that differs from one of an API's only by case is
refused wherever a conversation, its tools and its formats are written. Below names that no API knows nothing is read,
and in schemas, arguments and metadata the names are the caller's own.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from guardproxy.wire.path import Path

# Members of a request under which conversations, tools and formats stand.
_ROOTS: Final = frozenset(
    {
        "audio", "container", "context_management", "conversation", "function_call", "functions", "input",
        "instructions", "mcp_servers", "messages", "moderation", "output_config", "prediction", "prompt", "reasoning",
        "response_format", "system", "text", "thinking", "tool_choice", "tools", "web_search_options",
    }
)  # fmt: skip

# Of these the caller chooses the names below, and any value may stand there.
FREE: Final = frozenset(
    {
        "arguments", "attributes", "chat_template_kwargs", "documents", "env", "headers", "input", "input_examples",
        "input_schema", "logit_bias", "logprobs", "metadata", "output_schema", "parameters", "schema",
    }
)  # fmt: skip
# Of those, the ones below which nothing is an API's: an object that looks like one of its parts is none.
DATA: Final = FREE - {"documents", "input", "logprobs"}
# The names one level below are the caller's, the values are the API's again.
_NAMED: Final = frozenset({"configs", "variables"})

_KNOWN: Final = _ROOTS | FREE | _NAMED | {
    # who speaks, and what
    "annotations", "author", "channel", "citations", "content", "index", "name", "participant", "phase", "prefix",
    "recipient", "refusal", "role", "status", "summary", "title", "type",
    # parts
    "audio_url", "cache_control", "context", "data", "detail", "encrypted_content", "file", "file_data", "file_id",
    "file_url", "filename", "format", "image", "image_url", "images", "input_audio", "media_type", "output_audio",
    "reasoning_content", "reasoning_details", "redacted_thinking", "signature", "source", "thinking_blocks", "ttl",
    "url", "video", "video_url",
    # calls and what they gave back
    "action", "actions", "call_id", "caller", "code", "command", "commands", "container_id", "custom", "error",
    "function", "id", "is_error", "operation", "output", "outputs", "queries", "query", "result", "results",
    "server_label", "stderr", "stdout", "tool_call_id", "tool_calls", "tool_name", "tool_use_id",
    # tools
    "allowed_callers", "allowed_domains", "allowed_tools", "authorization", "authorization_token", "blocked_domains",
    "connector_id", "default_config", "defer_loading", "definition", "description", "disable_parallel_tool_use",
    "filters", "grammar", "max_uses", "mcp_server_name", "mode", "model", "require_approval", "server_description",
    "server_url", "skills", "strict", "syntax", "tool", "tool_configuration", "user_location", "vector_store_ids",
    # formats
    "budget_tokens", "edits", "effort", "json_schema", "verbosity",
}  # fmt: skip


_ROLE_AND_TEXT: Final = frozenset({"role", "content"})
_TEXT: Final = frozenset({str})


class Renamed(NamedTuple):
    """A member at `path` whose name differs from `known` only in the case of its letters."""

    path: Path
    known: str


def is_plain(messages: Any) -> bool:
    """Whether this is a list of messages of a role and a text each, as most are: no name in it needs a look."""
    if type(messages) is not list:
        return False
    for message in messages:
        if (
            type(message) is not dict
            or message.keys() != _ROLE_AND_TEXT
            or not _TEXT.issuperset(map(type, message.values()))
        ):
            return False
    return True


def find_renamed(document: dict[str, Any]) -> Renamed | None:
    """The first such member below the top of a request; None, as a rule. Recurses as deep as the document is."""
    for name, value in document.items():
        if name in _ROOTS and isinstance(value, (dict, list)):
            found = _below(value)
            if found is not None:
                return Renamed((name, *found.path), found.known)
    return None


def _below(value: dict[str, Any] | list[Any], *, named: bool = False) -> Renamed | None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                found = _below(item)
                if found is not None:
                    return Renamed((index, *found.path), found.known)
        return None
    if not (named or _KNOWN.issuperset(value)):
        for name in value:
            known = name if name in _KNOWN else name.casefold()
            if known is not name and known in _KNOWN:
                return Renamed((name,), known)
    for name, item in value.items():
        if isinstance(item, (dict, list)) and (named or (name in _KNOWN and name not in FREE)):
            found = _below(item, named=name in _NAMED and not named)
            if found is not None:
                return Renamed((name, *found.path), found.known)
    return None
