"""Decode any song block by block, with the decoder that is right for its container.

Uncompressed containers (WAV, AIFF, ...) are read by libsndfile, everything else by FFmpeg, which PyAV's
wheels carry. Of the two, libsndfile is the quicker on PCM; on compressed files it believes headers that lie,
stops at the first damaged frame, and reads only the first link of a chained Ogg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from soundverse_nb.audio.decode.base import BLOCK_FRAMES, Block, Decoding, End, Plane, block_length
from soundverse_nb.audio.probe.lead import lead_bytes
from soundverse_nb.audio.probe.tags import after_front_tags
from soundverse_nb.audio.probe.wav import coding_behind_pcm
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.audio.reading import refusal
from soundverse_nb.audio.source import Samples, Source, open_source, scaled
from soundverse_nb.filetype import is_uncompressed

if TYPE_CHECKING:  # both load FFmpeg
    from soundverse_nb.audio.decode.filtergraph import FiltergraphDecoding


def decode(
    source: Any,
    block_frames: int = BLOCK_FRAMES,
    stop_seconds: float | None = None,
    *,
    time_limit: float | None = None,
) -> Decoding:
    """Open a song for decoding: `with decode(song) as sound: for block in sound: ...`

    Blocks are float32 of shape (frames, channels), full scale +-1 (lossy formats may exceed it).

    Parameters
    ----------
    source : anything open_source() takes.
    block_frames : frames a block at most (a little more where the codec's own frames are larger).
    stop_seconds : end after the first block that reaches past this.
    time_limit : end after this many seconds of work.

    >>> import numpy as np
    >>> with decode((np.zeros((2, 100)), 44100)) as sound:
    ...     [block.shape for block in sound], sound.seconds == 100 / 44100
    ([(100, 2)], True)

    Raises AudioError (a PreflightError) with `.code` missing, not_a_file, empty, unreadable, not_audio,
    no_audio_stream, encrypted or truncated.
    """
    opened = open_source(source)
    if opened.samples is not None:
        return SamplesDecoding(opened.samples, block_frames, stop_seconds, time_limit)
    with opened.open() as stream:
        window = Window(stream, opened.size_bytes or 0)
        lead = lead_bytes(window)
        begin = after_front_tags(window)  # some programs tag everything alike
        head = window.at(begin, 12)
        coding = coding_behind_pcm(window, begin)
    if coding is not None:
        raise refusal(
            "unreadable",
            f"There is {coding} in {opened.name}, which would be heard as noise.",
            "Unpack it with a program that knows it (wvunpack, ffmpeg), and pass a WAV or FLAC.",
        )
    if is_uncompressed(head):
        from soundverse_nb.audio.decode.pcm import open_pcm  # loads libsndfile

        decoding = open_pcm(opened, begin, block_frames, stop_seconds, time_limit)
        if decoding is not None:
            return decoding
    from soundverse_nb.audio.decode.ffmpeg import FFmpegDecoding  # loads FFmpeg

    compressed = FFmpegDecoding(opened.behind(lead), block_frames, stop_seconds, time_limit)
    compressed.lead = lead
    return compressed


def decode_in_one_go(
    fallback: Decoding, source: Source, proven_seconds: Callable[[], float | None]
) -> FiltergraphDecoding | None:
    """A quicker decoding of the song that `fallback` has opened from `source`; None where there is none.

    `proven_seconds` is asked for the length in the header, in seconds, None where that does not prove itself.
    Iterating, and verify() at the end, raise FastPathRejected where the song is not proven intact: then
    `fallback`, which is untouched, has to decode it.
    """
    if not fallback.by_packets:
        return None
    from soundverse_nb.audio.decode.filtergraph import open_filtergraph  # loads FFmpeg

    return open_filtergraph(fallback, source, proven_seconds)


class SamplesDecoding(Decoding):
    """Yields an array block by block, converted to float32 on the way."""

    format = "samples"

    def __init__(
        self, samples: Samples, block_frames: int, stop_seconds: float | None, time_limit: float | None
    ) -> None:
        super().__init__(stop_seconds, time_limit)
        self.sample_rate, self.channels = samples.sample_rate, samples.channels
        self.codec = str(samples.values.dtype)
        self._samples = samples
        self.block_frames = block_length(block_frames, self.channels)

    def _pieces(self) -> Iterator[tuple[int, tuple[int, int]]]:
        frames = self._samples.frames
        for start in range(0, frames, self.block_frames):
            stop = min(start + self.block_frames, frames)
            yield stop - start, (start, stop)
            if self.out_of_time():
                self.end = End.OUT_OF_TIME
                return

    def block(self, piece: tuple[int, int]) -> Block:
        return self._samples.block(*piece)

    def planes(self, piece: tuple[int, int]) -> Sequence[Plane]:
        return [np.ascontiguousarray(scaled(values)) for values in self._samples.values[:, slice(*piece)]]

    def estimate_seconds(self) -> float:
        return self._samples.frames / self.sample_rate

    def close(self) -> None:
        pass
