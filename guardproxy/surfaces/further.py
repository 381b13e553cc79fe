"""APIs that nobody here can inspect: by name, what their paths begin with, and why they are refused.

A policy may pass one of them uninspected, by name and in so many words; each such exchange says so in its answer and in
the log. What speaks over a WebSocket (`/realtime`) is not here: it is refused whatever a policy says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

METHODS: Final = frozenset({"GET", "POST", "DELETE"})

FURTHER: Final[Mapping[str, str]] = {
    "agents": "agents work on the server with tools and text that the guard never sees",
    "assistants": "assistants answer from threads and files that the guard never sees",
    "audio": "speech cannot be inspected",
    "batches": "a batch carries whole requests in a file",
    "chatkit": "its sessions go on between the client and the server alone",
    "containers": "containers hand out the content of files",
    "conversations": "conversations store items and hand them out again",
    "decisions": "its questions and answers are not read yet",
    "evals": "evaluations carry whole requests and answers",
    "files": "the content of files is not read",
    "fine_tuning": "training data is not read",
    "images": "images cannot be inspected",
    "skills": "skills bring instructions in files",
    "threads": "threads store messages and hand them out again",
    "uploads": "the content of files is not read",
    "vector_stores": "vector stores hand out the content of files",
    "videos": "videos cannot be inspected",
}
"""By first segment of the path, which is the surface's name; the reason completes "it is refused: ..."."""

_PATH: Final = re.compile(r"/([a-z_]{1,32})(?:/[A-Za-z0-9][A-Za-z0-9_.:@-]{0,199}){0,8}")
# A query that is passed on: no control characters, no spaces, no fragment, no second question mark.
QUERY: Final = re.compile(r"[A-Za-z0-9_.~%=&\[\]:,+-]{1,2000}")


def find_further(path: str) -> str | None:
    """The name of the API that a path below the base URL belongs to; None if it is none of these."""
    match = _PATH.fullmatch(path)
    return match[1] if match and match[1] in FURTHER else None
