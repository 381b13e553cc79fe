"""What may stand in each kind of file, for machines and for people, both from the models that read the files.

`json_schema()` is for editors: they complete keys, show what a key means and underline mistakes. The tables of the
policy reference are made from the same schema and stand in it between markers, `<!-- table: limits -->` and
`<!-- end -->`; `with_tables()` puts the present ones there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from guardproxy.detectors import DETECTORS
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.cases import WrittenCaller, WrittenCase, WrittenCases
from guardproxy.policyfile.compile import options_model
from guardproxy.policyfile.condition_schema import WrittenCondition
from guardproxy.policyfile.context_schema import WrittenContext
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.quota_schema import WrittenCharging, WrittenQuota
from guardproxy.policyfile.schema import (
    WrittenAnswers,
    WrittenExamples,
    WrittenLimits,
    WrittenOpaque,
    WrittenOverride,
    WrittenPolicy,
    WrittenRule,
    WrittenWhen,
)

FILES: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {"policy": WrittenPolicy, "rule": WrittenRule, "cases": WrittenCases}
)

TABLES: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "policy": WrittenPolicy,
        "when": WrittenWhen,
        "condition": WrittenCondition,
        "override": WrittenOverride,
        "context": WrittenContext,
        "opaque": WrittenOpaque,
        "limits": WrittenLimits,
        "quotas": WrittenQuota,
        "answers": WrittenAnswers,
        "charging": WrittenCharging,
        "rule": WrittenRule,
        "examples": WrittenExamples,
        "case": WrittenCase,
        "caller": WrittenCaller,
    }
)

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MARKED: Final = re.compile(r"(<!-- table: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file: `policy`, `rule` or `cases`."""
    return schema_of(FILES[kind], f"guardproxy {kind} file")


def schema_of(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema of a model, with the options of each detector where rules stand."""
    schema = model.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.get("$defs", {})
    for rule in (schema, *definitions.values()):
        if rule.get("title") == WrittenRule.__name__:
            _tell_options(rule, definitions)
    if definitions:
        schema["$defs"] = definitions
    _drop_titles(schema)
    return {"$schema": _DIALECT, "title": title, **schema}


def schema_text(schema: Mapping[str, Any]) -> str:
    """The schema as it stands in a file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def table(name: str) -> str:
    """The Markdown table of a part of the language: each key, what it says, its values and its default."""
    schema = TABLES[name].model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    rows = ["| key | what it says | values | default |", "|---|---|---|---|"]
    for key, said in sorted(schema["properties"].items(), key=lambda one: one[0] not in required):
        words = said.get("description", "").replace("|", "\\|")
        rows.append(f"| `{key}` | {words} | {_values(said)} | {_default(said, key in required)} |")
    return "\n".join(rows) + "\n"


def with_tables(text: str) -> str:
    """The text with the present tables between its markers. Raises `ConfigurationError` for an unknown marker."""

    def replaced(marked: re.Match[str]) -> str:
        name = marked["name"]
        if name not in TABLES:
            raise ConfigurationError(f"unknown table '{name}'{suggestion(name, TABLES)}")
        return f"{marked[1]}{table(name)}{marked[3]}"

    return _MARKED.sub(replaced, text)


def _tell_options(rule: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Which options stand under `with` follows from the detector."""
    rule["properties"]["detector"]["enum"] = sorted(DETECTORS)
    rule["allOf"] = []
    for technique in sorted(DETECTORS):
        options = options_model(technique).model_json_schema(by_alias=True)
        definitions.update(options.pop("$defs", {}))
        definitions[options["title"]] = options
        then: dict[str, Any] = {"properties": {"with": {"$ref": f"#/$defs/{options['title']}"}}}
        if options.get("required"):
            then["required"] = ["with"]
        rule["allOf"].append({"if": {"properties": {"detector": {"const": technique}}}, "then": then})


def _drop_titles(schema: Any) -> None:
    """pydantic repeats each key as a title, which tells nobody anything."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for part in schema.values():
            _drop_titles(part)
    elif isinstance(schema, list):
        for part in schema:
            _drop_titles(part)


def _values(said: Mapping[str, Any]) -> str:
    kinds = [kind for kind in said.get("anyOf", [said]) if kind.get("type") != "null"]
    return " or ".join(dict.fromkeys(map(_kind, kinds)))


def _kind(said: Mapping[str, Any]) -> str:
    if "const" in said:
        return f"`{said['const']}`"
    if "enum" in said:
        return ", ".join(f"`{word}`" for word in said["enum"])
    match said.get("type"):
        case "string":
            return "text"
        case "integer" | "number":
            return "number"
        case "boolean":
            return "`true`, `false`"
        case "array":
            inside = _kind(said.get("items", {}))
            return inside if inside.startswith("`") else "list"
        case "object":
            return "mapping"
    return "mapping" if "$ref" in said or "allOf" in said else "any value"


def _default(said: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    value = said.get("default")
    if value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if isinstance(value, str) else f"{value:,}"
