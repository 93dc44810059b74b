"""Files are known by their first bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from soundverse_nb.filetype import HEAD_BYTES, audio_suffix, picture_suffix
from tests.strict_service import MP3, MP3_FRAME, PNG


def written(file_format: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((8000, 1), "float32"), 16000, format=file_format, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("file_format", "kind"),
    [
        ("WAV", "wav"),
        ("RF64", "wav"),
        ("FLAC", "flac"),
        ("OGG", "ogg"),
        ("MP3", "mp3"),
        ("AIFF", "aiff"),
        ("AU", "au"),
        ("CAF", "caf"),
    ],
)
def test_real_audio_files_are_known(file_format: str, kind: str) -> None:
    assert audio_suffix(written(file_format)[:HEAD_BYTES]) == kind


MPEG2 = b"\xff\xf3\x90\xc4" + bytes(72 * 80000 // 22050 - 4)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (MP3, "mp3"),
        (MPEG2 * 4, "mp3"),
        (b"ID3\x04\x00", "mp3"),
        (bytes(300) + MP3, "mp3"),
        (MP3_FRAME[:40], "mp3"),
        (b"\xff\xf1\x50\x80\x00\x1f\xfc", "aac"),
        (b"\x00\x00\x00\x20ftypM4A \x00", "m4a"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"OggS\x00", "ogg"),
        # Not audio
        (b"", None),
        (b"\xff", None),
        (b"\xff\xfb", None),
        (b"<!doctype html><title>Sign in</title>", None),
        (b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", None),
        (b"\xef\xbb\xbf<html>", None),
        (b'{"success": false}', None),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", None),
        (b"RIFF\x00\x00\x00\x00AVI LIST", None),
        (b"\x00\x00\x00\x20ftypavif", None),
        (b"%PDF-1.7", None),
        (b"PK\x03\x04", None),
        (b"\x7fELF\x02\x01\x01", None),
        (PNG, None),
        (bytes(4096), None),
        (b"\xff" * 4096, None),
        (b"\xff\xfb\x90\xc4" * 1000, None),
    ],
)
def test_a_head_is_audio_or_not(head: bytes, kind: str | None) -> None:
    assert audio_suffix(head) == kind


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP"])
def test_real_pictures_are_known(file_format: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, file_format)
    assert picture_suffix(file.getvalue()) == {"JPEG": "jpg"}.get(file_format, file_format.lower())


@pytest.mark.parametrize(
    "head",
    [
        b"",
        MP3,
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>",
        b"<?xml version='1.0'?><svg>",
        b"BM",
        b"{}",
    ],
)
def test_what_is_no_picture_is_refused(head: bytes) -> None:
    assert picture_suffix(head) is None


def test_random_bytes_are_hardly_ever_audio() -> None:
    rng = np.random.default_rng(0)
    found = sum(audio_suffix(rng.bytes(HEAD_BYTES)) is not None for _ in range(500))
    assert found <= 10
