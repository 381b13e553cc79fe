"""What comes of each exchange that was written down, and what holds of all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.transcripts.__main__ import main
from tests.transcripts.stage import HARMLESS, SECRET, Played, filled, play
from tests.transcripts.transcript import OUTCOMES, SECTIONS, Transcript, laid_out, name_of, read, transcripts

FILES = transcripts()
TRANSCRIPTS = [read(file) for file in FILES]
every_transcript = pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda one: one.name)


@every_transcript
async def test_what_comes_of_it_is_what_was_written_down(transcript: Transcript) -> None:
    played = await play(transcript)
    assert played.outcome == transcript.outcome
    assert not tells(played, SECRET)


def tells(played: Played, secret: str) -> bool:
    """Whether anybody was told it."""
    bodies = [played.got.body, *(sent.body or b"" for sent in played.sent)]
    return any(secret.encode() in body for body in bodies) or secret in str(played.record)


@pytest.mark.parametrize("transcript", [one for one in TRANSCRIPTS if one.streams], ids=lambda one: one.name)
async def test_a_stream_that_comes_byte_by_byte_comes_to_the_same(transcript: Transcript) -> None:
    assert (await play(transcript, bytewise=True)).outcome == transcript.outcome


def goes_through(transcript: Transcript) -> bool:
    """Whether it streams to its end, and nothing but what is found in it changes anything of it."""
    event = transcript.sections[SECTIONS[4]].partition("\n")[0]
    ended = event in ("exchange_completed", "exchange_redacted")
    return transcript.streams and ended and not transcript.changes_even_so


@pytest.mark.parametrize("transcript", [one for one in TRANSCRIPTS if goes_through(one)], ids=lambda one: one.name)
async def test_a_stream_in_which_nothing_is_found_passes_byte_for_byte(transcript: Transcript) -> None:
    played = await play(transcript, HARMLESS)
    frames = filled(transcript.answers.body, HARMLESS).split("\n\n")
    # A comment is passed on as one; what it said is nothing a client reads.
    expected = [": " if frame.startswith(":") else frame for frame in frames]
    assert played.got.body.decode().removesuffix("\n\n").split("\n\n") == expected
    assert played.record["action"] == "allow"


@pytest.mark.parametrize("transcript", [one for one in TRANSCRIPTS if one.changes_even_so], ids=lambda one: one.name)
async def test_those_that_change_even_so_do(transcript: Transcript) -> None:
    played = await play(transcript, HARMLESS)
    assert played.got.body.decode() != filled(transcript.answers.body, HARMLESS) + "\n\n"


def test_every_transcript_says_what_it_shows_and_what_comes_of_it() -> None:
    for file, transcript in zip(FILES, TRANSCRIPTS, strict=True):
        assert transcript.about.partition("\n")[0].endswith("."), transcript.name
        assert set(transcript.outcome) == set(OUTCOMES), transcript.name
        assert transcript.written(transcript.outcome) == file.read_text(encoding="utf-8")


def test_no_transcript_holds_what_looks_like_a_secret() -> None:
    assert [name_of(file) for file in FILES if SECRET[:-12] in _without_asked(file)] == []


def _without_asked(file: Path) -> str:
    """A name in a path cannot be made up when it is played, since it stands in the file's first line."""
    return file.read_text(encoding="utf-8").replace("GET /v1/models/codeword-tulip", "")


def test_a_transcript_with_an_unknown_heading_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.txt"
    file.write_text("Odd.\n\n=== the caller aks\nGET /v1/models\n", encoding="utf-8")
    with pytest.raises(ValueError, match="unknown or repeated headings"):
        read(file)


def test_a_body_is_laid_out_without_a_change() -> None:
    raw = b'{"a":1.50,"b":[12345678901234567890,"' + b"x" * 120 + b'",{"c":{}}],"d":"\\u00e9"}'
    told = laid_out(raw)
    assert "1.50" in told and "12345678901234567890" in told and "é" in told
    assert max(map(len, told.split("\n"))) < 140
    assert laid_out(told.encode()) == told


def test_ci_never_writes_transcripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert main() == 2
