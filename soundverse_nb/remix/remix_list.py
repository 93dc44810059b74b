"""Many remixes in the order asked, some of them failed: a list that shows itself, and goes on from there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from soundverse_nb import displays
from soundverse_nb.errors import ConfigurationError, SoundverseError, Spent, bare_errors, import_extra
from soundverse_nb.remix.clip import Clip
from soundverse_nb.remix.list_takes import (
    MOST_ROWS,
    Outcome,
    Rating,
    gallery_takes,
    list_html,
    list_text,
    take_key,
)
from soundverse_nb.remix.preview import LEAST_BYTES, display_bytes
from soundverse_nb.remix.remix import Remix, copy_to_new
from soundverse_nb.remix.take_names import Asked, asked_of, file_name, take_titles, told_apart
from soundverse_nb.render.escape import plain

if TYPE_CHECKING:
    from soundverse_nb.measures.difference import Difference
    from soundverse_nb.measures.table import MeasureTable
    from soundverse_nb.render.gallery import GalleryTake

Again = Callable[[Sequence[Any]], Awaitable["RemixList"]]
"""Orders takes anew; given what `Asked.again` of each holds, in the same order."""


class RemixList(list[Outcome]):
    """Remixes in the order in which they were asked for, an error in the place of each that failed.

    It is a list, and shows itself as a table: song, prompt, a small player, and why something failed. While
    the kernel runs it is filtered, sorted, rated and compared there; saved notebooks play it.

    >>> import soundverse_nb as sv
    >>> song = sv.example_song()
    >>> with sv.connect(progress=False) as client:
    ...     remixes = client.remix_all_sync([(song, "lo-fi hip hop"), ("no-such-song.mp3", "jazz")])
    soundverse_nb: no API key, ...
    >>> print(remixes)
    RemixList: 1 remix, 1 failed
    0  reference_song  lo-fi hip hop  0:38 ...
    1  no-such-song    jazz           failed: There is no file no-such-song.mp3. ...
    >>> [path.name for path in remixes.save("lo-fi")]
    ['reference_song - lo-fi hip hop - 1.mp3']
    """

    def __init__(
        self, takes: Iterable[Outcome] = (), *, again: Again | None = None, notes: Iterable[str] = ()
    ) -> None:
        super().__init__(takes)
        self._again = again
        self._ratings: dict[str, Rating] = {}
        self._live: Any = None  # the gallery that cells show in place of the table
        self._shown: dict[str, Outcome] = {}
        self.notes = tuple(notes)
        """Sentences that are shown below the table."""

    @property
    def remixes(self) -> list[Remix]:
        """Those that are there."""
        return [take for take in self if isinstance(take, Remix)]

    @property
    def failed(self) -> list[SoundverseError]:
        """Why the others are not: each error says whether it was paid for, and what to do."""
        return [take for take in self if isinstance(take, SoundverseError)]

    @property
    def asked(self) -> list[Asked]:
        """What was asked for each take: song, prompt, lyrics, parameters."""
        return [asked_of(take) for take in self]

    @property
    def titles(self) -> list[str]:
        """A name for each take, from its song and its prompt; no two are the same."""
        return list(take_titles(self.asked))

    @overload
    def __getitem__(self, index: SupportsIndex) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> RemixList: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Outcome | RemixList:
        if isinstance(index, slice):
            return self._like(RemixList(super().__getitem__(index), again=self._again))
        return super().__getitem__(index)

    def copy(self) -> RemixList:
        """Another list of the same takes."""
        return self._like(RemixList(self, again=self._again, notes=self.notes))

    def _like(self, other: RemixList) -> RemixList:
        # The same ratings, not a copy: what is given in a slice's gallery is in the whole list's frame.
        other._ratings = self._ratings
        return other

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # A client cannot be pickled: what comes back can do everything but order again.
        return RemixList, (list(self),), {"_ratings": dict(self._ratings)}

    @property
    def ratings(self) -> Mapping[str, Rating]:
        """Stars and note of each take that has some, by what names it in the gallery."""
        return MappingProxyType(self._ratings)

    def gallery(self) -> Any:
        """All takes to browse: filter, sort, play, rate, and compare some of them in the player.

        Stars and notes land in `to_frame()`. What a notebook saves is a static table. Raises
        ConfigurationError where this front end has no gallery.
        """
        show = displays.lookup("gallery")
        if show is None:
            raise ConfigurationError(
                "This front end has no gallery.", hint="Open the notebook in JupyterLab."
            )
        takes: dict[str, Outcome] = {}
        return self._gallery_of(show, self._rows(takes), takes)

    def _rows(self, takes: dict[str, Outcome]) -> list[GalleryTake]:
        """The takes as a gallery shows them, and each by its key in `takes`."""
        rows = gallery_takes(self, read=len(self) <= MOST_ROWS)
        takes.clear()
        takes.update(zip((row.key for row in rows), self, strict=True))
        return rows

    def _gallery_of(
        self,
        show: Callable[..., Any],
        rows: list[GalleryTake],
        takes: Mapping[str, Outcome],
        **settings: Any,
    ) -> Any:
        def remix(key: str) -> Remix:
            take = takes[key]
            if not isinstance(take, Remix):
                raise ConfigurationError("This take has no sound.")
            return take

        def rate(key: str, *, stars: int | None, note: str) -> None:
            self._ratings[take_key(takes[key])] = (stars, note)

        return show(
            rows,
            open_sound=lambda key: remix(key).audio,
            open_original=lambda key: remix(key).reference,
            on_change=rate,
            summary=self.summary,
            **settings,
        )

    def to_frame(self) -> Any:
        """One row a take, failed ones included, as a pandas DataFrame.

        `duration` is in seconds, `paid` is "yes", "no" or "maybe"; `stars` and `note` are those given in the
        gallery. Raises ConfigurationError without pandas.
        """
        pd = import_extra("pandas", "A data frame")
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-frame") as pool:
            rows = list(pool.map(partial(_row, self._ratings), self, self.asked))
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        frame["stars"] = frame["stars"].astype("Int64")
        frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True)
        return frame

    @bare_errors
    async def retry_failed(self) -> RemixList:
        """Order again what failed and was certainly not paid for; the results take the errors' places here.

        What may have been paid for is left as it is and named: `client.recover()` finishes what can be
        finished. Asked a second time nothing is ordered twice. Gives back this list.
        """
        chosen = [at for at, take in enumerate(self) if _is_free(take)]
        left = [at for at, take in enumerate(self) if isinstance(take, SoundverseError) and at not in chosen]
        if left:
            displays.notice(_left_alone([self[at] for at in left], [self.titles[at] for at in left]))
        if chosen and self._again is not None:
            errors = [self[at] for at in chosen]
            try:
                results: Sequence[Outcome] = await self._again([asked_of(error).again for error in errors])
            except BaseException as stopped:
                # Interrupted: what there is by then, so that the next call knows what was sent.
                self._put(errors, getattr(stopped, "results", ()))
                raise
            self._put(errors, results)
        elif chosen:
            raise ConfigurationError(
                "This list does not know its client any more, as one that was pickled.",
                hint="Order again with client.remix_all(...).",
            )
        elif not left:
            displays.announce("Nothing has failed.")
        return self

    def _put(self, errors: Sequence[Outcome], results: Sequence[Outcome]) -> None:
        # By identity: the list may have been sorted or cut while the remixes were made.
        new = {id(error): result for error, result in zip(errors, results, strict=False)}
        for at, take in enumerate(self):
            if id(take) in new:
                list.__setitem__(self, at, new[id(take)])

    def compare(self, *, labels: list[str] | None = None, title: str | None = None) -> Any:
        """All of them in one player, first the original where it is the same for all.

        Parameters
        ----------
        labels : a short name for each, the original's first where it is there; without them "Original", and
            each remix by its prompt, or by its song and prompt where the original is not there.
        title : a line above them, "Remixes" by default.

        Raises ConfigurationError where there is no remix or no player, or the names do not fit.
        """
        player = displays.lookup("player")
        remixes = self.remixes
        if not remixes or player is None:
            raise ConfigurationError(
                "There is no remix to compare." if player else "This front end has no player.",
                hint="" if player else "Open the notebook in JupyterLab, or use .save(folder).",
            )
        clips: list[Clip] = [remix.audio for remix in remixes]
        titles = take_titles([asked_of(remix) for remix in remixes])
        names: list[str] = list(titles)
        originals = {remix.reference for remix in remixes}
        original = next(iter(originals))
        if len(originals) == 1 and original is not None and original.path.is_file():
            clips, names = [original, *clips], ["Original", *told_apart(titles)]
        return player(
            *clips,
            labels=names if labels is None else labels,
            title="Remixes" if title is None else title,
        )

    def differences(
        self,
        *,
        executor: Executor | None = None,
        workers: int | None = None,
        progress: bool | Callable[[int, int], None] = True,
    ) -> MeasureTable[Difference]:
        """What each remix kept of its song and what it changed, as a table; `sv.compare_all` of them.

        Takes of one song and prompt count as repeats, whose spread stands below the table. Failed ones, and
        those whose song is not on this disk, are left out. `executor`, `workers` and `progress` as there.
        """
        measure = displays.lookup("differences")
        if measure is None:
            raise ConfigurationError("There is nothing here to measure with.")
        chosen = [remix for remix in self.remixes if remix.reference is not None]
        asked = [asked_of(remix) for remix in chosen]
        table: MeasureTable[Difference] = measure(
            [(remix.reference, remix.audio) for remix in chosen],
            executor=executor,
            workers=workers,
            progress=progress,
            conditions=[
                (str(remix.reference), each.prompt, each.lyrics, json.dumps(each.parameters, sort_keys=True))
                for remix, each in zip(chosen, asked, strict=True)
            ],
            names=list(take_titles(asked)),
        )
        return table

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Copy every remix into a folder as "song - prompt - 1.mp3", and give back the paths.

        The folder is made where it is missing. Nothing is overwritten: a name that is taken gets the next
        number. Raises ConfigurationError where something could not be copied; the rest is there then.
        """
        target = Path(os.path.expanduser(os.fspath(folder)))
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            raise ConfigurationError(
                f"The folder {target} cannot be made: {reason.strerror or reason}.",
                hint="Choose another one.",
            ) from None
        ends = [_save(remix, target) for remix in self.remixes]
        saved = [end for end in ends if isinstance(end, Path)]
        problems = [end for end in ends if isinstance(end, str)]
        if problems:
            raise ConfigurationError(
                f"{len(saved)} of {len(saved) + len(problems)} remixes are in {target}. Not copied: "
                + "; ".join(problems[:5]),
                hint="A remix whose file is gone is fetched again by client.recover().",
                saved=saved,
            )
        return saved

    @property
    def summary(self) -> str:
        """One line: how many there are, and how many failed."""
        count = len(self.remixes)
        parts = [f"{count} remix" if count == 1 else f"{count} remixes"]
        return ", ".join([*parts, *([f"{len(self.failed)} failed"] if self.failed else [])])

    def static_html(self, max_bytes: int | None = None) -> str:
        """The table as HTML of at most `max_bytes` (default: remix.preview.display_bytes()), with players."""
        return list_html(self, max_bytes)

    def __repr__(self) -> str:
        return list_text(self)

    def _repr_html_(self) -> str:
        return self.static_html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if displays.shows_text_only():
            return bundle
        show = displays.lookup("gallery") if displays.in_kernel() and self else None
        return {**bundle, "text/html": self.static_html() if show is None else self._live_html(show)}

    def _live_html(self, show: Callable[..., Any]) -> str:
        """The table, with the mark by which a page with a kernel turns it into the gallery.

        One gallery for all cells that show the list: each would keep its takes in the kernel.
        """
        rows = self._rows(self._shown)
        if self._live is None:
            self._live = self._gallery_of(show, rows, self._shown, saved=self._saved_html)
        else:
            self._live.update(rows, self.summary)
        return str(self._live.html())

    def _saved_html(self) -> str:
        # A take of the gallery travels in some 0.7 kB, beside the table: a thousand stay below 2 MB.
        return self.static_html(max(LEAST_BYTES, min(display_bytes(), 1_900_000 - 800 * len(self))))


