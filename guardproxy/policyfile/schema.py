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

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from guardproxy.core.policy import MATCHING_WORK_PER_CHARACTER
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.context_schema import Digest, WrittenFence, WrittenOrder, WrittenPrompt
from guardproxy.policyfile.tool_schema import WrittenTools
from guardproxy.policyfile.yaml_nodes import Place, YamlFile

ActionWord = Literal["allow", "flag", "redact", "block"]
SeverityWord = Literal["low", "medium", "high", "critical"]
ProvenanceWord = Literal["operator", "user", "tool", "document", "model"]
PassWord = Literal["allow", "block"]

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

    match: tuple[Text, ...] = Field(min_length=1)
    pass_: tuple[Text, ...] = Field(min_length=1, alias="pass")
    todo_match: tuple[Text, ...] = ()


class WrittenRule(Written):
    """One rule: what to look for (`detector`, `with`), where (`applies_to`), and what follows (`action`)."""

    id: RuleId
    title: Text
    detector: Text
    with_: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    applies_to: tuple[ProvenanceWord, ...] = Field(min_length=1)
    severity: SeverityWord
    action: ActionWord
    placeholder: Placeholder | None = None
    examples: WrittenExamples


class WrittenOverride(Written):
    """What a policy changes about a rule that a pack brought."""

    action: ActionWord | None = None
    severity: SeverityWord | None = None
    applies_to: Annotated[tuple[ProvenanceWord, ...], Field(min_length=1)] | None = None


class WrittenContext(Written):
    operator_messages: Literal["operator_keys", "any_key", "nobody"] = "operator_keys"
    unknown_roles: PassWord = "block"
    operator_prompt: WrittenPrompt = WrittenPrompt()
    definitions: Literal["any_key", "operator_keys"] = "any_key"
    pinned_prompts: tuple[Digest, ...] = ()
    signed_keys: tuple[Text, ...] = ()
    order: WrittenOrder = WrittenOrder()
    history: Literal["any", "seen"] = "any"
    control_tokens: Literal["allow", "neutralise", "flag", "block"] = "allow"
    control_token_families: tuple[Text, ...] | None = None
    hidden_characters: Literal["allow", "remove", "flag", "block"] = "allow"
    fake_turns: Literal["allow", "flag", "block"] = "allow"
    fence: WrittenFence = WrittenFence()


class WrittenOpaque(Written):
    """Content a text guard cannot read. What is not mentioned is blocked."""

    image: PassWord = "block"
    audio: PassWord = "block"
    file: PassWord = "block"
    tokens: PassWord = "block"
    encrypted: PassWord = "block"
    unknown: PassWord = "block"


class WrittenAnswers(Written):
    on_block: Literal["finish", "error"] = "finish"
    on_limit: Literal["finish", "error"] = "finish"


class WrittenLimits(Written):
    body_bytes: Count = 20 * 1024 * 1024
    messages: Count | None = None
    text_characters: Count | None = None
    tools: Count | None = None
    inputs: Count | None = None
    choices: Count | None = None
    output_tokens: Count | None = None
    matching_work: Count | None = MATCHING_WORK_PER_CHARACTER
    images: Annotated[int, Field(ge=0)] | None = None
    files: Annotated[int, Field(ge=0)] | None = None
    models: tuple[Text, ...] = ()


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


class WrittenOnly(Written):
    """Shell patterns; an entry that is left out means all."""

    models: tuple[Text, ...] = ()
    teams: tuple[Text, ...] = ()
    keys: tuple[Text, ...] = ()


ShareWord = Literal["key", "team", "model", "policy", "global"]


def _as_list(written: object) -> object:
    """One word stands for a list of it; a list becomes a tuple, as strict models want it."""
    if isinstance(written, str):
        return (written,)
    return tuple(written) if isinstance(written, list) else written


class WrittenQuota(Written):
    """`limit` is a whole number; of cost, US dollars with any fraction. Only concurrency has no `per`."""

    metric: Literal["requests", "tokens", "input_tokens", "output_tokens", "cost", "concurrency", "units"]
    per: Literal["second", "minute", "hour", "day", "calendar_day", "week", "month"] | None = None
    limit: Annotated[float, Field(gt=0, le=2**53)]
    scope: Annotated[tuple[ShareWord, ...], BeforeValidator(_as_list), Field(min_length=1)] = ("key",)
    only: WrittenOnly = WrittenOnly()
    unit: Name | None = None
    zone: Text | None = None
    hard: bool = False
    mode: Literal["enforce", "shadow"] = "enforce"
    on_store_error: Literal["degraded", "closed", "open"] | None = None


class WrittenPolicy(Written):
    """One policy. `packs` are names of shipped packs, or directories (written with a slash) next to the file.

    `override` goes by rule id, or by `<pack>.*` for a whole pack; what it says about one rule comes first.
    """

    version: Literal[1]
    name: Name
    description: str = ""
    packs: tuple[Text, ...] = ()
    rules: tuple[WrittenRule, ...] = ()
    override: dict[str, WrittenOverride] = Field(default_factory=dict)
    context: WrittenContext = WrittenContext()
    opaque: WrittenOpaque = WrittenOpaque()
    parameters: WrittenParameters = WrittenParameters()
    server_state: Literal["deny", "own", "allow"] = "deny"
    surfaces: dict[str, WrittenSurface] = Field(default_factory=dict)
    limits: WrittenLimits = WrittenLimits()
    quotas: tuple[WrittenQuota, ...] = ()
    answers: WrittenAnswers = WrittenAnswers()
    tools: WrittenTools | None = None


Model = TypeVar("Model", bound=BaseModel)


def read_as(model: type[Model], file: YamlFile, content: object, place: Place = ()) -> Model:
    """`content`, which stands at `place` of `file`, as a `model`. Raises `ConfigurationError`, a line per problem."""
    try:
        # Strict JSON mode: a list may be a tuple, as there is no other way to write one, and nothing else bends.
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        problems = [_problem(model, file, place, detail) for detail in error.errors(include_url=False)]
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


def _problem(model: type[BaseModel], file: YamlFile, place: Place, detail: ErrorDetails) -> str:
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
