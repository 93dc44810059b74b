"""Difference: what a remix kept of its song and what it changed, each beside what unrelated songs score."""

from __future__ import annotations

import bisect
import math
from typing import Any

from pydantic import Field

from soundverse_nb import displays
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.measures.features import Features, key_label
from soundverse_nb.measures.values import Measured, Number, Value
from soundverse_nb.render.measures import MeasureRow, measures_html, measures_text
from soundverse_nb.render.units import clock, decimal, signed


class NullRange(Value):
    """What unrelated songs score: the middle nine tenths of `count` of them, from `low` to `high`."""

    low: Number = math.nan
    high: Number = math.nan
    count: int = 0

    def __str__(self) -> str:
        return f"{decimal(self.low, 2)}–{decimal(self.high, 2)}" if self.count else "–"


class AlignedSegment(Value):
    """A stretch that both play through: the same moments in the song and in the remix, in seconds.

    Both rise; between two moments time runs evenly.
    """

    reference: tuple[float, ...]
    remix: tuple[float, ...]


class Alignment(Value):
    """Which second of the remix is which second of its song, as segments in the order of the remix.

    Between segments lies what has no counterpart: an introduction, a cut.

    >>> alignment = Alignment(segments=(AlignedSegment(reference=(0, 10), remix=(4, 12)),))
    >>> alignment.to_remix(5.0), alignment.to_reference(8.0), alignment.to_reference(2.0)
    (8.0, 5.0, None)
    """

    segments: tuple[AlignedSegment, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.segments)

    def to_remix(self, seconds: float) -> float | None:
        """When the remix first plays what its song plays at this time; None where it does not."""
        return next(
            (at for part in self.segments if (at := _at(seconds, part.reference, part.remix)) is not None),
            None,
        )

    def to_reference(self, seconds: float) -> float | None:
        """The other way round."""
        return next(
            (at for part in self.segments if (at := _at(seconds, part.remix, part.reference)) is not None),
            None,
        )


def _at(seconds: float, here: tuple[float, ...], there: tuple[float, ...]) -> float | None:
    """A time of one song in another, by the moments that both have; None outside of them."""
    if not here[0] <= seconds <= here[-1]:
        return None
    after = min(max(bisect.bisect_right(here, seconds), 1), len(here) - 1)
    length = here[after] - here[after - 1]
    share = (seconds - here[after - 1]) / length if length > 0 else 0.0
    return there[after - 1] + share * (there[after] - there[after - 1])


