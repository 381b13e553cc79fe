from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from guardproxy.policyfile.context_schema import WrittenFence, WrittenFenceModes, WrittenOrder, WrittenPrompt


@pytest.mark.parametrize("model", [WrittenFence, WrittenFenceModes, WrittenOrder, WrittenPrompt])
def test_an_unknown_key_is_an_error(model: type[BaseModel]) -> None:
    assert model()
    with pytest.raises(ValidationError):
        model.model_validate_json('{"sandwitch": true}')


@pytest.mark.parametrize(
    ("model", "written"),
    [
        (WrittenFence, '{"tool": true}'),
        (WrittenFence, '{"models": {"m": {"operator": "delimit"}}}'),
        (WrittenOrder, '{"most": {"user": -1}}'),
        (WrittenOrder, '{"most": {"users": 1}}'),
        (WrittenPrompt, '{"text": ""}'),
        (WrittenPrompt, '{"variables": {"Not a name": "x"}}'),
        (WrittenPrompt, '{"role": "user"}'),
    ],
)
def test_what_means_nothing_is_an_error(model: type[BaseModel], written: str) -> None:
    with pytest.raises(ValidationError):
        model.model_validate_json(written)
