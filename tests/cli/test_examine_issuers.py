from __future__ import annotations

import json
from typing import Any

import pytest

from guardproxy.cli.doctor import Findings
from guardproxy.cli.examine_issuers import examine_issuers
from guardproxy.oidc.schema import AuthSettings
from guardproxy.settings import Settings
from tests.support.identity_provider import running_identity_provider, signing_key
from tests.support.upstream import answers, whole

KEYS = {"k1": ("RS256", signing_key("RS256")), "k2": ("ES256", signing_key("ES256"))}


async def examined(provider: dict[str, Any], **issuer: Any) -> bool:
    async with running_identity_provider(**provider) as idp:
        written = {"name": "corp", "issuer": idp.issuer, "audience": ["x"], **issuer}
        settings = Settings(auth=AuthSettings.model_validate_json(json.dumps({"oidc": [written]})))
        found = Findings()
        await examine_issuers(settings, found)
        return not found.failed


async def test_keys_that_can_be_had_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert await examined({"keys": KEYS}, algorithms=["ES256"])
    told = capsys.readouterr().out
    assert "ok    identity provider corp: 1 keys from the discovery document of http://127.0.0.1" in told
    assert "1 are of no use" in told


async def test_keys_that_cannot_be_had_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert not await examined({"script": answers(whole({}, 503))})
    assert "FAIL  identity provider corp: its keys cannot be fetched from" in capsys.readouterr().out


async def test_keys_of_no_use_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert not await examined({"keys": KEYS}, algorithms=["EdDSA"])
    assert "none of its 2 keys is of use" in capsys.readouterr().out


async def test_without_issuers_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    await examine_issuers(Settings(), Findings())
    assert capsys.readouterr().out == ""
