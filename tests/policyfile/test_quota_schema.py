"""One word or a list of them, in the file and in the schema for editors."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from guardproxy.policyfile.quota_schema import WrittenQuota


def written(**more: Any) -> WrittenQuota:
    return WrittenQuota.model_validate({"metric": "requests", "per": "day", "limit": 1, **more})


@pytest.mark.parametrize("scope", ["team", ["team"]])
def test_one_scope_needs_no_list(scope: object) -> None:
    assert written(scope=scope).scope == ("team",)
    assert written(scope=["team", "model"]).scope == ("team", "model")
    assert written().scope == ("key",)


@pytest.mark.parametrize(
    "wrong",
    [{"x": 1}, {"scope": []}, {"scope": "nobody"}, {"limit": 0}, {"per": "year"}, {"unit": "A b"}],
)
def test_what_has_no_meaning_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        written(**wrong)


def test_an_editor_is_told_that_a_scope_may_be_one_word_or_several() -> None:
    one, several = WrittenQuota.model_json_schema()["properties"]["scope"]["anyOf"]
    assert one["enum"] == several["items"]["enum"] == ["key", "team", "model", "policy", "global"]
