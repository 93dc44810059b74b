"""Fuzz the header probes for as long as you like: crashes, hangs, memory.

    python benchmarks/fuzz_probes.py --inputs 1000000

Each input is a small song of some container, bent at random (the same for the same --seed). The run fails
where a probe raises, answers nonsense, takes longer than --slowest seconds of processor time, or where the
process grows by more than --memory megabytes.
"""

from __future__ import annotations

import argparse
import io
import math
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from soundverse_nb.audio.probe import Probed, _probe
from soundverse_nb.audio.probe.window import CHANNELS, SAMPLE_RATES, Window
from tests.corpus.mutate import mutants, seeds


@dataclass
class Outcome:
    """What a run has found."""

    answers: Counter[str] = field(default_factory=Counter)
    raised: list[str] = field(default_factory=list)
    nonsense: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_input: int = -1


def main() -> int:
    options = _options()
    songs = seeds()
    outcome = Outcome()
    before = _resident_mb()
    started = time.perf_counter()
    for number, song in enumerate(mutants(options.inputs, options.seed, songs)):
        _try(number, song, outcome)
        if options.keep and (outcome.nonsense or outcome.raised):
            Path(options.keep).write_bytes(song)
            break
        if (number + 1) % 100_000 == 0:
            seconds = time.perf_counter() - started
            print(f"{number + 1:>10,} inputs, {seconds:6.0f} s, {_resident_mb():.0f} MB", flush=True)
    grown = _resident_mb() - before
    seconds = time.perf_counter() - started
    print(f"{options.inputs:,} inputs (seed {options.seed}) in {seconds:.0f} s")
    print(f"answers: {dict(outcome.answers.most_common())}")
    print(f"raised: {len(outcome.raised)}; nonsense: {len(outcome.nonsense)}")
    print(f"slowest: {outcome.slowest * 1000:.1f} ms of processor time (input {outcome.slowest_input:,})")
    print(f"memory: {before:.0f} MB before, peak {before + grown:.0f} MB (+{grown:.0f} MB)")
    for line in (*outcome.raised[:20], *outcome.nonsense[:20]):
        print("  " + line)
    failed = outcome.raised or outcome.nonsense or outcome.slowest > options.slowest or grown > options.memory
    print("FAIL" if failed else "PASS")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slowest", type=float, default=0.5, help="seconds one input may take")
    parser.add_argument("--memory", type=float, default=150.0, help="megabytes the process may grow by")
    parser.add_argument("--keep", help="write the first failing input here and stop")
    return parser.parse_args()


def _try(number: int, song: bytes, outcome: Outcome) -> None:
    begun = time.thread_time()
    try:
        answer = _probe(Window(io.BytesIO(song), len(song)))
    except Exception as error:  # that no input makes it raise, whatever it be, is what is tried
        outcome.raised.append(f"input {number}: {type(error).__name__}: {error}")
        return
    taken = time.thread_time() - begun
    if taken > outcome.slowest:
        outcome.slowest, outcome.slowest_input = taken, number
    if not isinstance(answer, Probed):
        outcome.answers[f"{answer.format}: untrusted"] += 1
        return
    outcome.answers[f"{answer.format}: believed"] += 1
    is_sense = 0 < answer.duration < math.inf
    if not is_sense or answer.channels not in CHANNELS or answer.sample_rate not in SAMPLE_RATES:
        outcome.nonsense.append(f"input {number}: {answer}")


def _resident_mb() -> float:
    """The largest resident size so far (kilobytes on Linux, bytes on macOS)."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 1024


if __name__ == "__main__":
    sys.exit(main())
