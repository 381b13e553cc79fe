"""Vocabularies come from installed files, are the right ones, and nothing is fetched."""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket
from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.quota.vocabulary import ENCODINGS, encoding_of, load_encodings, local_loader


def test_both_load_without_any_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("somebody wants to go out")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    encodings = load_encodings()
    assert tuple(encodings) == ENCODINGS
    for encoding in encodings.values():
        assert encoding.decode(encoding.encode_ordinary("Grüße, 世界!")) == "Grüße, 世界!"
    assert encodings["o200k_base"].encode_ordinary("hello world") == [24912, 2375]
    assert encodings["cl100k_base"].encode_ordinary("hello world") == [15339, 1917]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-5", "o200k_base"),
        ("gpt-oss-120b", "o200k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("davinci", None),
        ("llama-4", None),
        ("", None),
    ],
)
def test_models_have_the_encoding_that_tiktoken_names(model: str, name: str | None) -> None:
    assert encoding_of(model) == name


DATA = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate([b"a", b"b", b"ab"]))


def put(folder: Path, data: bytes) -> None:
    (folder / "x.tiktoken.gz").write_bytes(data)


def test_a_file_with_the_right_digest_is_read(tmp_path: Path) -> None:
    put(tmp_path, gzip.compress(DATA))
    ranks = local_loader(tmp_path)("https://example.com/x.tiktoken", hashlib.sha256(DATA).hexdigest())
    assert ranks == {b"a": 0, b"b": 1, b"ab": 2}


@pytest.mark.parametrize(
    "data",
    [gzip.compress(DATA + b"Yw== 3\n"), gzip.compress(DATA)[:-9], b"no gzip", None],
    ids=["another text", "cut off", "no gzip", "no file"],
)
def test_any_other_file_is_refused(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        put(tmp_path, data)
    with pytest.raises(ConfigurationError, match=r"x\.tiktoken\.gz"):
        local_loader(tmp_path)("https://example.com/x.tiktoken", hashlib.sha256(DATA).hexdigest())
