"""Files written by the ffmpeg program itself, where it is installed: another build, and real pipes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.corpus.case import Recipe

_SOURCE = ("-f", "lavfi", "-i", "sine=frequency=330:sample_rate=32000:duration=12")

# Name -> the program's arguments behind the source. The second table writes into a pipe.
_FILES = {
    "libvorbis.ogg": ("-c:a", "libvorbis", "-q:a", "1"),
    "libopus.opus": ("-c:a", "libopus", "-b:a", "24k"),
    "libshine.mp3": ("-c:a", "libshine", "-b:a", "64k"),
    "speex.spx": ("-ar", "16000", "-c:a", "libspeex"),
    "aac-faststart.m4a": ("-c:a", "aac", "-b:a", "48k", "-movflags", "+faststart"),
    "alac.m4a": ("-c:a", "alac"),
    "vorbis.webm": ("-c:a", "libvorbis"),
    "wma1.wma": ("-c:a", "wmav1", "-b:a", "48k"),
    "adpcm.wav": ("-c:a", "adpcm_ima_wav"),
    "float.aiff": ("-c:a", "pcm_f32be"),
    "cut-by-copying.m4a": ("-c:a", "aac", "-b:a", "48k", "-t", "11.111"),
    "rf64.wav": ("-rf64", "always"),
}
_PIPES = {
    "pipe.wav": ("-f", "wav"),
    "pipe.flac": ("-f", "flac"),
    "pipe.mp3": ("-f", "mp3", "-b:a", "64k"),
    "pipe.ogg": ("-f", "ogg", "-c:a", "libvorbis"),
    "pipe.aiff": ("-f", "aiff"),
    "pipe.m4a": ("-f", "ismv", "-c:a", "aac", "-b:a", "48k"),
}


def recipes() -> Iterator[Recipe]:
    if shutil.which("ffmpeg") is None:
        return
    for name, arguments in _FILES.items():
        write = partial(_to_file, arguments, Path(name).suffix)
        yield Recipe(f"debian-{name}", "plain", write, is_sound=True)
    for name, arguments in _PIPES.items():
        yield Recipe(f"debian-{name}", "streamed", partial(_to_pipe, arguments))


def _command(*arguments: str) -> list[str]:
    return ["ffmpeg", "-v", "error", "-nostdin", "-y", *_SOURCE, "-fflags", "+bitexact", *arguments]


def _to_file(arguments: tuple[str, ...], suffix: str, path: Path) -> None:
    named = path.with_name(path.name + suffix)  # the program chooses the container by the name
    subprocess.run(_command(*arguments, str(named)), check=True, timeout=60)
    named.replace(path)


def _to_pipe(arguments: tuple[str, ...], path: Path) -> None:
    done = subprocess.run(_command(*arguments, "pipe:1"), check=True, timeout=60, capture_output=True)
    path.write_bytes(done.stdout)