def _is_free(take: Outcome) -> bool:
    """Whether this failed and it is certain that nothing was paid: only then may it be ordered anew."""
    again = asked_of(take).again if isinstance(take, SoundverseError) else None
    return (
        again is not None and isinstance(take, SoundverseError) and take.spent is Spent.NO and again.is_free
    )


def _left_alone(errors: Sequence[Any], titles: Sequence[str]) -> str:
    """Which failures are not ordered again, and why."""
    paid = [title for error, title in zip(errors, titles, strict=True) if error.spent is not Spent.NO]
    rest = [title for error, title in zip(errors, titles, strict=True) if error.spent is Spent.NO]
    lines = []
    if paid:
        lines.append(
            f"Not ordered again, since {'it' if len(paid) == 1 else 'they'} may have been paid for: "
            f"{', '.join(paid)}. client.recover() finishes what the service has; "
            "client.orders() says how each stands."
        )
    if rest:
        lines.append(f"Not ordered again: {', '.join(rest)}. Correct the request, or look how it goes on.")
    return " ".join(lines)


def _save(remix: Remix, folder: Path) -> Path | str:
    """Where it is now, under the first name that is free; or why it is not."""
    asked, suffix = asked_of(remix), remix.audio.path.suffix
    try:
        for number in itertools.count(1):
            target = folder / file_name(asked, number, suffix)
            with open(remix.audio, "rb") as source, contextlib.suppress(FileExistsError):
                copy_to_new(source, target)
                return target
    except OSError as reason:
        return f"{plain(remix.audio.name, 80)}: {reason.strerror or reason}"
    raise AssertionError("there is always a next number")


