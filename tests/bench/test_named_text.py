from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import BenchError
from bench.named_text import Mark, named, read_records
from guardproxy.core.exchange import Provenance
from tests.bench.zoo import write_records

LONG = "A text that is long enough to count."


def silent(line: str) -> None:
    raise AssertionError(f"nothing to say here: {line}")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_records_are_read_with_what_is_known_about_them(tmp_path: Path, name: str) -> None:
    written = {"text": "zebra0001", "label": "attack", "position": "tool", "kind": "x", "n": 3, "tags": ["y"]}
    file = write_records(tmp_path / name, written, {"text": ""})
    first, second = read_records(file)
    assert (first.where, first.text, first.label) == (f"{file}:1", "zebra0001", "attack")
    assert first.provenance is Provenance.TOOL
    assert first.facts == {"label": "attack", "position": "tool", "kind": "x", "n": "3"}
    assert (second.label, second.provenance, second.marks) == (None, None, ())


def test_a_record_may_say_from_as_scan_does_and_what_there_is_to_find(tmp_path: Path) -> None:
    marked = {"text": "a zebra", "from": "model", "spans": [{"start": 2, "end": 7, "type": "ANIMAL"}]}
    (record,) = read_records(write_records(tmp_path / "a.jsonl", marked))
    assert record.provenance is Provenance.MODEL
    assert record.marks == (Mark(2, 7, "ANIMAL"),)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_every_text_comes_back_as_it_was_written(texts: list[str]) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=False).encode() for text in texts]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.jsonl.gz"
        file.write_bytes(gzip.compress(b"\n\n".join(lines), compresslevel=1))
        assert texts == [record.text for record in read_records(file)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'"text"', 'a JSON object with "text"'),
        (b'{"label": "attack"}', 'a JSON object with "text"'),
        (b'{"text": "x", "label": 1}', '"label" is text'),
        (b'{"text": "x", "position": "moon"}', "unknown position 'moon'; use operator, user"),
        (b'{"text": "x", "spans": [{"start": 0, "end": 2, "type": "A"}]}', '"spans" is a list'),
        (b'{"text": "x", "spans": [{"start": 0}]}', '"spans" is a list'),
        (b'{"text": "x", "spans": 5}', '"spans" is a list'),
    ],
)
def test_a_broken_line_is_told_with_its_number(tmp_path: Path, line: bytes, says: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "good"}\n\n' + line + b"\n")
    with pytest.raises(BenchError, match=f"a.jsonl:3: .*{says}"):
        list(read_records(file))


@pytest.mark.parametrize("raw", [b"plain", gzip.compress(b'{"text": "good"}\n' * 99)[:-9]], ids=["plain", "cut off"])
def test_what_is_not_whole_gzip_data_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(raw)
    with pytest.raises(BenchError, match="not whole gzip data"):
        list(read_records(tmp_path / "a.jsonl.gz"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.jsonl: cannot be read: No such file"):
        list(read_records(tmp_path / "none.jsonl"))
    with pytest.raises(BenchError, match=r"none\.txt: cannot be read: No such file"):
        named([tmp_path / "none.txt"], silent)


def test_files_and_folders_are_read_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "folder" / ".git").mkdir(parents=True)
    (tmp_path / "folder" / ".git" / "config").write_text(f"0 {LONG}")
    (tmp_path / "folder" / "b.md").write_text(f"b {LONG}")
    write_records(tmp_path / "folder" / "a.jsonl", {"text": f"1 {LONG}", "label": "benign"}, {"text": f"2 {LONG}"})
    (tmp_path / "last.txt").write_text(f"c {LONG}")
    pieces = named([tmp_path / "folder", tmp_path / "last.txt"], silent)
    assert [piece.text[0] for piece in pieces] == ["1", "2", "b", "c"]


def test_what_is_no_text_is_left_out_of_a_folder_and_refused_when_named(tmp_path: Path) -> None:
    (tmp_path / "zero").write_bytes(LONG.encode() + b"\0")
    (tmp_path / "latin").write_bytes(LONG.encode() + b"\xe4")
    said: list[str] = []
    assert named([tmp_path], said.append) == []
    assert [f"{tmp_path}: 2 files are not UTF-8 text and were left out"] == said
    with pytest.raises(BenchError, match="zero: is not UTF-8 text"):
        named([tmp_path / "zero"], silent)


def test_an_attack_is_no_ordinary_text(tmp_path: Path) -> None:
    file = write_records(tmp_path / "a.jsonl", {"text": LONG, "label": "attack"})
    with pytest.raises(BenchError, match=r"a\.jsonl:1: is labelled 'attack'.*--labelled"):
        named([file], silent)
