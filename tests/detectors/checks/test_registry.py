from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.detectors.checks import CHECKS, find_check
from guardproxy.errors import RuleError

TEXTS = st.text(alphabet=st.one_of(st.sampled_from("0123456789 -./:+()<=@_ABCxyz"), st.characters()), max_size=64)


def test_a_check_is_found_by_its_name() -> None:
    assert CHECKS["luhn"] is find_check("luhn")
    assert find_check("iban")("DE89 3704 0044 0532 0130 00")
    assert sorted(CHECKS) == list(CHECKS)
    assert len(CHECKS) == len(list(CHECKS))


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(RuleError, match="unknown check 'us-snn'; did you mean us-ssn") as refused:
        find_check("us-snn")
    assert refused.value.option == "check"
    with pytest.raises(KeyError):
        CHECKS["us-snn"]
    assert "us-snn" not in CHECKS


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("us-ssn", "stdnum.us.ssn", "python-stdnum"), ("phone-fr", "phonenumbers", "phonenumberslite")],
)
def test_a_missing_package_is_an_error_that_says_what_to_install(
    name: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    fresh = type(CHECKS)()
    assert name in fresh
    with pytest.raises(RuleError, match=f"{name} needs the package {package}: pip install 'guardproxy\\[pii\\]'"):
        fresh[name]


def test_importing_the_checks_loads_neither_package() -> None:
    code = (
        "import sys, guardproxy.detectors.checks; print([m for m in sys.modules if m.startswith(('stdnum', 'phonen'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_no_check_raises_or_answers_anything_but_yes_or_no(text: str) -> None:
    assert all(type(check(text)) is bool for check in CHECKS.values())
