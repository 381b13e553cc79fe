"""The list of promises (the module text of `tests.promises`) names tests that exist, and every test of this folder."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests import promises

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PROMISES = re.findall(r"^(\d+)\. ", promises.__doc__ or "", re.MULTILINE)
NAMED = re.findall(r"^    (tests/\S+\.py)::(\w+)$", promises.__doc__ or "", re.MULTILINE)
# About this folder itself.
ABOUT_ITSELF = {"test_promises.py", "test_mutants.py"}


@cache
def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_there_are_fourteen_and_each_names_its_tests() -> None:
    assert list(map(str, range(1, 15))) == PROMISES
    by_promise = re.split(r"^\d+\. ", promises.__doc__ or "", flags=re.MULTILINE)[1:]
    assert [number for number, told in enumerate(by_promise, 1) if "::test_" not in told] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file()
    assert name in names_in(ROOT / file)


def test_every_test_of_this_folder_is_named() -> None:
    files = [file for file in HERE.glob("test_*.py") if file.name not in ABOUT_ITSELF]
    there = {(f"tests/promises/{file.name}", name) for file in files for name in names_in(file)}
    assert there - set(NAMED) == set()
