"""The list of mutants does not rot: each can still be made, and differs from what stands there."""

from __future__ import annotations

import ast

import pytest

from tests.promises.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_made(mutant: Mutant) -> None:
    source = (ROOT / "guardproxy" / mutant.file).read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1
    mutated = source.replace(mutant.old, mutant.new)
    assert ast.dump(ast.parse(source)) != ast.dump(ast.parse(mutated))
    assert mutant.tests
    assert all((ROOT / test).is_file() for test in mutant.tests)


def test_there_are_enough_of_them_and_each_has_its_name() -> None:
    assert len(MUTANTS) >= 10
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
