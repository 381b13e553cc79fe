from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardproxy.cli.doctor import Findings
from guardproxy.cli.examine_state import examine_state
from guardproxy.settings import Settings
from tests.support.stores import StoreServer, store_server

PEPPER = {"GUARDPROXY_PEPPER": secrets.token_hex(32)}
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
# What the README tells an operator to allow.
(ALLOWED,) = re.findall(r"ACL SETUSER guardproxy on >PASSWORD (.*)", README)


@pytest.fixture(params=["redis", "valkey"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreServer]:
    with store_server(request.param, tmp_path) as started:
        yield started


def settings(url: str | None) -> Settings:
    redis = {"url": url, "command_timeout": 5.0, "connect_timeout": 5.0} if url else {}
    return Settings.model_validate({"quota": {"redis": redis}})


async def examined(url: str | None, environ: dict[str, str]) -> bool:
    found = Findings()
    await examine_state(settings(url), environ, found)
    return not found.failed


async def test_a_store_that_will_do_is_good_and_holds_nothing_of_the_doctor_but_one_mark(
    server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examined(server.url, PEPPER)
    assert await examined(server.url, PEPPER)
    assert "ok    what one proxy made or answered is known to the others" in capsys.readouterr().out
    with server.client() as client:
        assert sum(client.hlen(key) for key in client.scan_iter("*:[0-9]")) == 2


async def test_a_user_who_may_not_fails_and_one_who_may_what_the_readme_says_does_not(
    server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">narrow", "~gp:q:{gp}:c:*", "+@all")
        client.execute_command("ACL", "SETUSER", "enough", "on", ">enough", *ALLOWED.split())
    url = server.url.replace("redis://", "redis://{0}:{0}@")
    assert not await examined(url.format("narrow"), PEPPER)
    assert "FAIL  the store cannot keep what proxies made and answered (" in capsys.readouterr().out
    assert await examined(url.format("enough"), PEPPER)


async def test_a_store_that_is_away_fails(server: StoreServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.kill()
    assert not await examined(server.url, PEPPER)
    assert "(ConnectionError)" in capsys.readouterr().out


async def test_without_a_pepper_it_is_said_what_is_not_shared_and_without_a_store_nothing(
    server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examined(server.url, {})
    assert "warn  without a pepper (GUARDPROXY_PEPPER" in capsys.readouterr().out
    assert await examined(None, PEPPER)
    assert capsys.readouterr().out == ""
    assert not await examined(server.url, {"GUARDPROXY_PEPPER": "short"})
