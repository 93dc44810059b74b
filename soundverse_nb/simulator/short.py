"""Short renderings: a second of a few notes in place of a remix, for who orders thousands of them.

The notes are encoded once and joined anew for each remix. An MP3 whose encoder keeps no bit reservoir may be
cut and joined at any of its frames, so one takes no longer than writing it. It is a valid file, labelled as
simulated as ever, another one for each take, and has nothing of its song.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

from soundverse_nb.audio.probe.tags import SIMULATED_ARTIST
from soundverse_nb.simulator.renderer import Making, RemixSpec

RATE = 44_100
MAX_FILES = 1_000  # the oldest go; they are made again where they are asked for
_FRAME = 1152
_NOTES = 5
_NOTE_FRAMES = 6  # and two that the encoder adds
_SEMITONES = 24


class ShortRenderer:
    """Stands in for a Renderer: everything is there at once. `folder` holds its files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._files: OrderedDict[str, Path] = OrderedDict()

    def begin(self, spec: RemixSpec) -> Making:
        """There is nothing to wait for."""
        making = Making()
        making.end(at=-math.inf)
        return making

    def put_off(self) -> None:
        """Nothing waits."""

    async def audio(self, spec: RemixSpec) -> Path:
        """The finished MP3."""
        key = spec.key
        path = self._files.get(key)
        if path is None:
            path = self._folder / f"{key}.mp3"
            path.write_bytes(short_remix(key, spec.title))
            self._files[key] = path
            if len(self._files) > MAX_FILES:
                self._files.popitem(last=False)[1].unlink(missing_ok=True)
        return path

    async def close(self) -> None:
        """Nothing goes on."""


def short_remix(key: str, title: str) -> bytes:
    """An MP3 of about a second; another for each key."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    notes = _notes()
    sound = b"".join(notes[one % _SEMITONES] for one in digest[:_NOTES])
    return _tag(title, f"Simulated remix, a short rendering without its song, {digest.hex()[:16]}") + sound


@lru_cache(maxsize=1)
def _notes() -> tuple[bytes, ...]:
    """The MP3 frames of each note: a sine that fades in and out, so that nothing clicks where two meet."""
    # They load the encoder, which a service that renders in other processes does not need in its own.
    import av
    import numpy as np

    count = _NOTE_FRAMES * _FRAME
    t = np.arange(count) / RATE
    notes = []
    for semitone in range(_SEMITONES):
        wave = 0.4 * np.sin(2 * np.pi * 220 * 2 ** (semitone / 12) * t) * np.hanning(count)
        codec = av.CodecContext.create("libmp3lame", "w")
        codec.sample_rate = RATE
        codec.layout = "mono"
        codec.format = "fltp"
        codec.bit_rate = 64_000
        codec.options = {"reservoir": "0"}
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        notes.append(b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None))))
    return tuple(notes)


def _tag(title: str, comment: str) -> bytes:
    """An ID3v2.3 tag (id3.org, 2.3.0) with title, artist and comment."""
    utf16, latin1 = b"\x01\xff\xfe", b"\0"
    frames = (
        _frame(b"TIT2", utf16 + title.encode("utf-16-le", "replace"))
        # Letter by letter, as who looks for it does.
        + _frame(b"TPE1", latin1 + SIMULATED_ARTIST.encode("ascii"))
        + _frame(b"COMM", latin1 + b"eng\0" + comment.encode("ascii"))
    )
    size = len(frames)
    syncsafe = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + syncsafe + frames


def _frame(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "big") + b"\0\0" + content
