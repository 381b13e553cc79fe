from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.main import app
from guardproxy.core.separation.signature import is_signed
from guardproxy.core.separation.speakers import pin_of
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import read_keys
from guardproxy.identity.keyring import Keyring
from guardproxy.surfaces.chat_completions import SPEAKING

BODY = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]}


def run(*arguments: str, body: Any = None, **env: str) -> Result:
    given = json.dumps(body) if body is not None else None
    return CliRunner().invoke(app, arguments, input=given, env=env)


def test_a_request_is_signed_with_the_secret_of_the_environment(tmp_path: Path) -> None:
    secret = secrets.token_hex(32)
    (tmp_path / "request.json").write_text(json.dumps(BODY))
    for result in (
        run("sign", body=BODY, GUARDPROXY_SIGNING_SECRET=secret),
        run("sign", str(tmp_path / "request.json"), GUARDPROXY_SIGNING_SECRET=secret),
    ):
        assert result.exit_code == 0
        assert is_signed(secret.encode(), SPEAKING.operator_part(BODY), result.stdout)


def test_a_request_to_the_responses_api_is_signed_as_one() -> None:
    from guardproxy.surfaces import responses

    body = {"model": "m", "instructions": "Be kind.", "input": "hi"}
    result = run("sign", body=body, GUARDPROXY_SIGNING_SECRET="x" * 64)
    assert is_signed(b"x" * 64, responses.SPEAKING.operator_part(body), result.stdout)
    assert run("sign", "--pins", body=body).stdout == f"sha256:{pin_of('Be kind.')}\n"


def test_a_request_to_anthropics_api_is_signed_as_one() -> None:
    from guardproxy.surfaces import messages

    body = {"model": "m", "system": [{"type": "text", "text": "Be kind."}], "messages": BODY["messages"][1:]}
    result = run("sign", body=body, GUARDPROXY_SIGNING_SECRET="x" * 64)
    assert is_signed(b"x" * 64, messages.SPEAKING.operator_part(body), result.stdout)
    assert run("sign", "--pins", body=body).stdout == f"sha256:{pin_of('Be kind.')}\n"


def test_the_signature_fits_at_the_proxy(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    for name in ("web", "mobile"):
        assert run("keys", "create", name, "--file", str(file)).exit_code == 0
    secret = run("keys", "signing-secret", "web", "--file", str(file)).stdout.strip()
    web, mobile = read_keys(file)
    keyring = Keyring.load(file, {})
    assert secret == keyring.signing_secret(web.id) != keyring.signing_secret(mobile.id)
    assert secret == run("keys", "signing-secret", web.id, "--file", str(file)).stdout.strip()


def test_a_secret_is_that_of_one_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    assert run("keys", "create", "web", "--file", str(file)).exit_code == 0
    unknown = run("keys", "signing-secret", "nobody", "--file", str(file))
    assert unknown.exit_code == 1
    assert unknown.stdout == ""
    assert run("keys", "revoke", "web", "--file", str(file)).exit_code == 0
    assert run("keys", "signing-secret", "web", "--file", str(file)).exit_code == 1


def test_pins_are_what_a_policy_takes() -> None:
    assert run("sign", "--pins", body=BODY).stdout == f"sha256:{pin_of('Be kind.')}\n"


def test_a_request_without_operator_text_needs_no_signature() -> None:
    result = run("sign", body={**BODY, "messages": BODY["messages"][1:]}, GUARDPROXY_SIGNING_SECRET="x" * 64)
    assert result.exit_code == 1
    assert result.stdout == ""


@pytest.mark.parametrize("body", ["[", {"model": "m"}, {"model": "m", "messages": [{"content": "x"}]}])
def test_what_is_no_request_is_told(body: Any) -> None:
    result = run("sign", body=body, GUARDPROXY_SIGNING_SECRET="x" * 64)
    assert isinstance(result.exception, ConfigurationError)
    assert "this is no request" in result.exception.message


def test_a_missing_secret_or_file_is_told(tmp_path: Path) -> None:
    result = run("sign", body=BODY, GUARDPROXY_SIGNING_SECRET="")
    assert isinstance(result.exception, ConfigurationError)
    assert "guardproxy keys signing-secret" in result.exception.message
    result = run("sign", str(tmp_path / "none.json"))
    assert isinstance(result.exception, ConfigurationError)
    assert "cannot be read" in result.exception.message
