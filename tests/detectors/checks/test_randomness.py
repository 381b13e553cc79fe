from __future__ import annotations

import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.detectors.checks.randomness import assigned_secret, random_looking

ALPHABETS = {
    "hex": "0123456789abcdef",
    "base36": string.ascii_lowercase + string.digits,
    "base62": string.ascii_letters + string.digits,
    "base64url": string.ascii_letters + string.digits + "-_",
}


@pytest.mark.parametrize(("alphabet", "length"), [(a, n) for a in ALPHABETS for n in (20, 32, 40, 64)])
def test_nearly_every_random_token_looks_random(alphabet: str, length: int) -> None:
    random = Random(f"{alphabet}{length}")
    tokens = ["".join(random.choices(ALPHABETS[alphabet], k=length)) for _ in range(500)]
    assert sum(map(random_looking, tokens)) >= 475


@pytest.mark.parametrize("prefix", ["key-", "sk_", "abc_", "e2b_", "fc_", "tok_", "xy-", "acme.", "live_"])
@pytest.mark.parametrize("alphabet", ["hex", "base36"])
@pytest.mark.parametrize("length", [32, 40, 64])
def test_a_prefix_hides_no_randomness(prefix: str, alphabet: str, length: int) -> None:
    random = Random(f"{prefix}{alphabet}{length}")
    tokens = [prefix + "".join(random.choices(ALPHABETS[alphabet], k=length)) for _ in range(300)]
    assert sum(map(random_looking, tokens)) >= 285


@pytest.mark.parametrize(
    "text",
    [
        "changeme",
        "your-api-key-here",
        "xxxxxxxxxxxxxxxx1",
        "${API_TOKEN_1}",
        "<token-4711>",
        "{{ secrets.TOKEN1 }}",
        "sk-test-EXAMPLE-123",
        "deployment-2024-prod",
        "getUserAccountByIdentifier2",
        "src/components/v2/LoginForm.tsx",
        "https://example.com/v1/login",
        "version-3.11.4-final",
        "release-2026-11-22-0001-2",
        "backup_2026-11-22-10-00-00",
        "node-10-0-0-1-dead-beef",
        "ami-0000000000000000000001",
        "2026-11-22T10:00:00",
        "1234567890123456",
        "aaaaaaaaaa1111111111",
        "correct horse battery staple 1",
        "short1A",
        "",
    ],
)
def test_words_paths_versions_and_placeholders_do_not(text: str) -> None:
    assert not random_looking(text)


@given(st.text(alphabet=string.ascii_letters + "-_/. ", max_size=40))
def test_without_a_digit_nothing_looks_random(text: str) -> None:
    assert not random_looking(text)


@pytest.mark.parametrize("quoted", ['api_key = "{}"', "'token': '{}',", "SECRET={}", "password: {}", "auth => `{}`;"])
def test_the_value_of_an_assignment_is_what_counts(quoted: str) -> None:
    random = Random("a secret")
    secret = "".join(random.choices(ALPHABETS["base62"], k=32))
    assert assigned_secret(quoted.format(secret))
    assert assigned_secret(quoted.format(secret + "=="))
    assert not assigned_secret(quoted.format("changeme"))
    assert not assigned_secret(quoted.format("os.environ['TOKEN1']"))
