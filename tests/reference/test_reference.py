"""A reference is parsed once, whatever it was given as."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio.reading import AudioError
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference.reference import Kind, as_reference

SIGNED = "https://songs.example.org/a/My Song.mp3?X-Signature=s3cret"


class Broken(os.PathLike[str]):
    def __fspath__(self) -> str:
        raise RuntimeError("no path today")


class Unreadable:
    @property
    def read(self) -> Any:
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        ("songs/what? #1.mp3", Kind.FILE, "what? #1.mp3"),
        (Path("songs/one.mp3"), Kind.FILE, "one.mp3"),
        (sv.Clip("songs/one.mp3"), Kind.FILE, "one.mp3"),
        (os.fsdecode(b"caf\xe9.mp3"), Kind.FILE, "caf\\udce9.mp3"),
        (Path("s3:/bucket/song.mp3"), Kind.FILE, "an address (s3:)"),
        (SIGNED, Kind.URL, "My Song.mp3"),
        (f" {SIGNED}\n", Kind.URL, "My Song.mp3"),
        ("https://me:s3cret@songs.example.org/", Kind.URL, "songs.example.org"),
        ("file:///home/anna/song.mp3", Kind.ADDRESS, "an address (file:)"),
        ("s3://bucket/song.mp3?token=s3cret", Kind.ADDRESS, "an address (s3:)"),
        ("https://[::1/song.mp3?sig=s3cret", Kind.ADDRESS, "an address (https:)"),
        (b"ID3", Kind.BYTES, "bytes"),
        (memoryview(b"ID3"), Kind.BYTES, "memoryview"),
        (io.BytesIO(b"ID3"), Kind.OPEN_FILE, "an open file"),
        ((np.zeros(9), 8000), Kind.SAMPLES, "samples"),
        ([8000, np.zeros(9)], Kind.SAMPLES, "samples"),
        (7, Kind.OTHER, "int"),
        (None, Kind.OTHER, "NoneType"),
        (["a", "b", "c"], Kind.OTHER, "list"),
        (Broken(), Kind.OTHER, "Broken"),
        (Unreadable(), Kind.OTHER, "Unreadable"),
    ],
)
def test_what_is_given_is_told_apart_and_shown_without_secrets(given: Any, kind: Kind, name: str) -> None:
    reference = as_reference(given)
    assert (reference.kind, reference.name) == (kind, name)
    assert "s3cret" not in f"{reference!r}{reference}{reference.url!r}"
    assert as_reference(reference) is reference


def test_a_url_is_parsed_with_it() -> None:
    url = as_reference(SIGNED).url
    assert url is not None
    assert url.full == "https://songs.example.org/a/My%20Song.mp3?X-Signature=s3cret"
    assert as_reference("song.mp3").url is None


def test_only_a_file_has_a_path(tmp_path: Path) -> None:
    assert as_reference(tmp_path / "song.mp3").path == tmp_path / "song.mp3"
    for other in (SIGNED, "file:///song.mp3", b"ID3", (np.zeros(9), 8000)):
        assert as_reference(other).path is None


def test_the_hash_is_that_of_the_content_whatever_it_came_as(tmp_path: Path) -> None:
    data = b"ID3" + bytes(3_000_000)
    path = tmp_path / "song.mp3"
    path.write_bytes(data)
    expected = hashlib.sha256(data).hexdigest()
    with path.open("rb") as file:
        file.seek(5)
        for given in (path, str(path), sv.Clip(path), data, bytearray(data), file):
            assert as_reference(given).content_hash() == expected
        assert file.tell() == 5


def test_the_hash_of_samples_does_not_depend_on_how_they_lie() -> None:
    samples = np.random.default_rng(1).standard_normal((2, 500)).astype(np.float32)
    one = as_reference((samples, 8000)).content_hash()
    assert as_reference((samples.T, 8000)).content_hash() == one
    assert as_reference((samples, 16000)).content_hash() != one
    assert as_reference((samples[:1], 8000)).content_hash() != one


def test_the_hash_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3")
    reference = as_reference(path)
    first = reference.content_hash()
    path.unlink()
    assert reference.content_hash() == first


def test_a_url_has_no_content_before_it_is_fetched() -> None:
    with pytest.raises(ConfigurationError, match="before it is fetched") as refused:
        as_reference(SIGNED).content_hash()
    assert "s3cret" not in str(refused.value)


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    for given in (tmp_path / "none.mp3", SIGNED, "s3://bucket/song.mp3", 7, Broken(), b""):
        with pytest.raises(AudioError) as refused:
            as_reference(given).open()
        assert "s3cret" not in str(refused.value)


def test_an_open_file_is_held_in_memory_and_put_back() -> None:
    file = io.BytesIO(b"ID3456789")
    file.seek(4)
    held = as_reference(file).in_memory(5)
    assert (held.kind, held.given, file.tell()) == (Kind.BYTES, b"ID345", 4)
    with held.open() as stream:
        assert stream.read() == b"ID345"


def test_two_states_of_a_file_are_two_references(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3")
    first = as_reference(path).fingerprint()
    assert as_reference(str(path)).fingerprint() == first
    path.write_bytes(b"ID34")
    assert as_reference(path).fingerprint() != first
    assert as_reference(b"ID3").fingerprint() == as_reference(bytearray(b"ID3")).fingerprint()
    assert as_reference(SIGNED).fingerprint() == as_reference(f"{SIGNED} ").fingerprint()
