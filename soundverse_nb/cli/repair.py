"""soundverse-nb repair: a copy of a song that the service takes."""

from __future__ import annotations

import argparse

from soundverse_nb.cli.output import print_json
from soundverse_nb.reference import repair


def run(options: argparse.Namespace) -> int:
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
