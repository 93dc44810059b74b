"""The store of a study: what is in it outlives the process, and money in it cannot be overshot."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.client.journal import filesystem
from soundverse_nb.measures.difference import Difference
from soundverse_nb.study.measuring import TrialMeasures, keep_measures, kept_difference, measured_columns
from soundverse_nb.study.plan import MICRO
from soundverse_nb.study.store import NAME, StudyStore, TrialState
from tests.study.stored import stored_trial

PRICE = MICRO // 10


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    opened = StudyStore(tmp_path / "study")
    opened.take_plan("plan-1", {"seed": 0}, [stored_trial(number) for number in range(1, 11)])
    return opened


def test_what_is_kept_is_there_for_the_next_process(store: StudyStore) -> None:
    store.reserve("trial-1", PRICE, None)
    store.settle("trial-1", TrialState.DONE, charged=PRICE, audio="hash", stages={"completed": 12.5})
    store.close()
    again = StudyStore(store.path.parent)
    found = {each.identity: each for each in again.trials()}
    assert found["trial-1"].state is TrialState.DONE
    assert found["trial-1"].stages == {"completed": 12.5}
    assert again.spent() == (PRICE, 0)
    assert again.plan() == ("plan-1", {"seed": 0})


def test_a_changed_plan_keeps_what_is_done_and_marks_what_nobody_asks_for_any_more(store: StudyStore) -> None:
    store.reserve("trial-1", PRICE, None)
    store.settle("trial-1", TrialState.DONE, charged=PRICE, audio="hash")
    kept = [replace(stored_trial(number), plan="plan-2", number=12 - number) for number in (1, 11)]
    store.take_plan("plan-2", {"seed": 1}, kept)
    found = {each.identity: each for each in store.trials()}
    assert (found["trial-1"].state, found["trial-1"].plan) == (TrialState.DONE, "plan-2")
    assert found["trial-2"].plan == "plan-1"
    assert [each.identity for each in store.trials()][:2] == ["trial-11", "trial-1"]


def test_a_budget_holds_however_many_reserve_at_once(store: StudyStore) -> None:
    budget = 4 * PRICE
    refused: list[sv.BudgetExceededError] = []

    def reserve(number: int) -> None:
        other = StudyStore(store.path.parent)
        try:
            other.reserve(f"trial-{number}", PRICE, budget)
        except sv.BudgetExceededError as error:
            refused.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.spent() == (0, 4 * PRICE)
    assert len(refused) == 6
    assert "no room for another trial" in str(refused[0])


def test_sums_of_tenths_neither_overshoot_nor_stop_short(store: StudyStore) -> None:
    for number in range(1, 11):
        store.reserve(f"trial-{number}", PRICE, MICRO)
    assert store.spent() == (0, MICRO)


def test_what_nobody_knows_to_be_paid_keeps_its_reservation(store: StudyStore) -> None:
    for number, state, charged in (
        (1, TrialState.UNKNOWN, None),
        (2, TrialState.FAILED, 0),
        (3, TrialState.DONE, PRICE),
    ):
        store.reserve(f"trial-{number}", PRICE, None)
        store.settle(f"trial-{number}", state, charged=charged)
    assert store.spent() == (PRICE, PRICE)


def test_an_order_that_is_out_or_over_is_not_reserved_again(store: StudyStore) -> None:
    store.reserve("trial-1", PRICE, None)
    with pytest.raises(sv.ConfigurationError, match="at work or over"):
        store.reserve("trial-1", PRICE, None)
    store.settle("trial-1", TrialState.UNKNOWN, charged=None)
    with pytest.raises(sv.ConfigurationError, match="at work or over"):
        store.reserve("trial-1", PRICE, None)
    store.reserve("trial-2", PRICE, None)
    store.settle("trial-2", TrialState.FAILED, charged=0, error="refused")
    store.reserve("trial-2", PRICE, None)
    assert [each.attempts for each in store.trials([TrialState.RUNNING])] == [2]


def test_a_killed_process_leaves_its_reservation(store: StudyStore) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom soundverse_nb.study.store import StudyStore\n"
        f"StudyStore(Path(sys.argv[1])).reserve('trial-5', {PRICE}, None)\nos._exit(9)"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", script, str(store.path.parent)]
    subprocess.run(command, check=False, cwd=root)
    assert [each.identity for each in store.trials([TrialState.RUNNING])] == ["trial-5"]
    assert store.spent() == (0, PRICE)


def test_a_reader_sees_it_grow_and_cannot_write(store: StudyStore) -> None:
    reader = StudyStore(store.path.parent, readonly=True)
    store.reserve("trial-1", PRICE, None)
    assert [each.identity for each in reader.trials([TrialState.RUNNING])] == ["trial-1"]
    with pytest.raises(sv.ConfigurationError, match="read only"):
        reader.reserve("trial-2", PRICE, None)


def test_where_there_is_no_shared_memory_a_rollback_journal_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "no_shared_memory", lambda _path: "NFS holds no shared memory")
    store = StudyStore(tmp_path)
    store.take_plan("plan-1", {}, [stored_trial(1)])
    assert "NFS" in store.kept
    assert not list(tmp_path.glob("*-wal"))


def test_a_store_of_a_newer_version_is_left_as_it_is(store: StudyStore) -> None:
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(sv.ConfigurationError, match="newer soundverse_nb"):
        StudyStore(store.path.parent)


def test_what_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database at all, but long enough to look at" * 50)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(sv.ConfigurationError, match="cannot be read"):
        StudyStore(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before
    other = tmp_path / "other"
    other.mkdir()
    with sqlite3.connect(other / NAME) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(sv.ConfigurationError, match="no study"):
        StudyStore(other)


def test_reading_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match="There is no study"):
        StudyStore(tmp_path, readonly=True)


def test_measures_of_the_latest_version_count(store: StudyStore) -> None:
    for extractor, kept in (("features/1", 0.2), ("features/2", 0.9)):
        measured = Difference.unknown().model_copy(update={"extractor": extractor, "tune_kept": kept})
        keep_measures(store, "trial-1", TrialMeasures(measured))
    keep_measures(store, "trial-2", TrialMeasures(None, "It could not be decoded."))
    columns = measured_columns(store, ["trial-1", "trial-2", "trial-3"])
    assert list(columns["extractor"]) == ["features/2", None, None]
    assert columns["tune_kept"][0] == 0.9
    assert np.isnan(columns["tune_kept"][1:]).all()
    assert columns["not_measured"][1] == "It could not be decoded."
    assert kept_difference(store, "trial-1").tune_kept == 0.9  # type: ignore[union-attr]


def test_a_reader_undoes_what_a_killed_writer_left_half_done(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from soundverse_nb.client.journal import filesystem;"
        "filesystem.maps_shared = lambda folder: False;"
        "from soundverse_nb.study.store import StudyStore;"
        "store = StudyStore(Path(sys.argv[1])); store.note(kept='1'); c = store._connection;"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN IMMEDIATE');"
        "c.executemany('INSERT INTO meta VALUES (?, ?)', ((str(n), 'x' * 500) for n in range(2000)));"
        "os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert (tmp_path / f"{NAME}-journal").exists()
    assert StudyStore(tmp_path, readonly=True).meta() == {"kept": "1"}


def test_a_store_whose_maker_was_killed_before_its_tables_is_begun_anew(tmp_path: Path) -> None:
    made = sqlite3.connect(tmp_path / NAME)
    made.execute("PRAGMA journal_mode = WAL")
    made.close()
    assert (tmp_path / NAME).stat().st_size > 0
    with pytest.raises(sv.ConfigurationError, match="There is no study"):
        StudyStore(tmp_path, readonly=True)
    begun = sv.Study(tmp_path, sv.Client("key", "https://songs.example.org"))
    assert "not run yet" in repr(begun)
    assert (begun.plan, begun.spent, begun.is_running) == (None, 0.0, False)
    store = StudyStore(tmp_path)
    store.take_plan("plan-1", {}, [stored_trial(1)])
    assert len(store.trials()) == 1
