"""soundverse-nb preflight: a verdict on each file, before it costs anything."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from soundverse_nb.render import units as quantity
from soundverse_nb.render.escape import plain

if TYPE_CHECKING:
    from soundverse_nb.reference import PreflightReport


def run(options: argparse.Namespace) -> int:
    """Check every file and print what was found; 1 where one fails."""
    from soundverse_nb.reference import preflight

    colours = wants_colours()
    failed = 0
    for name in options.files:
        report = preflight(name)
        for line in verdict_lines(name, report, colours=colours):
            print(line, flush=True)
        failed += not report.ok
    if len(options.files) > 1:
        print(f"{len(options.files) - failed} of {len(options.files)} would be taken.")
    return int(failed > 0)


_COLOURS = {"PASS": "32", "FAIL": "31", "note": "33"}


def verdict_lines(name: str, report: PreflightReport, *, colours: bool = False) -> Iterator[str]:
    """The verdict on the file called `name`, a line for what it is, and some for each problem and warning."""
    verdict = "PASS" if report.ok else "FAIL"
    facts = _facts(report)
    yield f"{_painted(verdict, colours)}  {shown_name(name)}{f'  ({facts})' if facts else ''}"
    for kind, findings in (("FAIL", report.problems), ("note", report.warnings)):
        for found in findings:
            yield f"      {_painted(kind, colours)} {plain(found.code)}: {plain(found.message, 600)}"
            measured = _measured(found.value, found.limit)
            if measured:
                yield f"           {measured}"
            if found.hint:
                yield f"           {plain(found.hint, 600)}"


def shown_name(name: str) -> str:
    """A file's name on one line: what no terminal should obey (line breaks, escapes) is written out.

    Names are what tells files apart, so nothing is dropped: "a\\nb.mp3" keeps its "\\n" in sight.
    """
    # Bytes that were no text in this locale come as lone surrogates; they may be UTF-8 all the same.
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def wants_colours() -> bool:
    """Whether standard output is a terminal whose user has not said no (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stdout.isatty()


def _painted(word: str, colours: bool) -> str:
    return f"\x1b[{_COLOURS[word]}m{word}\x1b[0m" if colours else word


def _facts(report: PreflightReport) -> str:
    audio = report.audio
    duration, rate, channels = audio.duration, audio.sample_rate, audio.channels
    broken = {found.code: found.limit for found in report.problems}
    longest_or_shortest = broken.get("too_long", broken.get("too_short"))
    parts = [
        _length(duration, longest_or_shortest) if duration is not None and math.isfinite(duration) else None,
        _size(audio.size_bytes, broken.get("too_large")) if audio.size_bytes is not None else None,
        str(audio.format).upper() if audio.format else None,
        f"{quantity.rate(rate)} {quantity.channels(channels)}" if rate and channels else None,
    ]
    return plain(", ".join(part for part in parts if part))


def _length(seconds: float, limit: float | None) -> str:
    """As a clock shows it, unless it shows the same for the limit that the song breaks."""
    hidden = limit is not None and quantity.clock(seconds) == quantity.clock(limit)
    return quantity.exactly(seconds, limit) if hidden and limit is not None else quantity.clock(seconds)


def _size(count: int, limit: int | None) -> str:
    hidden = limit is not None and quantity.size(count) == quantity.size(limit)
    return quantity.size_in_full(count) if hidden else quantity.size(count)


def _measured(value: object, limit: object) -> str:
    if value is None or limit is None:
        return ""  # the sentence above has said all of it
    return f"measured {_number(value, limit)}, limit {_number(limit, limit)}"


def _number(value: object, limit: object) -> str:
    """A number, with the decimals that tell it from its limit."""
    if isinstance(value, float):
        count = quantity.decimals(value, limit) if isinstance(limit, (int, float)) else 3
        return f"{value:,.{count}f}".rstrip("0").rstrip(".")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return plain(value)
