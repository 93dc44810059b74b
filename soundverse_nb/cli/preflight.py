"""soundverse-nb preflight: a verdict on each file, before it costs anything."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from soundverse_nb.reference import preflight
from soundverse_nb.reference.report import report_text
from soundverse_nb.render.escape import one_line as shown_name

if TYPE_CHECKING:
    from soundverse_nb.reference import PreflightReport

__all__ = ["run", "shown_name", "verdict_lines", "wants_colours"]


def run(options: argparse.Namespace) -> int:
    """Check every file and print what was found; 1 where one fails."""
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


def verdict_lines(name: str, report: PreflightReport, *, colours: bool = False) -> list[str]:
    """The verdict on the file called `name`, a line for what it is, and some for each problem and warning."""
    return report_text(report, "lines", name=name, colours=colours).split("\n")


def wants_colours() -> bool:
    """Whether standard output is a terminal whose user has not said no (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stdout.isatty()
