"""The runner itself, with the one client that is always there: what it sees is compared, no fault is passed over."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import get_args

import pytest

from tests.conformance import install as installing
from tests.conformance.__main__ import clients
from tests.conformance.clients import openai_python
from tests.conformance.exchanges import CALLS, SECRET, Exchange, Kind, Surface, exchanges
from tests.conformance.expectations import (
    AI_SDK,
    AI_SDK_ANTHROPIC,
    ANTHROPIC_NODE_RAW,
    ANTHROPIC_RAW,
    LANGCHAIN,
    NODE_RAW,
    PYTHON_RAW,
    expected,
)
from tests.conformance.install import Installed, InstallFailed, install, run
from tests.conformance.runner import PLAIN, Client, Outcome, conform, python_clients, report
from tests.conformance.session import Seen, Session

HELPED = ("chat", "responses")
SAW = {"text": "Hello there.", "refusal": "", "calls": [], "finish": "stop", "error": ""}


def one(kind: Kind) -> Exchange:
    return next(each for each in exchanges() if each.kind is kind)


def program(text: str) -> list[str]:
    """A client program that answers each order with these lines of Python."""
    return [sys.executable, "-c", f"import sys\nfor line in sys.stdin:\n    {text}\n    sys.stdout.flush()"]


async def test_the_official_python_client_sees_what_it_must(tmp_path: Path) -> None:
    outcomes = await conform(python_clients(), exchanges(), tmp_path)
    assert [outcome for outcome in outcomes if not outcome.agrees] == []
    assert len(outcomes) == sum(each.surface in client.surfaces for client in python_clients() for each in exchanges())


def everyone() -> list[Client]:
    return clients(Installed(Path("python"), Path("node"), Path("scripts")))


def test_every_kind_of_exchange_is_played_wherever_it_can_be_and_each_client_has_an_expectation() -> None:
    played = {(each.kind, each.surface) for each in exchanges()}
    assert {(kind, surface) for kind in Kind for surface in ("chat", "responses", "messages")} <= played
    assert {kind for kind, surface in played if surface == "completions"} == set(Kind) - CALLS
    for surface in ("embeddings", "moderations", "models"):
        refused = {Kind.INPUT_BLOCKED} if surface != "moderations" else set()
        plain = {Kind.CLEAN, Kind.REDACTED, Kind.BLOCKED_AT_ONCE, Kind.UPSTREAM_REFUSES}
        assert {kind for kind, other in played if other == surface} == plain | refused
    assert len({each.name for each in exchanges()}) == len(exchanges())
    for client in everyone():
        for each in exchanges():
            if each.surface in client.surfaces:
                seen = expected(client.name, each)
                assert seen.text or seen.error
                assert SECRET not in str(seen)


def test_every_api_is_asked_by_an_official_client_of_each_language_and_by_one_that_stands_on_it() -> None:
    by_surface = {
        surface: {client.name for client in everyone() if surface in client.surfaces} for surface in get_args(Surface)
    }
    assert {NODE_RAW, PYTHON_RAW} <= set.intersection(*(by_surface[each] for each in PLAIN))
    assert {ANTHROPIC_RAW, ANTHROPIC_NODE_RAW, LANGCHAIN, AI_SDK_ANTHROPIC} <= by_surface["messages"]
    for surface in ("chat", "responses", "completions", "embeddings"):
        assert {LANGCHAIN, AI_SDK} <= by_surface[surface]


def test_every_client_shows_a_block_in_mid_stream_as_one_and_none_a_call_that_was_stopped() -> None:
    for client in everyone():
        for each in exchanges():
            if each.kind not in (Kind.BLOCKED_LATER, Kind.CALL_BLOCKED) or each.surface not in client.surfaces:
                continue
            seen = expected(client.name, each)
            bare = (client.name, each.surface) == (LANGCHAIN, "completions")  # strings, without any ending
            assert bare or "ilter" in seen.finish + seen.error or seen.finish == "refusal" or seen.refusal
            assert seen.calls == ()


async def test_a_client_that_is_told_too_much_or_asks_again_is_noticed(tmp_path: Path) -> None:
    again = """
    import json, urllib.request
    order = json.loads(line)
    for _ in range(2):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        to = urllib.request.Request(order["base_url"] + "/chat/completions", json.dumps(body).encode())
        to.add_header("authorization", "Bearer " + order["key"])
        urllib.request.urlopen(to).read()
    print(json.dumps({"saw": {"text": "%s"}}))
    """
    saw = again.replace('{"text": "%s"}', json.dumps({**SAW, "text": SECRET})).strip()
    (outcome,) = await conform([Client(NODE_RAW, "raw", program(saw), tmp_path)], [one(Kind.CLEAN)], tmp_path)
    assert not outcome.agrees
    assert outcome.seen.endswith(
        "; the client asked 2 times; the upstream was asked 2 times; the client was told the secret"
    )


async def test_what_a_client_program_says_is_read_and_its_first_text_is_told(tmp_path: Path) -> None:
    began: list[bool] = []
    lines = f"print('{{\"began\": true}}'); print({json.dumps(json.dumps({'saw': SAW}))})"
    session = Session(program(lines), tmp_path)
    assert await session.ask({}, lambda: began.append(True)) == Seen("Hello there.", finish="stop")
    assert began == [True]
    await session.close()


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("sys.exit(3)", "the client program failed: EOFError it ended"),
        ("print('nonsense')", "the client program failed: JSONDecodeError"),
        ('print(\'{"saw": {"colour": 1}}\')', "the client program failed: KeyError 'calls'"),
    ],
)
async def test_a_client_program_that_fails_has_seen_that_and_is_started_again(
    does: str, told: str, tmp_path: Path
) -> None:
    session = Session(program(does), tmp_path)
    for _ in range(2):
        assert (await session.ask({}, lambda: None)).error.startswith(told)
    await session.close()


async def test_a_client_program_that_says_nothing_is_not_waited_for_without_end(tmp_path: Path) -> None:
    session = Session(program("pass"), tmp_path)
    assert (await session.ask({}, lambda: None, patience=0.2)).error == "the client program said nothing for 0.2 s"


def test_the_table_marks_each_difference_and_tells_it_in_full() -> None:
    table = report(
        [
            Outcome("one", "chat", "text='a'", "text='a'"),
            Outcome("two", "chat", "text='a'", "text='b'"),
            Outcome("one", "responses", "text='a'", "text='a'"),
        ]
    ).splitlines()
    assert table[:2] == ["A  one", "B  two"]
    assert [line.split() for line in table[4:6]] == [["chat", "ok", "DIFFERS"], ["responses", "ok", "-"]]
    assert table[7:10] == ["two, chat", "  expected  text='a'", "  seen      text='b'"]
    assert table[-1] == "2 of 3 as expected, 1 differ"


def test_a_registry_out_of_reach_is_told_with_the_words_of_the_installer() -> None:
    with pytest.raises(InstallFailed, match=r"npm.*registry reachable(.|\n)*no route"):
        run("Node packages (npm)", [sys.executable, "-c", "import sys; sys.exit('no route')"])


def test_what_was_installed_only_in_part_is_installed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def fails(what: str, *_: object) -> str:
        tried.append(what)
        raise InstallFailed(what)

    monkeypatch.setattr(installing, "run", fails)
    for _ in range(2):
        with pytest.raises(InstallFailed):
            install(tmp_path / "clients")
    assert tried == ["Python environment"] * 2


def test_the_python_program_knows_each_way_of_asking() -> None:
    kinds = {("streamed" if each.stream else "whole", each.surface) for each in exchanges() if each.surface in PLAIN}
    helped = {("streamed" if each.stream else "whole", each.surface) for each in exchanges() if each.surface in HELPED}
    ways = {(api, kind, "raw") for kind, api in kinds} | {(api, kind, "helper") for kind, api in helped}
    assert set(openai_python.WAYS) == ways
