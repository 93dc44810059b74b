"""How often tempo and key are right, on songs whose truth is known, beside librosa and essentia.

    python benchmarks/tempo_and_key.py FOLDER [--peers] [--only 60]

FOLDER is what `benchmarks/tunes.py` wrote: songs, and manifest.jsonl with the truth. `strictly` is the share
of songs whose tempo is within 1 %, `counted` that where an alternative with a weight counts too (of peers,
any of 1/3, 1/2, 2/3, 3/2, 2 and 3 times their tempo); `beats` is the mean F-measure of mir_eval.beat and
`p score` that of mir_eval.tempo for the choice and the first alternative. `exact`
is the share of keys that are right, `second` that where the second choice counts, `weighted` the mean score
of mir_eval.key. The peers: librosa's beat_track with a line through its beats, and Krumhansl's profiles on
its mean CQT chroma; essentia's RhythmExtractor2013 and KeyExtractor, where it is installed. Needs
pip install "soundverse_nb[bench]".
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from soundverse_nb.audio.features.extract import Extracted, extract

NEAR = 0.01
RATIOS = (1 / 3, 1 / 2, 2 / 3, 1.0, 3 / 2, 2.0, 3.0)
# mir_eval's names of the pitch classes.
NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True)
class Answer:
    """What somebody says of a song: tempi and keys, the choice first, beats, and what is sure."""

    tempi: tuple[float, ...]
    beats: tuple[float, ...]
    keys: tuple[str, ...]
    tempo_is_sure: bool = True
    key_is_sure: bool = True

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """What `to_json` wrote."""
        told = json.loads(text)
        return cls(**told | {name: tuple(told[name]) for name in ("tempi", "beats", "keys")})


def answer_of(song: Extracted) -> Answer:
    """What our own extraction says."""
    tempo, key = song.tempo, song.key
    keys = tuple(f"{NAMES[one.tonic]} {one.mode}" for one in (key.key, key.second) if one is not None)
    tempi = (tempo.bpm, *(other.bpm for other in tempo.alternatives))
    return Answer(tempi, tuple(map(float, tempo.beats)), keys, tempo.is_sure, key.is_sure)


def ours(path: Path) -> Answer:
    return answer_of(extract(path))


def by_librosa(path: Path) -> Answer:
    import librosa
    from plain_librosa import key_fits, tempo

    mono, rate = librosa.load(path)
    found = tempo(mono, rate)
    fits = key_fits(mono, rate)
    order = sorted(fits, key=lambda name: -fits[name])[:2]
    keys = tuple(f"{NAMES[tonic]} {mode}" for tonic, mode in order)
    return Answer(tuple(found["tempo"] * ratio for ratio in (1.0, *RATIOS)), _times(found["beats"]), keys)


def by_essentia(path: Path) -> Answer:
    import essentia
    from essentia import standard

    essentia.log.infoActive = essentia.log.warningActive = False
    samples = standard.MonoLoader(filename=str(path), sampleRate=44_100)()
    bpm, beats, *_ = standard.RhythmExtractor2013(method="multifeature")(samples)
    name, mode, _ = standard.KeyExtractor()(samples)
    sharps = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}
    return Answer(
        tuple(bpm * ratio for ratio in (1.0, *RATIOS)), _times(beats), (f"{sharps.get(name, name)} {mode}",)
    )


def _times(beats: Any) -> tuple[float, ...]:
    return tuple(map(float, beats))


def scores(answer: Answer, truth: dict[str, Any]) -> dict[str, float]:
    """The scores of one answer; a key is scored only where the tune has one for sure."""
    import mir_eval

    away = [abs(bpm / truth["bpm"] - 1) for bpm in answer.tempi]
    beats = [mir_eval.beat.trim_beats(np.asarray(times, float)) for times in (truth["beats"], answer.beats)]
    is_right = away[0] <= NEAR
    given = {
        "strictly": is_right,
        "counted": min(away) <= NEAR,
        "beats": mir_eval.beat.f_measure(*beats),
        "p score": _p_score(answer, truth["bpm"]),
        "tempo sure": answer.tempo_is_sure,
    }
    if answer.tempo_is_sure:
        given["right if sure"] = is_right
    key = truth["key"]
    if key is not None and key["mode"] in ("major", "minor"):
        name = f"{NAMES[key['tonic']]} {key['mode']}"
        given |= {
            "exact": answer.keys[:1] == (name,),
            "second": name in answer.keys,
            "weighted": mir_eval.key.weighted_score(name, answer.keys[0]) if answer.keys else 0.0,
            "key sure": answer.key_is_sure,
        }
        if answer.key_is_sure:
            given["key right if sure"] = answer.keys[:1] == (name,)
    return {name: float(value) for name, value in given.items()}


def _p_score(answer: Answer, bpm: float) -> float:
    """mir_eval.tempo's for a truth of one tempo; the second answer is the first alternative."""
    import mir_eval

    tempi = np.array([*answer.tempi[:2], 0.0, 0.0][:2])
    if not np.isfinite(tempi).all():
        return 0.0
    score, _, _ = mir_eval.tempo.detection(np.array([bpm, 0.0]), 1.0, tempi, tol=NEAR)
    return float(score)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", action="store_true", help="ask librosa and essentia too")
    parser.add_argument("--only", type=int, help="only the first so many songs")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    asked: dict[str, Callable[[Path], Answer]] = {"soundverse_nb": ours}
    if given.peers:
        asked["librosa"] = by_librosa
        if importlib.util.find_spec("essentia"):
            asked["essentia"] = by_essentia
    lines = (given.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    truths = [json.loads(line) for line in lines][: given.only]
    for name, ask in asked.items():
        found: dict[int, list[dict[str, float]]] = defaultdict(list)
        for truth in truths:
            found[truth["level"]].append(scores(ask(given.folder / truth["path"]), truth))
        everything = [one for level in found.values() for one in level]
        print(f"{name}: {len(everything)} songs")
        for level, some in [*sorted(found.items()), ("all", everything)]:
            names = dict.fromkeys(key for one in some for key in one)
            means = {key: np.mean([one[key] for one in some if key in one]) for key in names}
            print(
                f"  level {level}: " + ", ".join(f"{key} {mean:.3f}" for key, mean in means.items()),
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
