"""Where text stands in a request, and whose it is.

Known members get the provenance their place has; every other string, and every member name a caller chose, is found
by the catch-all and counts as the user's. So a field nobody has heard of is inspected, not passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.core.context import KNOWN_ROLES, is_operator_role
from guardproxy.core.exchange import (
    ALONE,
    Opaque,
    OpaqueKind,
    Provenance,
    Reference,
    RequestReading,
    Seal,
    Segment,
    Turn,
    segment_of,
    turn_of,
)
from guardproxy.core.separation.documents import is_document_name
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.chat_completions.opaque import (
    BESIDE,
    PARTS,
    asked_for,
    beside,
    held_by,
    opaques,
    readable,
    unread,
)
from guardproxy.surfaces.facts import count_fact, flag_fact, text_fact, wants_usage
from guardproxy.surfaces.hosted import read_hosted
from guardproxy.surfaces.other_models import other_models
from guardproxy.surfaces.texts import is_signature, may_be_signed, read_call, signatures, walk
from guardproxy.wire.path import Path, format_path

# What the application sets up, as long as the caller may speak as the operator.
_OPERATOR_MEMBERS: Final = frozenset({"tools", "functions", "tool_choice", "function_call", "response_format"})
_PART_TEXT: Final = {"text": "text", "refusal": "refusal", "input_text": "text", "output_text": "text"}

# A request that has no other members says nothing of tools, choices, caps and further models.
_SIMPLE: Final = frozenset({"messages", "model", "stream", "temperature", "top_p", "seed", "stop", "user"})

# Members of a request and of a message whose names are the API's own, so only their values are texts.
_KNOWN_MEMBERS: Final = _OPERATOR_MEMBERS | {
    "audio", "frequency_penalty", "include_reasoning", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens",
    "metadata", "min_p", "modalities", "model", "n", "parallel_tool_calls", "prediction", "presence_penalty",
    "prompt_cache_key", "prompt_cache_retention", "reasoning", "reasoning_effort", "repetition_penalty",
    "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options", "temperature", "top_k",
    "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
}  # fmt: skip
_MESSAGE_MEMBERS: Final = frozenset(
    {"name", "tool_call_id", "refusal", "reasoning", "reasoning_content", "audio", "cache_control"}
)


def _provenance(role: str, *, operator: bool) -> Provenance:
    if is_operator_role(role):
        return Provenance.OPERATOR if operator else Provenance.USER
    # Assistant turns in a request are what the caller says the model said: user text.
    return Provenance.TOOL if role in ("tool", "function") else Provenance.USER


# Whose words those of a message are, by what the caller may say and the role; for what comes close to a role
# `_provenance` is asked.
_SPEAKERS: Final[Mapping[bool, Mapping[str, Provenance]]] = {
    operator: {role: _provenance(role, operator=operator) for role in KNOWN_ROLES} for operator in (False, True)
}


def read_request(document: Any, *, operator: bool) -> RequestReading:
    """Every text of a request. `operator`: the caller's system text has the operator's provenance.

    Raises `InvalidRequest` where a type is wrong that decides how the body is read.
    """
    if not isinstance(document, dict):
        raise InvalidRequest("the body must be a JSON object")
    reader = _RequestReader(operator)
    reader.read_messages(document.get("messages"))
    reader.read_rest(document)
    read = RequestReading(
        text_fact(document, "model"),
        flag_fact(document, "stream"),
        tuple(reader.segments),
        tuple(reader.turns),
        tuple(reader.opaque),
        state=tuple(reader.state),
        documents=tuple(reader.documents),
    )
    if _SIMPLE.issuperset(document):
        return read
    hosted = read_hosted(document, Provenance.OPERATOR if operator else Provenance.USER)
    return read._replace(
        opaque=(*reader.opaque, *hosted.tools),
        tools=_length(document, "tools") + _length(document, "functions"),
        choices=count_fact(document, "n") or 1,
        output_tokens=_output_tokens(document),
        stream_usage=wants_usage(document),
        other_models=other_models(document),
        servers=hosted.servers,
    )


class _RequestReader:
    """Collects the texts of one request. Neighbouring messages of one role are one run: a model reads them as one."""

    def __init__(self, operator: bool) -> None:
        self.segments: list[Segment] = []
        self.turns: list[Turn] = []
        self.opaque: list[Opaque] = []
        self.documents: list[Path] = []
        self.state: list[Reference] = []
        self._may_operate = operator
        self._operator = Provenance.OPERATOR if operator else Provenance.USER
        self._run = ALONE

    def read_messages(self, messages: Any) -> None:
        if not isinstance(messages, list) or not messages:
            raise InvalidRequest("messages must be a non-empty list", param="messages")
        last_role, speakers = None, _SPEAKERS[self._may_operate]
        for index, message in enumerate(messages):
            path: Path = ("messages", index)
            role = message.get("role") if isinstance(message, dict) else None
            if not isinstance(role, str):
                raise InvalidRequest("each message must be an object with a role", param=format_path(path))
            if role != last_role:
                self._run += 1
                last_role = role
            self.turns.append(turn_of((role, path, "role")))
            text = message.get("content")
            if len(message) == 2 and type(text) is str and role in speakers:  # nothing but these two, as in most
                here = ("messages", index, "content")
                self.segments.append(segment_of((text, speakers[role], here, self._run)))
            else:
                self._read_message(message, path, _provenance(role, operator=self._may_operate))

    def read_rest(self, document: dict[str, Any]) -> None:
        for name, value in document.items():
            if name in _SIMPLE and type(value) is str:
                self.segments.append(segment_of((value, Provenance.USER, (name,), ALONE)))
            elif name != "messages":
                self._read_member(name, value)

    def _read_member(self, name: str, value: Any) -> None:
        provenance = self._operator if name in _OPERATOR_MEMBERS else Provenance.USER
        if name == "documents":  # what a server puts into the prompt for the model to answer from
            self.segments += walk(value, (name,), Provenance.DOCUMENT)
        elif name in _KNOWN_MEMBERS:
            self.segments += walk(value, (name,), provenance)
        else:
            self.segments += walk({name: value}, (), provenance)
        if name == "modalities":
            self.opaque += (Opaque(kind, Provenance.MODEL, (name,)) for kind in asked_for(value))

    def _read_message(self, message: dict[str, Any], path: Path, provenance: Provenance) -> None:
        if may_be_signed(message):
            self.opaque += (Seal(OpaqueKind.ENCRYPTED, provenance, where) for where in signatures(message, path))
        for name, value in message.items():
            here = (*path, name)
            if name == "content":
                self._read_content(value, here, provenance)
            elif name == "role":
                if value not in KNOWN_ROLES:
                    self.segments += walk(value, here, provenance)
            elif name == "tool_calls" and isinstance(value, list):
                for index, call in enumerate(value):
                    self._read_call(call, (*here, index), provenance)
            elif name == "function_call":
                self._read_call(value, here, provenance)
            elif name in BESIDE:
                found = unread(name, value)
                self.opaque += opaques(found, path, provenance)
                self.segments += beside(found, name, value, path, provenance)
            elif name in _MESSAGE_MEMBERS:
                self.segments += walk(value, here, provenance)
                if name == "name" and is_document_name(value):
                    self.documents.append(path)
                if name == "audio" and value is not None:  # an answer the model spoke before, known by its id
                    self._refer(value, "id", here)
                    self.opaque.append(Opaque(OpaqueKind.AUDIO, provenance, here))
            else:
                below = walk({name: value}, path, provenance)
                self.segments += (one for one in below if not is_signature(one.path, one.text))

    def _refer(self, holder: Any, member: str, path: Path) -> None:
        """Note a file or an answer that is stored on the server and named here."""
        if isinstance(holder, dict) and isinstance(holder.get(member), str):
            self.state.append(Reference((*path, member), holder[member]))

    def _read_call(self, call: Any, path: Path, provenance: Provenance) -> None:
        if isinstance(call, dict):
            self.segments += read_call(call, path, provenance)
        elif call is not None:
            raise InvalidRequest("a tool call must be an object", param=format_path(path))

    def _read_content(self, content: Any, path: Path, provenance: Provenance) -> None:
        if isinstance(content, str):
            self.segments.append(segment_of((content, provenance, path, self._run)))
        elif isinstance(content, list):
            for index, part in enumerate(content):
                self._read_part(part, (*path, index), provenance)
        elif content is not None:
            raise InvalidRequest("content must be a string, a list of parts or null", param=format_path(path))

    def _read_part(self, part: Any, path: Path, provenance: Provenance) -> None:
        if isinstance(part, str):  # some servers take bare strings
            self.segments.append(Segment(part, provenance, path, self._run))
            return
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise InvalidRequest("each content part must be an object with a type", param=format_path(path))
        text_member = _PART_TEXT.get(kind)
        unread_as = PARTS.get(kind, OpaqueKind.UNKNOWN)
        if text_member is None:
            self.opaque.append(Opaque(unread_as, provenance, path))
            for holder, here in ((part, path), (part.get(kind), (*path, kind))):
                self._refer(holder, "file_id", here)
        else:
            self.opaque += [Opaque(unread_kind, provenance, path) for unread_kind in held_by(part)]
        for name, value in part.items():
            here = (*path, name)
            if name == text_member:
                if not isinstance(value, str):
                    raise InvalidRequest("the text of a content part must be a string", param=format_path(here))
                self.segments.append(Segment(value, provenance, here, self._run))
            elif text_member is None:
                self.segments += readable({name: value}, unread_as, path, provenance)
            elif name != "type":
                self.segments += walk({name: value}, path, provenance)


def _length(document: dict[str, Any], name: str) -> int:
    value = document.get(name)
    if value is None:
        return 0
    if not isinstance(value, list):
        raise InvalidRequest(f"{name} must be a list", param=name)
    return len(value)


def _output_tokens(document: dict[str, Any]) -> int | None:
    cap, former = count_fact(document, "max_completion_tokens"), count_fact(document, "max_tokens")
    return max(cap, former) if cap and former else cap or former
