from __future__ import annotations

import secrets
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import (
    ensure_pepper,
    load_pepper,
    pepper_path,
    read_keys,
    rewrite_keys,
)
from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.stored import StoredKey, checked_name

NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)
PEPPER = secrets.token_bytes(32)


def stored(name: str = "alice", **changes: object) -> StoredKey:
    made = new_key(secrets.token_bytes)
    key = StoredKey(id=made.key_id, name=name, digest=digest(made.token, PEPPER), speaks_as="user", created=NOW)
    return key.model_copy(update=changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def problem(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_keys(path)
    return caught.value.message


def entry(**changes: str | None) -> str:
    fields: dict[str, str | None] = {
        "id": secrets.token_hex(6),
        "name": "alice",
        "digest": secrets.token_hex(32),
        "speaks_as": "user",
        "created": "2030-05-01T12:00:00Z",
    }
    lines = [f"{key}: '{value}'" for key, value in (fields | changes).items() if value is not None]
    return "version: 1\nkeys:\n- " + "\n  ".join(lines) + "\n"


NAMES = (
    st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=40)
    .map(str.strip)
    .filter(lambda name: name and "gpk_" not in name)
)
MOMENTS = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(NAMES, st.none() | MOMENTS, st.none() | MOMENTS, st.sampled_from(["operator", "user"]))))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[str, datetime | None, datetime | None, str]],
) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.yaml"
    keys = tuple(
        stored(name, expires=expires, revoked=revoked, speaks_as=speaks_as)
        for name, expires, revoked, speaks_as in entries
    )
    rewrite_keys(path, lambda _: keys)
    assert read_keys(path) == keys


def test_the_file_is_for_its_owner_only_and_nothing_else_stays_behind(path: Path) -> None:
    rewrite_keys(path, lambda _: (stored(),))
    assert mode(path) == 0o600
    assert [path] == list(path.parent.iterdir())


def test_a_failing_change_leaves_the_old_file_as_it_was(path: Path) -> None:
    rewrite_keys(path, lambda _: (stored(),))
    before = path.read_bytes()

    def fails(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
        raise ConfigurationError(f"not today, {keys[0].name}")

    with pytest.raises(ConfigurationError, match="not today, alice"):
        rewrite_keys(path, fails)
    assert path.read_bytes() == before
    assert [path] == list(path.parent.iterdir())


def test_of_two_writers_at_once_one_is_told_to_wait(path: Path) -> None:
    def meanwhile(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
        with pytest.raises(ConfigurationError, match="another command is writing"):
            rewrite_keys(path, lambda keys: keys)
        return (*keys, stored())

    rewrite_keys(path, meanwhile)
    assert len(read_keys(path)) == 1


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    rewrite_keys(path, lambda _: ())
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    rewrite_keys(link, lambda _: (stored(),))
    assert link.is_symlink()
    assert len(read_keys(path)) == 1


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        rewrite_keys(tmp_path / "nowhere" / "keys.yaml", lambda keys: keys)
    with pytest.raises(ConfigurationError, match="`guardproxy keys create NAME` makes one"):
        read_keys(tmp_path / "nowhere" / "keys.yaml")


def test_a_date_without_zone_is_in_utc_and_other_zones_are_brought_to_it(path: Path) -> None:
    path.write_text(entry(expires="2031-01-31", revoked="2030-06-01T02:00:00+02:00"))
    key = read_keys(path)[0]
    assert key.expires == datetime(2031, 1, 31, tzinfo=UTC)
    assert key.revoked == datetime(2030, 6, 1, 2, tzinfo=timezone(timedelta(hours=2)))


def test_a_key_is_active_before_it_expires_and_never_after_it_is_revoked() -> None:
    key = stored(expires=NOW)
    assert [key.status(NOW - timedelta(seconds=1)), key.status(NOW)] == ["active", "expired"]
    assert stored(revoked=NOW, expires=NOW).status(NOW) == "revoked"


def test_an_unknown_field_is_an_error_with_place_and_suggestion(path: Path) -> None:
    assert problem(path, entry(speaks=None, expire="2031-01-31")).startswith(f"{path}:8:3: unknown key 'expire'")
    assert "did you mean 'expires'?" in problem(path, entry(expire="2031-01-31"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1:1: the file is empty"),
        ("version: 2\n", ":1:10: "),
        ("version: 1\nkeys: none\n", ":2:7: "),
        ("keys: [\n", "not YAML"),
        (entry(speaks_as="admin"), ":6:14: unknown speaks_as 'admin'; use operator or user"),
        (entry(id="short"), ":3:7: 'id' is 12 letters and digits"),
        (entry(name=""), ":4:9: 'name' is 1 to 100 printable characters"),
        (entry(created="yesterday"), ":7:12: 'created'"),
        (entry(expires="7"), ":8:12: 'expires' is a date such as 2030-01-31"),
        (entry(created=None), "'created' is missing"),
    ],
)
def test_a_mistake_in_the_file_names_its_line(path: Path, text: str, said: str) -> None:
    assert said in problem(path, text)


def test_an_id_that_stands_twice_is_an_error_at_the_second(path: Path) -> None:
    one = entry()
    assert f"{path}:8:7: a key with this id stands above" in problem(
        path, one + one.removeprefix("version: 1\nkeys:\n")
    )


def test_a_key_written_where_its_digest_belongs_is_not_repeated(path: Path) -> None:
    token = new_key(secrets.token_bytes).token
    assert token not in problem(path, entry(digest=token))
    assert token not in problem(path, entry(id=token))
    assert token not in problem(path, entry(name=token))


@pytest.mark.parametrize("name", ["", " alice", "a\nb", "a\x1b[2Jb", "x" * 101, "gpk_anything"])
def test_a_name_that_cannot_stand_in_a_log_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        checked_name(name)


def test_the_pepper_is_made_once_for_its_owner_only(path: Path) -> None:
    made = ensure_pepper(path, {}, secrets.token_bytes)
    assert made == ensure_pepper(path, {}, secrets.token_bytes) == load_pepper(path, {})
    assert mode(pepper_path(path)) == 0o600
    assert len(made) == 64


def test_the_pepper_file_may_move_to_the_environment(path: Path) -> None:
    made = ensure_pepper(path, {}, secrets.token_bytes)
    text = pepper_path(path).read_text().strip()
    pepper_path(path).unlink()
    assert ensure_pepper(path, {"GUARDPROXY_PEPPER": text}, secrets.token_bytes) == made
    assert not pepper_path(path).exists()


def test_a_lost_pepper_is_told_and_never_replaced_under_existing_keys(path: Path) -> None:
    rewrite_keys(path, lambda _: (stored(),))
    with pytest.raises(ConfigurationError, match="put the file back or set GUARDPROXY_PEPPER"):
        ensure_pepper(path, {}, secrets.token_bytes)
    assert not pepper_path(path).exists()


def test_a_short_pepper_is_refused_and_not_repeated(path: Path) -> None:
    short = secrets.token_hex(15)
    with pytest.raises(ConfigurationError, match="at least 32") as caught:
        load_pepper(path, {"GUARDPROXY_PEPPER": short})
    assert short not in caught.value.message


def test_a_pepper_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the pepper cannot be written"):
        ensure_pepper(tmp_path / "nowhere" / "keys.yaml", {}, secrets.token_bytes)
