"""soundverse-nb simulator: the embedded service alone, for other programs and languages."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from soundverse_nb import simulator

    simulator.run(
        port=options.port,
        host=options.host,
        api_key=options.api_key,
        speed=options.speed,
        hold=options.hold,
        faults=options.fault,
    )
    return 0
