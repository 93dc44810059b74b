"""soundverse-nb simulator: the embedded service alone, for other programs and languages."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

from soundverse_nb import simulator
from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator import FAULTS, Fault

if TYPE_CHECKING:
    from soundverse_nb.simulator import Fault


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    simulator.run(
        port=options.port,
        host=options.host,
        api_key=options.api_key,
        speed=options.speed,
        hold=options.hold,
        faults=[_fault(given) for given in options.fault],
        take=options.take,
        render=options.render,
    )
    return 0


def fault_rows(width: int = 79) -> list[str]:
    """Each fault's name with what it does, as lines for a terminal."""
    column = max(len(name) for name in FAULTS) + 4
    rows: list[str] = []
    for name, kind in FAULTS.items():
        first = f"  {name}".ljust(column)
        # The table is written for Python's documentation; a terminal shows no backquotes.
        effect = kind.what.replace("`", "")
        rows += textwrap.wrap(effect, width, initial_indent=first, subsequent_indent=" " * column)
    return rows


def _fault(given: str) -> Fault:
    """A fault as it was typed: "unavailable", or "rate_limit=2" for the first two requests."""
    name, _, times = given.partition("=")
    if not times:
        return Fault(name)
    if not times.isdecimal():
        raise ConfigurationError(
            f"{given!r}: {times!r} is no number of times.", hint="For example rate_limit=2."
        )
    return Fault(name, times=int(times))
