"""What may stand under `context:` in a policy file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Speaker = Literal["operator", "user", "assistant", "tool"]
PassWord = Literal["allow", "block"]
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


class WrittenContext(Strict):
    """Who may speak as whom."""

    operator_messages: Literal["operator_keys", "any_key", "nobody"] = Field(
        "operator_keys",
        description="who may send `system` and `developer` messages. `operator_keys`: keys made with `--speaks-as "
        "operator`. `any_key`: all, but from other keys the text counts as the user's and is held against the rules "
        "for users. `nobody`: no caller",
    )
    unknown_roles: PassWord = Field("block", description="a role no API documents; `allow`: it is read as user text")
    definitions: Literal["any_key", "operator_keys"] = Field(
        "any_key",
        description="who may define tools and response formats, which most servers put beside the system prompt",
    )
    operator_prompt: WrittenPrompt = Field(WrittenPrompt(), description="system text of the policy, below")
    pinned_prompts: tuple[Digest, ...] = Field(
        (),
        description="digests (`sha256:...`) of the only system messages that pass, made by `guardproxy sign --pins`",
    )
    signed_keys: tuple[Word, ...] = Field(
        (), description="ids or names of keys whose system messages and tools must be signed, `*` for all"
    )
    order: WrittenOrder = Field(WrittenOrder(), description="order and number of roles, below")
    history: Literal["any", "seen"] = Field(
        "any",
        description="`seen`: an assistant message must be an answer that this proxy gave to the same key, a tool "
        "message must answer a call it gave",
    )
    control_tokens: Literal["allow", "neutralise", "flag", "block"] = Field(
        "allow",
        description="tokens that separate speakers in a model's raw input, in all text below the operator's",
    )
    control_token_families: tuple[Word, ...] | None = Field(None, description="which of them, below")
    hidden_characters: Literal["allow", "remove", "flag", "block"] = Field(
        "allow", description="invisible, bidirectional and tag characters"
    )
    fake_turns: Literal["allow", "flag", "block"] = Field(
        "allow", description="a text that imitates turns (`User: ... Assistant: ...`, messages as JSON)"
    )
    fence: WrittenFence = Field(WrittenFence(), description="how text of lower trust is marked as data, below")
