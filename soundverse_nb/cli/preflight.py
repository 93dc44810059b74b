"""soundverse-nb preflight and repair: verdicts before anything is paid, and copies that pass."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.advice import for_reader
from soundverse_nb.cli.output import print_json, wants_colours
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference import preflight, repair
from soundverse_nb.reference.report import report_text
from soundverse_nb.reference.table import songs_in
from soundverse_nb.render.escape import one_line

if TYPE_CHECKING:
    from soundverse_nb.reference import PreflightReport


def run(options: argparse.Namespace) -> int:
    """Check every file and print what was found; 1 where one fails."""
    colours = wants_colours()
    names = [name for given in options.files for name in _songs(given)]
    found = []
    for name in names:
        report = preflight(name)
        found.append(report)
        if not options.json:
            for line in verdict_lines(name, report, colours=colours):
                print(line, flush=True)
    passed = sum(report.ok for report in found)
    if options.json:
        print_json([{"file": name, **report.model_dump()} for name, report in zip(names, found, strict=True)])
    elif len(found) > 1:
        print(f"{passed} of {len(found)} would be taken.")
    return int(passed < len(found))


def _songs(given: str) -> list[str]:
    """The songs of a folder; anything else stands for itself."""
    if not os.path.isdir(given):
        return [given]
    songs, _ = songs_in(Path(given))
    if not songs:
        raise ConfigurationError(f"There is no song in the folder {one_line(given)}.", hint="Give its files.")
    return [str(song) for song in songs]


def verdict_lines(name: str, report: PreflightReport, *, colours: bool = False) -> list[str]:
    """The verdict on the file called `name`, a line for what it is, and some for each problem and warning."""
    text = report_text(report, "lines", name=name, colours=colours)
    if report.repair_call:  # which is Python
        text = text.replace(report.repair_call, f"soundverse-nb repair {shlex.quote(one_line(name))}")
    return for_reader(text).split("\n")


def run_repair(options: argparse.Namespace) -> int:
    """Write the copy and say where it is and what was done."""
    copy = repair(options.file, options.out, options.start, options.duration, progress=not options.json)
    if options.json:
        print_json(
            {
                "path": str(copy.path),
                "start": copy.start,
                "duration": copy.duration,
                "steps": list(copy.steps),
                "report": copy.report.model_dump(),
            }
        )
    else:
        print(copy)
    return 0
