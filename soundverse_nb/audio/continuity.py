"""Whether a song's pieces follow one another, by what each says of its own place.

A claim that sound is missing, or stands there twice, rests on what the format itself counts: the numbers of
FLAC's frames, and the times of a container that stamps every piece. Numbers are exact. Times are rounded, and
may leave out a moment of silence: what is short of half a second shows nothing.
"""

from __future__ import annotations

from typing import Any

from soundverse_nb.audio.probe.flac import StreamInfo, coded_number, parse_frame, stream_info

_STAMPED = ("matroska", "webm", "asf")
_JUMP_SECONDS = 0.5
_STREAM_INFO = 34
# Codecs whose encoders never write a packet of zeros, and some of whose decoders take one for silence.
_NEVER_ZEROS = ("aac", "alac", "flac", "mp3", "opus", "vorbis")
_LEAST_ZEROS = 16


class Continuity:
    """Looks at each packet and its frames, in order; `damage` says what was wrong first.

    `kind` is the container, `codec` its coding and `header` the coding's own header.
    """

    def __init__(self, kind: str, codec: str, header: bytes) -> None:
        self.damage: str | None = None
        self.ends: float | None = None
        """The time at which the last frame ends, in seconds, where the container has stamps."""
        self._is_stamped = kind in _STAMPED
        self._has_no_zeros = codec in _NEVER_ZEROS
        self._info = _flac_header(header) if kind == "flac" else None
        self._frame: tuple[int, int] | None = None
        self.is_watching = self._is_stamped or self._info is not None

    def is_blank(self, packet: Any) -> bool:
        """Whether the packet holds nothing but zeros, where no encoder writes such a one."""
        return self._has_no_zeros and packet.size >= _LEAST_ZEROS and not any(memoryview(packet))

    def note(self, packet: Any, frames: list[Any]) -> None:
        """Take in a packet that could be decoded."""
        if self._info is not None:
            self._note_number(bytes(memoryview(packet)[:16]), self._info)
        if self._is_stamped:
            for frame in frames:
                self._note_time(frame)

    def _note_number(self, header: bytes, info: StreamInfo) -> None:
        """Frames count themselves, or their samples; some encoders count frames and vary their length."""
        frame = parse_frame(header, info)
        if frame is None:
            return
        number, _at = coded_number(header)
        if self._frame is not None:
            before, length = self._frame
            if number <= before:
                self._claim(f"frame {number:,} follows frame {before:,}: part of it stands there twice")
            elif number not in (before + 1, before + length):
                self._claim(f"frame {number:,} follows frame {before:,}: what was between them is missing")
        self._frame = number, frame.length

    def _note_time(self, frame: Any) -> None:
        begins: float | None = self.ends if frame.time is None else frame.time
        if begins is None:
            return
        jump = 0.0 if self.ends is None else begins - self.ends
        if jump >= _JUMP_SECONDS:
            self._claim(f"{jump:.2f} s are missing at {self.ends:.1f} s")
        elif jump <= -_JUMP_SECONDS:
            self._claim(f"at {self.ends:.1f} s it goes back by {-jump:.2f} s")
        self.ends = begins + float(frame.samples / frame.sample_rate)

    def _claim(self, words: str) -> None:
        self.damage = self.damage or words


def _flac_header(header: bytes) -> StreamInfo | None:
    return stream_info(header[-_STREAM_INFO:]) if len(header) >= _STREAM_INFO else None
