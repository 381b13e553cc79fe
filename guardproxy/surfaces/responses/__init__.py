"""`/v1/responses`: creating a response, whole or streamed, and fetching one that was stored."""

from guardproxy.surfaces.responses.conversation import read_calls, read_conversation
from guardproxy.surfaces.responses.cut import drop_cut_calls
from guardproxy.surfaces.responses.fetch import LIST_ITEMS, RETRIEVE, read_target
from guardproxy.surfaces.responses.request import read_request
from guardproxy.surfaces.responses.response import read_response, strip_copies
from guardproxy.surfaces.responses.sealed import edit
from guardproxy.surfaces.responses.speaking import SPEAKING
from guardproxy.surfaces.responses.state import made
from guardproxy.surfaces.responses.stream import ResponsesStream

__all__ = [
    "LIST_ITEMS",
    "RETRIEVE",
    "SPEAKING",
    "ResponsesStream",
    "drop_cut_calls",
    "edit",
    "made",
    "read_calls",
    "read_conversation",
    "read_request",
    "read_response",
    "read_target",
    "strip_copies",
]
