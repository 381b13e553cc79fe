"""Input items: whose text each type holds.

What the caller says the model or a tool said before is the caller's claim. A model's words in a request are therefore
user text, as everywhere; what tools gave back is tool text, the place of indirect injections, also where it stands in
one item with the call. Two types claim the operator's authority in the middle of a conversation: they bring new tools
and new output schemas. They count as a developer message: who may not send one may not send them either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from guardproxy.core.exchange import Provenance

_USER: Final = Provenance.USER
_TOOL: Final = Provenance.TOOL


class ItemKind(NamedTuple):
    """How items of a type are read.

    `whose`: their texts; None: the operator's, as far as the caller may speak as one. `tool`: members that a tool wrote
    into an item of the model. `content`: the member that holds a text or parts, read as one with its neighbours.
    `users`: it is a turn of the user's own.
    """

    whose: Provenance | None
    tool: frozenset[str] = frozenset()
    content: str = ""
    users: bool = False


ITEMS: Final[Mapping[str, ItemKind]] = {
    # Calls, thoughts and decisions, as the caller tells them.
    "function_call": ItemKind(_USER),
    "custom_tool_call": ItemKind(_USER),
    "local_shell_call": ItemKind(_USER),
    "shell_call": ItemKind(_USER),
    "apply_patch_call": ItemKind(_USER),
    "computer_call": ItemKind(_USER),
    "tool_search_call": ItemKind(_USER),
    "program": ItemKind(_USER),
    "mcp_approval_request": ItemKind(_USER),
    "mcp_approval_response": ItemKind(_USER, users=True),
    "reasoning": ItemKind(_USER),
    "compaction": ItemKind(_USER),
    "compaction_trigger": ItemKind(_USER),
    "item_reference": ItemKind(_USER),
    # Calls that hold their outcome.
    "mcp_call": ItemKind(_USER, tool=frozenset({"output", "error"})),
    "code_interpreter_call": ItemKind(_USER, tool=frozenset({"outputs"})),
    "image_generation_call": ItemKind(_USER, tool=frozenset({"error"})),
    "web_search_call": ItemKind(_TOOL),
    "file_search_call": ItemKind(_TOOL),
    # Outcomes.
    "function_call_output": ItemKind(_TOOL, content="output"),
    "custom_tool_call_output": ItemKind(_TOOL, content="output"),
    "local_shell_call_output": ItemKind(_TOOL),
    "shell_call_output": ItemKind(_TOOL),
    "apply_patch_call_output": ItemKind(_TOOL),
    "computer_call_output": ItemKind(_TOOL),
    "program_output": ItemKind(_TOOL),
    "mcp_list_tools": ItemKind(_TOOL),
    "tool_search_output": ItemKind(_TOOL),
    # What sets the conversation up anew.
    "additional_tools": ItemKind(None),
    "configuration_update": ItemKind(None),
}

# Names of an item's members that are the API's own, so only their values are texts.
ITEM_MEMBERS: Final = frozenset(
    {
        "acknowledged_safety_checks", "action", "actions", "approval_request_id", "approve", "arguments", "async",
        "background", "call_id", "caller", "code", "container_id", "content", "created_by", "encrypted_content",
        "environment", "error", "execution", "fingerprint", "id", "input", "max_output_length", "name", "namespace",
        "operation", "output", "output_format", "outputs", "pending_safety_checks", "phase", "quality", "queries",
        "reason", "reasoning", "result", "results", "revised_prompt", "role", "server_label", "size", "status",
        "summary", "svg_usage", "text", "tools", "type",
    }
)  # fmt: skip

# The text of a part, by the part's type.
PART_TEXT: Final[Mapping[str, str]] = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
}
