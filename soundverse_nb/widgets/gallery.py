"""The gallery: many takes to browse, hear, rate and compare, in place of their static table.

What a notebook saves is the static table. Where a front end is connected to the kernel, the page's script
finds it by its mark and turns it into the live gallery; so the saved file needs no widget.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from soundverse_nb.displays import in_kernel, shows_text_only
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.remix import Clip
from soundverse_nb.remix.preview import ENVELOPE_POINTS
from soundverse_nb.render.assets import asset
from soundverse_nb.render.escape import NO_MATH, plain
from soundverse_nb.render.gallery import (
    MOST_NOTE,
    PEAKS,
    GalleryTake,
    distinct_titles,
    level_of,
    number_columns,
    peaks_of,
    unique_takes,
    varied_factors,
)
from soundverse_nb.render.gallery_table import gallery_html, gallery_text
from soundverse_nb.widgets.player import LiveComparison, compare
from soundverse_nb.widgets.whole_songs import whole_song

logger = logging.getLogger("soundverse_nb.widgets")

MOST_COMPARED = 9
"""Takes in one player, whose keys are 1 to 9."""

STATIC_BYTES = 1_300_000
"""Of the static table: together with what is sent to the page, 1,000 takes stay below 2 MB."""

_answering = ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-gallery")
_looking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="soundverse-waveforms")

OpenSound = Callable[[str], "Clip | str | Path"]
"""The sound of the take with this key; raises a SoundverseError where it is not there."""


class OnChange(Protocol):
    """Keeps what a listener thinks of the take with this key: stars, 1 to 5 or None, and a note."""

    def __call__(self, key: str, *, stars: int | None, note: str) -> object: ...


_asset = partial(asset, folder=Path(__file__).parent)


class GalleryWidget(anywidget.AnyWidget):
    """The live half. `table`, `ratings` and `mark` travel once; sound is sent when it is asked for."""

    _esm = _asset(
        "clock.js", "dom.js", "gallery_takes.js", "gallery_sound.js", "gallery_row.js", "gallery_bar.js",
        "gallery.js",
    )  # fmt: skip
    _css = _asset("look.css", "gallery.css")
    mark = traitlets.Unicode().tag(sync=True)
    table: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    ratings: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, gallery: LiveGallery) -> None:
        super().__init__(
            mark=gallery.mark,
            table=table_of(gallery.takes, gallery.summary),
            ratings={take.key: [take.stars, take.note] for take in gallery.takes if take.stars or take.note},
        )
        self._gallery = gallery
        self._comparison: LiveComparison | None = None
        self.on_msg(self._asked)

    def show(self, takes: Sequence[GalleryTake], summary: str) -> None:
        """Send other takes to the page, which keeps its filters and its place."""
        with self.hold_sync():
            self.ratings = {take.key: [take.stars, take.note] for take in takes if take.stars or take.note}
            self.table = table_of(takes, summary)

    def close(self) -> None:
        self._close_comparison()
        super().close()

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        wanted = content.get("want")
        if wanted == "peaks":
            for key in list(content.get("keys", ()))[:100]:
                _looking.submit(self._send_peaks, str(key))
        elif wanted == "sound":
            _answering.submit(self._answer, content)
        elif wanted == "close":
            self._close_comparison()
        else:
            # Here and not on another thread: what is given is kept in order, and a widget is made.
            self._answer(content)

    def _answer(self, content: Any) -> None:
        """Do what the page asked for; a page can ask for nothing but its own takes."""
        answer = {"request": content.get("request")}
        buffers: list[bytes] = []
        try:
            if content["want"] == "rate":
                answer |= self._rate(str(content["key"]), content.get("stars"), content.get("note"))
            elif content["want"] == "compare":
                answer |= self._compare([str(key) for key in content["keys"]])
            else:
                answer["mime"], _, data = whole_song(self._gallery.clip(str(content["key"])))
                buffers.append(data)
        except SoundverseError as reason:
            answer["problem"] = " ".join(part for part in (reason.message, reason.hint) if part)
        except Exception as reason:  # the page must get an answer, whatever went wrong
            logger.warning("The gallery cannot answer: %s: %s", type(reason).__name__, plain(reason, 200))
            answer["problem"] = f"The kernel cannot do this ({type(reason).__name__})."
        self.send(answer, buffers=buffers)

    def _send_peaks(self, key: str) -> None:
        try:
            envelope = self._gallery.clip(key).envelope(ENVELOPE_POINTS)
        except SoundverseError as reason:
            self.send({"peaks": key, "problem": plain(reason, 400)})
        except Exception as reason:  # a take without a waveform can still be played
            logger.debug("No waveform: %s", type(reason).__name__)
        else:
            length = envelope.duration if math.isfinite(envelope.duration) else None
            self.send({"peaks": key, "seconds": length}, buffers=[peaks_of(envelope)])

    def _rate(self, key: str, stars: Any, note: Any) -> dict[str, Any]:
        count = stars if isinstance(stars, int) and 1 <= stars <= 5 else None
        words = plain(note or "", MOST_NOTE)
        self._gallery.rate(key, count, words)
        # In place: setting it would send all of it again.
        self.ratings[key] = [count, words]
        return {"rated": key, "stars": count, "note": words}

    def _compare(self, keys: list[str]) -> dict[str, Any]:
        comparison = self._gallery.comparison(keys)
        mark = comparison.widget.mark
        self._close_comparison()
        self._comparison = comparison
        return {"mark": mark, "title": comparison.comparison.title}

    def _close_comparison(self) -> None:
        if self._comparison is not None:
            self._comparison.close()
            self._comparison = None


def table_of(takes: Sequence[GalleryTake], summary: str = "") -> dict[str, Any]:
    """What the page is told of the takes, column by column; peaks as bytes, all else JSON."""
    factors = [
        {"name": factor, "levels": levels, "of": _places(takes, factor, levels)}
        for factor, levels in varied_factors(takes).items()
    ]
    numbers = []
    for column in number_columns(takes):
        values = [take.numbers.get(column.name) for take in takes]
        known = [None if value is None or not math.isfinite(value) else value for value in values]
        texts = [None if value is None else column.text(value) for value in known]
        numbers.append({"name": column.name, "label": column.label, "values": known, "texts": texts})
    return {
        "summary": plain(summary, 600),
        "keys": [take.key for take in takes],
        "places": [take.number for take in takes],
        "titles": [plain(take.words or "–", 300) for take in takes],
        "songs": [plain(take.reference, 120) for take in takes],
        "details": [plain(take.detail, 120) for take in takes],
        "states": [take.state for take in takes],
        "seconds": [take.seconds for take in takes],
        "endings": {str(at): plain(take.ending, 600) for at, take in enumerate(takes) if take.ending},
        "badges": {str(at): take.badges for at, take in enumerate(takes) if take.badges},
        "factors": factors,
        "numbers": numbers,
        "points": PEAKS,
        "has_peaks": [int(len(take.peaks) == PEAKS) for take in takes],
        "peaks": b"".join(take.peaks for take in takes if len(take.peaks) == PEAKS),
    }


def _places(takes: Sequence[GalleryTake], factor: str, levels: Sequence[str]) -> list[int]:
    place = {level: at for at, level in enumerate(levels)}
    return [place.get(level_of(take, factor), -1) for take in takes]


class LiveGallery:
    """Takes to browse: live where the kernel is connected, a static table everywhere else.

    `.widget` is the gallery alone, for front ends that show widgets but do not let a page be upgraded.
    """

    def __init__(
        self,
        takes: Sequence[GalleryTake],
        open_sound: OpenSound | None = None,
        on_change: OnChange | None = None,
        open_original: Callable[[str], Clip | None] | None = None,
        summary: str = "",
        notes: Sequence[str] = (),
        saved: Callable[[], str] | None = None,
    ) -> None:
        self.mark = f"svgal-{secrets.token_hex(6)}"
        self.summary = summary
        self.notes = tuple(notes)
        self._saved = saved
        self._takes = {take.key: take for take in unique_takes(takes)}
        self._open_sound = open_sound
        self._open_original = open_original
        self._on_change = on_change
        self._widget: GalleryWidget | None = None

    @property
    def takes(self) -> list[GalleryTake]:
        """The takes, with the stars and notes that they have by now."""
        return list(self._takes.values())

    @property
    def widget(self) -> GalleryWidget:
        """The live gallery, made when first asked for."""
        if self._widget is None:
            self._widget = GalleryWidget(self)
        return self._widget

    def update(self, takes: Sequence[GalleryTake], summary: str | None = None) -> None:
        """Show these takes instead, for example when some have landed; filters, place and selection stay.

        All of it is sent again, some 0.7 kB a take: for many takes not more often than every few seconds.
        """
        self._takes = {take.key: take for take in unique_takes(takes)}
        self.summary = self.summary if summary is None else summary
        if self._widget is not None:
            self._widget.show(self.takes, self.summary)

    def clip(self, key: str) -> Clip:
        """The sound of a take. Raises ConfigurationError where there is none."""
        take = self._take(key)
        if not take.is_audible or self._open_sound is None:
            raise ConfigurationError(take.ending or "This gallery has no sound.")
        sound = self._open_sound(key)
        return sound if isinstance(sound, Clip) else Clip(sound)

    def _take(self, key: str) -> GalleryTake:
        try:
            return self._takes[key]
        except KeyError:
            raise ConfigurationError("There is no such take in this gallery.") from None

    def rate(self, key: str, stars: int | None, note: str) -> None:
        """Keep what a listener thinks of a take."""
        take = self._take(key)
        if self._on_change is not None:
            self._on_change(key, stars=stars, note=note)
        self._takes[key] = replace(take, stars=stars, note=note)

    def comparison(self, keys: Sequence[str]) -> LiveComparison:
        """Takes in one player, the original before them where it is the same for all and on disk."""
        if len(keys) > MOST_COMPARED:
            raise ConfigurationError(
                f"{len(keys)} takes are too many for one player, which takes {MOST_COMPARED}.",
                hint="Select fewer.",
            )
        takes = [self._take(key) for key in keys]
        clips = [self.clip(key) for key in keys]
        names = distinct_titles(takes)
        originals = {self._open_original(key) for key in keys} if self._open_original else set()
        original = next(iter(originals), None)
        if len(originals) == 1 and original is not None and original.path.is_file():
            clips, names = [original, *clips], ["Original", *names]
        if len(clips) < 2:
            raise ConfigurationError("One take alone cannot be compared.", hint="Select another one.")
        return compare(*clips, labels=names, title=_title(takes))

    def static_html(self, max_bytes: int = STATIC_BYTES) -> str:
        """The takes as a table that needs no kernel, at most `max_bytes`."""
        return str(gallery_html(self.takes, self.summary, self.notes, max_bytes=max_bytes))

    def close(self) -> None:
        """Take the live gallery down; the static table stays."""
        if self._widget is not None:
            self._widget.close()
            self._widget = None

    def __repr__(self) -> str:
        return gallery_text(self.takes, self.summary or f"Gallery: {_count(self._takes)}", self.notes)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if shows_text_only():
            return bundle
        return {**bundle, "text/html": self.html()}

    def html(self) -> str:
        """What a notebook saves, in a kernel with the mark by which a page turns it into the live gallery."""
        html = self.static_html() if self._saved is None else self._saved()
        if in_kernel():
            # The mark is all that the page's script needs; a class survives every sanitiser.
            html = f'<div class="{self.widget.mark} {NO_MATH}">{html}</div>'
        return html


def _title(takes: Sequence[GalleryTake]) -> str:
    songs = {take.reference for take in takes if take.reference}
    of = f" of {plain(next(iter(songs)), 80)}" if len(songs) == 1 else ""
    return f"{_count(takes)}{of}"


def _count(takes: Sized) -> str:
    return "1 take" if len(takes) == 1 else f"{len(takes):,} takes"


def gallery(
    takes: Sequence[GalleryTake],
    open_sound: OpenSound | None = None,
    on_change: OnChange | None = None,
    *,
    open_original: Callable[[str], Clip | None] | None = None,
    summary: str = "",
    notes: Sequence[str] = (),
    saved: Callable[[], str] | None = None,
) -> LiveGallery:
    """Takes to browse, hear, rate and compare.

    Parameters
    ----------
    takes : what is shown; of takes of one key the first.
    open_sound : the sound of a take by its key, asked when it is played. Raises a SoundverseError, whose
        sentence the page shows, where it is not there.
    on_change : called with `key, stars=, note=` when a listener rates a take; what it raises is shown, and
        the take is as it was.
    open_original : the song that a take was made of, for the player; None where it is not on disk.
    summary, notes : lines above and below the table.
    saved : gives the HTML that a notebook saves, where that is not the table of these takes.

    >>> from soundverse_nb.render.gallery import GalleryTake
    >>> gallery([GalleryTake("a", "jazz", 1, "tune", seconds=83.0)])
    Gallery: 1 take
    1  tune  jazz  1:23
    """
    return LiveGallery(takes, open_sound, on_change, open_original, summary, notes, saved)
