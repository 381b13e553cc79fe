"""Where text stands in a request, and whose it is.

Known places give a text its provenance; every other string, and every member name a caller chose, is found by the
catch-all and counts as the user's. So neither a field nor a block type nobody has heard of is passed over.
"""

from __future__ import annotations

import re
from typing import Any, Final

from guardproxy.core.context import KNOWN_ROLES, is_operator_role
from guardproxy.core.exchange import ALONE, Opaque, OpaqueKind, Provenance, RequestReading, Segment, Turn
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.facts import count_fact, flag_fact, members_of, references_at, text_fact
from guardproxy.surfaces.hosted import read_hosted
from guardproxy.surfaces.messages.blocks import BLOCKS, BlockKind
from guardproxy.surfaces.messages.leaves import opaque_kind, opaques, read_leaves, read_member, segments
from guardproxy.surfaces.messages.state import server_state
from guardproxy.surfaces.other_models import other_models
from guardproxy.surfaces.query import QueryMember
from guardproxy.wire.path import Path, format_path

# What the application sets up, as long as the caller may speak as the operator.
OPERATOR_MEMBERS: Final = frozenset({"tools", "tool_choice", "output_config", "mcp_servers"})
# The client says so when it asks for the API's coming version.
QUERY: Final = {"beta": QueryMember(re.compile("true|false"))}


def read_request(document: Any, *, operator: bool) -> RequestReading:
    """Every text of a request. `operator`: the caller's system text has the operator's provenance.

    Also reads what `/messages/count_tokens` takes. Raises `InvalidRequest` where a type is wrong that decides how the
    body is read.
    """
    members = members_of(document)
    reader = _RequestReader(operator)
    reader.read_system(members.get("system"))
    reader.read_messages(members.get("messages"))
    reader.read_rest(members)
    stream = flag_fact(members, "stream")
    hosted = read_hosted(members, Provenance.OPERATOR if operator else Provenance.USER, in_messages=True)
    return RequestReading(
        model=text_fact(members, "model"),
        stream=stream,
        segments=tuple(reader.segments),
        turns=tuple(reader.turns),
        opaque=(*reader.opaque, *hosted.tools),
        tools=reader.tools,
        output_tokens=count_fact(members, "max_tokens", least=0),
        stream_usage=stream,  # streams of this API always end with it
        state=tuple(references_at(members, server_state(members))),
        other_models=other_models(document),
        servers=hosted.servers,
    )


