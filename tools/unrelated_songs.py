"""Makes the songs that every tune is compared with to know what chance scores.

    python tools/unrelated_songs.py --tunes DIR [--songs 48]

DIR is a set that `benchmarks/tunes.py` wrote: its originals are taken, in the order of its manifest. To be
run again whenever the features' version grows. Prints how the songs score among one another.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from soundverse_nb.audio.features.extract import extract, features_stamp
from soundverse_nb.audio.similarity.style import rhythm_profile, timbre_profile
from soundverse_nb.audio.similarity.tune import compared_notes, evidence_of, tune_kept
from soundverse_nb.audio.similarity.unrelated import FILE, UnrelatedSong, save_songs, unrelated_songs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tunes", type=Path, required=True, help="folder with manifest.jsonl")
    parser.add_argument("--songs", type=int, default=48)
    options = parser.parse_args()
    lines = (options.tunes / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    originals = [truth for truth in map(json.loads, lines) if truth["kind"] == "original"][: options.songs]
    songs = [_song(str(truth["title"]), options.tunes / truth["path"]) for truth in originals]
    save_songs(FILE, songs, features_stamp())
    notes = unrelated_songs().notes
    scores = [tune_kept(evidence_of(one, other)) for one, other in combinations(notes, 2)]
    low, middle, high = np.quantile(scores, [0.05, 0.5, 0.95])
    print(
        f"{len(songs)} songs, {FILE.stat().st_size // 1000} KB; pairs score {middle:.3f}, "
        f"5 to 95 % of them {low:.3f} to {high:.3f}, the highest {max(scores):.3f}"
    )


def _song(title: str, path: Path) -> UnrelatedSong:
    frames = extract(path).frames
    timbre, rhythm = timbre_profile(frames), rhythm_profile(frames)
    assert timbre is not None
    assert rhythm is not None
    return UnrelatedSong(title, compared_notes(frames), timbre, rhythm)


if __name__ == "__main__":
    main()
