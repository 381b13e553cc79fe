"""Cases: conversations with what a policy must make of them, in a file next to it.

`strict.yaml` has its cases in `strict.cases.yaml`. `guardproxy test` sends each through a proxy with that policy and a
stand-in for the model. Texts may hold the generators of examples (`{alnum:32}`), so no real-looking key stands in a
file; the same generator gives the same characters in all texts of one case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.catalogue import CASES_SUFFIX, is_cases_file
from guardproxy.policyfile.examples import expand
from guardproxy.policyfile.mistakes import read_as
from guardproxy.policyfile.schema import Text, Written
from guardproxy.policyfile.sources import Sources, read_text_file, shown
from guardproxy.policyfile.yaml_nodes import YamlFile, parse_yaml

# Only what can be a generator is one: tool calls are full of braces.
_GENERATOR: Final = re.compile(r"\{[a-z0-9]+:[0-9]{1,6}\}")
ROLES: Final = ("system", "developer", "user", "assistant", "tool")


class WrittenCaller(Written):
    """Whose key the request comes with."""

    key: Text = Field("case", description="the name of the key")
    team: Text | None = Field(None, description="its team")
    speaks_as: Literal["operator", "user"] = Field("user", description="whether it may send system messages")


class WrittenCase(Written):
    """One conversation and what must become of it. What is not written is not asked for, but `expect`."""

    case: Text = Field(description="what is shown, in a sentence")
    caller: WrittenCaller = Field(WrittenCaller(), description="whose key the request comes with")
    messages: tuple[dict[str, JsonValue], ...] = Field(
        (), description="the conversation: `{user: text}` for short, or messages as the API has them"
    )
    request: dict[str, JsonValue] = Field(
        default_factory=dict, description="other members of the request: `model`, `tools`, `metadata`, `n`, ..."
    )
    answer: str | dict[str, JsonValue] = Field(
        "Understood.", description="what the model answers: a text, or a message as the API has it, tool calls included"
    )
    expect: Literal["allow", "flag", "redact", "block", "refuse"] = Field(
        description="what becomes of the exchange; `refuse`: an error that is no decision about a text, such as a limit"
    )
    code: Text | None = Field(None, description="the error's code, such as `role_not_allowed`")
    rules: tuple[Text, ...] | None = Field(None, description="exactly the rules that find something")
    shadow_rules: tuple[Text, ...] | None = Field(None, description="exactly the rules in shadow that do")
    sent: str | dict[Text, JsonValue] | None = Field(
        None, description="what the model is sent: the last message's text, or values by path (`messages[0].content`)"
    )
    received: str | dict[Text, JsonValue] | None = Field(
        None, description="what the caller receives: the answer's text, or values by path (`tool_calls[0].id`)"
    )


class WrittenCases(Written):
    """The cases of one policy."""

    cases: Annotated[tuple[WrittenCase, ...], Field(min_length=1, description="one conversation each")]


@dataclass(frozen=True, slots=True)
class Case:
    """A case with its generators run. `where` is `file:line:column`."""

    where: str
    written: WrittenCase

    @property
    def body(self) -> dict[str, Any]:
        """The request as a client would send it."""
        messages = [_message(message) for message in self.written.messages]
        return {"model": "stand-in", **({"messages": messages} if messages else {}), **self.written.request}


def cases_path(policy: Path) -> Path:
    """Where the cases of a policy stand."""
    return policy if is_cases_file(policy) else policy.with_name(policy.stem + CASES_SUFFIX)


def policy_path(cases: Path) -> Path:
    """The policy a file of cases is about."""
    return cases.with_name(cases.name.removesuffix(CASES_SUFFIX) + ".yaml")


def read_cases(path: Path, sources: Sources | None = None) -> tuple[Case, ...]:
    """All cases in the file. Raises `ConfigurationError`, one line per problem."""
    file = parse_yaml(read_text_file(sources or Sources(), path), shown(path))
    written = read_as(WrittenCases, file, file.content)
    problems: list[str] = []
    cases: list[Case] = []
    for index, case in enumerate(written.cases):
        try:
            _check(case, file, index)
            cases.append(Case(file.at(("cases", index)), _expanded(case, file, index)))
        except ConfigurationError as error:
            problems.append(error.message)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return tuple(cases)


def _check(case: WrittenCase, file: YamlFile, index: int) -> None:
    if not case.messages and "messages" not in case.request:
        raise ConfigurationError(f"{file.at(('cases', index))}: 'messages' is missing")
    for number, message in enumerate(case.messages):
        if "role" not in message and not (len(message) == 1 and next(iter(message)) in ROLES):
            where = file.at(("cases", index, "messages", number))
            roles = ", ".join(ROLES)
            raise ConfigurationError(
                f"{where}: a message is written {{user: text}} ({roles}), or with its role as the API has it"
            )


def _message(message: dict[str, Any]) -> dict[str, Any]:
    if "role" in message:
        return message
    ((role, content),) = message.items()
    return {"role": role, "content": content}


def _expanded(case: WrittenCase, file: YamlFile, index: int) -> WrittenCase:
    """The case with every generator run. Each text starts from the same seed, so equal generators give equal texts."""

    def expanded(value: Any) -> Any:
        match value:
            case str():
                return _GENERATOR.sub(lambda found: expand(found[0], Random(case.case)), value)  # noqa: S311
            case list() | tuple():
                return [expanded(one) for one in value]
            case dict():
                return {name: expanded(one) for name, one in value.items()}
        return value

    changes: dict[str, Any] = {}
    for part in ("messages", "request", "answer", "sent", "received"):
        try:
            changes[part] = expanded(getattr(case, part))
        except ConfigurationError as error:
            raise ConfigurationError(f"{file.at(('cases', index, part))}: {error.message}") from error
    return case.model_copy(update=changes)
