"""What may stand under `when:` of a rule and `if:` of a block."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from guardproxy.policyfile.context_schema import Strict, Word


def _several(written: object) -> object:
    """One word may stand where several may."""
    if isinstance(written, str):
        return (written,)
    return tuple(written) if isinstance(written, list) else written


_ONE_OR_MORE: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
Words = Annotated[tuple[Word, ...], Field(min_length=1), BeforeValidator(_several), WithJsonSchema(_ONE_OR_MORE)]


class WrittenCondition(Strict):
    """When something holds: every fact that is named must be one of its words. `*` stands for any characters."""

    key: Words | None = Field(None, description="names of keys")
    team: Words | None = Field(None, description="teams of keys")
    model: Words | None = Field(None, description="the model a request asks for")
    surface: Words | None = Field(None, description="the API, such as `chat_completions`")
    metadata: dict[Word, Words] = Field(
        default_factory=dict,
        description="members of the request's `metadata`: the caller's words, so they may only make a policy stricter",
    )
