"""Probe: duration, rate and codec of a song from its file's head and tail; microseconds, no decoding.

`probe` answers only what the bytes prove. A header that is missing, contradicts the file or was streamed
is not believed: the answer is then `Untrusted`, with the reason, and a decode has the word. One module a
container: wav, aiff, flac, ogg, mp3, mp4.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, cast

from soundverse_nb.audio.probe.aiff import probe_aiff
from soundverse_nb.audio.probe.flac import probe_flac
from soundverse_nb.audio.probe.lead import lead_bytes
from soundverse_nb.audio.probe.mp3 import probe_mp3
from soundverse_nb.audio.probe.mp4 import probe_mp4
from soundverse_nb.audio.probe.ogg import probe_ogg
from soundverse_nb.audio.probe.tags import after_front_tags
from soundverse_nb.audio.probe.wav import probe_wav
from soundverse_nb.audio.probe.window import Probed, Untrusted, Window
from soundverse_nb.audio.reading import GuardedFile
from soundverse_nb.filetype import WAV_LIKE, file_type

__all__ = ["Probed", "Untrusted", "probe", "probe_file"]


class Opened(Protocol):
    """What a probe needs of a source: its size, and a way to read it."""

    @property
    def size_bytes(self) -> int | None: ...

    def open(self) -> AbstractContextManager[BinaryIO]: ...


def probe(source: Opened) -> Probed | Untrusted:
    """The facts of a source's header and tail, or why they cannot be trusted; bad content never raises."""
    if source.size_bytes is None:
        return Untrusted("There is no file, so there is no header.")
    with source.open() as file:
        return probe_file(file, source.size_bytes)


def probe_file(file: BinaryIO, size_bytes: int) -> Probed | Untrusted:
    """The same for an opened, seekable file of `size_bytes` bytes; it is left open, anywhere."""
    try:
        window = Window(file, size_bytes)
        lead = lead_bytes(window)
        if not lead:
            return _probe(window)
        found = _probe(Window(cast("BinaryIO", GuardedFile(file, start=lead)), size_bytes - lead))
        return found._replace(lead=lead) if isinstance(found, Probed) else found
    except Exception:  # a foreign file object may raise anything; the decoder will say what
        return Untrusted("The file's header is damaged, or cannot be read.")


def _probe(window: Window) -> Probed | Untrusted:
    head = window.at(0, 64)
    name = file_type(head)
    if name in WAV_LIKE:
        return probe_wav(window)
    if name == "aiff":
        return probe_aiff(window)
    if name == "ogg":
        return probe_ogg(window)
    if name == "mp4":
        return probe_mp4(window)
    if name == "flac":
        return probe_flac(window, 0)
    if name == "mp3":
        return probe_mp3(window, 0)
    if name in ("id3", "ape tag"):
        offset = after_front_tags(window)
        if window.at(offset, 4) == b"fLaC":
            return probe_flac(window, offset)
        return probe_mp3(window, offset)
    if name is None:
        return Untrusted("The file does not begin like any audio file this probe knows.")
    return Untrusted(f"The length of {name} files is known only by decoding them.", name)
