"""What the clients and the servers of an API agree on beside its bodies.

How errors are told, in which header a client looks for the id of its request, where keys stand, and which headers of a
caller the server has to see. A path alone decides it, so that a request gets an answer that its client understands also
where it is served nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from guardproxy.errors import RequestError
from guardproxy.surfaces import openai_errors
from guardproxy.surfaces.messages import errors as messages_errors

_VERSION: Final = "anthropic-version"
BETAS: Final = "anthropic-beta"
# A feature by its name and the day it came, as they are published.
_BETA: Final = r"[a-z][a-z0-9]{0,19}(?:-[a-z0-9]{1,20}){0,5}-20[0-9]{2}-?[01][0-9]-?[0-3][0-9]"


class KeyForm(StrEnum):
    """How a key stands in the head of a request."""

    BEARER = "bearer"
    X_API_KEY = "x-api-key"
    BOTH = "both"

    def lines(self, key: str) -> str:
        """The header lines that present a key."""
        bearer = "" if self is KeyForm.X_API_KEY else f"authorization: Bearer {key}\r\n"
        return bearer if self is KeyForm.BEARER else f"{bearer}x-api-key: {key}\r\n"


class ErrorDialect(NamedTuple):
    """How an API tells errors. `adopt` makes an upstream's error one of this API's; None if it is no error at all."""

    body: Callable[[RequestError, str], dict[str, Any]]
    adopt: Callable[[Any, int], Any]
    headers: Callable[[RequestError], dict[str, str]] = openai_errors.error_headers


class Conventions(NamedTuple):
    """`id_header` holds a request's id, `key_header` a caller's key where no bearer token does. `upstream_key` is how
    servers take their key. `forwarded`: headers of the caller that travel, each in its own form.
    """

    errors: ErrorDialect
    id_header: str
    key_header: str
    upstream_key: KeyForm
    forwarded: Mapping[str, re.Pattern[str]] = MappingProxyType({})

    def features_in(self, headers: Mapping[str, str]) -> str:
        """The names of features a caller asks for in a header that travels; empty if there are none."""
        form = self.forwarded.get(BETAS)
        named = "" if form is None else headers.get(BETAS, "")
        return named if form is not None and form.fullmatch(named) else ""


OPENAI: Final = Conventions(
    ErrorDialect(openai_errors.error_body, openai_errors.adopt_error),
    id_header="x-request-id",
    key_header="api-key",  # Azure's client
    upstream_key=KeyForm.BEARER,
)
ANTHROPIC: Final = Conventions(
    ErrorDialect(messages_errors.error_body, messages_errors.as_error),
    id_header="request-id",
    key_header="x-api-key",
    upstream_key=KeyForm.X_API_KEY,
    forwarded={
        _VERSION: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
        BETAS: re.compile(rf"{_BETA}(?:, ?{_BETA}){{0,19}}"),
    },
)
_MODELS: Final = OPENAI._replace(forwarded={_VERSION: ANTHROPIC.forwarded[_VERSION]})


@lru_cache(256)
def conventions_of(path: str) -> Conventions:
    """Those of a path below the base URL, whether it is served or not."""
    if path.startswith("/messages"):
        return ANTHROPIC
    return _MODELS if path.startswith("/models") else OPENAI


def callers_conventions(path: str, headers: Mapping[str, str]) -> Conventions:
    """Those that the caller keeps to. Both APIs list models at one path: there a header tells whose client asks."""
    conventions = conventions_of(path)
    return ANTHROPIC if conventions is _MODELS and _VERSION in headers else conventions
