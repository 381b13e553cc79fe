"""What may stand in a body."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from guardproxy.admin.bodies import OVERLAP_MOST_S, CreateAdmin, CreateKey, ResetQuotas, Revoke, RollBack, RotateKey
from guardproxy.identity.stored import KeyTerms


def test_a_key_is_made_of_its_terms_and_the_reason_stays_behind() -> None:
    body = CreateKey.model_validate_json('{"name": "a", "models": ["m"], "reason": "b", "expires": "2031-01-01"}')
    assert body.reason == "b"
    assert body.terms == KeyTerms.model_validate_json('{"name": "a", "models": ["m"], "expires": "2031-01-01"}')


def test_an_admin_is_made_of_terms_too() -> None:
    terms = CreateAdmin.model_validate_json('{"name": "a", "role": "viewer", "reason": "b"}').terms
    assert (terms.name, terms.role, terms.expires) == ("a", "viewer", None)


def test_a_former_secret_opens_for_a_day_where_nothing_is_said_and_never_for_ever() -> None:
    assert RotateKey().for_time == timedelta(days=1)
    assert RotateKey(overlap=OVERLAP_MOST_S).for_time == timedelta(days=90)
    for overlap in (-1, OVERLAP_MOST_S + 1, 1.5):
        with pytest.raises(ValidationError):
            RotateKey(overlap=overlap)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["", " ", "a\nb", "x" * 101, "gpa_" + "x" * 10, "gpk_" + "x" * 10])
def test_a_reason_is_a_line_that_holds_no_key(reason: str) -> None:
    with pytest.raises(ValidationError):
        Revoke(reason=reason)


@pytest.mark.parametrize("text", ["{}", '{"everybody": true, "team": "a"}', '{"everybody": false}'])
def test_a_reset_names_somebody(text: str) -> None:
    with pytest.raises(ValidationError):
        ResetQuotas.model_validate_json(text)


@pytest.mark.parametrize("text", ['{"revision": "../../x"}', '{"revision": "0123456789ab", "undo": true}'])
def test_a_rollback_goes_to_one_revision(text: str) -> None:
    with pytest.raises(ValidationError):
        RollBack.model_validate_json(text)
