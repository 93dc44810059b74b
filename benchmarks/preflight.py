"""How quick preflight is, beside its peers on the same files in the same run.

    python benchmarks/preflight.py [--music FOLDER] [--files DIRECTORY] [--rounds 5] [--clock processor]

Writes a song of ordinary length in every container (or takes those of FOLDER, first twenty by name), asks
everybody how long it is, and compares. Peers are asked in turn, round by round, and the best round counts.
On a machine that others keep busy, let --clock processor count the work of all threads instead of the wait.
Nothing leaves this machine.

Targets:
1. preflight is no slower than the fastest full decode whose answer is right, plus a tenth.
2. quick preflight takes at most 20 times as long as opening the file and reading 64 KB, where the header
   carries the truth.
3. quick preflight is faster than soundfile.info, wherever soundfile.info can open the file and is right.
4. The first preflight of a fresh process takes less than a fifth of librosa.get_duration's first call.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peers import (
    ANSWERS,
    DECODES,
    PEERS,
    Clock,
    first_calls,
    fresh_process_seconds,
    processor_seconds,
    true_duration,
)
from songs import write_songs

# A length may be wrong by this much and still count as right: the frame or two that encoders pad.
_TOLERANCE = 0.05
_LARGEST_RATIO = 20.0
_SLOWER_THAN_DECODE = 1.10


@dataclass
class Row:
    """One file: its true length, and per peer the best time in seconds and the answer in seconds."""

    path: Path
    truth: float
    best: dict[str, float] = field(default_factory=dict)
    answer: dict[str, float | None] = field(default_factory=dict)

    def is_right(self, peer: str) -> bool:
        answer = self.answer.get(peer)
        return answer is not None and abs(answer - self.truth) <= _TOLERANCE


def main() -> int:
    options = _options()
    if options.clock == "processor":
        Clock.now = processor_seconds
    with tempfile.TemporaryDirectory() as scratch:
        if options.music:
            paths = sorted(path for path in Path(options.music).iterdir() if path.is_file())[:20]
        else:
            paths = write_songs(Path(options.files or scratch))
        rows = [_measure(path, options.rounds) for path in paths]
        _print_times(rows)
        failed = _judge(rows)
        failed += _judge_first_call(paths, options.rounds)
    print(f"\n{failed} target(s) missed" if failed else "\nall targets met")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--music", help="a folder of real songs to use instead")
    parser.add_argument("--files", help="keep the written songs here, and use them again")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall")
    return parser.parse_args()


def _measure(path: Path, rounds: int) -> Row:
    row = Row(path, true_duration(path))
    for _ in range(rounds):
        for name, peer in PEERS.items():
            seconds, answer = peer(path)
            row.answer[name] = answer
            row.best[name] = min(seconds, row.best.get(name, seconds))
    print(".", end="", flush=True, file=sys.stderr)
    return row


def _has_header(path: Path) -> bool:
    """Whether the file says at all how long it is: an MP3 may not."""
    with path.open("rb") as file:
        head = file.read(1 << 18)
    return path.suffix != ".mp3" or any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _print_times(rows: list[Row]) -> None:
    print("\nBest times in microseconds; x: cannot open it, !: answers a wrong length\n")
    names = list(PEERS)
    print(f"{'':26}" + "".join(f"{name:>13}" for name in names))
    for row in rows:
        cells = [f"{row.best[name] * 1e6:,.0f}{_sign(row, name)}" for name in names]
        print(f"{ascii(row.path.name)[1:-1][:25]:26}" + "".join(f"{cell:>13}" for cell in cells))


def _sign(row: Row, name: str) -> str:
    if name not in ANSWERS:
        return " "
    if row.answer[name] is None:
        return "x"
    return " " if row.is_right(name) else "!"


def _judge(rows: list[Row]) -> int:
    print("\nTargets: 1 default / fastest right decode, 2 quick / read 64 KB, 3 quick / soundfile.info\n")
    failed = 0
    for row in rows:
        decodes = {name: row.best[name] for name in DECODES if row.is_right(name)}
        cells = [f"{ascii(row.path.name)[1:-1][:25]:26}"]
        if not row.is_right("preflight") or not row.is_right("quick"):
            failed += 1
            cells.append(f"FAIL wrong length: {row.answer['preflight']}, quick {row.answer['quick']}")
        if decodes:
            fastest = min(decodes, key=lambda name: decodes[name])
            ratio = row.best["preflight"] / decodes[fastest]
            failed += ratio > _SLOWER_THAN_DECODE
            cells.append(f"1 {_word(ratio <= _SLOWER_THAN_DECODE)} {ratio:5.2f} ({fastest})")
        if row.answer["probe"] is not None and _has_header(row.path):
            ratio = row.best["quick"] / row.best["read 64 KB"]
            failed += ratio > _LARGEST_RATIO
            cells.append(f"2 {_word(ratio <= _LARGEST_RATIO)} {ratio:5.1f}")
        else:
            cells.append("2 (header is silent)")
        if row.is_right("sf.info") and row.answer["probe"] is not None:
            ratio = row.best["quick"] / row.best["sf.info"]
            failed += ratio >= 1
            cells.append(f"3 {_word(ratio < 1)} {ratio:5.2f}")
        else:
            cells.append("3 (no right answer to beat)")
        print("   ".join(cells))
    return failed


def _judge_first_call(paths: list[Path], rounds: int) -> int:
    print("\nFirst call in a fresh process, best of some, in seconds (imports included)\n")
    failed = 0
    for path in [path for path in paths if path.suffix in (".mp3", ".wav", ".m4a")][:3]:
        best = {
            name: fresh_process_seconds(code, path, min(rounds, 3)) for name, code in first_calls().items()
        }
        for name in ("preflight", "quick"):
            ratio = best[name] / best["librosa"]
            failed += ratio >= 0.2
            print(
                f"{path.name:26} {name:10} {best[name]:6.3f}  librosa.get_duration {best['librosa']:6.3f}  "
                f"4 {_word(ratio < 0.2)} {ratio:.3f}"
            )
    return failed


def _word(passed: bool) -> str:
    return "pass" if passed else "FAIL"


if __name__ == "__main__":
    sys.exit(main())