_COLUMNS = [
    "song", "prompt", "lyrics", "parameters", "state", "paid", "title", "duration", "path", "reference",
    "message_id", "order_id", "simulated", "started", "seconds", "error", "error_type",
    "stars", "note",
]  # fmt: skip


def _row(ratings: Mapping[str, Rating], take: Outcome, asked: Asked) -> dict[str, Any]:
    stars, note = ratings.get(take_key(take), (None, ""))
    facts: dict[str, Any] = {
        "stars": stars, "note": note,
        "song": asked.song, "prompt": asked.prompt, "lyrics": asked.lyrics,
        "parameters": None if asked.parameters is None else dict(asked.parameters),
    }  # fmt: skip
    if isinstance(take, SoundverseError):
        return {
            **facts, "state": "failed", "paid": take.spent.value, "error": str(take),
            "error_type": type(take).__name__, "message_id": getattr(take, "message_id", None),
            "order_id": getattr(take, "order_id", None),
        }  # fmt: skip
    try:
        duration: float | None = take.audio.duration
        error = None
    except SoundverseError as gone:
        duration, error = None, gone
    return {
        **facts, "state": "finished" if error is None else "unreadable",
        "paid": (Spent.NO if take.simulated else Spent.YES).value,
        "title": take.song_name, "duration": duration, "path": str(take.audio.path),
        "reference": None if take.reference is None else str(take.reference.path),
        "message_id": take.message_id, "order_id": take.order_id, "simulated": take.simulated,
        "started": take.started_at, "seconds": take.seconds,
        "error": None if error is None else str(error),
        "error_type": None if error is None else type(error).__name__,
    }  # fmt: skip
