"""Many measured songs, or many differences, as a list that shows itself as a table and goes to pandas."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, SupportsIndex, TypeVar, overload

from markupsafe import Markup

from soundverse_nb.errors import SoundverseError, import_extra
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import Features
from soundverse_nb.measures.repeats import RepeatSpread
from soundverse_nb.render.escape import plain
from soundverse_nb.render.measures import grid_html, grid_text
from soundverse_nb.render.units import decimal

T = TypeVar("T", Features, Difference)

MOST_ROWS = 200
"""Rows shown; a slice of the list shows others."""


class MeasureTable(list["T | SoundverseError"], Generic[T]):
    """Measures in the order asked for, an error in the place of each that could not be made.

    It is a list, and shows itself as a table. `names` are the songs', in the same order; `conditions` say
    what each was asked for, equal for repeats.
    """

    def __init__(
        self,
        entries: Iterable[T | SoundverseError] = (),
        names: Sequence[str] = (),
        conditions: Sequence[Hashable] = (),
    ) -> None:
        list.__init__(self, entries)
        self.names = tuple(names) or tuple(_name(entry) for entry in self)
        self.conditions = tuple(conditions) or tuple(range(len(self)))

    @property
    def measured(self) -> list[T]:
        """Those that are there."""
        return [entry for entry in self if not isinstance(entry, SoundverseError)]

    @property
    def failed(self) -> list[SoundverseError]:
        """Why the others are not. Measuring again makes only these: what is done is kept."""
        return [entry for entry in self if isinstance(entry, SoundverseError)]

    @property
    def extractors(self) -> list[str]:
        """The versions of the measures in this table, one where nothing is mixed."""
        return sorted({stamp for entry in self.measured for stamp in _stamps(entry)})

    @property
    def repeats(self) -> RepeatSpread:
        """How much takes of one condition differ among themselves, by column."""
        return RepeatSpread.of(
            (condition, entry.row)
            for condition, entry in zip(self.conditions, self, strict=True)
            if not isinstance(entry, SoundverseError)
        )

    def to_frame(self) -> Any:
        """One row an entry as a pandas DataFrame; of a failed one nan, and the reason in `problem`.

        Warns where entries were measured by different versions. ConfigurationError without pandas.
        """
        pd = import_extra("pandas", "A data frame")
        rows = [
            {"name": name, "problem": entry.message}
            if isinstance(entry, SoundverseError)
            else {"name": name, **entry.row, "problem": ""}
            for name, entry in zip(self.names, self, strict=True)
        ]
        frame = pd.DataFrame(rows)
        if len(self.extractors) > 1:
            warnings.warn(_mixed(self.extractors), stacklevel=2)
            frame.attrs["note"] = _mixed(self.extractors)
        return frame

    @overload
    def __getitem__(self, index: SupportsIndex) -> T | SoundverseError: ...
    @overload
    def __getitem__(self, index: slice) -> MeasureTable[T]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        if isinstance(index, slice):
            return MeasureTable(super().__getitem__(index), self.names[index], self.conditions[index])
        return super().__getitem__(index)

    def __repr__(self) -> str:
        return grid_text(*self._shown())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": str(self._html())}

    def _html(self) -> Markup:
        return grid_html(*self._shown())

    def _shown(self) -> tuple[str, list[str], list[list[str]], list[str]]:
        shown = list(zip(self.names, self, strict=False))[:MOST_ROWS]
        headings: list[str] = []
        cells: list[dict[str, str]] = []
        for name, entry in shown:
            if isinstance(entry, SoundverseError):
                cells.append({"song": name, "problem": plain(entry.message, 200)})
            else:
                row = entry.shown()
                # The song that a take is of has a column of its own.
                cells.append({"song": name.removeprefix(f"{row.get('of', '')} · "), **row})
            headings += [heading for heading in cells[-1] if heading not in headings]
        notes = [] if len(self) <= MOST_ROWS else [f"The first {MOST_ROWS} of {len(self)}."]
        notes += (
            [_mixed(self.extractors)]
            if len(self.extractors) > 1
            else [f"measured by {stamp}" for stamp in self.extractors]
        )
        notes += _spread_note(self.repeats)
        failed = f", {len(self.failed)} not" if self.failed else ""
        title = f"{len(self.measured)} measured{failed}"
        return title, headings, [[row.get(heading, "") for heading in headings] for row in cells], notes


def _name(entry: Features | Difference | SoundverseError) -> str:
    if isinstance(entry, Features):
        return entry.name
    return entry.remix.name if isinstance(entry, Difference) else ""


_SPREAD_OF = {
    "tune_kept": ("tune kept", 2, ""),
    "tempo_ratio": ("tempo ratio", 3, ""),
    "timbre_distance": ("timbre distance", 2, ""),
    "rhythm_distance": ("rhythm distance", 2, ""),
    "loudness_change_lu": ("loudness", 1, " LU"),
}


def _spread_note(spread: RepeatSpread) -> list[str]:
    """What nine of ten pairs of repeats differ by at most, of the measures that a table shows."""
    said = [
        f"{word} {decimal(spread.within(column), digits)}{unit}"
        for column, (word, digits, unit) in _SPREAD_OF.items()
        if column in spread.differences
    ]
    return [f"Nine of ten pairs of repeats differ by no more than: {', '.join(said)}."] if said else []


def _stamps(entry: Features | Difference) -> set[str]:
    if isinstance(entry, Features):
        return {entry.extractor}
    return {entry.extractor, entry.reference.extractor, entry.remix.extractor}


def _mixed(stamps: Sequence[str]) -> str:
    return f"Not all measured by one version: {', '.join(stamps)}."
