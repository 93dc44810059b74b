"""Songs come in through one door, and what is no song is refused before a byte of it is read."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio.source import AudioError, display_name, open_source


def refusal_code(source: Any) -> str:
    with pytest.raises(AudioError) as caught:
        open_source(source)
    assert caught.value.hint
    return caught.value.code


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.mp3")
    return tmp_path / "pipe.mp3"


@pytest.fixture
def listening_socket(tmp_path: Path) -> Iterator[Path]:
    # A socket's path may not be long, as pytest's folders are.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"{folder}/s")
        yield Path(folder) / "s"


def test_a_pipe_is_refused_without_waiting_for_a_writer(pipe: Path) -> None:
    assert refusal_code(pipe) == "not_a_file"


def test_an_open_pipe_is_refused_without_waiting_for_a_writer() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source:
        assert refusal_code(source) == "not_a_file"
    os.close(writing)


def test_a_socket_is_refused(listening_socket: Path) -> None:
    assert refusal_code(listening_socket) == "not_a_file"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_devices_and_directories_are_refused(path: str) -> None:
    assert refusal_code(path) == "not_a_file"


@pytest.mark.parametrize("path", ["", "no/such/file.mp3", "/etc/passwd/x.mp3"])
def test_a_path_that_leads_nowhere_is_missing(path: str) -> None:
    assert refusal_code(path) == "missing"


@pytest.mark.parametrize("path", ["a\0b.mp3", "x" * 5000])
def test_an_impossible_name_is_unreadable(path: str) -> None:
    assert refusal_code(path) in ("unreadable", "missing")


def test_a_url_is_no_local_file_and_says_who_takes_it() -> None:
    with pytest.raises(AudioError, match="URL") as caught:
        open_source("https://storage.invalid/song.mp3?signature=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "message", "hint"),
    [
        ("s3://bucket/song.mp3", "object store (s3:)", "aws s3 cp"),
        ("gs://bucket/song.mp3", "object store (gs:)", "gcloud storage cp"),
        ("az://box/song.mp3", "object store (az:)", "azcopy"),
        (Path("s3://bucket/song.mp3"), "object store (s3:)", "aws s3 cp"),
        ("ftp://anna:secret@host/song.mp3", "on a server (ftp:)", "Download"),
        ("sftp://host/song.mp3", "on a server (sftp:)", "Download"),
        ("data:audio/mpeg;base64,secret", "data: URL", "base64"),
        ("ipfs://secret", "address (ipfs:)", "Download"),
        ("file://other-host/song.mp3", "file: URL", "path"),
        (" https://host/song.mp3?sig=secret", "URL", "client.remix"),
        (Path("https://host/song.mp3?sig=secret"), "URL", "client.remix"),
        (r"C:\Users\anna\song.mp3", "path of Windows", "Upload"),
        (r"\\server\share\song.mp3", "path of Windows", "Upload"),
    ],
)
def test_an_address_is_told_as_what_it_is(address: Any, message: str, hint: str) -> None:
    with pytest.raises(AudioError) as caught:
        open_source(address)
    assert caught.value.code == "missing"
    assert message in caught.value.message
    assert hint in caught.value.hint
    report = sv.preflight(address)
    assert "secret" not in str(report) + report.repair_call + report.name + str(caught.value)


@pytest.mark.parametrize("start", ["file://", "file:", "FILE://localhost"])
def test_a_file_url_of_this_machine_is_opened(start: str, tmp_path: Path) -> None:
    song = tmp_path / os.fsdecode(b"caf\xe9 #1%.mp3")
    song.write_bytes(b"x")
    source = open_source(start + quote(os.fsencode(song)))
    assert (source.path, source.size_bytes) == (song, 1)
    assert refusal_code(start + str(tmp_path / "missing.mp3")) == "missing"


def test_a_file_that_is_called_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("s3:song.mp3", "data:song", "C:\\song.mp3", "~song.mp3"):
        (tmp_path / name).write_bytes(b"x")
        assert open_source(name).size_bytes == 1


def test_a_link_to_a_pipe_is_refused(pipe: Path) -> None:
    link = pipe.with_name("link.mp3")
    link.symlink_to(pipe)
    assert refusal_code(link) == "not_a_file"


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b""), io.BytesIO()])
def test_nothing_is_empty(empty: Any) -> None:
    assert refusal_code(empty) == "empty"


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").touch()
    assert refusal_code(tmp_path / "song.mp3") == "empty"


class _Broken:
    def read(self, size: int = -1) -> bytes:
        raise RuntimeError("a foreign error")

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def tell(self) -> int:
        return 0


class _NoPath(os.PathLike[str]):
    def __fspath__(self) -> str:
        raise RuntimeError("a foreign error")


class _Raising:
    """Looks like an array, or like a number, until it is looked at."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise self._error

    def __float__(self) -> float:
        raise self._error


class _NoArray:
    def __array__(self, *_: Any, **__: Any) -> Any:
        return "no array"


class _NoLength(list[int]):
    def __len__(self) -> int:
        raise KeyError("a foreign error")


def _closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


