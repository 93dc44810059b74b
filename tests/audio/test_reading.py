"""Files that cannot be read to their end: refused as that, never taken for shorter songs."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.audio import source
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.audio.reading import AudioError, RegularFile
from tests.audio.songs import RATE, file_of, music, tone

SONGS = {
    "wav": file_of(tone(12.0)),
    "wav of 24 bits": file_of(tone(12.0), subtype="PCM_24"),
    "mp3": encode_mp3(tone(12.0).T, RATE, 128),
    "flac": file_of(tone(12.0), kind="FLAC"),
}


class Drive(io.BytesIO):
    """A file on a drive that fails, or answers something odd, from some byte on."""

    def __init__(self, data: bytes, answer: Any) -> None:
        super().__init__(data)
        self.bad_from = len(data) * 6 // 10
        self.answer = answer

    def read(self, size: int | None = -1) -> Any:
        here, length = self.tell(), len(self.getbuffer())
        wanted = length - here if size is None or size < 0 else min(size, length - here)
        if not wanted or here + wanted <= self.bad_from:
            return super().read(size)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if not callable(self.answer) else self.answer(super().read(size))


ODD = {
    "an error of the drive": OSError(errno.EIO, "Input/output error"),
    "an error of its own": KeyError("lost"),
    "nothing": None,
    "text": "sound",
    "an early end": b"",
    "more than was asked for": lambda data: data + b"more",
}


@pytest.mark.parametrize("song", SONGS)
@pytest.mark.parametrize("odd", ODD)
def test_a_failed_read_is_unreadable_and_no_end(song: str, odd: str) -> None:
    report = sv.preflight(Drive(SONGS[song], ODD[odd]))
    assert [problem.code for problem in report.problems] == ["unreadable"]
    assert "cannot be read to its end" in report.problems[0].message
    with pytest.raises(sv.PreflightError, match="cannot be read"):
        sv.repair(Drive(SONGS[song], ODD[odd]), out="never.mp3")
    assert not os.path.exists("never.mp3")


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_what_was_read_before_is_given_out_first(kind: str) -> None:
    measured = []
    with decode(Drive(file_of(music(12.0), kind=kind), OSError("gone"))) as sound:
        blocks = map(len, sound)
        with pytest.raises(AudioError):
            measured.extend(blocks)
    assert 3.0 < sum(measured) / RATE < 8.0


class Drops(io.RawIOBase):
    """A file that gives a few bytes at a time, as sockets and unbuffered files may."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(1000 if size < 0 else min(size, 1000))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._data.seek(offset, whence)

    def tell(self) -> int:
        return self._data.tell()


@pytest.mark.parametrize("song", SONGS)
@pytest.mark.parametrize("quick", [False, True])
def test_short_reads_are_no_failure(song: str, quick: bool) -> None:
    report = sv.preflight(Drops(SONGS[song]), quick=quick)
    assert (report.ok, round(report.audio.duration or 0, 3)) == (True, 12.0)


class _FailingFile(RegularFile):
    def read(self, size: int | None = -1) -> bytes:
        return self._unless_far(size, lambda: super(_FailingFile, self).read(size))

    def readinto(self, buffer: Any) -> int:
        return self._unless_far(len(buffer), lambda: super(_FailingFile, self).readinto(buffer))

    def _unless_far(self, size: int | None, act: Any) -> Any:
        far = os.fstat(self.fileno()).st_size * 6 // 10
        if self.tell() + max(0, size or 0) > far > 0:
            from soundverse_nb.audio.reading import not_read

            raise not_read(self.song, OSError(errno.EIO, "Input/output error"))
        return act()


@pytest.mark.parametrize("song", ["wav", "mp3"])
def test_a_path_on_a_drive_that_fails_is_unreadable_too(
    song: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "song").write_bytes(SONGS[song])
    monkeypatch.setattr(source, "RegularFile", _FailingFile)
    # The copy in memory is made by the kernel itself, which would not fail here.
    monkeypatch.setattr("soundverse_nb.audio.decode.filtergraph._is_possible", lambda: False)
    report = sv.preflight(tmp_path / "song")
    assert [problem.code for problem in report.problems] == ["unreadable"]
    assert "song cannot be read to its end (Input/output error)" in report.problems[0].message
