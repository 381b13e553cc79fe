"""What may stand under `context:` beside who may speak as the operator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Speaker = Literal["operator", "user", "assistant", "tool"]
FenceWord = Literal["off", "delimit", "datamark", "encode"]
PromptText = Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Variable = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class WrittenPrompt(Strict):
    """System text of the policy: written here or in a file next to it."""

    text: PromptText | None = None
    file: Word | None = None
    place: Literal["prepend", "append", "replace"] = "prepend"
    role: Literal["system", "developer"] = "system"
    variables: dict[Variable, str] = Field(default_factory=dict)


class WrittenOrder(Strict):
    """Which turns may come where, and how many."""

    operator_first: bool = False
    tool_after_call: bool = False
    last: tuple[Speaker, ...] = ()
    most: dict[Speaker, Annotated[int, Field(ge=0, le=2**31)]] = Field(default_factory=dict)


class WrittenFenceModes(Strict):
    """How text of each provenance is fenced for some models; what is not said is as for all others."""

    tool: FenceWord | None = None
    document: FenceWord | None = None
    user: FenceWord | None = None


class WrittenFence(Strict):
    tool: FenceWord = "off"
    document: FenceWord = "off"
    user: FenceWord = "off"
    models: dict[Word, WrittenFenceModes] = Field(default_factory=dict)
    sandwich: bool = False
