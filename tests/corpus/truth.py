"""How long a file really is: a full decode that uses nothing of the package.

The libraries (PyAV) are quick enough to ask for every file; the ffmpeg program, another build of FFmpeg, is
asked for some, to hold the libraries against. Decoding stops at 400 s: beyond the limit it does not matter
how far.
"""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import av

STOP_SECONDS = 400.0
# PyAV before 19 refuses a file whose tags are not UTF-8 unless told otherwise.
LENIENT_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
# FFmpeg 9 trims what AAC encoders pad behind the end, a part of one packet; older ones play it.
_TRIMS_AAC = av.library_versions["libavcodec"][0] >= 63
_AAC_PACKET = 1024 / 32_000


def tolerance(path: Path, usual: float) -> float:
    """Seconds by which counts of this file may differ from each other: `usual` but where FFmpegs differ."""
    return _AAC_PACKET if _TRIMS_AAC and path.suffix == ".m4a" else usual


def true_seconds(path: Path) -> float | None:
    """Seconds of sound in the first audio track (400 at most), None without any.

    Decodes packet by packet, goes on behind damage, and counts samples.
    """
    seconds = 0.0
    try:
        with av.open(_without_tag(path), **LENIENT_TAGS) as container:
            stream = container.streams.audio[0]
            for packet in container.demux(stream):
                try:
                    seconds += sum(frame.samples / frame.sample_rate for frame in packet.decode())
                except av.error.InvalidDataError:
                    continue
                if seconds >= STOP_SECONDS:
                    break
    except (av.error.FFmpegError, IndexError):
        return seconds or None
    return seconds or None


def _without_tag(path: Path) -> str | BytesIO:
    """The file; a FLAC with an ID3v1 tag without that, which some FFmpegs decode with the last frame."""
    content = path.read_bytes() if path.suffix == ".flac" else b""
    return BytesIO(content[:-128]) if content[-128:-125] == b"TAG" else f"file:{path}"


def seconds_by_program(path: Path) -> float | None:
    """The same by the ffmpeg program, as a WAV on a pipe whose bytes are counted; nothing is filled in."""
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-t", str(STOP_SECONDS), "-fflags", "+bitexact", "-c:a", "pcm_s16le", "-f", "wav", "pipe:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        head = process.stdout.read(4096)
        count = len(head)
        while block := process.stdout.read(1 << 20):
            count += len(block)
    at = head.find(b"data")
    if at < 0:
        return None
    byte_rate = int.from_bytes(head[28:32], "little")
    return (count - at - 8) / byte_rate or None
