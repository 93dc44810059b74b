"""python -m soundverse_nb.simulator: the embedded service with its usual settings on a free port."""

from __future__ import annotations

from soundverse_nb.simulator.server import run

if __name__ == "__main__":
    run()
