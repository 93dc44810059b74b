"""Preflight of many songs as a table: headers first, then decoding in worker processes."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from soundverse_nb.errors import ConfigurationError, import_extra
from soundverse_nb.reference.check import header_report, preflight
from soundverse_nb.reference.facts import DurationBy, Limits, check_duration_by, checked_limits, storable
from soundverse_nb.reference.progress import counter
from soundverse_nb.reference.reference import as_reference
from soundverse_nb.reference.report import PreflightReport, goes_on, sheet_of
from soundverse_nb.reference.workers import Task, decoded
from soundverse_nb.render.escape import plain
from soundverse_nb.render.preflight import Sheet, table_html, table_text

if TYPE_CHECKING:
    from concurrent.futures import Executor

ENDINGS = (
    ".3g2", ".3ga", ".3gp", ".aa", ".aac", ".aax", ".ac3", ".adts", ".aif", ".aifc", ".aiff", ".amr", ".ape",
    ".asf", ".au", ".avi", ".awb", ".bwf", ".caf", ".dff", ".dsf", ".dts", ".dtshd", ".eac3", ".ec3", ".f4a",
    ".f4b", ".flac", ".flv", ".loas", ".m4a", ".m4b", ".m4p", ".m4r", ".m4v", ".mka", ".mkv", ".mogg", ".mov",
    ".mp+", ".mp1", ".mp2", ".mp3", ".mp4", ".mpa", ".mpc", ".mpga", ".mpp", ".oga", ".ogg", ".oma", ".opus",
    ".qt", ".qta", ".ra", ".rf64", ".rm", ".shn", ".snd", ".spx", ".tak", ".thd", ".tta", ".voc", ".w64",
    ".wav", ".wave", ".weba", ".webm", ".wma", ".wmv", ".wv", ".xwma",
)  # fmt: skip
"""What a folder is searched for; a list of paths is taken as it is."""


@dataclass(frozen=True)
class PreflightTable(Sequence[PreflightReport]):
    """The verdicts on many songs, in the order given; a sequence of reports that displays as a table.

    `paths` names the songs, `skipped` counts files of a folder that are no audio by their ending, and
    `skipped_endings` names these endings, the most frequent first ("" for none).
    """

    paths: tuple[Any, ...]
    reports: tuple[PreflightReport, ...]
    skipped: int = 0
    folder: str | None = field(default=None)
    skipped_endings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.reports)

    @overload
    def __getitem__(self, index: int) -> PreflightReport: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PreflightReport, ...]: ...
    def __getitem__(self, index: int | slice) -> PreflightReport | tuple[PreflightReport, ...]:
        return self.reports[index]

    @property
    def ok(self) -> bool:
        """Whether every song passes."""
        return all(report.ok for report in self.reports)

    @property
    def passed(self) -> tuple[Any, ...]:
        """The paths of the songs that pass."""
        return tuple(path for path, report in zip(self.paths, self.reports, strict=True) if report.ok)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat record a song, as JSON can hold it."""
        return [_record(path, report) for path, report in zip(self.paths, self.reports, strict=True)]

    def model_dump(self) -> list[dict[str, Any]]:
        """Every report as a dict, for records."""
        return [report.model_dump() for report in self.reports]

    def to_frame(self) -> Any:
        """The rows as a pandas DataFrame. ConfigurationError where pandas is missing."""
        return import_extra("pandas", "A data frame").DataFrame(self.rows)

    def __repr__(self) -> str:
        return f"PreflightTable({len(self)} songs, {len(self.passed)} pass)"

    def __str__(self) -> str:
        return table_text(*_sheets(self))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        parts = _sheets(self)
        return {"text/plain": table_text(*parts), "text/html": str(table_html(*parts))}


def preflight_all(
    paths: str | os.PathLike[str] | Iterable[Any],
    limits: Limits | None = None,
    *,
    quick: bool = True,
    duration_by: DurationBy = "decode",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool | Callable[[int, int], None] = True,
) -> PreflightTable:
    """Check a folder of songs (with its subfolders), or a list of paths.

    Parameters
    ----------
    quick : believe headers that prove themselves and decode only the rest, see preflight() for how near that
        comes; False decodes every song.
    duration_by : whose length is held against the limits, "decode" or "librosa", see preflight().
    workers : processes that decode (default: what processors and memory allow, at most 8);
        `executor` uses one you have already.
    progress : a progress bar, none, or your own function of (done, total).

    Never raises for a bad song: it becomes a row. Songs that are not paths are checked in this process.

    >>> import soundverse_nb as sv
    >>> table = sv.preflight_all([sv.example_song()], duration_by="librosa")
    >>> table.to_frame()[["ok", "duration_by"]].values.tolist()
    [[True, 'librosa']]
    """
    check_duration_by(duration_by)
    task = Task(checked_limits(limits), quick, duration_by)
    folder, given, others = _listed(paths)
    found = [as_reference(song) for song in given]
    with counter(progress, len(found)) as advance:
        reports: dict[int, PreflightReport] = {}
        waiting: list[int] = []
        for index, song in enumerate(found):
            report = header_report(song, task.limits, duration_by) if quick else None
            if report is None and song.is_path:
                waiting.append(index)
                continue
            reports[index] = report or preflight(song, task.limits, duration_by=duration_by)
            advance()
        if waiting:
            songs = [(index, given[index]) for index in waiting]
            for index, report in decoded(songs, task, workers, executor):
                reports[index] = report
                advance()
    endings = tuple(ending for ending, _ in Counter(others).most_common())
    return PreflightTable(
        tuple(given), tuple(reports[i] for i in range(len(found))), len(others), folder, endings
    )


