"""Encryption (DRM): songs that only the programs they were sold for can play.

A decoder takes what is encrypted for damage, or plays it as noise. Sources: ISO/IEC 14496-12, 8.12, and
23001-7 (MP4), RFC 9559, 5.1.4.1.31 (Matroska), Advanced Systems Format, 3.14 and 3.15 (WMA).
"""

from __future__ import annotations

from typing import BinaryIO

from soundverse_nb.audio.probe.matroska import has_open_sound
from soundverse_nb.audio.probe.mp4 import sample_entries
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.filetype import file_type

_ENTRIES = {b"drms": "Apple's FairPlay", b"enca": "its shop's DRM", b"aavd": "Audible"}
_AUDIBLE = b"\x57\x90\x75\x36"
# The objects Content Encryption and Extended Content Encryption.
_WINDOWS_MEDIA = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
_HEAD = 1 << 16


def encryption_of(stream: BinaryIO, begin: int, end: int) -> str | None:
    """The encryption of the song in these bytes of a file, by a name for users; None where there is none."""
    window = Window(stream, end)
    head = window.at(begin, 12)
    name = file_type(head)
    if head[4:8] == _AUDIBLE:
        return _ENTRIES[b"aavd"]
    if name == "asf":
        length = int.from_bytes(window.at(begin + 16, 8), "little")
        objects = window.at(begin, min(length, _HEAD))
        return "Windows Media DRM" if any(mark in objects for mark in _WINDOWS_MEDIA) else None
    if name == "matroska":
        return None if has_open_sound(window.at(begin, _HEAD)) else "its shop's DRM"
    entries = sample_entries(window) if name == "mp4" and begin == 0 else []
    locks = [_ENTRIES[entry] for entry in entries if entry in _ENTRIES]
    return locks[0] if locks and len(locks) == len(entries) else None
