"""Cases are read with their places, and their generators give equal texts for equal words."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.cases import Case, cases_path, policy_path, read_cases

FIRST = """cases:
  - case: a key is hidden
    messages:
      - user: 'it is sk-{alnum:20}, not {"a": 1}'
      - {role: assistant, content: ok}
    answer: again sk-{alnum:20}
    request: {model: m-1, n: 2}
    expect: allow
"""


def read(folder: Path, text: str) -> tuple[Case, ...]:
    path = folder / "p.cases.yaml"
    path.write_text(text, encoding="utf-8")
    return read_cases(path)


def test_a_case_is_a_request_as_a_client_would_send_it(tmp_path: Path) -> None:
    (case,) = read(tmp_path, FIRST)
    assert case.where == f"{tmp_path / 'p.cases.yaml'}:2:5"
    assert (case.body["model"], case.body["n"]) == ("m-1", 2)
    assert [message["role"] for message in case.body["messages"]] == ["user", "assistant"]


def test_one_generator_gives_the_same_in_all_texts_of_a_case(tmp_path: Path) -> None:
    (case,) = read(tmp_path, FIRST)
    text = str(case.body["messages"][0]["content"])
    made = text.removeprefix("it is ").partition(",")[0]
    assert len(made) == 23
    assert case.written.answer == f"again {made}"
    assert text.endswith('{"a": 1}')
    assert read(tmp_path, FIRST)[0].written == case.written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases:\n  - {case: x, expect: allow}\n", ":2:5: 'messages' is missing"),
        ("cases:\n  - {case: x, expect: allow, messages: [{usr: hi}]}\n", ":2:41: a message is written {user: text}"),
        ("cases:\n  - {case: x, expect: alow, messages: []}\n", "unknown expect 'alow'; use allow, flag"),
        ("cases: []\n", "'cases' needs at least one entry"),
        ("cases:\n  - {case: x, expect: allow, answer: '{alnm:3}', messages: [{user: hi}]}\n", "did you mean 'alnum'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, text)
    assert said in raised.value.message


def test_cases_stand_next_to_their_policy() -> None:
    assert cases_path(Path("a/strict.yaml")) == Path("a/strict.cases.yaml")
    assert cases_path(Path("a/strict.cases.yaml")) == Path("a/strict.cases.yaml")
    assert policy_path(Path("a/strict.cases.yaml")) == Path("a/strict.yaml")
