"""Tags that stand before and behind the sound: ID3v2 in front; ID3v1, Lyrics3 and APE at the end."""

from __future__ import annotations

from soundverse_nb.audio.probe.window import Window

_MOST_TAGS = 16
TAIL = 360


def after_id3(window: Window) -> int:
    """Where the bytes after all leading ID3v2 tags begin (0 where there is none); may lie past the end."""
    offset = 0
    for _ in range(_MOST_TAGS):
        head = window.at(offset, 10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        offset += 10 + size + (10 if head[5] & 0x10 else 0)
    return offset


def before_tail_tags(window: Window) -> int:
    """Where the sound ends: the file's end without the tags that are stacked there."""
    end = window.size
    for _ in range(_MOST_TAGS):
        _, tail = window.tail(TAIL, end)
        length = _tail_tag(tail)
        if length == 0 or length > end:
            break
        end -= length
    return end


def _tail_tag(tail: bytes) -> int:
    """Length in bytes of the tag that these last bytes close, 0 where they close none."""
    if tail[-128:-125] == b"TAG" and len(tail) >= 128:
        return 128 + 227 if tail[-355:-351] == b"TAG+" else 128
    if tail[-32:-24] == b"APETAGEX":
        size = int.from_bytes(tail[-20:-16], "little")
        has_header = bool(int.from_bytes(tail[-12:-8], "little") & 0x80000000)
        return size + (32 if has_header else 0)
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail[-10:-7] == b"3DI" and max(tail[-4:]) <= 0x7F:
        return 20 + (tail[-4] << 21 | tail[-3] << 14 | tail[-2] << 7 | tail[-1])
    return 0
