"""The A/B player: takes of a song on one axis, switched at the same time or place, matched in loudness.

What a notebook saves is the static comparison. Where a front end is connected to the kernel, the page's
script finds it by its mark and turns it into the live player in place; so the saved file needs no widget.
"""

from __future__ import annotations

import contextvars
import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import anywidget
import traitlets

from soundverse_nb.audio.spectrogram import mel_spectrogram
from soundverse_nb.displays import in_kernel
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.remix import Clip, Remix, RemixList
from soundverse_nb.remix.remix import Comparison
from soundverse_nb.remix.take_names import asked_of, take_titles
from soundverse_nb.render.assets import asset
from soundverse_nb.render.colours import song_colour
from soundverse_nb.render.escape import NO_MATH
from soundverse_nb.render.pictures import spectrogram_png
from soundverse_nb.widgets.takes import (
    Take,
    file_bytes,
    matched,
    mp3_bytes,
    outline_bytes,
    read_take,
    sound_bytes,
    sound_name,
)

logger = logging.getLogger("soundverse_nb.widgets")

_reading = ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-takes")
_answering = ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-player")
_aligning = ThreadPoolExecutor(max_workers=1, thread_name_prefix="soundverse-alignment")


_asset = partial(asset, folder=Path(__file__).parent)


class Player(anywidget.AnyWidget):
    """The live half. `takes` and `mark` travel once; sound and spectrograms are sent when asked for.

    `read` gives the takes; it runs on a thread of its own, so that the static page need not wait for it.
    `alignment` says which second of a take is which of another, {} until it is known: at once where the takes
    have been compared before, else when the page asks.
    """

    _esm = _asset("clock.js", "alignment.js", "dom.js", "player_sound.js", "player_drawing.js", "player.js")
    _css = _asset("look.css", "player.css")
    takes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    mark = traitlets.Unicode().tag(sync=True)
    alignment: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, read: Callable[[], list[Take]], mark: str) -> None:
        super().__init__(mark=mark)
        self._read: Future[list[Take]] = Future()
        self._pictures: dict[int, bytes] = {}
        self.on_msg(self._asked)
        # In a copy of this context: ipykernel keeps there which cell is speaking.
        work = partial(contextvars.copy_context().run, self._begin, read)
        threading.Thread(target=work, name="soundverse-player", daemon=True).start()

    def _begin(self, read: Callable[[], list[Take]]) -> None:
        try:
            takes = read()
        except BaseException as reason:  # a page that waits for an answer must get one
            self._read.set_exception(reason)
            # Nobody is above a thread; what is raised there ends as a traceback in somebody's cell.
            logger.warning("The player has no takes: %s", type(reason).__name__)
            return
        self._read.set_result(takes)
        self.takes = [take.state() for take in takes]
        self._tell_known_alignment(takes)

    def _tell_known_alignment(self, takes: list[Take]) -> None:
        try:
            known = _alignments().known_alignment(takes)
            if known:
                self.alignment = known
        except Exception as reason:  # the page may still ask, and is told then
            logger.debug("No alignment is known: %s", type(reason).__name__)

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content.get("want") == "nothing":  # whether there is a kernel
            return
        executor = _aligning if content.get("want") == "alignment" else _answering
        executor.submit(self._answer, content)

    def _answer(self, content: Any) -> None:
        """Send what the page asked for; a page can ask for nothing but its own takes."""
        answer = {"request": content.get("request")}
        try:
            if content["want"] == "alignment":
                answer["alignment"] = self._aligned()
                self.send(answer)
                return
            place = int(content["take"])
            take = self._read.result()[place]
            if content["want"] == "spectrogram":
                data = self._pictures.get(place) or self._pictures.setdefault(place, _spectrogram(take))
            else:
                answer["name"], data = _FILES[content["want"], content.get("as")](take)
        except SoundverseError as reason:
            self.send({**answer, "problem": reason.message})
        except Exception as reason:  # the page must get an answer, whatever went wrong
            self.send(
                {**answer, "problem": f"The kernel cannot prepare this take ({type(reason).__name__})."}
            )
        else:
            self.send(answer, buffers=[data])

    def _aligned(self) -> dict[str, Any]:
        if not self.alignment:
            self.alignment = _alignments().align(self._read.result())
        return self.alignment


def _alignments() -> Any:
    from soundverse_nb.widgets import alignments  # loads scipy

    return alignments


def _spectrogram(take: Take) -> bytes:
    return spectrogram_png(mel_spectrogram(take.clip))


