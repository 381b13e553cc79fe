"""The schema goes to standard output, and the tables into a file that has room for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardproxy.cli.main import app
from guardproxy.policyfile.reference import table


@pytest.mark.parametrize("kind", ["policy", "rule", "cases", "settings"])
def test_each_kind_of_file_has_a_schema(kind: str) -> None:
    result = CliRunner().invoke(app, ["schema", kind])
    assert json.loads(result.stdout)["title"] == f"guardproxy {kind} file"


def test_update_puts_the_tables_between_their_markers(tmp_path: Path) -> None:
    file = tmp_path / "reference.md"
    file.write_text("x\n<!-- table: opaque -->\n<!-- end -->\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["schema", "--update", str(file)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_text(encoding="utf-8") == f"x\n<!-- table: opaque -->\n{table('opaque')}<!-- end -->\n"
    missing = CliRunner().invoke(app, ["schema", "--update", str(tmp_path / "no.md")])
    assert "No such file" in str(missing.exception)