class Difference(Measured):
    """What a remix kept of its song and what it changed; `sv.compare_audio` makes it. It shows as a table.

    A number that could not be measured is nan, and `reasons` says why, by the name of its column in `row`.

    Attributes
    ----------
    reference, remix : the `Features` of both.
    extractor : which version of the measures this is.
    tune_kept : melody and harmony that the remix shares with its song, whatever key and tempo it is in: about
        1 for the same performance, nan where one of them has no tune.
    tune_null : what unrelated songs score against this song.
    transposition : semitones from the song to the remix, -6 to +5; nan where that cannot be told.
    transposition_confidence : 0 to 1; `transposition_unsure` where it is too low to rely on.
    tempo_ratio : tempo of the remix over that of its song, from the slope of their alignment.
    tempo_ratio_confidence : 0 to 1; `tempo_ratio_unsure` where it is too low to rely on.
    timbre_distance, timbre_null : how differently the two sound, level apart; and what unrelated songs score.
    rhythm_distance, rhythm_null : how differently their onsets are spread over the beat; and the same.
    loudness_change : LU, above 0 where the remix is louder.
    alignment : which second of the remix is which of its song.
    metrics : measures of pairs of your own, see `sv.metric`.

    >>> import soundverse_nb as sv
    >>> same = sv.compare_audio(sv.example_song(), sv.example_song())
    >>> round(same.tune_kept, 1), same.transposition, round(same.tempo_ratio, 2)
    (1.0, 0.0, 1.0)
    """

    reference: Features
    remix: Features
    extractor: str
    tune_kept: Number
    tune_null: NullRange = NullRange()
    transposition: Number
    transposition_confidence: Number
    transposition_unsure: bool
    tempo_ratio: Number
    tempo_ratio_confidence: Number
    tempo_ratio_unsure: bool
    timbre_distance: Number
    timbre_null: NullRange = NullRange()
    rhythm_distance: Number
    rhythm_null: NullRange = NullRange()
    alignment: Alignment = Alignment()
    metrics: dict[str, Number] = Field(default_factory=dict)

    @property
    def loudness_change(self) -> float:
        """LU from the song to its remix; above 0 where the remix is louder, nan where one has no loudness."""
        return self.remix.loudness - self.reference.loudness

    @property
    def is_tune_kept(self) -> bool | None:
        """Whether the tune is kept beyond what unrelated songs share; None where that cannot be told."""
        if math.isnan(self.tune_kept) or math.isnan(self.tune_null.high):
            return None
        return self.tune_kept > self.tune_null.high

    @property
    def verdict(self) -> str:
        """The difference in one line of plain words."""
        return "; ".join(part for part in (_tune(self), *_changes(self), _loudness(self)) if part)

    @property
    def row(self) -> dict[str, Any]:
        """One flat record: a column a measure, its unit at the end of the name; nan where it is unknown.

        The features of both songs follow, as `reference_...` and `remix_...`.
        """
        return {
            "reference": self.reference.name,
            "remix": self.remix.name,
            "extractor": self.extractor,
            "tune_kept": self.tune_kept,
            "tune_kept_null_low": self.tune_null.low,
            "tune_kept_null_high": self.tune_null.high,
            "transposition_semitones": self.transposition,
            "transposition_confidence": self.transposition_confidence,
            "transposition_unsure": self.transposition_unsure,
            "tempo_ratio": self.tempo_ratio,
            "tempo_ratio_confidence": self.tempo_ratio_confidence,
            "tempo_ratio_unsure": self.tempo_ratio_unsure,
            "timbre_distance": self.timbre_distance,
            "timbre_distance_null_low": self.timbre_null.low,
            "timbre_distance_null_high": self.timbre_null.high,
            "rhythm_distance": self.rhythm_distance,
            "rhythm_distance_null_low": self.rhythm_null.low,
            "rhythm_distance_null_high": self.rhythm_null.high,
            "loudness_change_lu": self.loudness_change,
            **self.metrics,
            **{f"reference_{name}": value for name, value in self.reference.row.items()},
            **{f"remix_{name}": value for name, value in self.remix.row.items()},
        }

    @classmethod
    def unknown(cls) -> Difference:
        """A difference of which nothing is known."""
        nothing = dict.fromkeys(field for field, kind in cls.model_fields.items() if kind.annotation is float)
        unsure = {"transposition_unsure": True, "tempo_ratio_unsure": True, "extractor": ""}
        both = {"reference": Features.unknown(), "remix": Features.unknown()}
        return cls.model_validate({**nothing, **unsure, **both})

    def shown(self) -> dict[str, str]:
        """The cells of this remix in a table of many."""
        kept = "cannot be told" if math.isnan(self.tune_kept) else decimal(self.tune_kept, 2)
        return {
            "of": self.reference.name,
            "tune kept": kept,
            "unrelated songs": str(self.tune_null),
            "transposition": _transposition(self).removeprefix("transposition "),
            "tempo": _tempo(self).removeprefix("tempo "),
            "timbre distance": decimal(self.timbre_distance, 2),
            "rhythm distance": decimal(self.rhythm_distance, 2),
            "loudness": _loudness(self) or "–",
            **{name: decimal(value, 3) for name, value in self.metrics.items()},
        }

    def plot(self) -> Any:
        """A picture of the two: which second is which, and their pitch classes above one another.

        A matplotlib Figure. ConfigurationError where matplotlib is missing.
        """
        picture = displays.lookup("difference_picture")
        if picture is None:
            raise ConfigurationError("There is nothing here to draw with.")
        return picture(self)

    def __str__(self) -> str:
        return measures_text(self._title, _rows(self), _notes(self))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        html = measures_html(self._title, _rows(self), _notes(self))
        return {"text/plain": str(self), "text/html": str(html)}

    @property
    def _title(self) -> str:
        # A take's name begins with its song's.
        return f"{self.reference.name} → {self.remix.name.removeprefix(f'{self.reference.name} · ')}"


