"""Kill a kernel that runs a study at random moments, again and again, and hold its frame against the bill.

A child process runs a study of sixty trials on the embedded service, which is in this process, so that its
ledger survives. Some orders meet faults. The child is killed with SIGKILL and started again, each time with
the song under a URL that is signed anew, until it ends by itself. Then no trial may be charged twice, every
charge must be a finished, failed or unknown trial of the frame, and the frame must be that of an undisturbed
run but for times and for the trials whose POST was under way when the child died.

    python benchmarks/study_crash.py --kills 100 [--rollback] [--shards 4]

--rollback keeps store and journal as on a file system without shared memory. --shards cuts the plan, and a
budget for three quarters of its trials, into studies of their own, killed in turn and merged in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from crash import FAULTS, run_once, short_song
from onlooker import JOURNAL, KEY, integrity

TRIALS = 60
PRICE = 0.1
TIMES = ("started", "finished", "seconds", "order_id", "message_id", "attempts", "error", "not_measured")


@dataclass
class Result:
    """What came of it; `twice`, `lost`, `unlike`, `overspent` and `trouble` should be empty."""

    kills: int = 0
    trials: int = 0
    charges: int = 0
    states: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    overspent: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.twice or self.lost or self.unlike or self.overspent or self.trouble)

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return "\n".join(
            [
                f"{self.kills} kills, {self.trials} trials, {self.charges} charged",
                f"trials at the end: {states}",
                f"charged twice: {len(self.twice)} {self.twice[:3] or ''}",
                f"charged and not in the frame: {len(self.lost)} {self.lost[:3] or ''}",
                f"unlike an undisturbed run: {len(self.unlike)} {self.unlike[:3] or ''}",
                f"over budget: {len(self.overspent)} {self.overspent[:3] or ''}",
                f"troubles: {self.trouble[:2] or 'none'}",
            ]
        )


def plan_of(song: str, trials: int) -> Any:
    """A plan of so many trials that render two remixes only; the faults of crash.py in turn."""
    import soundverse_nb as sv

    parameters = {
        f"{number:02}": {"simulate": {**FAULTS[number % len(FAULTS)], "tag": str(number)}}
        for number in range(trials // 2)
    }
    return sv.Plan({"tone": song}, ["style 0", "style 1"], parameters=parameters)


def shared_budget(trials: int) -> float:
    """What shards may cost together: less than all of their trials, so that it is what ends them."""
    return trials * 3 // 4 * PRICE


def child(
    base_url: str, song: str, folder: Path, trials: int, shard: tuple[int, int], rollback: bool
) -> None:
    """What is killed: run the study to its end."""
    import soundverse_nb as sv
    from soundverse_nb.client import Timeouts
    from soundverse_nb.client.journal import filesystem

    if rollback:
        filesystem.maps_shared = lambda folder: False
    timeouts = Timeouts(silence=0.5, poll_interval=0.05, max_poll_interval=0.5)
    client = sv.Client(
        KEY, base_url, directory=folder / "remixes", journal=folder / JOURNAL, preflight="off",
        progress=False, timeouts=timeouts, max_streams=12,
    )  # fmt: skip
    plan = plan_of(song, trials)
    if shard[1] > 1:
        plan = plan.shard(*shard, budget=shared_budget(trials))
    print("ready", flush=True)
    with client, sv.Study(folder / "study", client) as study, contextlib.suppress(sv.BudgetExceededError):
        study.run_sync(plan, price=PRICE, measures=False)
    print("done", flush=True)


def run(
    kills: int, *, trials: int = TRIALS, seed: int = 1, longest: float = 2.0, speed: float = 60.0,
    rollback: bool = False, shards: int = 1,
) -> Result:  # fmt: skip
    """Studies until the child was killed `kills` times; each is run to its end."""
    result = Result()
    rng = random.Random(seed)
    expected = None
    while result.kills < kills or expected is None:
        with tempfile.TemporaryDirectory() as folder:
            # The first is the undisturbed one.
            wanted = 0 if expected is None else kills
            frame = one_study(result, wanted, trials, rng, longest, speed, Path(folder), rollback, shards)
        if expected is None:
            expected = frame
        else:
            result.unlike += unlike(expected, frame)
    return result


def one_study(
    result: Result, kills: int, trials: int, rng: random.Random, longest: float, speed: float, folder: Path,
    rollback: bool, shards: int,
) -> Any:  # fmt: skip
    """One plan run to its end in as many processes as that takes; the frame, or that of its merged shards."""
    import soundverse_nb as sv
    from soundverse_nb.hosting import EmbeddedHost
    from soundverse_nb.simulator import Simulator

    song = short_song(folder)
    urls: list[str] = []
    with Simulator(speed=speed, render="short", take=1) as simulator:
        for shard in range(shards):
            mine = folder / f"shard {shard}"
            mine.mkdir()
            ended = False
            while not ended:
                urls.append(asyncio.run(EmbeddedHost(simulator.base_url).publish(song)).url)
                command = [
                    sys.executable, __file__, "--child", simulator.base_url, urls[-1], str(mine), str(trials),
                    str(shard), str(shards), str(int(rollback)),
                ]  # fmt: skip
                share = kills * (shard + 1) // shards
                ended = run_once(command, result, share, rng, longest)
        charges = list(simulator.ledger)
    studies = [sv.Study(folder / f"shard {shard}" / "study") for shard in range(shards)]
    for study in studies:
        if (whole := integrity(study.path / "study.sqlite3")) != "ok":
            result.trouble.append(whole)
    counted = sum(study.spent + study.reserved for study in studies)
    for what, cost in (("by the studies", counted), ("by the ledger", len(charges) * PRICE)):
        if shards > 1 and cost > shared_budget(trials) + 1e-9:
            result.overspent.append(f"{cost} {what}")
    whole_study = studies[0] if shards == 1 else sv.merge(studies, folder / "whole")
    frame = whole_study.to_frame()
    hold_against(result, charges, frame, urls, trials, whole_study.path)
    for study in [*studies, whole_study]:
        study.close()
    return frame


def hold_against(
    result: Result, charges: list[Any], frame: Any, urls: list[str], trials: int, folder: Path
) -> None:
    """Hold the ledger against the frame."""
    result.trials += trials
    result.charges += len(charges)
    result.states.update(frame["state"])
    number_of: dict[str, tuple[str, str]] = {}
    for url in urls:
        for trial in plan_of(url, trials):
            body = trial.instructions.request(url).to_wire()
            key = (trial.factors["prompt"], trial.factors["parameters"])
            number_of[hashlib.sha256(json.dumps(body).encode()).hexdigest()] = key
    charged = Counter(number_of[charge.request] for charge in charges)
    rows = {(row.prompt, row.parameters): row for row in frame.itertuples()}
    for cell, count in charged.items():
        row = rows.get(cell)
        if count > 1:
            result.twice.append(f"{cell}: {count} times")
        if row is None or row.state not in ("done", "failed", "unknown"):
            result.lost.append(f"{cell}: {row.state if row else 'no row'}")
        elif row.state == "done" and not (folder / row.file).is_file():
            result.lost.append(f"{cell}: its file is gone")


def unlike(expected: Any, frame: Any) -> list[str]:
    """Where a frame differs from that of an undisturbed run, but for what a kill may change."""
    if list(expected["identity"]) != list(frame["identity"]):
        return ["other trials, or in another order"]
    columns = [
        name for name in expected.columns
        if name in frame and name not in TIMES and not name.startswith(("seconds_", "s_"))
    ]  # fmt: skip
    found = []
    for (_, one), (_, other) in zip(expected.iterrows(), frame.iterrows(), strict=True):
        if {"unknown", "missing"} & {other["state"], one["state"]}:
            # Killed between the POST and its answer, which nobody can tell from a lost answer; or left, since
            # what is unknown stays reserved.
            continue
        found += [
            f"{one['prompt']} {one['parameters']}: {name} {one[name]!r} {other[name]!r}"
            for name in columns
            if str(one[name]) != str(other[name])  # nan and NA are equal to nothing, not to themselves either
        ]  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rollback", action="store_true")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--child", nargs=7, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        base_url, song, folder, trials, shard, shards, rollback = options.child
        child(base_url, song, Path(folder), int(trials), (int(shard), int(shards)), rollback == "1")
        return
    began = time.monotonic()
    result = run(options.kills, seed=options.seed, rollback=options.rollback, shards=options.shards)
    print(result)
    print(f"{time.monotonic() - began:.0f} s")
    raise SystemExit(0 if result.holds else 1)


if __name__ == "__main__":
    main()
