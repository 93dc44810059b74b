"""How right the measures are, on songs whose truth is known, beside others that measure the same.

    python benchmarks/accuracy.py --tunes DIR [--only similarity] [--cache DIR] [--others 20]

DIR is what benchmarks/tunes.py wrote. Each section prints its figures and says which targets they miss; the
exit status is 1 where one is missed. Rows of figures are kept in --cache, so that a second run takes minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import accuracy_similarity
from accuracy_songs import Songs

# Name -> what prints a section and returns the targets that were missed.
SECTIONS: dict[str, Callable[[Songs, int], list[str]]] = {
    "similarity": accuracy_similarity.report,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tunes", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a section; may be given again")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "soundverse_accuracy")
    parser.add_argument("--others", type=int, default=20, help="unrelated songs that each is compared with")
    options = parser.parse_args()
    songs = Songs(options.tunes, options.cache)
    missed = []
    for name, report in SECTIONS.items():
        if options.only is None or name in options.only:
            print(f"\n== {name} ==", flush=True)
            missed += [f"{name}: {target}" for target in report(songs, options.others)]
    print("\n" + ("\n".join(["missed:", *missed]) if missed else "all targets met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
