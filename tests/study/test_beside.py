"""Beside a study that runs: other processes that read it, one that is killed, a disk that is full."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.store import StudyStore, TrialState
from tests.client.conftest import Notebook
from tests.study.conftest import PRICE, tagged

MakeClient = Callable[..., sv.Client]

READER = """
import sys
from pathlib import Path
from soundverse_nb.study.store import StudyStore
store = StudyStore(Path(sys.argv[1]), readonly=True)
print("reading", flush=True)
seen = 0
for _ in range(1000):
    done = len(store.trials([__import__("soundverse_nb.study.store", fromlist=["x"]).TrialState.DONE]))
    assert done >= seen, "a finished trial is gone"
    seen = done
print(seen)
"""

KILLED = """
import sys
import soundverse_nb as sv
from tests.study.conftest import PRICE, tagged
base_url, folder, song = sys.argv[1:]
client = sv.Client("key-1", base_url, directory=folder + "/remixes", journal=folder + "/orders.sqlite3",
                   progress=False, max_streams=20)
plan = sv.Plan([song], ["jazz"], parameters=tagged(*map(str, range(20))))
sv.Study(folder + "/study", client).run_sync(plan, price=PRICE, budget=20 * PRICE, measures=False)
"""


async def test_a_thousand_reads_of_another_process_meet_no_lock(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    seen = Notebook()
    study = sv.Study(tmp_path / "study", make_client(max_streams=4, progress=seen))
    job = study.start(sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(60)))), measures=False)
    await seen.until(lambda: bool(seen.updates))
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READER, str(study.path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await reader.communicate()
    await job
    assert reader.returncode == 0, err.decode()
    assert int(out.split()[-1]) <= 60
    assert Counter(trial.state for trial in study.trials()) == {TrialState.DONE: 60}


def test_a_killed_run_leaves_reserved_exactly_what_was_not_settled(tmp_path: Path, songs: list[Path]) -> None:
    with Simulator(speed=12.0, render="short") as service:
        command = [sys.executable, "-c", KILLED, service.base_url, str(tmp_path), str(songs[0])]
        child = subprocess.Popen(command, stderr=subprocess.PIPE)
        reached = False
        while not reached and child.poll() is None:
            reached = len(service.ledger) == 20
        child.send_signal(signal.SIGKILL)
        child.communicate()
        study = sv.Study(tmp_path / "study")
        counts = Counter(trial.state for trial in study.trials())
        assert study.reserved == pytest.approx(counts[TrialState.RUNNING] * PRICE)
        assert study.spent == pytest.approx(counts[TrialState.DONE] * PRICE)
        assert counts[TrialState.RUNNING] + counts[TrialState.DONE] == 20
        assert counts[TrialState.RUNNING] > 0
        study.close()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert len(service.ledger) == 20
    states = Counter(trial.state for trial in study.trials())
    assert states[TrialState.DONE] + states[TrialState.UNKNOWN] == 20
    assert study.reserved == pytest.approx(states[TrialState.UNKNOWN] * PRICE)


async def test_a_full_disk_is_a_sentence_and_the_next_run_goes_on(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = sv.Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(8))))
    study = sv.Study(tmp_path / "study", make_client(max_streams=2))
    settle, ended = StudyStore.settle, []

    def full_after_three(self: StudyStore, *given: object, **named: object) -> None:
        ended.append(given)
        if len(ended) > 3:
            with self.writing() as connection:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {pages}")
                connection.execute("INSERT INTO meta VALUES ('much', ?)", ("x" * 1_000_000,))
        settle(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(StudyStore, "settle", full_after_three)
    before = len(service.ledger)
    with pytest.raises(sv.ConfigurationError, match="the disk is full") as full:
        await study.run(plan, price=PRICE, measures=False)
    assert "Nothing was paid" not in str(full.value)
    monkeypatch.undo()
    study.close()
    await study.run(plan, price=PRICE, measures=False)
    assert Counter(trial.state for trial in study.trials()) == {TrialState.DONE: 8}
    assert len(service.ledger) - before == 8
    assert (study.spent, study.reserved) == (pytest.approx(8 * PRICE), 0)
