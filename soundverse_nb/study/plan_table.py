"""Plans as tables: each row a cell, from a CSV file, a data frame or a list of mappings.

Columns: `reference`; `prompt` and `lyrics`; `parameters` as JSON, or a column `parameter.<name>` for each;
`repeats`, the takes of the row. Any other column is a slot, if some prompt has it in braces. An empty field
is nothing: no prompt, no such parameter, one take.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference.reference import Kind, as_reference
from soundverse_nb.render.escape import plain
from soundverse_nb.study.axes import parameter_levels, reference_levels, slots_of, text_levels

MOST_BYTES = 50_000_000
MOST_ROWS = 100_000

_COLUMNS = ("reference", "prompt", "lyrics", "parameters", "repeats")
_PARAMETER = "parameter."
_DELIMITERS = (",", ";", "\t", "|")

Row = Mapping[str, Any]


def read_table(table: Any) -> dict[str, Any]:
    """The arguments of a plan of exactly the cells in a table.

    `table` is the path of a CSV file in UTF-8, split by commas, semicolons, tabs or bars (whichever its first
    line is split by into a column `reference`), whose songs are paths beside it; or a pandas data frame; or a
    list of mappings. Two rows of one cell are refused, as they are more often a slip than two takes, which
    `repeats` says. Raises ConfigurationError with the row, counted from 1 below the heading.
    """
    if isinstance(table, (str, os.PathLike)):
        rows, folder = _csv_rows(Path(table)), Path(table).parent
    else:
        rows, folder = _frame_rows(table), None
    if not rows:
        raise ConfigurationError("This table has no row, so there is nothing to order.")
    if len(rows) > MOST_ROWS:
        raise ConfigurationError(f"{len(rows):,} rows are more than a plan can hold ({MOST_ROWS:,}).")
    return _Table(rows, folder).arguments()


class _Table:
    def __init__(self, rows: list[dict[str, Any]], folder: Path | None) -> None:
        self.rows, self.folder = rows, folder
        self.columns = list(dict.fromkeys(column for row in rows for column in row))
        self.prompts = [self._text(row, at, "prompt") for at, row in enumerate(rows, 1)]
        self.slots = self._slots()

    def arguments(self) -> dict[str, Any]:
        """Levels from the distinct values, and the rows as the only cells."""
        numbered = list(enumerate(self.rows, 1))
        columns: dict[str, list[Any]] = {"reference": [self._song(row, at) for at, row in numbered]}
        names = {"reference": _named(columns["reference"], reference_levels)}
        columns["prompt"] = self.prompts
        names["prompt"] = _named(self.prompts, partial(text_levels, "prompts"))
        for slot in self.slots:
            columns[slot] = [self._slot(row, at, slot) for at, row in numbered]
            used = [value for value in columns[slot] if value is not None]
            names[slot] = _named(used, partial(text_levels, f"slot {slot!r}"))
        columns["lyrics"] = [self._text(row, at, "lyrics") for at, row in numbered]
        names["lyrics"] = _named(columns["lyrics"], partial(text_levels, "lyrics"))
        columns["parameters"] = [self._parameters(row, at) for at, row in numbered]
        names["parameters"] = _named(columns["parameters"], parameter_levels)
        # An axis that is empty in every row is none.
        empty = [f for f, values in columns.items() if all(value is None for value in values)]
        for factor in empty:
            del columns[factor], names[factor]
        cells, repeats = self._cells(columns, names)
        axes = {factor: {name: value for value, name in named.values()} for factor, named in names.items()}
        return {
            "references": axes["reference"],
            "prompts": axes.get("prompt"),
            "lyrics": axes.get("lyrics"),
            "parameters": axes.get("parameters"),
            "slots": {slot: axes[slot] for slot in self.slots if slot in axes},
            "excluded": [{}],
            "extra": cells,
            "repeats": repeats or 1,
        }

    def _cells(
        self, columns: Mapping[str, list[Any]], names: Mapping[str, Mapping[str, tuple[Any, str]]]
    ) -> tuple[list[dict[str, str]], list[tuple[dict[str, str], int]]]:
        seen: dict[tuple[tuple[str, str], ...], int] = {}
        cells, repeats = [], []
        for at, row in enumerate(self.rows):
            cell = {
                factor: names[factor][_key(values[at])][1]
                for factor, values in columns.items()
                if factor not in self.slots or values[at] is not None
            }
            key = tuple(cell.items())
            if key in seen:
                raise ConfigurationError(
                    f"The rows {seen[key]} and {at + 1} ask for the same remix.",
                    hint="Leave one out, or order more takes by a column 'repeats'.",
                )
            seen[key] = at + 1
            cells.append(cell)
            count = self._repeats(row, at + 1)
            if count != 1:
                repeats.append((cell, count))
        return cells, repeats

    def _slots(self) -> list[str]:
        known = {slot for prompt in self.prompts for slot in slots_of(prompt)}
        if "reference" not in self.columns:
            raise _no_reference(self.columns)
        for column in self.columns:
            if column in _COLUMNS or column in known or column.startswith(_PARAMETER):
                continue
            shown = plain(column, 60)
            raise _unknown(
                f"has a column {shown!r}, which is none of a plan, and no prompt has a slot {{{shown}}}",
                column,
                [*_COLUMNS, *sorted(known)],
            )
        return [*(column for column in self.columns if column in known), *sorted(known - set(self.columns))]

    def _text(self, row: Row, at: int, column: str) -> str | None:
        value = row.get(column)
        if _is_nothing(value):
            return None
        if not isinstance(value, str):
            raise ConfigurationError(
                f"Row {at}: {column} is {type(value).__name__}, not a text.", hint="Give it as a text."
            )
        return value

    def _slot(self, row: Row, at: int, slot: str) -> str | None:
        """The slot's value as a text; None where this row's prompt has no such slot."""
        if slot not in slots_of(self.prompts[at - 1]):
            return None
        value = _unboxed(row.get(slot))
        if _is_nothing(value):
            raise ConfigurationError(
                f"Row {at}: the prompt has the slot {{{slot}}}, and nothing is in its column."
            )
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a column of whole numbers with a gap comes as floats
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ConfigurationError(f"Row {at}: {slot} is {type(value).__name__}, not a text.")
        return str(value)

    def _song(self, row: Row, at: int) -> Any:
        value = row.get("reference")
        if _is_nothing(value):
            raise ConfigurationError(f"Row {at} names no reference.")
        if self.folder is None or as_reference(value).kind is not Kind.FILE or str(value).startswith("~"):
            return value
        return os.path.join(self.folder, str(value))

    def _repeats(self, row: Row, at: int) -> int:
        value = _unboxed(row.get("repeats"))
        if _is_nothing(value):
            return 1
        try:
            count = int(value)
            whole = count == float(value) and not isinstance(value, bool)
        except (TypeError, ValueError, OverflowError):
            whole = False
        if not whole or count < 1:
            raise ConfigurationError(
                f"Row {at}: repeats is {plain(value, 40)!r}, no whole number of at least 1."
            )
        return count

    def _parameters(self, row: Row, at: int) -> dict[str, Any] | None:
        given = row.get("parameters")
        found: dict[str, Any] = {}
        if not _is_nothing(given):
            try:
                read = json.loads(given) if isinstance(given, str) else given
            except (ValueError, RecursionError):
                read = None
            if not isinstance(read, Mapping):
                raise ConfigurationError(
                    f"Row {at}: parameters is no JSON object.", hint='For example {"strength": 0.5}.'
                )
            found = dict(read)
        for column in self.columns:
            name = column.removeprefix(_PARAMETER)
            if name == column or _is_nothing(value := _unboxed(row.get(column))):
                continue
            if name in found:
                raise ConfigurationError(
                    f"Row {at}: {plain(name, 40)!r} is in parameters and has a column of its own."
                )
            if self.folder is not None:
                value = _typed(value)
            elif isinstance(value, float) and column in self.widened:
                value = int(value)
            found[name] = value
        return found or None

    @cached_property
    def widened(self) -> set[str]:
        """Columns of whole numbers that came as floats, because pandas has no other way to leave a gap."""
        values = {column: [_unboxed(row.get(column)) for row in self.rows] for column in self.columns}
        return {
            column
            for column, given in values.items()
            if any(map(_is_nothing, given))
            and all(_is_nothing(each) or (isinstance(each, float) and each.is_integer()) for each in given)
        }


def _no_reference(columns: Iterable[str]) -> ConfigurationError:
    near = difflib.get_close_matches("reference", list(columns), 1)
    hint = f"Is {plain(near[0], 60)!r} meant for it?" if near else "It holds each song's path or URL."
    return ConfigurationError("This table has no column 'reference'.", hint=hint)


def _unknown(what: str, column: str, others: Iterable[str]) -> ConfigurationError:
    near = difflib.get_close_matches(column, [str(other) for other in others], 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Its columns are {', '.join(_COLUMNS)}, and slots."
    return ConfigurationError(f"This table {what}.", hint=hint)


def _is_nothing(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    # pandas marks what is missing by nan, NaT or NA; only they differ from themselves, NA by refusing to say.
    try:
        return bool(value != value) if not isinstance(value, (str, bytes, tuple, list, Mapping)) else False
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _unboxed(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else value


def _typed(field: str) -> Any:
    """A field of a CSV file: JSON's numbers, true, false and quoted texts; any other is the text it is."""
    try:
        value = json.loads(field)
    except (ValueError, RecursionError):
        return field
    return field if isinstance(value, float) and not math.isfinite(value) else value


