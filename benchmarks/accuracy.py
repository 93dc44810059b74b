"""How right the measures are, on songs whose truth is known, beside others that measure the same.

    python benchmarks/accuracy.py --tunes DIR [--only loudness] [--music FOLDER] [--cache DIR] [--others 20]

DIR is what benchmarks/tunes.py wrote, FOLDER any music. Each section prints its figures and says which
targets they miss; the exit status is 1 where one is missed. Rows of figures are kept in --cache, so that a
second run takes minutes. Needs pip install "soundverse_nb[bench]"; what is not installed is no peer. How
often librosa and essentia are right in tempo and key says tempo_and_key.py --peers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import accuracy_loudness
import accuracy_robustness
import accuracy_similarity
import accuracy_tempo_key
from accuracy_songs import Asked, Songs

# Name -> what prints a section and returns the targets that were missed.
SECTIONS: dict[str, Callable[[Songs, Asked], list[str]]] = {
    "loudness": accuracy_loudness.report,
    "tempo and key": accuracy_tempo_key.report,
    "similarity": accuracy_similarity.report,
    "invariance": accuracy_robustness.invariance,
    "without music": accuracy_robustness.without_music,
    "time": accuracy_robustness.seconds,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tunes", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a section; may be given again")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "soundverse_accuracy")
    parser.add_argument("--others", type=int, default=20, help="unrelated songs that each is compared with")
    parser.add_argument("--music", type=Path, help="folder to compare loudness on (default: the tunes)")
    options = parser.parse_args()
    asked = Asked(options.others, options.music)
    songs = Songs(options.tunes, options.cache)
    missed = []
    for name, report in SECTIONS.items():
        if options.only is None or name in options.only:
            print(f"\n== {name} ==", flush=True)
            missed += [f"{name}: {target}" for target in report(songs, asked)]
    print("\n" + ("\n".join(["missed:", *missed]) if missed else "all targets met"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