@pytest.mark.parametrize(
    "source",
    [
        _Broken(),
        _NoPath(),
        _closed(),
        io.StringIO("text"),
        None,
        42,
        object(),
        ("not", "samples"),
        (np.zeros((2, 100)), 0),
        (np.zeros((2, 100)), float("nan")),
        (np.zeros((2, 100)), -44100),
        (np.zeros((2, 2, 100)), 44100),
        (np.zeros((2, 100), complex), 44100),
        (np.zeros((2, 100), bool), 44100),
        (["a", "b"], 44100),
        (_Raising(TypeError("foreign")), 44100),
        (_Raising(RuntimeError("foreign")), 44100),
        (_Raising(MemoryError()), 44100),
        (44100, _Raising(TypeError("foreign"))),
        (np.zeros(100), _Raising(TypeError("foreign"))),
        (_NoArray(), 44100),
        (np.zeros((2, 100), object), 44100),
        (np.zeros(100, [("left", "f4")]), 44100),
        ([[1.0, 2.0], [3.0]], 44100),
        (np.zeros(100), True),
        (np.zeros(100), "44100"),
        (np.zeros(100), 10**400),
        (np.zeros(100), np.array([44100, 44100])),
        _NoLength([1, 2]),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_is_no_song_is_unreadable_and_no_foreign_error_leaks(source: Any) -> None:
    assert refusal_code(source) == "unreadable"


def test_samples_without_a_frame_are_empty() -> None:
    assert refusal_code((np.zeros((2, 0)), 44100)) == "empty"


def test_a_file_object_is_read_from_its_start_and_put_back() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(7)
    source = open_source(file)
    assert (source.size_bytes, file.tell()) == (10, 7)
    with source.open() as stream:
        assert stream.read() == b"0123456789"
    assert file.tell() == 7


def test_a_file_that_is_readable_from_the_front_only_is_taken_too() -> None:
    packed = io.BytesIO(gzip.compress(b"x" * 5000))
    assert open_source(gzip.GzipFile(fileobj=packed)).size_bytes == 5000


def test_asking_for_a_spooled_files_kind_does_not_write_it_to_disk() -> None:
    with tempfile.SpooledTemporaryFile(max_size=1000) as file:
        file.write(b"x" * 10)
        assert open_source(file).size_bytes == 10
        assert not file._rolled  # type: ignore[attr-defined]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can show what others cannot read")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"x")
    song.chmod(0)
    codes: list[str] = []

    def as_nobody() -> None:
        # setfsuid changes this thread alone.
        import ctypes

        ctypes.CDLL(None).setfsuid(65534)
        try:
            with open_source(f"/proc/self/fd/{folder}/song.mp3").open():
                pass
        except AudioError as error:
            codes.append(error.code)

    folder = os.open(tmp_path, os.O_RDONLY)
    thread = threading.Thread(target=as_nobody)
    thread.start()
    thread.join()
    os.close(folder)
    assert codes in (["unreadable"], ["missing"])


@pytest.mark.parametrize(
    "name",
    [
        b"\xff\xfe.mp3",
        b"-rf.mp3",
        b"a\nb.mp3",
        b"<script>alert(1)</script>.mp3",
        b" .mp3",
        "日本.mp3".encode(),
    ],
)
def test_any_name_that_a_file_can_have_is_taken(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    if b"/" in name:
        name = name.replace(b"/", b"\\")
        path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(b"x")
    source = open_source(os.fsdecode(path))
    assert source.size_bytes == 1
    assert source.name.isprintable()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("song.mp3", "song.mp3"), ("a\nb", "a\\nb"), ("\udcff", "\\udcff"), ("a\u202eb", "a\\u202eb")],
)
def test_names_are_shown_without_what_a_terminal_would_obey(name: str, shown: str) -> None:
    assert display_name(name) == shown


@pytest.mark.parametrize("values", [np.zeros((2, 300)), np.zeros((300, 2)), np.zeros((2, 300), np.int16)])
def test_both_orientations_are_the_same_song(values: Any) -> None:
    samples = open_source((values, 44100)).samples
    assert samples is not None
    assert (samples.channels, samples.frames) == (2, 300)


class _Tensor:
    """What other libraries hand out: something that becomes an array when it is asked."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.full((2, 300), 0.25, dtype or np.float32)


@pytest.mark.parametrize("rate", [44100, 44100.0, np.int32(44100), np.float64(44100), np.array(44100)])
def test_what_becomes_an_array_is_one(rate: Any) -> None:
    samples = open_source((_Tensor(), rate)).samples
    assert samples is not None
    assert (samples.channels, samples.frames, samples.sample_rate) == (2, 300, 44100)


def test_what_is_masked_out_is_silent() -> None:
    samples = open_source((np.ma.masked_array([0.5, 9.0, 0.5] * 9, mask=[0, 1, 0] * 9), 8000)).samples
    assert samples is not None
    assert samples.block(0, 3)[:, 0].tolist() == [0.5, 0.0, 0.5]


def test_scipys_order_and_mono_are_understood() -> None:
    samples = open_source((8000, np.zeros(300))).samples
    assert samples is not None
    assert (samples.channels, samples.frames, samples.sample_rate) == (1, 300, 8000)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.int16, -(2**15), 2**15 - 1),
        (np.int32, -(2**31), 2**31 - 1),
        (np.uint8, 0, 255),
        (np.float64, -1.0, 1.0),
        (np.int8, -128, 127),
    ],
)
def test_every_number_type_is_scaled_to_full_scale(dtype: Any, low: float, high: float) -> None:
    samples = open_source((np.array([low, high] * 50, dtype=dtype), 8000)).samples
    assert samples is not None
    block = samples.block(0, 2)
    assert block.dtype == np.float32
    assert block[:, 0] == pytest.approx([-1.0, 1.0], abs=0.01)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "None"),
        (42, "The number 42"),
        (True, "True"),
        ([], "A list"),
        (object(), "An object of type object"),
    ],
)
def test_what_is_no_song_is_said_in_plain_words(given: object, said: str) -> None:
    with pytest.raises(AudioError) as refused:
        open_source(given)
    assert refused.value.message == f"{said} is not a song."
