"""Old formats that look like samples, and would be heard as noise."""

from __future__ import annotations

from soundverse_nb.audio.probe.window import Window

HEAD = 10
_MOST_CHUNKS = 100
# What a CD player hands on to a receiver: DTS in its four spellings, and IEC 61937 around any codec.
_DTS = (b"\xfe\x7f\x01\x80", b"\x7f\xfe\x80\x01", b"\xff\x1f\x00\xe8", b"\x1f\xff\xe8\x00")
_BURST = b"\x72\xf8\x1f\x4e"
_FIRST_SOUND = 1 << 16
_SHORTEST_FRAME = 96


def is_old_wavpack(head: bytes) -> bool:
    """Whether bytes, a file's first or those of a WAV's data, are of WavPack 1 to 3 (before 2006)."""
    return head[:4] == b"wvpk" and len(head) >= HEAD and 1 <= int.from_bytes(head[8:10], "little") <= 3


def may_be_disguised(head: bytes) -> bool:
    """Whether a WAV's data that begins like this needs a longer look."""
    return is_old_wavpack(head) or head[:4] in _DTS or head[:4] == _BURST


def disguised(window: Window, begin: int) -> str | None:
    """What a file that begins at `begin` holds instead of samples; None for any other."""
    head = window.at(begin, 12)
    if is_old_wavpack(head):
        return "WavPack of a version before 4"
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at = begin + 12
    for _ in range(_MOST_CHUNKS):
        chunk = window.at(at, 8)
        if len(chunk) < 8:
            return None
        if chunk[:4] == b"data":
            return _inside(window, at + 8)
        length = int.from_bytes(chunk[4:], "little")
        at += 8 + length + length % 2
    return None


def _inside(window: Window, at: int) -> str | None:
    if is_old_wavpack(window.at(at, HEAD)):
        return "WavPack of a version before 4"
    sound = window.at(at, _FIRST_SOUND).lstrip(b"\0")
    if sound[:4] in (*_DTS, _BURST):
        # Music does not begin with such four bytes, and repeat them at equal distances.
        second = sound.find(sound[:4], 4)
        if second >= _SHORTEST_FRAME and sound[2 * second : 2 * second + 4] == sound[:4]:
            return "surround sound for a receiver (DTS or AC-3)"
    return None
