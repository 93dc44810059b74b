"""Small songs in every codec, written by FFmpeg's libraries (PyAV) and libsndfile, the same each time."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]


# The quickest settings: what matters here is how long a file is, not how it sounds.
_QUICK = {
    "aac": {"aac_coder": "fast"},
    "libopus": {"compression_level": "0", "application": "lowdelay"},
    "libmp3lame": {"compression_level": "9"},
    "vorbis": {"strict": "experimental"},
}


@lru_cache(maxsize=16)
def tone(seconds: float, rate: int, channels: int = 1) -> Samples:
    """A short chord each second, shape (frames, channels); never silent as a whole, cheap to encode."""
    time = np.arange(rate) / rate
    second = 0.3 * (np.sin(2 * np.pi * 330 * time) + 0.4 * np.sin(2 * np.pi * 1210 * time))
    second[time > 0.1] = 0
    bar = np.repeat(second[:, None].astype(np.float32), channels, axis=1)
    return np.resize(bar, (round(seconds * rate), channels))


def encode(
    path: Path,
    samples: Samples,
    rate: int,
    *,
    container: str,
    codec: str,
    bit_rate: int | None = None,
    quality: int | None = None,
    muxing: dict[str, str] | None = None,
    coding: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    with_video: bool = False,
    tracks: int = 1,
) -> None:
    """Encode with FFmpeg's libraries. `quality` asks for a variable bitrate (0 best).

    `muxing` are the container's options, `coding` the codec's.
    """
    # bitexact leaves out version strings and random serial numbers.
    with av.open(str(path), "w", format=container, options={"fflags": "+bitexact", **(muxing or {})}) as out:
        out.metadata.update(tags or {})
        video = _video_stream(out) if with_video else None
        layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
        streams = []
        for _ in range(tracks):
            options = {**_QUICK.get(codec, {}), **(coding or {})}
            if quality is not None:
                options |= {"flags": "+qscale", "global_quality": str(quality * 118)}
            stream: Any = out.add_stream(codec, rate=rate, layout=layout, options=options)
            if bit_rate:
                stream.bit_rate = bit_rate
            streams.append(stream)
        if video is not None:
            _write_video(out, video, len(samples) / rate)
        for stream in streams:
            _write_audio(out, stream, samples, rate, layout)


def _write_audio(out: Any, stream: Any, samples: Samples, rate: int, layout: str) -> None:
    for start in range(0, len(samples), rate):
        part = samples[start : start + rate]
        if part.shape[1] < 8:
            block = np.ascontiguousarray(part.T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        else:  # PyAV counts the planes of eight channels wrongly
            block = np.ascontiguousarray(part).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
        frame.sample_rate = rate
        frame.pts = start
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _video_stream(out: Any) -> Any:
    stream = out.add_stream("mpeg4", rate=5)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    return stream


def _write_video(out: Any, stream: Any, seconds: float) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    for number in range(int(seconds * 5)):
        picture[:] = number % 256
        out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    out.mux(stream.encode(None))


def encoded(samples: Samples, rate: int, **settings: Any) -> bytes:
    """The same as bytes. By way of a file: the header goes to the front by reading again what was written."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "song"
        encode(path, samples, rate, **settings)
        return path.read_bytes()


def vorbis(samples: Samples, rate: int) -> bytes:
    """Ogg Vorbis by libsndfile (PyAV's wheels have no good Vorbis encoder); in blocks, as it needs them."""
    target = BytesIO()
    with soundfile.SoundFile(target, "w", rate, samples.shape[1], format="OGG", subtype="VORBIS") as out:
        for start in range(0, len(samples), rate):
            out.write(samples[start : start + rate])
    return target.getvalue()


def by_soundfile(samples: Samples, rate: int, format_name: str, subtype: str, endian: str = "FILE") -> bytes:
    """Any container and sample format that libsndfile writes."""
    target = BytesIO()
    soundfile.write(target, samples, rate, format=format_name, subtype=subtype, endian=endian)
    return target.getvalue()


def cut_by_copying(song: bytes, start: float, stop: float) -> bytes:
    """An Ogg with the packets of `start` to `stop` in seconds, as programs cut that do not encode again."""
    out = BytesIO()
    with av.open(BytesIO(song), "r") as given, av.open(out, "w", format="ogg") as cut:
        sound = given.streams.audio[0]
        written = cut.add_stream_from_template(sound)
        assert sound.time_base is not None
        first = round(start / sound.time_base)
        for packet in given.demux(sound):
            if packet.pts is not None and start <= packet.pts * packet.time_base < stop:
                packet.pts -= first
                packet.dts = packet.pts
                packet.stream = written
                cut.mux(packet)
    return out.getvalue()


def mp3(samples: Samples, rate: int, *, xing: bool = True, **settings: Any) -> bytes:
    """MP3 with or without the encoder's header; a constant 64 kbit/s unless `quality` is given."""
    if "quality" not in settings:
        settings.setdefault("bit_rate", 64_000 if rate >= 16_000 else 16_000)
    muxing = {} if xing else {"write_xing": "0", "id3v2_version": "0"}
    return encoded(samples, rate, container="mp3", codec="libmp3lame", muxing=muxing, **settings)


def m4a(samples: Samples, rate: int, *, codec: str = "aac", **settings: Any) -> bytes:
    """M4A with AAC or ALAC, the header at the end unless `muxing` says otherwise."""
    if codec == "aac":
        settings.setdefault("bit_rate", 48_000)
    return encoded(samples, rate, container="mp4", codec=codec, **settings)
