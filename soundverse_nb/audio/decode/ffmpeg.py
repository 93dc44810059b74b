"""Compressed files, decoded packet by packet by FFmpeg through PyAV."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any, BinaryIO, TypeVar, cast

import av
import av.error

from soundverse_nb.audio.decode.base import (
    Block,
    Decoding,
    End,
    block_length,
    have_tables,
    joined,
    release_layout,
)
from soundverse_nb.audio.decode.containers import avi_fault, flv_fault, transport_fault, wavpack_fault
from soundverse_nb.audio.decode.fragments import fragment_fault
from soundverse_nb.audio.decode.integrity import Continuity, Timeline, ogg_link_starts, ogg_page_fault
from soundverse_nb.audio.probe.matroska import clock_seconds, matroska_seconds, segment_fault, segment_of
from soundverse_nb.audio.probe.mp4 import encryption_of
from soundverse_nb.audio.probe.ogg import parse_page
from soundverse_nb.audio.probe.tags import sound_span
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.audio.reading import AudioError, GuardedFile, not_read, refusal
from soundverse_nb.audio.source import Source

# Demuxers of files that hold sound themselves. Playlists and manifests are left out on purpose: FFmpeg
# would open what they name, over the network too.
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,oga,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,wv,xwma,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
)
# Tags that are not UTF-8: PyAV before 19 refuses the file unless told otherwise, from 19 on it takes them.
LENIENT_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
_FORMATS = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "aac": "adts", "wv": "wavpack"}
_BUFFER = 1 << 17
_ADTS_HEADER = 7
_LARGEST_REST = 1 << 24
# Finding out what a file is takes milliseconds; only a file made for it takes longer.
_OPENING_SECONDS = 1.5
_OPTIONS = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none"}
# What a header announces beyond this is missing. Programs that fill a length into a finished recording
# measure it with a clock, which is off by less.
_SHORT_SECONDS, _CLOCK_SECONDS = 0.25, 1.0
# By default a frame with a wrong checksum is played as it is, as noise.
_CHECKED_CODECS = ("flac", "tta")
# The time limit is looked at once in so many packets.
_PACKETS_BETWEEN = 32
# So many packets in a row of which nothing can be decoded: there is no song behind them.
_MOST_IN_VAIN = 5000
# Frames kept at once. A file may be made of frames of a single sample, each an object of a kilobyte.
_MOST_FRAMES = 512
# Tags between the frames of an MP3 that was joined from several look like a damaged frame to the decoder.
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"Xing", b"Info", b"VBRI", b"LAME", b"LYRICS")
_CONVERT = "Pass an audio file, for example MP3, M4A, WAV, FLAC or Ogg."
_UNLOCK = "Use a copy without copy protection, for example one that you bought as MP3 or FLAC."
_DEFAULT = 1

_Answer = TypeVar("_Answer")


class FFmpegDecoding(Decoding):
    """Blocks of whatever FFmpeg can read; pictures are not sound.

    Of several tracks the first that is marked as the default counts, as in players, or else the first.
    """

    by_packets = True

    def __init__(
        self, source: Source, block_frames: int, stop_seconds: float | None, time_limit: float | None
    ) -> None:
        super().__init__(stop_seconds, time_limit)
        self.source = source
        self._bytes = 0  # of PCM, decoded
        self._size = source.size_bytes or 0
        self._stack = ExitStack()
        self._files: list[GuardedFile] = []
        self._incoming: Iterator[list[Any]] = iter(())
        self._packets: Iterator[Any] = iter(())
        self._first: list[Any] | None = None
        self._container: Any = None
        self._adapt: Any = None
        try:
            self._raw = self._stack.enter_context(source.open())
            self._is_limited = time_limit is not None
            self.file_begin, self.file_end = sound_span(self._raw, self._size)
            lock = self._look(encryption_of, self.file_begin, self.file_end or self._size)
            if lock is not None:
                raise refusal(
                    "encrypted", f"{source.name} is encrypted ({lock}): no decoder opens it.", _UNLOCK
                )
            self._open(source.name, self.file_begin)
            self._name_format()
            self._incoming = self._decoded()
            self._first = next(self._incoming, None)
            if self._first is None:
                self.check_reads()
                raise refusal("unreadable", f"No sound could be decoded from {source.name}.", _CONVERT)
            self._describe(self._first)
        except AudioError:
            self.close()
            raise
        except Exception as error:  # FFmpeg's, PyAV's, and whatever a foreign file object raises
            self.close()
            message = f"{source.name} cannot be decoded ({_message(error)})."
            raise refusal("unreadable", message, _CONVERT) from None
        except BaseException:
            self.close()
            raise
        self.block_frames = block_length(block_frames, self.channels)

    def _open(self, name: str, start: int) -> None:
        self._start, self._position, self._packet_end = start, 0, 0
        file = GuardedFile(self._raw, _OPENING_SECONDS if self._is_limited else None, start, self.file_end)
        file.seek(0)
        self._files.append(file)
        try:
            self._container = av.open(file, "r", options=_OPTIONS, buffer_size=_BUFFER, **LENIENT_TAGS)
        except Exception:  # FFmpeg's errors, and what PyAV raises over names and tags
            self.check_reads()
            raise refusal("not_audio", f"{name} is not an audio file.", _CONVERT) from None
        self._stack.callback(self._container.close)
        streams = [s for s in self._container.streams.audio if s.codec_context is not None]
        if not streams:
            if len(self._container.streams) == 0:
                raise refusal("not_audio", f"{name} is not an audio file.", _CONVERT)
            raise refusal("no_audio_stream", f"{name} holds no sound, only other streams.", _CONVERT)
        marked = [number for number, stream in enumerate(streams) if _is_default(stream)]
        self.tracks, self.track = len(streams), marked[0] if marked else 0
        self._stream = streams[self.track]
        self.stream_index: int = self._stream.index
        self.demuxer: str = self._container.format.name.partition(",")[0]
        self.had_table, self._order = release_layout(self._stream.codec_context)
        if self._stream.codec_context.name in _CHECKED_CODECS:
            self._stream.codec_context.options = {"err_detect": "crccheck+explode"}
        self._packets = self._container.demux(self._stream)
        file.forget_time()

    def _name_format(self) -> None:
        name = self._container.format.name
        self.format = _FORMATS.get(name, name)
        if name == "matroska,webm":
            position = self._raw.tell()
            self._raw.seek(0)
            self.format = "webm" if b"webm" in self._raw.read(64) else "matroska"
            self._raw.seek(position)
        codec = self._stream.codec_context.codec
        # PyAV 14.0 knows the decoder's name only: "mp3float" for "mp3".
        self.codec = getattr(codec, "canonical_name", None) or codec.name.removesuffix("float")
        if self._stream.duration is not None and self._stream.time_base is not None:
            self.promised_seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            self.promised_seconds = self._container.duration / 1e6

    def _describe(self, frames: list[Any]) -> None:
        frame = frames[0]
        if have_tables(frames):
            message = f"The channels of {self.source.name} are in an order that cannot be decoded safely."
            raise refusal("unreadable", message, "Export it in stereo.")
        self.sample_rate, self.channels = int(frame.sample_rate), int(frame.layout.nb_channels)
        self.sample_format = frame.format.name
        self._layout = frame.layout
        if self._order is not None and len(self._order) != self.channels:
            self._order = None

    def _decoded(self) -> Iterator[list[Any]]:
        """The frames of each packet; a packet that cannot be decoded is noted and passed over."""
        count = in_vain = 0
        length = 0.0
        failed: str | None = None  # it is damage only if something can be decoded after it
        watch = Continuity(self.format, self.codec, bytes(self._stream.codec_context.extradata or b""))
        is_pcm = self._is_pcm()
        while not self._is_enough(count, in_vain, failed) and (packet := self._next_packet()) is not None:
            count += 1
            in_vain += 1
            if is_pcm:
                self._bytes += packet.size
            try:
                if watch.is_blank(packet):
                    raise ValueError("a packet of zeros")
                frames = packet.decode()
            except Exception as error:  # FFmpeg's; PyAV also raises others, as for want of memory
                if count > 1 and not (self.format == "mp3" and any(t in bytes(packet) for t in _TAGS)):
                    failed = f"FFmpeg: {_message(error)}"
                continue
            if frames:
                in_vain = 0
                length += sum(frame.samples / frame.sample_rate for frame in frames)
                if failed:
                    self.damage, failed = self.damage or failed, None
                if watch.is_watching:
                    watch.check(packet, frames)
                    self.damage = self.damage or watch.damage
                yield frames
        if self.end is not End.OUT_OF_TIME:
            line = watch.timeline or Timeline(0.0)
            self.cut_short = failed is not None or self.falls_short(line.ends)
            self.damage = self.damage or self.container_fault(line.starts, line.ends)
            if self.format == "avi" and not self.damage:
                self.damage = self._look(avi_fault, self.file_begin, self._end, self._stream.index, length)

    def _is_enough(self, count: int, in_vain: int, failed: str | None) -> bool:
        """Whether to end before the data does: time is up, or nothing came of a great many packets."""
        if count % _PACKETS_BETWEEN or not count:
            return False
        if in_vain >= _MOST_IN_VAIN:
            self.damage = self.damage or failed or "thousands of packets without sound"
            self.end = End.BROKEN
        elif self.out_of_time():
            self.end = End.OUT_OF_TIME
        return self.end is not End.OPEN

    @property
    def _end(self) -> int:
        return self._size if self.file_end is None else self.file_end

    def _is_pcm(self) -> bool:
        return bool(self._stream.codec_context.name.startswith("pcm_"))

    def _next_packet(self) -> Any:
        """The next packet, None at the end. A chained Ogg goes on with its next link."""
        while True:
            try:
                packet = next(self._packets, None)
            except Exception as error:
                if self.format == "ogg" and self._open_next_link():
                    continue
                # Of a transport stream FFmpeg says so where it finds no more packets.
                is_end = self.format == "mpegts" and isinstance(error, BlockingIOError)
                if is_end or self._is_behind_the_sound():
                    return None
                self.damage = self.damage or f"FFmpeg: {_message(error)}"
                self.end = End.BROKEN
                return None
            if packet is not None and packet.pos is not None:
                self._position = packet.pos
                self._packet_end = packet.pos + packet.size
            return packet

    def _is_behind_the_sound(self) -> bool:
        """Whether the song is over, and only something else lies behind it."""
        if self.format == "adts":  # too few bytes for another packet
            return self._size - self._packet_end < _ADTS_HEADER
        if self.format != "ogg":
            return False
        try:
            self._raw.seek(self._start + self._position)
            rest = self._raw.read(_LARGEST_REST)
        except Exception:  # whatever a foreign file object raises
            return False
        page = parse_page(rest, 0, 0)
        return page is not None and page.is_last and len(rest) < _LARGEST_REST and b"OggS" not in rest[4:]

    def _open_next_link(self) -> bool:
        """FFmpeg stops at a link with another rate or other channels: open the file again from there."""
        here = self._start + self._position
        ahead = [start for start in ogg_link_starts(self._raw) if start > here]
        if not ahead:
            return False
        codec = self._stream.codec_context.name
        try:
            self._open("", ahead[0])
        except AudioError:
            return False
        if self._stream.codec_context.name != codec:
            # Players that go on are few; the service is likely to take the first song only.
            self.damage = self.damage or f"behind {codec} it goes on in another coding"
            return False
        return True

    def falls_short(self, ends: float | None) -> bool:
        """Whether a song that ends at this time, in seconds, ends before its container says it does."""
        if ends is None or self.format not in ("matroska", "webm"):
            return False
        announced = self._announced(self._look(matroska_seconds, self.file_begin))
        segment = self._look(
            lambda file: segment_of(Window(cast("BinaryIO", file), self._size), self.file_begin)
        )
        short = _SHORT_SECONDS if segment is not None and segment.is_closed else _CLOCK_SECONDS
        if announced is None or announced - ends <= short:
            return False
        self.promised_seconds = announced
        return True

    def _announced(self, longest: float | None) -> float | None:
        """Seconds of this track, where the header says how long the longest track is."""
        if longest is None or len(self._container.streams) == 1:
            return longest
        # Programs that copy tracks may leave the tag of a longer one as it was.
        own = clock_seconds(self._stream.metadata.get("DURATION", ""))
        return own if own is not None and own <= longest + _CLOCK_SECONDS else None

    def container_fault(self, starts: float | None, ends: float | None) -> str | None:
        """What is missing by the container's own count, where no packet tells.

        The sound lies between these times, in seconds, where the container has stamps.
        """
        begin, end = self.file_begin, self._end
        if self.format == "ogg":
            return self._look(ogg_page_fault, self.file_begin, self.file_end)
        if self.format == "mp4":
            return self._look(fragment_fault, begin, end, self._stream.id)
        if self.format == "mpegts":
            return self._look(transport_fault, begin, end, self._stream.id)
        if self.format == "flv":
            return self._look(flv_fault, begin, end)
        if self.format == "wavpack":
            return self._look(wavpack_fault, begin, end)
        if self.format in ("matroska", "webm"):
            is_alone = len(self._container.streams) == 1 and starts is not None and ends is not None
            return self._look(segment_fault, begin, end, (starts, ends) if is_alone else None)
        return None

    def _look(self, look: Callable[..., _Answer], *where: Any) -> _Answer | None:
        """What `look` finds in the file, None where it cannot be read. FFmpeg reads on where it was."""
        try:
            position = self._raw.tell()
            try:
                return look(self._raw, *where)
            finally:
                self._raw.seek(position)
        except Exception:  # whatever a foreign file object raises
            return None

    def _pieces(self) -> Iterator[tuple[int, list[Any]]]:
        """Frames by the hundred. They are small, and this runs for each: all else is left to block()."""
        name, rate, channels = self.sample_format, self.sample_rate, self.channels
        piece: list[Any] = []
        filled = 0
        first, self._first = self._first or [], None
        for frames in chain([first], self._incoming):
            for frame in frames:
                is_alike = frame.sample_rate == rate and frame.layout.nb_channels == channels
                if is_alike and frame.format.name == name:
                    piece.append(frame)
                    filled += frame.samples
                else:
                    adapted = self._adapted(frame)
                    piece += adapted
                    filled += sum(part.samples for part in adapted)
            if filled >= self.block_frames or len(piece) >= _MOST_FRAMES:
                yield filled, piece
                piece, filled = [], 0
        if filled:
            yield filled, piece

    def block(self, piece: list[Any]) -> Block:
        """Planar data stays planar in memory, seen by its strides."""
        block = joined(piece, self.sample_format, self.channels)
        return block if self._order is None else block[:, self._order]

    def _adapted(self, frame: Any) -> Any:
        """A frame of another rate or other channels than the song's start, made like it.

        None where that cannot be done: a damaged header may claim thirty channels.
        """
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        begins = frame.time
        try:
            if have_tables([frame]):
                raise ValueError("its channels are in another order")
            frame.pts = None
            if self._adapt is None or self._adapt[0] != shape:
                resampler = av.AudioResampler(self.sample_format, self._layout, self.sample_rate)
                self._adapt = shape, resampler
            return self._adapt[1].resample(frame)
        except Exception:
            self._adapt = None  # lest it keep the frame
            place = f"at {begins:.1f} s " if begins is not None else ""
            kind = f"{frame.layout.nb_channels} channels at {frame.sample_rate} Hz"
            self.damage = self.damage or f"{place}it claims to have {kind}"
            return []

    def estimate_seconds(self) -> float:
        waiting = sum(frame.samples for frame in self._first or [])
        seconds: float = self.seconds + waiting / self.sample_rate
        count = 0
        limit = self._counting_limit()
        # Packets of PCM need not say how long they are: it follows from their bytes.
        per_byte = self.seconds / self._bytes if self._bytes and self._is_pcm() else 0.0
        stamp: int | None = None
        try:
            for packet in self._packets:
                count += 1
                if per_byte:
                    seconds += packet.size * per_byte
                elif packet.duration:
                    seconds += float(packet.duration * packet.time_base)
                elif packet.pts is not None:
                    if stamp is not None and packet.pts > stamp:
                        seconds += float((packet.pts - stamp) * packet.time_base)
                    stamp = packet.pts
                if packet.size:
                    self.has_rest = True
                if self.stop_seconds is not None and seconds > self.stop_seconds:
                    break
                if not count % _PACKETS_BETWEEN and limit is not None and limit.is_reached():
                    return self._extrapolated(seconds, packet.pos)
        except Exception:  # whatever stops FFmpeg here: there is more than was decoded
            self.has_rest = True
        return seconds

    def _extrapolated(self, seconds: float, position: int | None) -> float:
        """The length of the song if it goes on as it did up to this place in the file."""
        if not position or position < 0:
            return max(seconds, self.promised_seconds or 0.0)
        return seconds * max(1.0, self._size / (self._start + position))

    def read_error(self) -> AudioError | None:
        broken = next((file.broken for file in self._files if file.broken is not None), None)
        if broken is None or isinstance(broken, AudioError):
            return broken
        return not_read(self.source.name, broken)

    def close(self) -> None:
        """Give everything back now: what refers to each other would wait for the collector."""
        for steps in (self._incoming, self._packets):
            if isinstance(steps, Generator):
                steps.close()
        self._incoming = self._packets = iter(())
        self._first = self._adapt = self._stream = None
        try:
            self._stack.close()
        finally:
            self._container = None


def _is_default(stream: Any) -> bool:
    """Whether the container marks this track as the one to be played."""
    disposition = getattr(stream, "disposition", 0)
    return bool(int(getattr(disposition, "value", disposition)) & _DEFAULT)


def _message(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).split(":")[0]
