"""`POST /v1/chat/completions`."""

from guardproxy.surfaces.chat_completions.conversation import read_calls, read_conversation
from guardproxy.surfaces.chat_completions.cut import drop_cut_calls
from guardproxy.surfaces.chat_completions.operator import SPEAKING
from guardproxy.surfaces.chat_completions.request import read_request
from guardproxy.surfaces.chat_completions.response import read_response, strip_copies
from guardproxy.surfaces.chat_completions.signed import edit
from guardproxy.surfaces.chat_completions.stream import ChatStream

__all__ = [
    "SPEAKING",
    "ChatStream",
    "drop_cut_calls",
    "edit",
    "read_calls",
    "read_conversation",
    "read_request",
    "read_response",
    "strip_copies",
]
