"""`POST /v1/completions`, the legacy API without messages."""

from guardproxy.surfaces.completions.request import read_request
from guardproxy.surfaces.completions.response import read_response, strip_copies
from guardproxy.surfaces.completions.stream import CompletionStream

__all__ = ["CompletionStream", "read_request", "read_response", "strip_copies"]