def _key(value: Any) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, default=repr)
    if isinstance(value, os.PathLike):
        return f"path {os.fspath(value)!r}"
    return repr(value) if isinstance(value, (str, type(None))) else f"{type(value).__name__} {id(value)}"


def _named(values: Iterable[Any], levels: Callable[[Any], Mapping[str, Any]]) -> dict[str, tuple[Any, str]]:
    """Each distinct value with the name it has as a level, numbered where two would have the same one."""
    found: dict[str, tuple[Any, str]] = {}
    taken: set[str] = set()
    for value in values:
        if (key := _key(value)) in found:
            continue
        name = first = next(iter(levels([value])))
        number = 1
        while name in taken:
            number += 1
            name = f"{plain(first, 110)} #{number}"
        taken.add(name)
        found[key] = (value, name)
    return found


def _frame_rows(table: Any) -> list[dict[str, Any]]:
    if hasattr(table, "to_dict") and hasattr(table, "columns"):
        doubled = [column for column in table.columns if list(table.columns).count(column) > 1]
        if doubled:
            raise ConfigurationError(f"Two columns are called {plain(doubled[0], 60)!r}.")
        table = table.to_dict("records")
    if isinstance(table, Mapping) or not isinstance(table, Iterable):
        raise ConfigurationError(
            f"A {type(table).__name__} is no table.",
            hint="Give a data frame, a list of mappings, or a CSV file.",
        )
    rows = []
    for row in table:
        if not isinstance(row, Mapping):
            raise ConfigurationError(f"A row is a mapping of columns to values, not {type(row).__name__}.")
        rows.append({str(column).strip(): value for column, value in row.items()})
    return rows


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    shown = plain(path.name, 120)
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ConfigurationError(f"{shown} is no file.", hint="Give the path of a CSV file.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The table {shown} cannot be read: {error.strerror or error}.", hint="Is the path right?"
        ) from None
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{shown} is larger than a table may be ({MOST_BYTES:,} bytes).")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{shown} is not UTF-8.", hint="Save it as 'CSV UTF-8' in the spreadsheet."
        ) from None
    try:
        return _split(text, shown)
    except csv.Error as error:
        raise ConfigurationError(f"{shown} is no CSV: {error}.") from None


def _split(text: str, shown: str) -> list[dict[str, Any]]:
    def headings(delimiter: str) -> list[str]:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return [heading.strip() for heading in first]

    delimiter = next((sign for sign in _DELIMITERS if "reference" in headings(sign)), None)
    if delimiter is None:
        widest = max(_DELIMITERS, key=lambda sign: len(headings(sign)))
        raise _no_reference(headings(widest))
    columns = headings(delimiter)
    if doubled := next((column for column in columns if columns.count(column) > 1), None):
        raise ConfigurationError(f"{shown}: two columns are called {plain(doubled, 60)!r}.")
    rows: list[dict[str, Any]] = []
    for at, fields in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)):
        if not at or not any(field.strip() for field in fields):
            continue
        number = len(rows) + 1
        if len(fields) > len(columns) and any(field.strip() for field in fields[len(columns) :]):
            raise ConfigurationError(
                f"{shown}, row {number}: {len(fields)} fields under {len(columns)} headings.",
                hint="A field that holds the delimiter goes in double quotes.",
            )
        padded = [*fields, *([""] * len(columns))]
        rows.append({column: field for column, field in zip(columns, padded, strict=False) if column})
    return rows
