"""The API's own words: values that are no text of anybody, which no rule is about.

A rule that hid one of them would break the protocol and protect nothing. They are words only where the API writes
them (`LABELS`); the same word in any other place is text.
"""

from __future__ import annotations

from typing import Any, Final

LABELS: Final = frozenset(
    {"type", "object", "status", "role", "phase", "reason", "truncation", "tool_choice", "service_tier", "execution"}
)

# Every event of the official client's union, and one more that is sent all the same (`apply_patch_call_…`).
EVENT_TYPES: Final = frozenset(
    {"error", "response.compaction.compacting", "response.image_generation_call.partial_image"}
    | {
        f"response.{name}"
        for name in (
            "created", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled",
            "output_item.added", "output_item.done", "content_part.added", "content_part.done",
            "reasoning_summary_part.added", "reasoning_summary_part.done", "output_text.annotation.added",
            "audio.delta", "audio.done", "shell_call_command.added",
            "code_interpreter_call.in_progress", "code_interpreter_call.interpreting",
            "code_interpreter_call.completed", "file_search_call.in_progress", "file_search_call.searching",
            "file_search_call.completed", "web_search_call.in_progress", "web_search_call.searching",
            "web_search_call.completed", "image_generation_call.in_progress", "image_generation_call.generating",
            "image_generation_call.completed", "mcp_call.in_progress", "mcp_call.completed", "mcp_call.failed",
            "mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed",
        )
    }
    | {
        f"response.{family}.{step}"
        for step in ("delta", "done")
        for family in (
            "output_text", "refusal", "reasoning_text", "reasoning_summary_text", "function_call_arguments",
            "mcp_call_arguments", "custom_tool_call_input", "code_interpreter_call_code", "shell_call_command",
            "shell_call_output_content", "apply_patch_call_operation_diff", "audio.transcript",
        )
    }
)  # fmt: skip

ITEM_TYPES: Final = frozenset(
    {
        "message", "file_search_call", "computer_call", "computer_call_output", "web_search_call", "function_call",
        "function_call_output", "tool_search_call", "tool_search_output", "additional_tools", "configuration_update",
        "reasoning", "compaction", "image_generation_call", "code_interpreter_call", "local_shell_call",
        "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output",
        "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call", "custom_tool_call",
        "custom_tool_call_output", "compaction_trigger", "item_reference", "program", "program_output",
    }
)  # fmt: skip

_PARTS: Final = frozenset(
    {
        "input_text", "input_image", "input_file", "input_audio", "output_text", "output_audio", "refusal", "text",
        "summary_text", "reasoning_text", "computer_screenshot", "url_citation", "file_citation",
        "container_file_citation", "file_path", "logs", "image", "exit", "timeout", "direct", "program", "local",
        "container_reference", "search", "open_page", "find_in_page", "exec", "click", "double_click", "drag",
        "keypress", "move", "screenshot", "scroll", "wait", "create_file", "update_file", "delete_file", "function",
        "custom", "mcp", "json_schema", "json_object", "base64",
    }
)  # fmt: skip
_STATES: Final = frozenset(
    {
        "completed", "failed", "in_progress", "cancelled", "queued", "incomplete", "searching", "interpreting",
        "generating", "calling", "assistant", "user", "system", "developer", "tool", "commentary", "final_answer",
        "max_output_tokens", "content_filter", "auto", "none", "required", "disabled", "enabled", "default", "flex",
        "scale", "priority", "fast", "server", "client", "response", "list", "response.compaction",
        "response.input_tokens",
    }
)  # fmt: skip
_WORDS: Final = EVENT_TYPES | ITEM_TYPES | _PARTS | _STATES


def is_label(name: object) -> bool:
    """Whether a member of that name, wherever it stands, names something, which is told at once."""
    return isinstance(name, str) and (name in LABELS or name == "id" or name.endswith("_id"))


def is_own_word(member: Any, value: Any) -> bool:
    """Whether this value of this member is a word of the API."""
    return member in LABELS and isinstance(value, str) and value in _WORDS
