"""What a study costs its own process: per trial beside plain aiohttp, and how quick a large one is read.

A thousand trials run on the embedded service, which is in another process, through `study.run` without
measures: reserved, journalled, streamed, downloaded, decoded, kept and settled. The floor is the same
thousand orders through asyncio.gather and aiohttp, as one would write them by hand: the POST, its stream read
to the end, the audio written to a file. Processor time is that of user and system of the client's process.

Then a store of ten thousand measured trials is opened in a fresh process and made a frame.

    python benchmarks/study.py                    # everything, about three minutes
    python benchmarks/study.py trials --number 1000 --at-once 64
    python benchmarks/study.py reading --clock processor    # where others keep the machine busy
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from streams import KEY, publish, service, verdict

MOST_CPU = 0.008
"""Seconds of processor a trial."""
SLOWEST = {"opened": 1.0, "frame": 0.5, "parquet": 0.3}
REPEATS = 20
WARM = 40
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


# A thousand trials. Each kind in a process of its own.


def run_study(base_url: str, number: int, at_once: int) -> dict[str, float]:
    """`study.run`, after a small one that loads everything."""
    import soundverse_nb as sv

    def plan_of(trials: int) -> sv.Plan:
        prompts = [f"style {number}" for number in range(max(1, trials // REPEATS))]
        return sv.Plan([sv.example_song()], prompts, repeats=REPEATS)

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "directory": f"{folder}/remixes", "journal": f"{folder}/orders.sqlite3", "progress": False,
            "max_streams": at_once,
        }  # fmt: skip
        with sv.Client(KEY, base_url, **settings) as client:
            sv.Study(f"{folder}/warm", client).run_sync(plan_of(WARM), measures=False)
            study = sv.Study(f"{folder}/study", client)
            plan = plan_of(number)
            cpu, start = time.process_time(), time.perf_counter()
            study.run_sync(plan, price=0.1, budget=0.1 * number, measures=False)
            spent, seconds = time.process_time() - cpu, time.perf_counter() - start
            frame = study.to_frame()
            cpu = time.process_time()
            study.run_sync(plan, price=0.1, budget=0.1 * number, measures=False)
            again = time.process_time() - cpu
            study.close()
    return {
        "cpu": spent, "seconds": seconds, "done": int((frame["state"] == "done").sum()), "again": again,
    }  # fmt: skip


def run_plain(base_url: str, number: int, at_once: int) -> dict[str, float]:
    """The same orders by hand: no journal, no checks, no second thought."""
    song = publish(base_url)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(plain_orders(base_url, song, WARM, at_once, Path(folder)))
        cpu, start = time.process_time(), time.perf_counter()
        done = asyncio.run(plain_orders(base_url, song, number, at_once, Path(folder)))
        return {"cpu": time.process_time() - cpu, "seconds": time.perf_counter() - start, "done": done}


async def plain_orders(base_url: str, song: str, number: int, at_once: int, folder: Path) -> int:
    import aiohttp

    headers = {"Authorization": f"Bearer {KEY}"}
    places = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(index: int) -> bool:
            payload = {"song_reference_url": song, "prompt": f"style {index // REPEATS}"}
            async with places:
                url = f"{base_url}/v7/generate/remix"
                async with session.post(url, json=payload, headers=headers) as answer:
                    last: dict[str, Any] = {}
                    async for line in answer.content:
                        if line.startswith(b"data: "):
                            last = json.loads(line[6:])
                if not last.get("audio_url"):
                    return False
                async with session.get(last["audio_url"]) as audio:
                    (folder / f"{index}.mp3").write_bytes(await audio.read())
                return True

        return sum(await asyncio.gather(*map(one, range(number))))


KINDS: dict[str, Callable[[str, int, int], dict[str, float]]] = {"study": run_study, "plain": run_plain}


def in_child(*arguments: str) -> dict[str, float]:
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_trials(number: int, at_once: int, speed: float) -> bool:
    with service(speed, "--render", "short") as base_url:
        given = ("--base-url", base_url, "--number", str(number), "--at-once", str(at_once))
        plain = in_child("plain", *given)
        ours = in_child("study", *given)
    each, floor = ours["cpu"] / number, plain["cpu"] / number
    print(
        f"{number:,} orders, {at_once} at a time, at speed {speed:g}\n"
        f"      plain aiohttp: {plain['done']:.0f} finished, {plain['seconds']:.1f} s, "
        f"{floor * 1e3:.2f} ms of processor each"
    )
    return all(
        [
            verdict(f"study.run: {ours['done']:.0f} of {number} done", ours["done"] == number),
            verdict(
                f"study.run: {ours['seconds']:.1f} s, {each * 1e3:.2f} ms of processor each "
                f"(under {MOST_CPU * 1e3:g}), {each / floor:.1f} x plain aiohttp",
                each < MOST_CPU,
            ),
            verdict(f"run again: {ours['again']:.2f} s of processor in all (under 2)", ours["again"] < 2.0),
        ]
    )


# Ten thousand trials, read.


def write_study(folder: Path, number: int) -> None:
    """A study of so many done and measured trials, made without a service."""
    import soundverse_nb as sv
    from soundverse_nb.study.measuring import TrialMeasures, keep_measures
    from soundverse_nb.study.planned import planned_trials
    from soundverse_nb.study.store import StudyStore, TrialState

    song = sv.example_song()
    plan = sv.Plan([song], [f"style {index}" for index in range(number // REPEATS)], repeats=REPEATS)
    name = next(iter(plan.references))
    content = "0" * 64
    measured = sv.compare_audio(song, song)
    stages = {"validating": 0.1, "queued": 0.5, "streaming": 31.0, "held at 90": 60.0, "completed": 95.0}
    store = StudyStore(folder)
    trials = planned_trials(plan, {name: content}, "simulator", True)
    store.take_plan(plan.hash, {**plan.description(), "contents": {name: content}}, trials)

    def fill(index: int, identity: str) -> None:
        store.reserve(identity, 100_000, None, now=1e9 + index, journal="benchmark")
        facts: dict[str, Any] = {"started": 1e9 + index, "finished": 1e9 + index + 95, "stages": stages}
        audio = f"{index:064x}"
        facts |= {"order_id": f"order-{index}", "message_id": f"message-{index}", "song_name": "Song"}
        store.settle(
            identity,
            TrialState.DONE,
            charged=100_000,
            audio=audio,
            file=f"audio/{audio}.mp3",
            **facts,
        )
        own = measured.model_copy(update={"tune_kept": index / number})
        keep_measures(store, identity, TrialMeasures(own))

    for at in range(0, len(trials), 1000):
        group = enumerate(trials[at : at + 1000], at)
        store.together([partial(fill, index, trial.identity) for index, trial in group])
    store.close()


def read_study(folder: Path, clock: Callable[[], float]) -> dict[str, float]:
    """How long it takes to open it, to make a frame of it and to write that; modules are loaded before."""
    import soundverse_nb as sv
    from soundverse_nb.errors import import_extra

    import_extra("pandas", "A frame").DataFrame({"loaded": [1.0]}).to_csv(folder / "loaded.csv")
    open_study = sv.Study  # which loads modules
    start = clock()
    study = open_study(folder)
    repr(study)
    found = {"opened": clock() - start}
    start = clock()
    frame = study.to_frame()
    found |= {"frame": clock() - start, "rows": len(frame), "columns": len(frame.columns)}
    if find_spec("pyarrow"):
        frame.head(1).to_parquet(folder / "loaded.parquet")
        start = clock()
        frame.to_parquet(folder / "frame.parquet")
        found["parquet"] = clock() - start
    return found


def measure_reading(number: int, clock: str, rounds: int = 3) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, number)
        every = [in_child("read", "--folder", name, "--clock", clock) for _ in range(rounds)]
        size = (folder / "study.sqlite3").stat().st_size / 1e6
    best = {what: min(each[what] for each in every) for what in every[0]}
    rows = f"{best['rows']:,.0f} measured trials, {best['columns']:.0f} columns, {size:.0f} MB"
    print(f"{rows}; best of {rounds}, {clock} time")
    said = {"opened": "opened and counted", "frame": "to_frame()", "parquet": "the frame as Parquet"}
    good = best["rows"] == number
    for what, words in said.items():
        if what in best:
            limit = SLOWEST[what]
            good &= verdict(f"{words}: {best[what]:.2f} s (under {limit:g})", best[what] < limit)
        else:
            print("      Parquet was left out: pyarrow is not installed.")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "part", nargs="?", choices=["all", "trials", "reading", *KINDS, "read"], default="all"
    )
    parser.add_argument("--number", type=int, default=1000, help="trials that are run (default: 1000)")
    parser.add_argument("--at-once", type=int, default=64, help="orders at a time (default: 64)")
    parser.add_argument("--stored", type=int, default=10_000, help="trials that are read (default: 10000)")
    parser.add_argument("--speed", type=float, default=50.0, help="of the embedded service (default: 50)")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="what readings are measured by")
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part in KINDS:
        print(json.dumps(KINDS[options.part](options.base_url, options.number, options.at_once)))
        return 0
    if options.part == "read":
        print(json.dumps(read_study(Path(options.folder), CLOCKS[options.clock])))
        return 0
    good = True
    if options.part in ("all", "trials"):
        good &= measure_trials(options.number, options.at_once, options.speed)
    if options.part in ("all", "reading"):
        good &= measure_reading(options.stored, options.clock)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
