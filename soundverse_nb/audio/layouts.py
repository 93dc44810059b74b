"""Which channel is which, told without touching what FFmpeg still owns.

A layout of FFmpeg's "custom" order (Apple's orders of 5.1, 6.1 and 7.1 in QuickTime and CAF, for example)
holds a table in FFmpeg's own memory. PyAV 17.1 to 18.1 hand out a copy that points to that table, and free
it with the copy: FFmpeg then frees it a second time, and the process is aborted. So such a layout is taken
from the decoder before it is opened: its samples are the same, and which channel is which is remembered here.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from typing import Any

import av

# FFmpeg's names in the order of its own layouts (libavutil/channel_layout.h).
_IN_ORDER = (
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR",
    "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
)  # fmt: skip
# "5.1(side)", "6 channels" and "ambisonic 1" are FFmpeg's own; "6 channels (FL+FC+...)" may be a table.
_WITHOUT_TABLE = re.compile(r"\S+|\d+ channels|ambisonic \d+")


def release_layout(codec_context: Any) -> tuple[bool, list[int] | None]:
    """Take a layout that has a table from a decoder that is not open yet.

    Returns whether it had one, and the channels' places in FFmpeg's own order, if they are in another.
    """
    layout = codec_context.layout
    name, count = layout.name, layout.nb_channels
    if _WITHOUT_TABLE.fullmatch(name):
        return False, None
    try:
        order = _places([channel.name for channel in layout.channels])
    finally:
        # Whatever happens: once looked at, the table may be freed with `layout`.
        codec_context.layout = av.AudioLayout(f"{count} channels")
    return True, order


def have_tables(frames: Iterable[Any]) -> bool:
    """Whether the decoder itself gave its frames such a layout, which is then never freed by PyAV.

    That loses some bytes a frame; to free them twice would lose the process.
    """
    found = [frame.layout for frame in frames if not _WITHOUT_TABLE.fullmatch(frame.layout.name)]
    for layout in found:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return bool(found)


def _places(names: list[str]) -> list[int] | None:
    if not set(names) <= set(_IN_ORDER) or len(set(names)) < len(names):
        return None
    order = sorted(range(len(names)), key=lambda channel: _IN_ORDER.index(names[channel]))
    return order if order != sorted(order) else None
