"""Where text stands in a request, and whose it is.

Known places give a text its provenance; every other string, and every member name a caller chose, is found by the
catch-all and counts as the user's. So neither a field nor an item type nobody has heard of is passed over.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.core.context import KNOWN_ROLES, is_operator_role
from guardproxy.core.exchange import ALONE, Opaque, OpaqueKind, Provenance, RequestReading, Segment, Turn
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.facts import count_fact, flag_fact, references_at
from guardproxy.surfaces.hosted import read_hosted
from guardproxy.surfaces.other_models import other_models
from guardproxy.surfaces.responses.items import ITEM_MEMBERS, ITEMS, PART_TEXT, ItemKind
from guardproxy.surfaces.responses.leaves import named, opaques, read_leaves, segments, without
from guardproxy.surfaces.responses.state import is_reference, server_state
from guardproxy.surfaces.responses.words import is_own_word
from guardproxy.surfaces.texts import walk
from guardproxy.wire.path import Path, format_path

# What the application sets up, as long as the caller may speak as the operator.
_OPERATOR_MEMBERS: Final = frozenset({"tools", "tool_choice", "text"})
# Members of a request whose names are the API's own, so only their values are texts.
_KNOWN_MEMBERS: Final = _OPERATOR_MEMBERS | {
    "access_programs", "background", "background_options", "context_management", "conversation", "image", "include",
    "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature",
    "top_logprobs", "top_p", "truncation", "user",
}  # fmt: skip
_UNKNOWN_ITEM: Final = ItemKind(Provenance.USER)
_OPAQUE_PARTS: Final = {
    "input_image": OpaqueKind.IMAGE,
    "computer_screenshot": OpaqueKind.IMAGE,
    "input_audio": OpaqueKind.AUDIO,
    "input_file": OpaqueKind.FILE,
}
# What the caller asks to be answered with, and what of it nobody could read.
OPAQUE_ANSWERS: Final = {
    "reasoning.encrypted_content": OpaqueKind.ENCRYPTED,
    "computer_call_output.output.image_url": OpaqueKind.IMAGE,
    "message.input_image.image_url": OpaqueKind.IMAGE,
}


def read_request(document: Any, *, operator: bool) -> RequestReading:
    """Every text of a request. `operator`: the caller's instructions have the operator's provenance.

    Also reads what `/responses/compact` and `/responses/input_tokens` take. Raises `InvalidRequest` where a type is
    wrong that decides how the body is read.
    """
    if not isinstance(document, dict):
        raise InvalidRequest("the body must be a JSON object")
    reader = _RequestReader(operator)
    reader.read_instructions(document.get("instructions"))
    reader.note_variables(document.get("prompt"))
    reader.read_input(document.get("input"))
    reader.read_tools(document.get("tools"), ("tools",), reader.operator)
    reader.read_rest(document)
    stream = flag_fact(document, "stream")
    hosted = read_hosted(document, Provenance.OPERATOR if operator else Provenance.USER)
    return RequestReading(
        model=_model(document),
        stream=stream,
        segments=tuple(reader.segments),
        turns=tuple(reader.turns),
        opaque=(*reader.opaque, *hosted.tools),
        tools=reader.tools,
        output_tokens=count_fact(document, "max_output_tokens"),
        stream_usage=stream,  # streams of this API always end with it
        state=tuple(references_at(document, server_state(document))),
        background=flag_fact(document, "background"),
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
        self.operator = Provenance.OPERATOR if operator else Provenance.USER
        self._run = ALONE
        self._last_speaker = ""

    def read_instructions(self, instructions: Any) -> None:
        """The instructions are a system message that stands in a place of its own."""
        if isinstance(instructions, str):
            self.turns.append(Turn("system", ("instructions",), None))
            self.segments.append(Segment(instructions, self.operator, ("instructions",)))
        elif instructions is not None:
            raise InvalidRequest("instructions must be a string or null", param="instructions")

    def note_variables(self, prompt: Any) -> None:
        """What is filled into a stored prompt stands in the operator's place. Its texts come with the other members."""
        if isinstance(prompt, dict) and prompt.get("variables"):
            self.turns.append(Turn("developer", ("prompt", "variables"), None))

    def read_input(self, value: Any) -> None:
        if isinstance(value, str):
            self.turns.append(Turn("user", ("input",), None))
            self._speaks("user")
            self.segments.append(Segment(value, Provenance.USER, ("input",), self._run))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._read_item(item, ("input", index))
        elif value is not None:  # a stored prompt or conversation may be all the input there is
            raise InvalidRequest("input must be a string or a list of items", param="input")

    def read_tools(self, tools: Any, path: Path, whose: Provenance) -> None:
        """Definitions of tools, wherever they come in. An image a tool will make is one that nobody could look at."""
        if tools is None:
            return
        if not isinstance(tools, list):
            raise InvalidRequest("tools must be a list", param=format_path(path))
        self.tools += len(tools)
        for index, tool in enumerate(tools):
            self._read_below(tool, (*path, index), whose)
            if isinstance(tool, dict) and tool.get("type") == "image_generation":
                self.opaque.append(Opaque(OpaqueKind.IMAGE, Provenance.MODEL, (*path, index)))

    def read_rest(self, document: dict[str, Any]) -> None:
        for name, value in document.items():
            if name in ("instructions", "input", "tools"):
                continue
            whose = self.operator if name in _OPERATOR_MEMBERS else Provenance.USER
            if name == "prompt":  # its variables may be parts like those of a message
                self._read_below(value, (name,), whose)
            elif name in _KNOWN_MEMBERS:
                self.segments += walk(value, (name,), whose)
            else:
                self.segments += named(name, value, (), whose)
        include = document.get("include")
        for index, wanted in enumerate(include if isinstance(include, list) else ()):
            kind = OPAQUE_ANSWERS.get(wanted) if isinstance(wanted, str) else None
            if kind is not None:
                self.opaque.append(Opaque(kind, Provenance.MODEL, ("include", index)))

    def _read_item(self, item: Any, path: Path) -> None:
        if not isinstance(item, dict):
            raise InvalidRequest("each input item must be an object", param=format_path(path))
        kind = item.get("type")
        if kind == "message" or (kind is None and "role" in item):
            self._read_message(item, path)
            return
        if kind is None and is_reference(item):
            kind = "item_reference"
        if not isinstance(kind, str):
            raise InvalidRequest("each input item must have a type, or a role", param=format_path(path))
        known = ITEMS.get(kind)
        if known is None:
            self.opaque.append(Opaque(OpaqueKind.UNKNOWN, Provenance.USER, path))
        if known is None or known.users:
            self.turns.append(Turn("user", path, None))
        self._speaks(kind)
        self._read_members(item, path, known or _UNKNOWN_ITEM)

    def _read_members(self, item: dict[str, Any], path: Path, kind: ItemKind) -> None:
        whose = kind.whose or self.operator
        if kind.whose is None:
            self.turns.append(Turn("developer", path, None))
        tools = item.get("tools")
        apart = {name for name in (kind.content, "tools" if isinstance(tools, list) else "") if name}
        leaves = without(read_leaves(item, path, every_name=True), path, apart, ITEM_MEMBERS)
        self.opaque += opaques(leaves, whose)
        for leaf in leaves.texts:
            self.segments += segments((leaf,), Provenance.TOOL if leaf.path[len(path)] in kind.tool else whose)
        if isinstance(tools, list):
            self.read_tools(tools, (*path, "tools"), whose)
        if kind.content:
            self._read_content(item.get(kind.content), (*path, kind.content), whose)

    def _read_message(self, message: dict[str, Any], path: Path) -> None:
        role = message.get("role")
        if not isinstance(role, str):
            raise InvalidRequest("each message must have a role", param=format_path(path))
        self.turns.append(Turn(role, path))
        self._speaks(role)
        whose = self._of_role(role)
        for name, value in message.items():
            here = (*path, name)
            if name == "content":
                self._read_content(value, here, whose)
            elif name == "role":
                if value not in KNOWN_ROLES:
                    self.segments += walk(value, here, whose)
            elif name in ITEM_MEMBERS:
                if not is_own_word(name, value):
                    self.segments += walk(value, here, whose)
            else:
                self.segments += named(name, value, path, whose)

    def _of_role(self, role: str) -> Provenance:
        if is_operator_role(role):
            return self.operator
        # Assistant turns in a request are what the caller says the model said: user text.
        return Provenance.TOOL if role in ("tool", "function") else Provenance.USER

    def _speaks(self, speaker: str) -> None:
        """Somebody's turn: a new run, unless the last one was theirs too."""
        if speaker != self._last_speaker:
            self._run += 1
            self._last_speaker = speaker

    def _read_content(self, content: Any, path: Path, whose: Provenance) -> None:
        if isinstance(content, str):
            self.segments.append(Segment(content, whose, path, self._run))
        elif isinstance(content, list):
            for index, part in enumerate(content):
                self._read_part(part, (*path, index), whose)
        elif content is not None:
            raise InvalidRequest("this must be a string, a list of parts or null", param=format_path(path))

    def _read_part(self, part: Any, path: Path, whose: Provenance) -> None:
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise InvalidRequest("each content part must be an object with a type", param=format_path(path))
        member = PART_TEXT.get(kind)
        if member is None:
            self.opaque.append(Opaque(_OPAQUE_PARTS.get(kind, OpaqueKind.UNKNOWN), whose, path))
            self.segments += segments(read_leaves(part, path, every_name=True).texts, whose)
            return
        text = part.get(member)
        if not isinstance(text, str):
            raise InvalidRequest("the text of a content part must be a string", param=format_path((*path, member)))
        self.segments.append(Segment(text, whose, (*path, member), self._run))
        beside = without(read_leaves(part, path, every_name=True), path, {member}, {member, "type"})
        self.segments += segments(beside.texts, whose)
        self.opaque += opaques(beside, whose)

    def _read_below(self, value: Any, path: Path, whose: Provenance) -> None:
        """The catch-all, with an eye for what cannot be read."""
        leaves = read_leaves(value, path, every_name=True)
        self.segments += segments(leaves.texts, whose)
        self.opaque += opaques(leaves, whose)


def _model(document: dict[str, Any]) -> str:
    """A stored prompt may name the model, so a request need not."""
    value = document.get("model")
    if (value is None and document.get("prompt") is not None) or (isinstance(value, str) and value):
        return value or ""
    raise InvalidRequest("model must be a non-empty string", param="model")
