from __future__ import annotations

import json
from datetime import timedelta

import pytest

from guardproxy.cli.keys_shown import as_json, echo_json, echo_key, echo_table, explain_new, explain_rotated, shown_time
from guardproxy.identity.store import Issued
from guardproxy.identity.stored import Former
from tests.identity.making import MOMENT, NOW, made


def test_when_keys_were_used_stands_in_the_table_where_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    (_, one), (_, other) = made(), made(name="bob")
    echo_table([one, other], MOMENT, {one.id: int(NOW)})
    header, first, second = capsys.readouterr().out.splitlines()
    assert "last used (UTC)" in header
    assert first.split()[-3:] == ["2030-05-01", "12:00", "active"]
    assert second.split()[-2:] == ["-", "active"]
    echo_table([one, other], MOMENT, {})
    assert "last used" not in capsys.readouterr().out


def test_other_programs_see_status_and_use_and_no_digest() -> None:
    _, key = made(expires=MOMENT)
    said = as_json(key, MOMENT, {key.id: int(NOW)})
    assert (said["status"], said["last_used"]) == ("expired", "2030-05-01T12:00:00Z")
    assert key.digest not in str(said)
    assert "last_used" not in as_json(key, MOMENT, {})


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"name": "ä"})
    assert json.loads(capsys.readouterr().out) == {"name": "ä"}


def test_a_key_is_shown_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    _, key = made(tags=("a", "b"), rotated_from=Former(digest="0" * 64, until=MOMENT))
    echo_key(key, MOMENT, {})
    said = capsys.readouterr().out
    assert "tags: a, b\n" in said
    assert "former secret valid until: 2030-05-01T12:00:00Z" in said
    assert "0" * 64 not in said


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({}, "keys.yaml", "valid until it is revoked"),
        ({"expires": MOMENT}, "keys.yaml", "valid until 2030-05-01 12:00 UTC"),
        ({"not_before": MOMENT}, "keys.yaml", "valid from 2030-05-01 12:00 UTC on."),
        ({}, "keys.yaml", "GUARDPROXY_KEYS=keys.yaml guardproxy serve"),
        ({}, "the shared store", "Every proxy with keys.store: redis takes it at once"),
    ],
)
def test_a_new_key_comes_with_what_to_do(
    capsys: pytest.CaptureFixture[str], changes: dict[str, object], place: str, said: str
) -> None:
    explain_new(made(**changes)[1], place)
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_a_new_secret_comes_with_what_becomes_of_the_former(capsys: pytest.CaptureFixture[str]) -> None:
    token, key = made(rotated_from=Former(digest="0" * 64, until=MOMENT + timedelta(hours=1)))
    explain_rotated(Issued(token, key), MOMENT)
    assert "opens until 2030-05-01 13:00 UTC" in capsys.readouterr().err
    explain_rotated(Issued(token, key.model_copy(update={"rotated_from": None})), MOMENT)
    said = capsys.readouterr().err
    assert "opens nothing any more" in said
    assert token not in said
    assert shown_time(MOMENT) == "2030-05-01 12:00"
