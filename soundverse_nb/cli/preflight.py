"""soundverse-nb preflight: a verdict on each file, before it costs anything."""

from __future__ import annotations

import argparse

from soundverse_nb.cli.verdict import verdict_lines, wants_colours


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
