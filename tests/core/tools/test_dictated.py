"""What data tells a model to install, and which numbers it calls codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.tools.dictated import codes, numbers, packages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip install fastprof-helper && python app.py", ["fastprof-helper"]),
        ("run: npm i -D @scope/tool@1.2, please", ["@scope/tool", "please"]),
        ("python3 -m pip install -q requests==2.0 rich[jupyter]", ["requests", "rich"]),
        ("uv pip install flask; uv add httpx", ["flask", "httpx"]),
        ("go get github.com/acme/tool", ["github.com/acme/tool"]),
        ("npx create-thing my-app", ["create-thing", "my-app"]),
        ("sudo apt-get -y install nginx", ["nginx"]),
        ("pip install -r requirements.txt", []),
        ("pip install -e . -c limits.txt --extra-index https://x.org/simple", []),
        ("npm i --reg https://x.org/simple left-pad", ["left-pad"]),
        ("No module named 'requests'", []),
        ("we install things and add more", []),
    ],
)
def test_packages_are_what_an_install_command_names(text: str, expected: list[str]) -> None:
    assert list(packages(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Your code is 481920", {"481920"}),
        ("Your sign-in code: 772 140", {"772140"}),
        ("481920 is your verification code.", {"481920"}),
        ("PIN 0042", {"0042"}),
        ("验证码 552019", {"552019"}),
        ("order 44102 has shipped", set()),
        ("zip code 10115, error code 5004", set()),
        ("it costs 1,200.50", set()),
    ],
)
def test_a_number_is_a_code_where_it_is_called_one(text: str, expected: set[str]) -> None:
    assert set(codes(text)) == expected
    assert expected <= set(numbers(text))


@given(st.text(alphabet="pip install-@/.1\n code", max_size=200))
def test_a_code_is_always_a_number_of_the_text(text: str) -> None:
    assert set(codes(text)) <= set(numbers(text))
