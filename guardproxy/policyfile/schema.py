"""What may stand in a policy file and in a rule file.

The models are pydantic's, strict: no text becomes a number, no unknown key passes. `WrittenPolicy` and `WrittenRule`
are what was written and nothing more; `compile` gives them a meaning. `mistakes` tells what is wrong in a file.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from guardproxy.core.policy import BLOCK_MESSAGE, MATCHING_WORK_PER_CHARACTER
from guardproxy.policyfile.condition_schema import WrittenCondition
from guardproxy.policyfile.context_schema import PassWord, WrittenContext
from guardproxy.policyfile.quota_schema import ModeWord, WrittenCharging, WrittenQuota
from guardproxy.policyfile.tool_schema import WrittenTools

ActionWord = Literal["allow", "flag", "redact", "block"]
SeverityWord = Literal["low", "medium", "high", "critical"]
ProvenanceWord = Literal["operator", "user", "tool", "document", "model"]

_NAME: Final = r"[a-z0-9]+(?:-[a-z0-9]+)*"
RuleId = Annotated[str, StringConstraints(pattern=rf"^{_NAME}\.{_NAME}$", max_length=100)]
Name = Annotated[str, StringConstraints(pattern=rf"^{_NAME}$", max_length=100)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=100)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Placeholder = Annotated[str, StringConstraints(max_length=200)]
Count = Annotated[int, Field(gt=0, le=2**53)]


def _server(name: str) -> str:
    """A `*` stands for any text, slashes too: one before the end of the host would let every host through."""
    scheme, url, rest = name.partition("://")
    if not url:
        if "." in name or "/" in name:
            raise ValueError(f"holds '{name}': a URL is written with its scheme, such as https://mcp.example.com/*")
    elif "*" in scheme or (rest != "*" and "*" in rest.partition("/")[0]):
        raise ValueError(
            f"holds '{name}', which any host fits: the first '*' stands behind the slash that ends the host, such as "
            "https://mcp.example.com/*"
        )
    return name


ServerName = Annotated[Text, AfterValidator(_server)]


class Written(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class WrittenExamples(Written):
    """Texts a rule must find, must not find, and (honestly listed) should find but does not yet."""

    match: tuple[Text, ...] = Field(min_length=1, description="texts the rule must find, however a stream is cut")
    pass_: tuple[Text, ...] = Field(min_length=1, alias="pass", description="texts it must leave alone")
    todo_match: tuple[Text, ...] = Field((), description="known misses; you are told when one is found at last")


class WrittenRule(Written):
    """One rule: what to look for (`detector`, `with`), where (`applies_to`), and what follows (`action`)."""

    id: RuleId = Field(description="`<pack>.<name>`; a rule in a file of its own is `<pack>/<name>.yaml`")
    title: Text = Field(description="what it finds, in a line")
    detector: Text = Field(description="the technique")
    with_: dict[str, JsonValue] = Field(default_factory=dict, alias="with", description="the technique's options")
    applies_to: tuple[ProvenanceWord, ...] = Field(
        min_length=1, description="the provenance of the texts it looks at, one or more"
    )
    severity: SeverityWord = Field(description="for whoever reviews; it decides nothing")
    action: ActionWord = Field(description="what follows from a match")
    placeholder: Placeholder | None = Field(
        None, description="what stands in place of a redacted match; without it `[REDACTED:<id>]`"
    )
    mode: ModeWord = Field("enforce", description="`shadow`: a finding is only told in the log")
    when: WrittenCondition | None = Field(None, description="a condition; the rule is off where it does not hold")
    examples: WrittenExamples = Field(description="run by `guardproxy check`")


class WrittenOverride(Written):
    """What a policy changes about a rule that a pack brought."""

    action: ActionWord | None = Field(None, description="another action; `allow` turns the rule off")
    severity: SeverityWord | None = Field(None, description="another severity")
    applies_to: Annotated[tuple[ProvenanceWord, ...], Field(min_length=1)] | None = Field(
        None, description="other texts to look at"
    )
    mode: ModeWord | None = Field(None, description="`shadow`: a finding is only told in the log")
    when: WrittenCondition | None = Field(None, description="a condition; the rule is off where it does not hold")


class WrittenOpaque(Written):
    """Content a text guard cannot read. What is not mentioned is blocked, but tools that the upstream runs."""

    image: PassWord = Field("block", description="pictures")
    audio: PassWord = Field("block", description="sound")
    file: PassWord = Field("block", description="attached files")
    tokens: PassWord = Field("block", description="text as token numbers")
    encrypted: PassWord = Field("block", description="content that only the upstream can read")
    hosted: PassWord = Field("allow", description="tools that the upstream runs itself, below")
    unknown: PassWord = Field("block", description="a content part of a type guardproxy does not know")


class WrittenAnswers(Written):
    """How answers are treated."""

    on_block: Literal["finish", "error"] = Field(
        "finish",
        description="how a streamed answer ends that a rule blocks after its first byte. `finish`: with a refusal and "
        "`finish_reason: content_filter`. `error`: with an error event, which clients raise",
    )
    block_message: str = Field(
        BLOCK_MESSAGE,
        description="what such an answer says of it, as its refusal",
        min_length=1,
        max_length=1_000,
    )
    on_limit: Literal["finish", "error"] = Field(
        "finish",
        description="as `on_block`, for an answer that a hard quota ends; `finish`: with `finish_reason: length` where "
        "the surface has such words",
    )
    unknown_events: Literal["pass", "strip", "reject"] = Field(
        "pass",
        description="what becomes of an event of a stream whose type no API documents: `pass` (inspected like all "
        "text), `strip`, or `reject` (the answer ends as `on_block` says)",
    )
    fields: Literal["ordered", "interleaved", "sequential"] = Field(
        "ordered",
        description="order of a chat's fields, and whether the end of a text waits for a later block, below",
    )


class WrittenLimits(Written):
    """The size of one request. A limit that is not written does not apply, but those with a default."""

    body_bytes: Count = Field(20 * 1024 * 1024, description="bytes of the body")
    messages: Count | None = Field(None, description="messages")
    text_characters: Count | None = Field(None, description="characters over all texts of the request")
    tools: Count | None = Field(None, description="tool definitions")
    inputs: Count | None = Field(None, description="inputs of one request to embeddings, completions or moderations")
    choices: Count | None = Field(None, description="answers asked for, the request's `n`")
    output_tokens: Count | None = Field(None, description="of each answer; written where a request names no cap")
    excess: Literal["refuse", "cap"] = Field(
        "refuse",
        description="what follows where a request asks for more of these two; `cap`: it gets what is allowed, which at "
        "least one of them says",
    )
    matching_work: Count | None = Field(
        MATCHING_WORK_PER_CHARACTER,
        description="steps of work that a character of a request, or of an answer, may cost to inspect, below; `null` "
        "for no limit",
    )
    images: Annotated[int, Field(ge=0)] | None = Field(None, description="images in messages")
    files: Annotated[int, Field(ge=0)] | None = Field(None, description="files in messages")
    models: tuple[Text, ...] = Field(
        (), description="names of models, with `*`; requests to others are answered 403 `model_not_allowed`"
    )
    mcp_servers: tuple[ServerName, ...] = Field((), description="MCP servers and connectors a request may name, below")


class WrittenParameters(Written):
    """Members of requests: what becomes of unknown ones, which denied ones may pass, which others may not."""

    unknown: Literal["pass", "strip", "reject"] = "pass"
    allow: tuple[ParameterName, ...] = ()
    deny: tuple[ParameterName, ...] = ()


class WrittenSurface(Written):
    """One API. `block` is None where the surface itself decides whether rules that block do so in its requests."""

    open: bool = True
    uninspected: bool = False
    block: bool | None = None


class WrittenSections(Written):
    """What a policy says, and what a block under `when` may say otherwise.

    `override` goes by rule id, or by `<pack>.*` for a whole pack; what it says about one rule comes first.
    """

    mode: ModeWord = Field("enforce", description="`shadow`: the policy only tells what it would do")
    override: dict[str, WrittenOverride] = Field(
        default_factory=dict, description="by rule id, or by `<pack>.*` for all of a pack: what to change about it"
    )
    context: WrittenContext = Field(WrittenContext(), description="who may speak as whom")
    opaque: WrittenOpaque = Field(WrittenOpaque(), description="content a text guard cannot read")
    parameters: WrittenParameters = Field(
        WrittenParameters(), description="members of a request that are unknown, or would defeat the guard, below"
    )
    server_state: Literal["deny", "own", "allow"] = Field(
        "deny", description="what a request may refer to that is stored at the upstream, below"
    )
    surfaces: dict[str, WrittenSurface] = Field(default_factory=dict, description="which APIs are open, below")
    limits: WrittenLimits = Field(WrittenLimits(), description="the size of one request")
    quotas: tuple[WrittenQuota, ...] = Field((), description="how much may be used, and by whom")
    answers: WrittenAnswers = Field(WrittenAnswers(), description="how answers are treated")
    charging: WrittenCharging = Field(WrittenCharging(), description="what blocked and failed requests cost")
    tools: WrittenTools | None = Field(None, description="what agents may do with tools")


class WrittenWhen(WrittenSections):
    """What the policy says where a condition holds; the rest of the policy stays as it is."""

    if_: WrittenCondition = Field(alias="if", description="the condition")


class WrittenPolicy(WrittenSections):
    """One policy. `packs` are names of shipped packs, or directories (written with a slash) next to the file."""

    version: Literal[1] = Field(description="the version of this language")
    name: Name = Field(description="lower case letters, digits, hyphens; stands in logs and in `x-guardproxy-policy`")
    description: str = Field("", description="what the policy is for")
    extends: Text | None = Field(
        None, description="a shipped policy by name, or a file next to this one (`./base.yaml`), to be laid over"
    )
    tightens: tuple[Name, ...] = Field(
        (), description="policies a caller may choose this one instead of; checked when it is loaded"
    )
    packs: tuple[Text, ...] = Field(
        (), description="shipped packs by name, or directories next to the file, written with a slash: `./my-pack`"
    )
    rules: tuple[WrittenRule, ...] = Field((), description="rules written here instead of in a pack")
    when: tuple[WrittenWhen, ...] = Field((), description="what the policy says otherwise where a condition holds")
