from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.compose_tokens import check_names, is_callers_name, make_verifier, telling
from guardproxy.errors import ConfigurationError
from guardproxy.oidc.issuer_keys import Fetched
from guardproxy.oidc.schema import AuthSettings
from guardproxy.settings import Settings
from tests.support.proxy import Captured


def settings(more: str = "") -> Settings:
    auth = f'{{"oidc": [{{"name": "corp", "issuer": "https://idp", "audience": ["x"]{more}}}]}}'
    return Settings(auth=AuthSettings.model_validate_json(auth))


def untold(fetched: Fetched) -> None:
    raise AssertionError("nothing is fetched here")


def test_without_an_issuer_there_is_nothing_to_hold_tokens_against() -> None:
    assert make_verifier(Settings(), untold) is None


def test_each_issuer_is_known_by_its_name() -> None:
    verifier = make_verifier(settings(), untold)
    assert verifier is not None
    assert [issuer.name for issuer in verifier.issuers] == ["corp"]


@pytest.fixture
def without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "joserfc"]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith(("guardproxy.oidc.", "guardproxy.gateway.fetching"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "joserfc", None)


@pytest.mark.usefixtures("without_the_package")
def test_a_missing_package_is_told_with_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match=r"pip install 'guardproxy\[oidc\]'"):
        make_verifier(settings(), untold)


def test_certificates_that_cannot_be_used_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigurationError, match=name):
            make_verifier(settings(f', "ca_file": "{tmp_path / name}"'), untold)


def test_the_log_tells_what_is_new() -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    told = telling(log)
    loaded = Fetched("corp", None, 2, 1, True)
    again = loaded._replace(changed=False)
    for fetched in (loaded, again, Fetched("corp", "timeout"), again, again, loaded):
        told(fetched)
    log.flush()
    said = [(event["event"], event.get("error"), event.get("keys")) for event in captured.events()]
    new, failed = ("issuer_keys_loaded", None, 2), ("issuer_keys_failed", "timeout", None)
    assert said == [new, failed, new, new]


def test_no_key_may_have_the_name_of_a_caller() -> None:
    check_names(settings(), ["batch", "corporate", "other/corp"])
    with pytest.raises(ConfigurationError, match="corp/ann"):
        check_names(settings(), ["batch", "corp/ann"])
    assert not is_callers_name(Settings(), "corp/ann")
