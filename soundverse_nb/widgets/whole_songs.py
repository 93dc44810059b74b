"""Whole songs for the cards on show: what a notebook saves is a preview, what a live page plays is the file.

A card is plain HTML with a mark, a class, around it. Where a front end is connected to the kernel, the page's
script finds the mark, asks for each song that comes into view, and gives it to the card's own player.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix import Clip
from soundverse_nb.remix.preview import ENVELOPE_POINTS
from soundverse_nb.widgets.takes import Take, sound_bytes, travels_unchanged

_sending = ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-songs")

_MIMES = {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg"}


class WholeSongs(anywidget.AnyWidget):
    """Sends songs to the cards that carry `mark`; one for all cards of a kernel."""

    _esm = Path(__file__).with_name("whole_songs.js")
    mark = traitlets.Unicode().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(mark=f"svw-{secrets.token_hex(6)}")
        self._cards: list[tuple[Clip, ...]] = []
        self.on_msg(self._asked)

    def mark_for(self, clips: Sequence[Clip]) -> str:
        """The classes of a card whose lanes show these clips."""
        self._cards.append(tuple(clips))
        return f"{self.mark} {self.mark}-{len(self._cards) - 1}"

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        _sending.submit(self._answer, content)

    def _answer(self, content: Any) -> None:
        """Send the song of a lane; a page can ask for nothing but what was shown to it."""
        answer = {"request": content.get("request")}
        try:
            card, lane = int(content["card"]), int(content["lane"])
            if card < 0 or lane < 0:
                raise IndexError
            mime, note, data = whole_song(self._cards[card][lane])
        except SoundverseError as reason:
            self.send({**answer, "problem": reason.message})
        except Exception as reason:  # the page must get an answer, whatever went wrong
            self.send({**answer, "problem": f"The kernel cannot send this song ({type(reason).__name__})."})
        else:
            self.send({**answer, "mime": mime, "note": note}, buffers=[data])


def whole_song(clip: Clip) -> tuple[str, str, bytes]:
    """MIME type, what to say of it, and the song as a browser plays it: the file itself where that works."""
    outline = clip.envelope(ENVELOPE_POINTS)
    # Samples that are not numbers reach no loudspeaker: sound_bytes() takes them out.
    finite = bool(np.isfinite(outline.minima).all() and np.isfinite(outline.maxima).all())
    data = sound_bytes(Take("", clip, "", finite=finite))
    if finite and travels_unchanged(clip):
        return _MIMES[clip.format], "Plays the whole file.", data
    return _MIMES["flac"], "Plays the whole song, as FLAC of 16 bit.", data


_songs: WholeSongs | None = None


def mark_for(clips: Sequence[Clip]) -> str:
    """The classes that make a card of these clips play them whole on a live page."""
    global _songs
    if _songs is None or _songs.comm is None:  # the user may have closed all widgets
        _songs = WholeSongs()
    return _songs.mark_for(clips)
