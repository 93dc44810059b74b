"""A remix as it came back: its audio beside the original, its events and timeline; several songs compared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from soundverse_nb import displays
from soundverse_nb.api.body import shown_id
from soundverse_nb.errors import ConfigurationError, Spent
from soundverse_nb.remix.clip import Clip, PaidClip
from soundverse_nb.remix.take_names import asked_of
from soundverse_nb.render.escape import plain
from soundverse_nb.render.labels import StageSpan, reached_hold
from soundverse_nb.urls import PrivateURL, private

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent, Stage
    from soundverse_nb.api.request import RemixRequest
    from soundverse_nb.measures.difference import Difference


@dataclass(frozen=True)
class TimedEvent:
    """An event of the stream and when it arrived, in seconds since the order was started."""

    at: float
    event: RemixEvent


def timeline(events: Sequence[TimedEvent], finished: float | None = None) -> list[StageSpan]:
    """The stages in the order they came; repeated events of one stage are one span.

    `finished` is when the whole remix was done (seconds since the start) and ends the last span; without
    it the last span ends with the last event. Arrival times that run backwards are taken as "at once".
    """
    marks: list[tuple[float, Stage, bool]] = []
    latest = 0.0
    for timed in events:
        latest = max(latest, timed.at)
        stage = timed.event.stage
        held = stage.value == "streaming" and reached_hold(timed.event.progress)
        if not marks or marks[-1][1:] != (stage, held):
            marks.append((latest, stage, held))
    if finished is not None:
        latest = max(latest, finished)
    ends = [*(mark[0] for mark in marks[1:]), latest]
    return [
        StageSpan(stage, started, ends[place] - started, held)
        for place, (started, stage, held) in enumerate(marks)
    ]


@dataclass(frozen=True)
class Comparison:
    """Songs above one another on one time axis, each with its player.

    `labels` has one name a clip.
    """

    clips: tuple[Clip, ...]
    labels: tuple[str, ...]
    title: str = "Comparison"

    def static_html(self, max_bytes: int | None = None) -> str:
        """The comparison as HTML of at most `max_bytes` (default: remix.preview.display_bytes())."""
        return str(_display().clips_html(self._named(), self.title, max_bytes))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(_display().clips_bundle(self._named(), self.title))

    def _named(self) -> list[tuple[str, Clip]]:
        return list(zip(self.labels, self.clips, strict=True))


@dataclass(frozen=True, init=False, repr=False)
class Remix:
    """A finished remix: its audio, the song it was made of, the request, and how it came about.

    In a notebook it shows itself: both songs with a player and a waveform on one time axis, and the
    stages on the way. It holds paths, not sound, so it is small and can be pickled.

    Attributes
    ----------
    audio : the remix on disk.
    reference : the song it was made of, where that is on disk too.
    request : what was asked.
    timed_events : each event of the stream with its arrival, in seconds since `started_at`.
    song_name : the service's title.
    album_art, audio_url : where the service keeps them, None where it named none; their repr
        hides the signature.
    album_art_path : the picture on disk.
    message_id, order_id : the service's and the journal's name for this remix.
    simulated : made by the embedded simulator, not by the service.
    started_at, finished_at : seconds since 1970.

    >>> import soundverse_nb as sv
    >>> with sv.connect(progress=False) as client:
    ...     remix = client.remix_sync(sv.example_song(), prompt="lo-fi hip hop")
    soundverse_nb: no API key, ...
    >>> remix.save("lo-fi.mp3").name
    'lo-fi.mp3'
    """

    audio: Clip
    reference: Clip | None
    request: RemixRequest
    timed_events: tuple[TimedEvent, ...]
    song_name: str | None
    album_art: PrivateURL | None
    album_art_path: Path | None
    audio_url: PrivateURL | None
    message_id: str | None
    order_id: str | None
    simulated: bool
    started_at: float | None
    finished_at: float | None

    def __init__(
        self,
        *,
        audio: Clip | str | os.PathLike[str],
        request: RemixRequest,
        reference: Clip | str | os.PathLike[str] | None = None,
        events: Iterable[TimedEvent] = (),
        song_name: str | None = None,
        album_art: object = None,
        album_art_path: str | os.PathLike[str] | None = None,
        audio_url: object = None,
        message_id: str | None = None,
        order_id: str | None = None,
        simulated: bool = False,
        started_at: float | None = None,
        finished_at: float | None = None,
    ) -> None:
        values: dict[str, Any] = {
            "audio": PaidClip(audio, Spent.NO if simulated else Spent.YES, order_id),
            "reference": reference if isinstance(reference, Clip) or reference is None else Clip(reference),
            "request": request,
            "timed_events": tuple(events),
            "song_name": song_name,
            "album_art": private(album_art),
            "album_art_path": None if album_art_path is None else Path(album_art_path),
            "audio_url": private(audio_url),
            "message_id": message_id,
            "order_id": order_id,
            "simulated": simulated,
            "started_at": started_at,
            "finished_at": finished_at,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def events(self) -> tuple[RemixEvent, ...]:
        """The events of the service, in order."""
        return tuple(timed.event for timed in self.timed_events)

    @property
    def seconds(self) -> float | None:
        """From the start of the order to the audio on disk, in seconds; None where that was not timed."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, self.finished_at - self.started_at)

    @property
    def timeline(self) -> list[StageSpan]:
        """Which stage began when and lasted how long (seconds since the start)."""
        return timeline(self.timed_events, self.seconds)

    @property
    def title(self) -> str:
        """The service's title, or the prompt, or the file's name: one harmless line."""
        return plain(self.song_name or self.request.prompt or "", 120) or plain(self.audio.name, 120)

    @property
    def song(self) -> str:
        """The name of the song it was made of: its file's or its address's, without the ending."""
        return asked_of(self).song

    @property
    def _spent(self) -> Spent:
        """Whether an error about it calls it paid for: a finished remix is, a simulated one never."""
        return Spent.NO if self.simulated else Spent.YES

    def compare(self, *, labels: list[str] | None = None, title: str | None = None) -> Any:
        """Original and remix in one player, to switch between while they play.

        Parameters
        ----------
        labels : a short name for each, the original's first; ["Original", "Remix"] by default.
        title : a line above them; the remix's own title by default.

        Raises ConfigurationError where this front end has no player or the names do not fit.
        """
        player = displays.lookup("player")
        if player is None:
            raise ConfigurationError(
                "This front end has no player.",
                spent=self._spent,
                hint="Open the notebook in JupyterLab, or play .audio.path.",
            )
        clips, names = [self.audio], ["Remix"]
        if self.reference is not None:
            clips, names = [self.reference, *clips], ["Original", *names]
        return player(
            *clips,
            labels=names if labels is None else labels,
            title=self.title if title is None else title,
        )

    @property
    def difference(self) -> Difference:
        """What the remix kept of its song and what it changed, in numbers; `sv.compare_audio` of the two.

        Measured when it is first asked for, some seconds for a song of three minutes, and kept by content.
        Raises ConfigurationError where the song is not on disk.
        """
        measure = displays.lookup("difference")
        if self.reference is None or measure is None:
            raise ConfigurationError(
                "The song of this remix is not on this disk, so there is nothing to compare with.",
                spent=self._spent,
                hint="Download it, and call sv.compare_audio(song, remix).",
            )
        difference: Difference = measure(self.reference, self)
        return difference

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy the remix to `path`, a new file or a folder that exists, and give back where it is now.

        Nothing is overwritten and no folder is made: both raise ConfigurationError.
        """
        target = Path(os.path.expanduser(os.fspath(path)))
        if target.is_dir():
            target = target / self.audio.name
        try:
            with open(self.audio, "rb") as source:
                copy_to_new(source, target)
        except FileExistsError:
            raise ConfigurationError(
                f"{target} exists already and was left as it is.",
                spent=self._spent,
                hint="Choose another name, or delete it first.",
            ) from None
        except OSError as reason:
            raise ConfigurationError(
                f"The remix could not be copied to {target}: {reason.strerror or reason}"
                + (f" ({reason.filename})." if reason.filename else "."),
                spent=self._spent,
                hint="Is there such a folder, may you write there, is the disk full?",
            ) from None
        return target

    def static_html(self, max_bytes: int | None = None) -> str:
        """The result as HTML of at most `max_bytes` (default: remix.preview.display_bytes()), with players.

        Where the songs do not fit, shorter or plainer MP3 previews are made and the page says so.
        """
        return str(_display().remix_html(self, max_bytes))

    def __repr__(self) -> str:
        named = {"song": self.song, "prompt": plain(self.request.prompt or "", 120)}
        marks = [f"{name}={value!r}" for name, value in named.items() if value]
        marks.append(f"audio={str(self.audio.path)!r}")
        marks += ["simulated"] if self.simulated else []
        if self.message_id:
            marks.append(f"message_id={plain(shown_id(self.message_id), 60)!r}")
        return f"Remix({', '.join([repr(self.title), *marks])})"

    def __str__(self) -> str:
        return str(_display().remix_text(self))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(_display().remix_bundle(self))


def _display() -> ModuleType:
    from soundverse_nb.remix import display  # loads numpy and Pillow

    return display


def copy_to_new(source: BinaryIO, target: Path) -> None:
    """Copy into a file that must not exist yet; a copy that fails half-way leaves no stump."""
    with open(target, "xb") as sink:
        try:
            shutil.copyfileobj(source, sink, 1 << 20)
        except BaseException:  # an interrupt too
            target.unlink(missing_ok=True)
            raise
