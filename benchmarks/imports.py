"""How long `import soundverse_nb` takes beside `import pydantic`, and what it loads.

    python benchmarks/imports.py [--pairs 20]

Each import is timed in a fresh interpreter, the two taking turns at going first, so that a busy
machine slows both alike. The exit status is 1 where the median of the pairs' ratios is above 1 or
a heavy library was loaded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

# Each takes longer to load than everything `import soundverse_nb` does.
HEAVY = {
    "librosa",
    "numba",
    "scipy",
    "pandas",
    "matplotlib",
    "aiohttp",
    "numpy",
    "IPython",
    "ipywidgets",
    "av",
}

_TIMED = "import time; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"
_LOADED = "import json, sys; {0}; print(json.dumps([m for m in sys.modules if '.' not in m]))"


def _fresh(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def seconds(module: str) -> float:
    """Seconds that importing `module` takes in an interpreter of its own."""
    return float(_fresh(_TIMED.format(module)))


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that are loaded after `statement` in an interpreter of its own."""
    return set(json.loads(_fresh(_LOADED.format(statement))))


def paired(first: str, second: str, pairs: int) -> list[tuple[float, float]]:
    """`pairs` measurements of both imports, in seconds, each pair taken back to back."""
    for module in (first, second):
        seconds(module)  # fills the file cache and writes the .pyc files
    runs = []
    for index in range(pairs):
        if index % 2:
            b, a = seconds(second), seconds(first)
        else:
            a, b = seconds(first), seconds(second)
        runs.append((a, b))
    return runs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    runs = paired("soundverse_nb", "pydantic", pairs)
    ratio = statistics.median(ours / theirs for ours, theirs in runs)
    for name, values in (("soundverse_nb", [a for a, _ in runs]), ("pydantic", [b for _, b in runs])):
        spread = f"{min(values) * 1e3:.1f} to {max(values) * 1e3:.1f}"
        print(f"import {name:14} median {statistics.median(values) * 1e3:6.1f} ms  ({spread})")
    print(f"median ratio of {pairs} pairs: {ratio:.2f}")
    heavy = sorted(loaded_by("import soundverse_nb") & HEAVY)
    print(f"heavy modules loaded: {', '.join(heavy) or 'none'}")
    return int(ratio > 1 or bool(heavy))


if __name__ == "__main__":
    sys.exit(main())
