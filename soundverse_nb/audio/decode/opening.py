"""Decode any song block by block, with the decoder that is right for its container.

Uncompressed containers (WAV, AIFF, ...) are read by libsndfile, everything else by FFmpeg, which PyAV's
wheels carry. Of the two, libsndfile is the quicker on PCM; on compressed files it believes headers that lie,
stops at the first damaged frame, and reads only the first link of a chained Ogg.
"""

from __future__ import annotations

from typing import Any

from soundverse_nb.audio.decode.base import BLOCK_FRAMES, Decoding
from soundverse_nb.audio.probe.lead import lead_bytes
from soundverse_nb.audio.probe.tags import after_front_tags
from soundverse_nb.audio.probe.wav import coding_behind_pcm
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.audio.reading import refusal
from soundverse_nb.audio.source import open_source
from soundverse_nb.filetype import is_uncompressed


def decode(
    source: Any,
    block_frames: int = BLOCK_FRAMES,
    stop_seconds: float | None = None,
    *,
    time_limit: float | None = None,
) -> Decoding:
    """Open a song for decoding: `with decode(song) as sound: for block in sound: ...`

    Parameters
    ----------
    source : anything open_source() takes.
    block_frames : frames a block at most (a little more where the codec's own frames are larger).
    stop_seconds : end after the first block that reaches past this.
    time_limit : end after this many seconds of work.

    Raises AudioError (a PreflightError) with `.code` missing, not_a_file, empty, unreadable, not_audio,
    no_audio_stream, encrypted or truncated.
    """
    taken = open_source(source)
    if taken.samples is not None:
        from soundverse_nb.audio.decode.pcm import SamplesDecoding  # loads soundfile beside it

        return SamplesDecoding(taken.samples, block_frames, stop_seconds, time_limit)
    with taken.open() as stream:
        window = Window(stream, taken.size_bytes or 0)
        lead = lead_bytes(window)
        begin = after_front_tags(window)  # some programs tag everything alike
        head = window.at(begin, 12)
        coding = coding_behind_pcm(window, begin)
    if coding is not None:
        raise refusal(
            "unreadable",
            f"There is {coding} in {taken.name}, which would be heard as noise.",
            "Unpack it with a program that knows it (wvunpack, ffmpeg), and pass a WAV or FLAC.",
        )
    if is_uncompressed(head):
        from soundverse_nb.audio.decode.pcm import open_pcm  # loads soundfile

        decoding = open_pcm(taken, begin, block_frames, stop_seconds, time_limit)
        if decoding is not None:
            return decoding
    from soundverse_nb.audio.decode.ffmpeg import FFmpegDecoding  # loads PyAV

    compressed = FFmpegDecoding(taken.behind(lead), block_frames, stop_seconds, time_limit)
    compressed.lead = lead
    return compressed
