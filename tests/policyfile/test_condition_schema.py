"""One word may stand where several may."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from guardproxy.policyfile.condition_schema import WrittenCondition


def test_a_word_is_a_list_of_one() -> None:
    one, several = (
        WrittenCondition.model_validate_json(json.dumps({"team": words, "metadata": {"tier": words}}))
        for words in ("gold", ["gold"])
    )
    assert one == several
    assert one.team == ("gold",)


@pytest.mark.parametrize("words", [[], [1], "", {"a": "b"}])
def test_anything_else_is_refused(words: object) -> None:
    with pytest.raises(ValidationError):
        WrittenCondition.model_validate_json(json.dumps({"team": words}))
