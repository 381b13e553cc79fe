"""The API's own words: values that are no text of anybody, and names of members that no caller chose.

A rule that hid one of them would break the protocol and protect nothing. Values are words only where the API writes
them (`LABELS`); the same word in any other place is text.
"""

from __future__ import annotations

import re
from typing import Any, Final

LABELS: Final = frozenset(
    {
        "allowed_callers", "category", "clear_at", "display", "effort", "error_code", "file_type", "media_type", "mode",
        "oversized_image", "reason", "role", "service_tier", "speed", "stop_reason", "ttl", "type",
    }
)  # fmt: skip

EVENT_TYPES: Final = frozenset(
    {
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop", "ping", "error",
    }
)  # fmt: skip
DELTA_TYPES: Final = frozenset(
    {"text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta", "compaction_delta"}
)
STOP_REASONS: Final = frozenset(
    {
        "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "compaction", "refusal",
        "model_context_window_exceeded",
    }
)  # fmt: skip
_BLOCKS: Final = frozenset(
    {
        "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
        "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "advisor_tool_result",
        "code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result",
        "tool_search_tool_result", "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing", "container_upload",
        "compaction", "tool_addition", "tool_removal", "fallback", "tool_reference", "browser_state",
    }
)  # fmt: skip
_INNER: Final = frozenset(
    {
        "message", "base64", "url", "file", "content", "ephemeral", "custom", "object", "direct", "anthropic", "none",
        "auto", "any", "tool", "enabled", "disabled", "adaptive", "between_tools", "json_schema", "tokens",
        "char_location", "page_location", "content_block_location", "web_search_result_location",
        "search_result_location", "web_search_result", "web_fetch_result", "advisor_result", "advisor_redacted_result",
        "code_execution_result", "encrypted_code_execution_result", "code_execution_output",
        "bash_code_execution_result", "bash_code_execution_output", "text_editor_code_execution_view_result",
        "text_editor_code_execution_create_result", "text_editor_code_execution_str_replace_result",
        "tool_search_tool_search_result", "tool_definition", "mcp_tool_reference", "mcp_toolset_reference",
        "mcp_toolset", "tool_search_tool_bm25", "tool_search_tool_regex", "approximate", "only", "except", "all",
        "input_tokens", "tool_uses", "thinking_turns", "tab_opened", "download_started", "download_completed",
        "download_failed", "advisor_message", "fallback_message", "redeemed", "not_applied", "thinking_dropped",
        "thinking_mismatch_allowed", "unavailable", "messages_changed", "model_changed", "system_changed",
        "tools_changed", "previous_message_not_found",
    }
    | {f"{name}_error" for name in _BLOCKS if name.endswith("_tool_result")}
)  # fmt: skip
_ERRORS: Final = frozenset(
    {
        "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error",
        "conflict_error", "request_too_large", "rate_limit_error", "timeout_error", "api_error", "overloaded_error",
        "invalid_tool_input", "max_uses_exceeded", "too_many_requests", "query_too_long", "url_too_long",
        "url_not_allowed", "url_not_in_prior_context", "url_not_accessible", "unsupported_content_type",
        "content_too_large", "execution_time_exceeded", "output_file_too_large", "file_not_found", "prompt_too_long",
        "overloaded", "model_not_found",
    }
)  # fmt: skip
_VALUES: Final = frozenset(
    {
        "user", "assistant", "system", "standard", "standard_only", "priority", "batch", "fast", "low", "medium",
        "high", "xhigh", "max", "5m", "1h", "never", "next_user_message", "summarized", "omitted", "updates", "pdf",
        "downsize", "image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf", "text/plain", "cyber",
        "bio", "frontier_llm", "reasoning_extraction", "general_harms",
    }
)  # fmt: skip
_WORDS: Final = EVENT_TYPES | DELTA_TYPES | STOP_REASONS | _BLOCKS | _INNER | _ERRORS | _VALUES
# Tools and edits carry the day of their version: `web_search_20250305`.
_DATED: Final = re.compile(
    r"(?:advisor|bash|browser_toolset|clear_thinking|clear_tool_uses|code_execution|compact|computer|computer_toolset"
    r"|memory|text_editor|tool_search_tool_bm25|tool_search_tool_regex|web_fetch|web_search)_20[0-9]{6}"
)

# Names of members of requests, blocks and tools.
MEMBERS: Final = frozenset(
    {
        "active", "allowed_callers", "allowed_domains", "allowed_tools", "authorization_token", "blocked_domains",
        "budget_tokens", "cache_control", "caching", "caller", "citations", "cited_text", "city", "clear_at",
        "configs", "container", "content", "context", "context_management", "country", "data", "default_config",
        "defer_loading", "definition", "description", "diagnostics", "disable_parallel_tool_use", "display",
        "display_height_px", "display_number", "display_width_px", "document_index", "document_title", "download_id",
        "eager_input_streaming", "edits", "effort", "enable_zoom", "enabled", "encrypted_content", "encrypted_index",
        "encrypted_stdout", "end_block_index", "end_char_index", "end_page_number", "error", "error_code",
        "error_message", "file_id", "file_type", "format", "from", "id", "inference_geo", "input", "input_examples",
        "input_schema", "is_error", "is_file_update", "keep", "lines", "max_characters", "max_content_tokens",
        "max_tokens", "max_uses", "mcp_server_name", "mcp_servers", "media_type", "messages", "metadata", "model",
        "name", "new_lines", "new_start", "num_lines", "old_lines", "old_start", "output_config", "oversized_image",
        "page_age", "parallel_tool_calls", "path", "previous_message_id", "properties", "region", "required",
        "response_inclusion", "retrieved_at", "return_code", "role", "schema", "search_result_index", "server_name",
        "service_tier", "signature", "size_bytes", "skill_id", "skills", "source", "speed", "start_block_index",
        "start_char_index", "start_line", "start_page_number", "state_changes", "stderr", "stdout", "stop_reason",
        "stop_sequences", "stream", "strict", "system", "tab_id", "tabs", "temperature", "text", "thinking",
        "timezone", "title", "to", "tool", "tool_changes", "tool_choice", "tool_configuration", "tool_id",
        "tool_name", "tool_references", "tool_use_id", "tools", "toolset_name", "top_k", "top_p", "total_lines",
        "transformations", "trigger", "ttl", "type", "url", "use_cache", "user_id", "user_location",
        "user_profile_id", "value", "version", "workspace_id",
    }
)  # fmt: skip


def is_own_word(member: Any, value: Any) -> bool:
    """Whether this value of this member is a word of the API."""
    return member in LABELS and isinstance(value, str) and (value in _WORDS or _DATED.fullmatch(value) is not None)
