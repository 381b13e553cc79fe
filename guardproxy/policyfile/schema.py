"""What may stand in a policy file and in a rule file, and how a mistake in one is told.

The models are pydantic's, strict: no text becomes a number, no unknown key passes. `WrittenPolicy` and `WrittenRule`
are what was written and nothing more; `compile` gives them a meaning. Every message names file, line and column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.condition_schema import WrittenCondition
from guardproxy.policyfile.context_schema import PassWord, WrittenContext
from guardproxy.policyfile.layers import Source
from guardproxy.policyfile.quota_schema import ModeWord, WrittenCharging, WrittenQuota
from guardproxy.policyfile.tool_schema import WrittenTools
from guardproxy.policyfile.yaml_nodes import Place

ActionWord = Literal["allow", "flag", "redact", "block"]
SeverityWord = Literal["low", "medium", "high", "critical"]
ProvenanceWord = Literal["operator", "user", "tool", "document", "model"]

_NAME: Final = r"[a-z0-9]+(?:-[a-z0-9]+)*"
RuleId = Annotated[str, StringConstraints(pattern=rf"^{_NAME}\.{_NAME}$", max_length=100)]
Name = Annotated[str, StringConstraints(pattern=rf"^{_NAME}$", max_length=100)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.([a-z0-9_]+|\*))*$", max_length=100)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Placeholder = Annotated[str, StringConstraints(max_length=200)]
Count = Annotated[int, Field(gt=0, le=2**53)]


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
    on_limit: Literal["finish", "error"] = Field(
        "finish",
        description="the same for an answer that a hard quota ends; `finish`: with `finish_reason: length` where the "
        "surface has such words",
    )
    unknown_events: Literal["pass", "strip", "reject"] = Field(
        "pass",
        description="what becomes of an event of a stream whose type no API documents: `pass` (inspected like all "
        "text), `strip`, or `reject` (the answer ends as `on_block` says)",
    )
    fields: Literal["interleaved", "sequential"] = Field("interleaved", description="order of a chat's fields, below")


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
        "refuse", description="what follows where a request asks for more of these two; `cap`: it gets what is allowed"
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
    mcp_servers: tuple[Text, ...] = Field((), description="MCP servers and connectors a request may name, below")


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


Model = TypeVar("Model", bound=BaseModel)


def read_as(model: type[Model], file: Source, content: object, place: Place = ()) -> Model:
    """`content`, which stands at `place` of `file`, as a `model`. Raises `ConfigurationError`, a line per problem."""
    try:
        # Strict JSON mode: a list may be a tuple, as there is no other way to write one, and nothing else bends.
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        details = error.errors(include_url=False)
        told = [detail for detail in details if not _is_misspelt(detail, details)]
        problems = [_problem(model, file, place, detail) for detail in told]
        # Not chained: pydantic quotes what it was given, and that may be a key somebody wrote into the file.
        raise ConfigurationError("\n".join(problems)) from None


def suggestion(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` when one of `known` is close to `word`, otherwise what is known."""
    words = sorted(known)
    if close := get_close_matches(word, words, n=1):
        return f", did you mean '{close[0]}'?"
    return f"; known: {', '.join(words)}" if words else ""


_PLAIN: Final = "in lower case letters, digits and single hyphens"
_PARAMETER: Final = "as requests write it, in lower case, with a dot for what stands below: `stream_options.x`"
_FORMS: Final = {
    "id": f"<pack>.<name>, {_PLAIN}", "allow": _PARAMETER, "deny": _PARAMETER,
}  # fmt: skip
_CALLED: Final = {"applies_to": "provenance", "per": "window"}


def _problem(model: type[BaseModel], file: Source, place: Place, detail: ErrorDetails) -> str:
    inside = detail["loc"]
    where = (*place, *inside)
    name = next((step for step in reversed(inside) if isinstance(step, str)), "the file")
    match detail["type"]:
        case "extra_forbidden":
            known = suggestion(name, _keys_at(model, inside[:-1]))
            return f"{file.at_key(where)}: unknown key '{name}'{known}"
        case "missing":
            return f"{file.at(where)}: '{name}' is missing"
        case "literal_error":
            allowed = detail["ctx"]["expected"].replace("'", "")
            return f"{file.at(where)}: unknown {_CALLED.get(name, name)} '{detail['input']}'; use {allowed}"
        case "string_pattern_mismatch" if "sha256" in detail["ctx"]["pattern"]:
            return f"{file.at(where)}: a digest is 'sha256:' and 64 hexadecimal digits; `guardproxy pin` prints it"
        case "string_pattern_mismatch":
            form = _FORMS.get(name, f"<name>, {_PLAIN}")
            return f"{file.at(where)}: {name} is written {form}"
        case "too_short":
            return f"{file.at(where)}: '{name}' needs at least one entry"
    said = detail["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value error, ")
    return f"{file.at(where)}: '{name}' {said}"


def _is_misspelt(missing: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a key is missing only because it is misspelt, which is told already."""
    if missing["type"] != "missing":
        return False
    *around, name = missing["loc"]
    unknown = [one["loc"] for one in details if one["type"] == "extra_forbidden"]
    beside = [str(place[-1]) for place in unknown if [*place[:-1]] == around]
    return bool(get_close_matches(str(name), beside, n=1))


def _keys_at(model: Any, place: Place) -> list[str]:
    """The keys the model at `place` inside `model` knows, as they are written."""
    for step in place:
        model = _certain(model)
        if _is_model(model):
            model = {field.alias or name: field.annotation for name, field in model.model_fields.items()}.get(str(step))
        else:
            model = next((part for part in map(_certain, get_args(model)) if _is_model(part)), None)
    model = _certain(model)
    return [field.alias or name for name, field in model.model_fields.items()] if _is_model(model) else []


def _certain(kind: Any) -> Any:
    """A kind without `None` beside it and without what limits it."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not NoneType)
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
