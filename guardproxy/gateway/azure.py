"""The paths that Azure's client asks for, as paths of the API they name.

`/openai/deployments/{deployment}/chat/completions?api-version=...`, `/openai/responses?api-version=...` and
`/openai/v1/...`: behind each is one of the APIs that are served anyway. Which version of them is asked for makes no
difference to what is read. A deployment is the model of a request whose body names none.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

AZURE: Final = "/openai/"
_AZURE: Final = re.compile(r"/openai/(?:v1/|deployments/([A-Za-z0-9][\w.:@-]{0,99})/)?([^?]+)(?:\?(.*))?", re.ASCII)
_VERSION: Final = re.compile(r"api-version=[A-Za-z0-9.-]{0,32}", re.ASCII)


class AzurePath(NamedTuple):
    """The path below the prefix of the API, with what is left of the query; and the deployment, if it names one."""

    path: str
    deployment: str


def azure_path(raw_path: str) -> AzurePath | None:
    """None if it is no path of Azure's client."""
    match = _AZURE.fullmatch(raw_path)
    if match is None:
        return None
    deployment, path, query = match.groups()
    members = [member for member in (query or "").split("&") if member and not _VERSION.fullmatch(member)]
    return AzurePath(f"/{path}?{'&'.join(members)}" if members else f"/{path}", deployment or "")
