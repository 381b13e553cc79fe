"""`guardproxy pin` prints what a policy pins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from guardproxy.cli.pin import pin
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.yaml_nodes import parse_yaml
from tests.policyfile.workshop import write_policy

WEATHER = {"name": "Weather.now", "description": "Says it.", "parameters": {"type": "object"}}
app = typer.Typer()
app.command()(pin)


@pytest.mark.parametrize(
    "document",
    [
        {"model": "m", "messages": [], "tools": [{"type": "function", "function": WEATHER}]},
        {"model": "m", "input": "hi", "tools": [{"type": "function", **WEATHER}]},
        {"functions": [WEATHER]},
        [WEATHER],
    ],
)
def test_what_it_prints_goes_into_a_policy_and_is_the_same_for_every_dialect(tmp_path: Path, document: Any) -> None:
    result = CliRunner().invoke(app, ["-"], input=json.dumps(document))
    assert result.exit_code == 0
    content = parse_yaml(result.stdout.encode(), "out.yaml").content
    assert isinstance(content, dict)
    policy = load_policy(write_policy(tmp_path, **content))
    again = CliRunner().invoke(app, ["-"], input=json.dumps([WEATHER]))
    assert policy.tools is not None
    assert list(policy.tools.pinned) == ["weather.now"]
    assert again.stdout == result.stdout


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ('{"tools": []}', "no tools"), ("7", "no tools")])
def test_what_holds_no_tools_is_refused(text: str, said: str) -> None:
    result = CliRunner().invoke(app, ["-"], input=text)
    assert result.exit_code == 1
    assert said in result.stderr
