"""Real public-domain tunes as originals and remixes, rendered with the truth about each beside them.

    python benchmarks/tunes.py --out DIR [--set tuning | reported] [--tunes 100] [--seed 1] [--cache DIR]

Needs `pip install "soundverse_nb[bench]"` and, on Debian, `apt-get install fluidsynth fluid-soundfont-gm`.
The two sets have no tune in common: settle on a measure with the one, report on the other. Each tune is an
original, three remixes (level 1 to 3) and two other tunes in the key, tempo, metre and instruments of its
level 1 and level 2 remix. DIR gets `manifest.jsonl` (known_remixes/truth.py says what a line holds), the
songs as FLAC, and some sounds that are no music. The same seed makes the same songs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import soundfile as sf

sys.path.insert(0, str(Path(__file__).resolve().parent))

from known_remixes.arrangement import Performance, original_plan, perform, remix_plan
from known_remixes.form import time_map
from known_remixes.midi import file_bytes
from known_remixes.negatives import hard_negatives
from known_remixes.non_music import NON_MUSIC
from known_remixes.selection import REPORTED, SIZES, chosen_tunes
from known_remixes.synthesis import RATE, MissingSynthesizerError, Room, Synthesizer, find_synthesizer
from known_remixes.truth import NEGATIVE, ORIGINAL, REMIX, Rendering, write_manifest
from known_remixes.tune import Tune, generator

LEVELS = (1, 2, 3)
NEGATIVE_LEVELS = (1, 2)
_NON_MUSIC_SECONDS, _NON_MUSIC_EACH = 45.0, 3


@dataclass(frozen=True)
class Job:
    """A performance that is to be rendered, what it is compared with, and where it goes."""

    kind: str
    tune: Tune
    reference: Tune
    performance: Performance
    original: Performance
    name: str
    seed: int

    def render(self, synthesizer: Synthesizer, folder: Path) -> Rendering:
        """Render the sound and say what is known of it."""
        plan, timing = self.performance.plan, self.performance.timing
        room = Room(generator(plan.seed, "room").randrange(2**32)) if plan.level >= 3 else None
        midi = file_bytes(self.performance.channels, self.performance.events, self.performance.seconds)
        path = folder / self.kind / f"{self.name}.flac"
        synthesizer.render(midi, self.performance.seconds, room, path)
        beats, first_downbeat = timing.beats()
        return Rendering(
            tune=self.tune.name,
            title=self.tune.title,
            kind=self.kind,
            level=plan.level,
            reference=self.reference.name,
            path=path,
            seconds=self.performance.seconds,
            metre=str(self.tune.metre),
            key=self.tune.key.transposed(plan.transposition) if self.tune.key_is_sure else None,
            bpm=plan.bpm,
            beats_per_bar=self.tune.metre.beats,
            beats=beats,
            first_downbeat=first_downbeat,
            transposition=plan.transposition,
            tempo_ratio=plan.bpm / self.original.plan.bpm,
            time_map=None if self.kind == NEGATIVE else time_map(self.original.timing, timing),
            seed=self.seed,
        )


def jobs(tunes: Sequence[Tune], seed: int) -> Iterator[Job]:
    """All performances of a set: of each tune an original and its remixes, then the hard negatives of all."""
    originals = {tune.name: perform(tune, original_plan(tune, seed)) for tune in tunes}
    for tune in tunes:
        original = originals[tune.name]
        yield Job(ORIGINAL, tune, tune, original, original, tune.name, seed)
        for level in LEVELS:
            played = perform(tune, remix_plan(tune, original.plan, level, seed), original.plan.bpm)
            yield Job(REMIX, tune, tune, played, original, f"{tune.name}-level-{level}", seed)
    levels = cycle(NEGATIVE_LEVELS)
    for negative in hard_negatives(tunes, len(NEGATIVE_LEVELS), seed):
        tune, other, level = negative.reference, negative.other, next(levels)
        original = originals[tune.name]
        plan = negative.plan(remix_plan(tune, original.plan, level, seed))
        played = perform(other, plan, original.plan.bpm)
        name = f"{tune.name}-level-{level}-is-{other.name}"
        yield Job(NEGATIVE, other, tune, played, original, name, seed)


def render_set(
    tunes: Sequence[Tune], folder: Path, seed: int, synthesizer: Synthesizer, report: Callable[[str], None]
) -> tuple[Rendering, ...]:
    """Render a set into a folder, two songs at a time; the manifest has a line for each once it is done."""
    work = list(jobs(tunes, seed))
    done: list[Rendering] = []
    with ThreadPoolExecutor(2) as pool:
        rendered = pool.map(lambda job: job.render(synthesizer, folder), work)
        for rendering in write_manifest(folder, rendered):
            done.append(rendering)
            if len(done) % 60 == 0:
                report(f"{len(done)} of {len(work)} songs")
    return tuple(done)


def write_non_music(folder: Path, seed: int) -> int:
    """Some of each sound that is no music, as FLAC; how many there are is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in NON_MUSIC.items():
        for number in range(_NON_MUSIC_EACH):
            path = folder / f"{name.replace(' ', '-')}-{number + 1}.flac"
            sf.write(path, make(_NON_MUSIC_SECONDS, seed * 100 + number), RATE)
    return len(NON_MUSIC) * _NON_MUSIC_EACH


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder for songs and manifest")
    parser.add_argument("--set", dest="which", choices=SIZES, default=REPORTED)
    parser.add_argument("--tunes", type=int, help="only the first so many tunes of the set")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "known-remixes")
    given = parser.parse_args()
    begun = time.perf_counter()
    try:
        synthesizer = find_synthesizer(given.cache)
        tunes = chosen_tunes(given.which, given.tunes or SIZES[given.which], given.cache)
    except ModuleNotFoundError as lacking:
        print(f'{lacking.name} is not installed: pip install "soundverse_nb[bench]"', file=sys.stderr)
        return 2
    except (MissingSynthesizerError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"{len(tunes)} tunes of the set {given.which!r}, seed {given.seed}, bank {synthesizer.bank.name}")
    for what, counted in (
        ("metres", Counter(str(tune.metre) for tune in tunes)),
        ("modes", Counter(tune.key.mode for tune in tunes)),
        ("sources", Counter(tune.source for tune in tunes)),
    ):
        print(f"  {what}: " + ", ".join(f"{name} {count}" for name, count in counted.most_common()))
    done = render_set(tunes, given.out, given.seed, synthesizer, lambda line: print(f"  {line}", flush=True))
    others = write_non_music(given.out / "non-music", given.seed)
    kinds = Counter(f"{song.kind} (level {song.level})" for song in done)
    print("songs: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + f"; {others} no music")
    minutes = sum(song.seconds for song in done) / 60
    print(f"{minutes:.0f} minutes of music in {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