def _listed(paths: Any) -> tuple[str | None, list[Any], list[str]]:
    """The folder, the songs in it, and the ending of each file that is passed over."""
    if not isinstance(paths, (str, os.PathLike)):
        return None, _given(paths), []
    folder = Path(os.path.expanduser(paths))
    if not folder.is_dir():
        return None, _matches(paths), []
    songs, others = songs_in(folder)
    return str(folder), songs, others


def songs_in(folder: Path) -> tuple[list[Any], list[str]]:
    """The songs of a folder and its subfolders by name, and the ending of each file that is none."""
    files = sorted(
        Path(where) / name
        for where, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".")
    )
    songs = [path for path in files if path.suffix.lower() in ENDINGS]
    return songs, [ending for path in files if (ending := path.suffix.lower()) not in ENDINGS]


def _given(paths: Any) -> list[Any]:
    """The songs of a list; a pattern among them stands for the files that it matches."""
    try:
        songs = list(paths)
    except TypeError:
        raise ConfigurationError(
            f"preflight_all got {type(paths).__name__}, which names no songs.",
            hint='Give a folder, a pattern such as "*.mp3", or a list of songs.',
        ) from None
    return [song for given in songs for song in (_pattern(given) or [given])]


def _matches(path: str | os.PathLike[str]) -> list[Any]:
    """One file, or those that a pattern matches; ConfigurationError where there is nothing of the kind."""
    if os.path.lexists(os.path.expanduser(path)):
        return [path]
    if found := _pattern(path):
        return found
    is_pattern = glob.has_magic(os.fspath(path))
    raise ConfigurationError(
        f"No file matches {plain(path, 200)}." if is_pattern else f"There is no folder {plain(path, 200)}.",
        hint=f"Paths begin in {plain(os.getcwd(), 200)}.",
    )


def _pattern(path: Any) -> list[str]:
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        return []
    text = os.path.expanduser(os.fspath(path))
    if os.path.lexists(text) or not glob.has_magic(text):
        return []
    return sorted(glob.glob(text, recursive=True))


def _record(path: Any, report: PreflightReport) -> dict[str, Any]:
    audio = report.audio.model_dump()
    kept = ("duration", "size_bytes", "format", "codec", "channels", "sample_rate", "loudness", "peak")
    return {
        "name": report.model_dump()["name"],
        "ok": report.ok,
        "problems": [problem.code for problem in report.problems],
        "warnings": [warning.code for warning in report.warnings],
        **{key: audio[key] for key in kept},
        # Where decoding stopped at the limit no length is known, only that it is longer.
        "duration": None if goes_on(report) else storable(report.duration),
        "longer_than": storable(report.limits.max_seconds) if goes_on(report) else None,
        "duration_by": report.duration_by,
        "checked": report.checked,
        "path": storable(place) if (place := as_reference(path).place) else None,
    }


_MOST_ROWS = 500
_MOST_ENDINGS = 6


def _sheets(table: PreflightTable) -> tuple[list[Sheet], int, str]:
    """The reports that are displayed, how many more there are, and the summary."""
    displayed = table.reports[:_MOST_ROWS]
    return [sheet_of(report) for report in displayed], len(table) - len(displayed), summary(table)


def summary(table: PreflightTable) -> str:
    """How many pass, in one sentence."""
    where = f" in {plain(table.folder, 200)}" if table.folder else ""
    others = f"; {_passed_over(table)}" if table.skipped else ""
    return f"{len(table.passed)} of {len(table)} songs{where} would be taken{others}."


def _passed_over(table: PreflightTable) -> str:
    """How many files were not looked at, and by which endings."""
    files = "1 other file" if table.skipped == 1 else f"{table.skipped} other files"
    named = [plain(ending, 12) or "no ending" for ending in table.skipped_endings]
    more = ["…"] if len(named) > _MOST_ENDINGS else []
    endings = f" ({', '.join(named[:_MOST_ENDINGS] + more)})" if named else ""
    return f"{files}{endings} passed over"
