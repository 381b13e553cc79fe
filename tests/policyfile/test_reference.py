"""The schema and the reference say what the reader of policies does, and are current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.locate import shipped_policies
from guardproxy.policyfile.reference import FILES, TABLES, json_schema, schema_of, schema_text, table, with_tables
from guardproxy.settings import Settings

SHIPPED = shipped_policies()
REFERENCE = SHIPPED / "README.md"


@pytest.mark.parametrize("kind", [*FILES, "settings"])
def test_the_schemas_for_editors_are_current(kind: str) -> None:
    """If not: make reference."""
    made = schema_of(Settings, "guardproxy settings file") if kind == "settings" else json_schema(kind)
    assert (SHIPPED / "schema" / f"{kind}.json").read_text(encoding="utf-8") == schema_text(made)


def test_the_tables_of_the_reference_are_current() -> None:
    """If not: make reference."""
    text = REFERENCE.read_text(encoding="utf-8")
    assert text == with_tables(text)
    assert text.count("<!-- table: ") >= 10


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_described(name: str) -> None:
    rows = [row.split(" | ") for row in table(name).splitlines()[2:]]
    assert [row[0] for row in rows if not row[1].strip()] == []


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.name)
def test_the_first_line_of_every_shipped_policy_names_its_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    kind = "cases" if path.name.endswith(".cases.yaml") else "policy"
    assert first == f"# yaml-language-server: $schema=schema/{kind}.json"


def references(schema: Any) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


@pytest.mark.parametrize("kind", FILES)
def test_every_reference_inside_a_schema_leads_somewhere(kind: str) -> None:
    schema = json_schema(kind)
    for reference in set(references(schema)):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    json.dumps(schema)


def test_the_options_of_a_detector_follow_from_its_name() -> None:
    rule = json_schema("rule")
    assert rule["properties"]["detector"]["enum"] == ["block", "pattern"]
    for branch in rule["allOf"]:
        options = rule["$defs"][branch["then"]["properties"]["with"]["$ref"].removeprefix("#/$defs/")]
        assert options["additionalProperties"] is False
        expected = {"pattern": "pattern", "block": "start"}[branch["if"]["properties"]["detector"]["const"]]
        assert expected in options["properties"]


def test_a_marker_nobody_knows_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'limits'"):
        with_tables("<!-- table: limit -->\nold\n<!-- end -->")


def test_only_what_stands_between_markers_is_replaced() -> None:
    text = "before\n<!-- table: answers -->\nold\n<!-- end -->\nafter"
    made = with_tables(text)
    assert made.startswith("before\n<!-- table: answers -->\n| key |")
    assert made.endswith("<!-- end -->\nafter")
    assert "old" not in made