_FILES: dict[tuple[str, str | None], Callable[[Take], tuple[str, bytes]]] = {
    ("sound", None): lambda take: (sound_name(take), sound_bytes(take)),
    ("sound", "mp3"): lambda take: (str(PurePath(take.file_name).with_suffix(".mp3")), mp3_bytes(take)),
    ("file", None): lambda take: (take.file_name, file_bytes(take)),
    ("outline", None): lambda take: ("", outline_bytes(take)),
}
"""What a page can ask for, as a file: its name, and what it holds."""


class LiveComparison:
    """Takes side by side: a player where the kernel is connected, a static page everywhere else.

    `.widget` is the player alone, for front ends that show widgets but do not let a page be upgraded;
    `.static_html()` is what is saved; `.gains` are the dB that match the takes.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self._mark = f"svp-{secrets.token_hex(6)}"
        self._widget: Player | None = None
        self._takes: list[Take] | None = None
        self._lock = threading.Lock()

    @property
    def takes(self) -> list[Take]:
        """The takes with their loudness and gains, read when first asked for."""
        with self._lock:
            if self._takes is None:
                clips = self.comparison.clips
                colours = map(song_colour, range(len(clips)))
                self._takes = matched(list(_reading.map(read_take, self.comparison.labels, clips, colours)))
            return self._takes

    @property
    def gains(self) -> tuple[float, ...]:
        """dB for each take, 0 for the quietest and negative for louder ones."""
        return tuple(take.gain for take in self.takes)

    @property
    def widget(self) -> Player:
        """The live player, made when first asked for."""
        if self._widget is None:
            self._widget = Player(lambda: self.takes, self._mark)
        return self._widget

    def static_html(self, max_bytes: int | None = None) -> str:
        """The comparison as a page that needs no kernel, at most `max_bytes`."""
        return self.comparison.static_html(max_bytes and max_bytes - len(_SAVED)) + _SAVED

    def close(self) -> None:
        """Take the live player down; the static comparison stays."""
        if self._widget is not None:
            self._widget.close()
            self._widget = None

    def __repr__(self) -> str:
        return f"LiveComparison({', '.join(self.comparison.labels)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        bundle = self.comparison._repr_mimebundle_(include, exclude)
        if "text/html" in bundle:
            bundle["text/html"] += _SAVED
        if "text/html" in bundle and in_kernel():
            # The mark is all that the page's script needs; a class survives every sanitiser.
            bundle["text/html"] = f'<div class="{self.widget.mark} {NO_MATH}">{bundle["text/html"]}</div>'
        return bundle


_SAVED = (
    '<div style="font-size:12px;opacity:0.75;margin:4px 0 0">As it is saved, each song has a player of its '
    "own. Run the cell for one player that switches between them.</div>"
)


def compare(*songs: Any, labels: list[str] | None = None, title: str | None = None) -> LiveComparison:
    """What `sv.compare` gives, which explains it."""
    songs = tuple(
        each for song in songs for each in (song.remixes if isinstance(song, RemixList) else [song])
    )
    if len(songs) == 1 and isinstance(songs[0], Remix) and songs[0].reference is not None:
        songs = (songs[0].reference, songs[0].audio)
        labels = labels or ["Original", "Remix"]
    clips = tuple(_clip(song) for song in songs)
    if not clips:
        raise ConfigurationError(
            "There is nothing to compare.", hint="Call sv.compare(a, b) with files, clips or remixes."
        )
    if labels is None:
        labels = _labels(songs)
    if len(labels) != len(clips):
        raise ConfigurationError(
            f"{len(labels)} labels, {len(clips)} takes.", hint="Give each take one label."
        )
    return LiveComparison(Comparison(clips, tuple(labels), "Comparison" if title is None else title))


def _labels(songs: tuple[Any, ...]) -> list[str]:
    """A remix is called by its song and prompt, anything else by its place."""
    places = [f"Take {index}" for index in range(1, len(songs) + 1)] if len(songs) != 2 else ["A", "B"]
    titles = iter(take_titles([asked_of(song) for song in songs if isinstance(song, Remix)]))
    return [next(titles) if isinstance(song, Remix) else at for song, at in zip(songs, places, strict=True)]


def _clip(song: Any) -> Clip:
    if isinstance(song, Remix):
        return song.audio
    if isinstance(song, Clip):
        return song
    place = as_reference(song).place
    if place is not None:
        return Clip(place)
    raise ConfigurationError(
        f"A {type(song).__name__} cannot be compared.", hint="Give a path, an sv.Clip or an sv.Remix."
    )
