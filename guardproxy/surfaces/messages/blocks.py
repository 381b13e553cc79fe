"""Content blocks of a request: whose text each type holds.

What the caller says the model said before is the caller's claim, so an assistant's words in a request are user text, as
everywhere. What a tool gave back is tool text, the place of indirect injections, also where a server's tool put it into
an assistant's turn. Documents and search results are documents, unless a tool brought them. Blocks that bring tools or
take them away in the middle of a conversation claim the operator's authority: who may not send a system message may not
send them either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from guardproxy.core.exchange import Provenance


class BlockKind(NamedTuple):
    """How blocks of a type are read.

    `whose`: their texts; None: whoever speaks. `text`: the member that is read as one with its neighbours. `content`:
    the member that holds a text or blocks. `operator`: it claims to speak as the operator.
    """

    whose: Provenance | None = None
    text: str = ""
    content: str = ""
    operator: bool = False


_TOOL: Final = Provenance.TOOL
_DOCUMENT: Final = Provenance.DOCUMENT

BLOCKS: Final[Mapping[str, BlockKind]] = {
    "text": BlockKind(text="text"),
    "image": BlockKind(),
    "container_upload": BlockKind(),
    "document": BlockKind(_DOCUMENT, content="source"),
    "search_result": BlockKind(_DOCUMENT, content="content"),
    # What the caller says the model did.
    "thinking": BlockKind(text="thinking"),
    "redacted_thinking": BlockKind(),
    "tool_use": BlockKind(),
    "server_tool_use": BlockKind(),
    "mcp_tool_use": BlockKind(),
    "compaction": BlockKind(text="content"),
    "fallback": BlockKind(),
    # What tools gave back.
    "tool_result": BlockKind(_TOOL, content="content"),
    "mcp_tool_result": BlockKind(_TOOL, content="content"),
    "web_search_tool_result": BlockKind(_TOOL),
    "web_fetch_tool_result": BlockKind(_TOOL),
    "advisor_tool_result": BlockKind(_TOOL),
    "code_execution_tool_result": BlockKind(_TOOL),
    "bash_code_execution_tool_result": BlockKind(_TOOL),
    "text_editor_code_execution_tool_result": BlockKind(_TOOL),
    "tool_search_tool_result": BlockKind(_TOOL),
    "mcp_tool_listing": BlockKind(_TOOL),
    "tool_reference": BlockKind(_TOOL),
    "browser_state": BlockKind(_TOOL),
    # What sets the conversation up anew.
    "tool_addition": BlockKind(operator=True),
    "tool_removal": BlockKind(operator=True),
}
