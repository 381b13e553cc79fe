"""`POST /v1/messages`, whole or streamed, and `POST /v1/messages/count_tokens`."""

from guardproxy.surfaces.messages.conversation import read_calls, read_conversation
from guardproxy.surfaces.messages.cut import drop_cut_calls
from guardproxy.surfaces.messages.errors import as_error, error_body, error_event
from guardproxy.surfaces.messages.request import QUERY, read_request
from guardproxy.surfaces.messages.response import read_count, read_response, strip_copies
from guardproxy.surfaces.messages.sealed import edit
from guardproxy.surfaces.messages.speaking import SPEAKING
from guardproxy.surfaces.messages.state import server_state
from guardproxy.surfaces.messages.stream import MessagesStream

__all__ = [
    "QUERY",
    "SPEAKING",
    "MessagesStream",
    "as_error",
    "drop_cut_calls",
    "edit",
    "error_body",
    "error_event",
    "read_calls",
    "read_conversation",
    "read_count",
    "read_request",
    "read_response",
    "server_state",
    "strip_copies",
]
