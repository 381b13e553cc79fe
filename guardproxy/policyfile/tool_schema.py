"""What may stand under `tools:` in a policy file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Outcome = Literal["allow", "flag", "block"]
KindWord = Literal["email", "url", "account", "phone", "path", "amount", "package", "code"]
Patterns = tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=80)]
Count = Annotated[int, Field(gt=0, le=2**31)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class WrittenLists(Strict):
    """Which tools there may be."""

    allow: Patterns = ("*",)
    deny: Patterns = ()


class WrittenTrust(Strict):
    """Whose texts are believed when a value is looked up: provenances, and tools by name."""

    texts: tuple[Literal["operator", "user"], ...] = ("operator", "user")
    results: Patterns = ()


class WrittenDefinitions(Strict):
    """Tool definitions that somebody has looked at, by digest."""

    pinned: dict[Word, Digest] = Field(default_factory=dict)
    changed: Outcome = "block"
    unpinned: Outcome = "allow"


class WrittenArgument(Strict):
    """What some arguments must be."""

    of: Annotated[tuple[Word, ...], Field(min_length=1)] | None = None
    kinds: Annotated[tuple[KindWord, ...], Field(min_length=1)] | None = None
    origin: tuple[Literal["trusted", "tainted", "assembled", "model"], ...] | None = None
    one_of: Patterns | None = None
    at_most: Annotated[float, Field(ge=0)] | None = None
    matches: Expression | None = None
    never: Annotated[tuple[Expression, ...], Field(min_length=1)] | None = None
    ignore_case: bool = False


class WrittenLimit(Strict):
    calls: Annotated[int, Field(ge=0, le=2**31)]
    per: Literal["answer", "turn", "conversation"]


class WrittenFlowRule(Strict):
    """One rule about calls: which, when, and what they have to be."""

    id: RuleName
    calls: Annotated[Patterns, Field(min_length=1)]
    # `except` is a word of Python's.
    except_: Annotated[Patterns, Field(min_length=1)] | None = Field(default=None, alias="except")
    keys: Annotated[Patterns, Field(min_length=1)] | None = None
    after: Annotated[Patterns, Field(min_length=1)] | None = None
    after_all: Annotated[Patterns, Field(min_length=1)] | None = None
    # `schema` is a method of every pydantic model.
    schema_: dict[str, JsonValue] | None = Field(default=None, alias="schema")
    arguments: Annotated[tuple[WrittenArgument, ...], Field(min_length=1)] | None = None
    asked: Annotated[tuple[Word, ...], Field(min_length=1)] | None = None
    unless_asked: Annotated[tuple[Word, ...], Field(min_length=1)] | None = None
    limit: WrittenLimit | None = None
    severity: Literal["low", "medium", "high", "critical"] = "high"
    action: Outcome = "block"


class WrittenTools(Strict):
    """Rules about the tools of agents."""

    allow: Patterns = ("*",)
    deny: Patterns = ()
    keys: dict[Word, WrittenLists] = Field(default_factory=dict)
    groups: dict[RuleName, Patterns] = Field(default_factory=dict)
    trust: WrittenTrust = WrittenTrust()
    definitions: WrittenDefinitions = WrittenDefinitions()
    offered: Outcome = "block"
    not_offered: Outcome = "block"
    unmatched_results: Outcome = "flag"
    max_calls: Count | None = None
    rules: tuple[WrittenFlowRule, ...] = ()