def _tune(difference: Difference) -> str:
    if math.isnan(difference.tune_kept):
        return "tune kept: cannot be told"
    null = difference.tune_null
    beside = f", unrelated songs {null}" if null.count else ""
    return f"tune kept: {decimal(difference.tune_kept, 2)}{beside}"


def _changes(difference: Difference) -> list[str]:
    parts = []
    if difference.is_tune_kept is False:
        return []  # without a common tune neither key nor tempo has anything to be held against
    if not math.isnan(difference.transposition):
        parts.append(_transposition(difference))
    if not math.isnan(difference.tempo_ratio):
        parts.append(_tempo(difference))
    return parts


def _transposition(difference: Difference) -> str:
    if math.isnan(difference.transposition):
        return "–"
    if difference.transposition_unsure:
        return "transposition unsure"
    steps = round(difference.transposition)
    return "same key" if steps == 0 else f"{signed(steps, 0, plus=True)} semitone{'s' * (abs(steps) != 1)}"


def _tempo(difference: Difference) -> str:
    ratio, bpm = difference.tempo_ratio, difference.reference.tempo.bpm
    if math.isnan(ratio):
        return "–"
    if difference.tempo_ratio_unsure:
        return "tempo unsure"
    if abs(ratio - 1) < 0.005:
        return "same tempo"
    if math.isnan(bpm) or difference.reference.tempo.unsure:
        return f"tempo × {decimal(ratio, 2)}"
    return f"{decimal(bpm, 0)} → {decimal(bpm * ratio, 0)} BPM"


def _loudness(difference: Difference) -> str:
    change = difference.loudness_change
    if math.isnan(change):
        return ""
    if abs(change) < 0.05:
        return "as loud"
    return f"{decimal(abs(change), 1)} LU {'louder' if change > 0 else 'quieter'}"


def _rows(difference: Difference) -> list[MeasureRow]:
    why = difference.reasons.get
    reference, remix = difference.reference, difference.remix
    kept = difference.is_tune_kept
    tune = "cannot be told" if math.isnan(difference.tune_kept) else decimal(difference.tune_kept, 2)
    judged = {True: "kept", False: "no more than unrelated songs share", None: ""}[kept]
    return [
        MeasureRow("tune kept", tune, why("tune_kept") or _beside(judged, difference.tune_null)),
        MeasureRow(
            "transposition",
            _transposition(difference).removeprefix("transposition "),
            why("transposition_semitones") or f"{key_label(reference.key)} → {key_label(remix.key)}",
        ),
        MeasureRow(
            "tempo",
            _tempo(difference).removeprefix("tempo "),
            why("tempo_ratio") or f"ratio {decimal(difference.tempo_ratio, 3)}",
        ),
        MeasureRow(
            "timbre distance",
            decimal(difference.timbre_distance, 2),
            why("timbre_distance") or _beside("", difference.timbre_null),
        ),
        MeasureRow(
            "rhythm distance",
            decimal(difference.rhythm_distance, 2),
            why("rhythm_distance") or _beside("", difference.rhythm_null),
        ),
        MeasureRow(
            "loudness",
            _loudness(difference) or "–",
            f"{decimal(reference.loudness, 1)} → {decimal(remix.loudness, 1)} LUFS",
        ),
        MeasureRow("length", clock(remix.duration), f"the song {clock(reference.duration)}"),
        *(MeasureRow(name, decimal(value, 3), why(name)) for name, value in difference.metrics.items()),
    ]


def _beside(judged: str, null: NullRange) -> str:
    parts = [judged, f"unrelated songs {null}" if null.count else ""]
    return "; ".join(part for part in parts if part)


def _notes(difference: Difference) -> list[str]:
    stamps = {difference.extractor, difference.reference.extractor, difference.remix.extractor}
    if len(stamps) > 1:
        return [f"Not all measured by one version: {', '.join(sorted(stamps))}."]
    return [f"measured by {difference.extractor}"]
