from __future__ import annotations

import os
import resource
import signal
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.audit.incidents import (
    LINE_LIMIT,
    RANDOM_BYTES,
    BadLine,
    IncidentFile,
    new_incident_id,
    read_incidents,
)
from guardproxy.audit.record import Incident, to_incident
from tests.audit.exchanges import blocked

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
counts = st.dictionaries(text, st.integers(0, 2**40), max_size=3)
incidents = st.builds(
    Incident,
    id=text,
    time_ms=st.integers(0, 2**42),
    request_id=text,
    event=text,
    status=st.integers(100, 599),
    model=st.none() | text,
    stream=st.booleans(),
    rules=counts,
    coverage=st.dictionaries(text, counts, max_size=2),
    tokens=counts,
)


def read(path: Path) -> tuple[list[Incident], list[BadLine]]:
    bad: list[BadLine] = []
    return list(read_incidents(path, bad.append)), bad


def write(path: Path, *written: Incident) -> None:
    file = IncidentFile(path)
    for incident in written:
        file.append(incident)
    file.close()


def incident(incident_id: str) -> Incident:
    return to_incident(blocked(incident_id=incident_id))


@given(st.lists(incidents, max_size=4))
def test_incidents_come_back_as_they_were_written_one_line_each(written: list[Incident]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "incidents.jsonl"
        path.touch()
        write(path, *written)
        assert read(path) == (written, [])
        assert len(path.read_text().splitlines()) == len(written)


@given(st.binary(max_size=60), st.data())
def test_a_torn_or_garbage_line_hides_no_other(garbage: bytes, data: st.DataObject) -> None:
    garbage = garbage.replace(b"\n", b" ").replace(b"{", b"(")
    first, second = incident("inc_1"), incident("inc_2")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "incidents.jsonl"
        write(path, first)
        whole = path.read_bytes()
        torn = whole[: data.draw(st.integers(1, len(whole) - 2))]
        path.write_bytes(whole + garbage + b"\n" + torn)
        found = [BadLine(2, "garbage")] if garbage.strip() else []
        assert read(path) == ([first], [*found, BadLine(3, "torn")])
        # The next process to write begins on a line of its own.
        write(path, second)
        assert read(path) == ([first, second], [*found, BadLine(3, "garbage")])


def test_a_last_line_that_only_lacks_its_end_is_an_incident(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    write(path, incident("inc_1"))
    path.write_bytes(path.read_bytes()[:-1])
    assert read(path) == ([incident("inc_1")], [])


@pytest.mark.parametrize("length", [LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 2 * LINE_LIMIT])
def test_an_overlong_line_is_one_bad_line(tmp_path: Path, length: int) -> None:
    path = tmp_path / "incidents.jsonl"
    write(path, incident("inc_1"))
    path.write_bytes(b"x" * length + b"\n" + path.read_bytes())
    found, bad = read(path)
    assert found == [incident("inc_1")]
    assert [line.number for line in bad] == [1]


def test_deeply_nested_garbage_is_garbage(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    path.write_bytes(b'{"unknown":' * 50_000 + b"\n")
    assert read(path) == ([], [BadLine(1, "garbage")])


def test_nobody_need_listen_to_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    path.write_bytes(b"garbage\n")
    assert list(read_incidents(path)) == []


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    write(path, incident("inc_1"))
    path.write_bytes(path.read_bytes().replace(b'{"id"', b'{"later":[1],"id"'))
    assert read(path) == ([incident("inc_1")], [])


def test_the_file_is_made_by_the_first_incident_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "incidents.jsonl"
    file = IncidentFile(path)
    assert not path.exists()
    file.append(incident("inc_1"))
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    path.touch(0o644)
    write(path, incident("inc_1"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_writers_share_a_file(tmp_path: Path) -> None:
    one, two = IncidentFile(tmp_path / "i.jsonl"), IncidentFile(tmp_path / "i.jsonl")
    for writer, name in ((one, "inc_1"), (two, "inc_2"), (one, "inc_3")):
        writer.append(incident(name))
    one.close()
    two.close()
    assert [found.id for found in read(tmp_path / "i.jsonl")[0]] == ["inc_1", "inc_2", "inc_3"]


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    file = IncidentFile(path)
    file.append(incident("inc_1"))
    path.rename(tmp_path / "rotated.jsonl")
    file.append(incident("inc_2"))
    file.close()
    assert [found.id for found in read(tmp_path / "rotated.jsonl")[0]] == ["inc_1"]
    assert [found.id for found in read(path)[0]] == ["inc_2"]


def test_a_full_disk_raises_and_what_follows_stands_on_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "incidents.jsonl"
    file = IncidentFile(path)
    file.append(incident("inc_1"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(OSError, match="only part"):
            file.append(incident("inc_2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    file.append(incident("inc_3"))
    file.close()
    assert read(path) == ([incident("inc_1"), incident("inc_3")], [BadLine(2, "garbage")])


def test_a_path_that_cannot_be_a_file_raises_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        IncidentFile(tmp_path).append(incident("inc_1"))


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_incident_ids_sort_by_time(one: int, two: int, random_bytes: bytes) -> None:
    ids = [new_incident_id(time_ms, random_bytes) for time_ms in sorted((one, two))]
    assert ids == sorted(ids)
    assert (one == two) == (ids[0] == ids[1])


def test_an_incident_id_is_a_ulid_with_a_prefix() -> None:
    # The time part of the example in the ULID specification: 1469918176385 is 01ARYZ6S41.
    assert new_incident_id(1469918176385, bytes(10)) == "inc_01aryz6s41" + "0" * 16
    assert len(new_incident_id(0, os.urandom(RANDOM_BYTES))) == 30


def test_an_incident_id_wants_ten_random_bytes() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        new_incident_id(0, b"few")