class _RequestReader:
    """Collects the texts of one request. Neighbouring messages of one role are one run: a model reads them as one."""

    def __init__(self, operator: bool) -> None:
        self.segments: list[Segment] = []
        self.turns: list[Turn] = []
        self.opaque: list[Opaque] = []
        self.tools = 0
        self._operator = Provenance.OPERATOR if operator else Provenance.USER
        self._run = ALONE

    def read_system(self, system: Any) -> None:
        """The system prompt is a system message that stands in a place of its own."""
        if system is None or system in ("", []):
            return
        if not isinstance(system, (str, list)):
            raise InvalidRequest("system must be a string or a list of text blocks", param="system")
        self.turns.append(Turn("system", ("system",), None))
        self._run += 1
        self._read_content(system, ("system",), self._operator)

    def read_messages(self, messages: Any) -> None:
        if not isinstance(messages, list) or not messages:
            raise InvalidRequest("messages must be a non-empty list", param="messages")
        last_role = None
        for index, message in enumerate(messages):
            path: Path = ("messages", index)
            role = message.get("role") if isinstance(message, dict) else None
            if not isinstance(role, str):
                raise InvalidRequest("each message must be an object with a role", param=format_path(path))
            if role != last_role:
                self._run += 1
                last_role = role
            self.turns.append(Turn(role, path))
            self._read_message(message, path, self._of_role(role))

    def read_rest(self, members: dict[str, Any]) -> None:
        for name, value in members.items():
            if name in ("system", "messages"):
                continue
            whose = self._operator if name in OPERATOR_MEMBERS else Provenance.USER
            if name == "tools":
                self._count_tools(value, (name,))
            self._read_member(members, name, (), whose)

    def _of_role(self, role: str) -> Provenance:
        if is_operator_role(role):
            return self._operator
        # Assistant turns in a request are what the caller says the model said: user text.
        return Provenance.TOOL if role in ("tool", "function") else Provenance.USER

    def _read_message(self, message: dict[str, Any], path: Path, whose: Provenance) -> None:
        for name, value in message.items():
            if name == "content":
                self._read_content(value, (*path, name), whose)
            elif not (name == "role" and value in KNOWN_ROLES):
                self._read_member(message, name, path, whose)
        if "content" not in message:
            raise InvalidRequest("each message must have content", param=format_path(path))

    def _read_content(self, content: Any, path: Path, whose: Provenance) -> None:
        if isinstance(content, str):
            self.segments.append(Segment(content, whose, path, self._run))
        elif isinstance(content, list):
            for index, block in enumerate(content):
                self._read_block(block, (*path, index), whose)
        else:
            raise InvalidRequest("this must be a string or a list of content blocks", param=format_path(path))

    def _read_block(self, block: Any, path: Path, speaker: Provenance) -> None:
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(kind, str):
            raise InvalidRequest("each content block must be an object with a type", param=format_path(path))
        known = BLOCKS.get(kind)
        if known is None:
            self.opaque.append(Opaque(OpaqueKind.UNKNOWN, speaker, path))
            self.segments += segments(read_leaves(block, path, every_name=True).texts, speaker)
            return
        whose = self._of_block(known, path, speaker)
        unread = opaque_kind(block)
        if unread is not None:
            self.opaque.append(Opaque(unread, whose, path))
        self._read_members(block, path, known, whose)

    def _of_block(self, known: BlockKind, path: Path, speaker: Provenance) -> Provenance:
        if known.operator:
            if speaker is not Provenance.OPERATOR:
                self.turns.append(Turn("developer", path))
            return self._operator
        # What a tool gave back is a tool's, whatever it consists of.
        return speaker if known.whose is None or speaker is Provenance.TOOL else known.whose

    def _read_members(self, block: dict[str, Any], path: Path, known: BlockKind, whose: Provenance) -> None:
        for name, value in block.items():
            here = (*path, name)
            if name == known.text and value is not None:
                if not isinstance(value, str):
                    raise InvalidRequest("the text of a content block must be a string", param=format_path(here))
                self.segments.append(Segment(value, whose, here, self._run))
            elif name == known.content and isinstance(value, (str, list)):
                self._read_content(value, here, whose)
            elif name == "source" and isinstance(value, dict):
                self._read_source(value, here, whose)
            elif name == "tool_changes" and isinstance(value, list):
                for index, change in enumerate(value):
                    self._read_block(change, (*here, index), whose)
            elif name == "tool" and known.operator:
                self.tools += 1
                self._read_member(block, name, path, whose)
            else:
                cited = name == "citations" and whose is not Provenance.TOOL
                self._read_member(block, name, path, Provenance.DOCUMENT if cited else whose)

    def _read_source(self, source: dict[str, Any], path: Path, whose: Provenance) -> None:
        """Where a document or an image comes from: a text, blocks, bytes, or somewhere else."""
        for name, value in source.items():
            here = (*path, name)
            if name == "content" and isinstance(value, (str, list)):
                self._read_content(value, here, whose)
            elif name == "data" and isinstance(value, str) and source.get("type") == "text":
                self.segments.append(Segment(value, whose, here, self._run))
            else:
                self._read_member(source, name, path, whose)

    def _read_member(self, holder: dict[str, Any], name: str, path: Path, whose: Provenance) -> None:
        """One member by the catch-all, with an eye for what cannot be read."""
        leaves = read_member(holder, name, path)
        self.segments += segments(leaves.texts, whose)
        self.opaque += opaques(leaves, whose)

    def _count_tools(self, tools: Any, path: Path) -> None:
        if tools is not None and not isinstance(tools, list):
            raise InvalidRequest("tools must be a list", param=format_path(path))
        self.tools += len(tools or ())
