"""A store that was emptied, or is gone, is told apart from none: nothing is ordered beside the takes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.store import NAME, StudyStore
from soundverse_nb.study.store_file import is_begun, open_to_write
from tests.study.conftest import PRICE, small_plan
from tests.study.test_archive import put

MakeClient = Callable[..., sv.Client]


def emptied(store: Path) -> None:
    store.write_bytes(b"")


def without_tables(store: Path) -> None:
    """As a copy without the log in which the tables still were."""
    store.unlink()
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


@pytest.mark.parametrize("lose", [emptied, without_tables, Path.unlink])
async def test_nothing_is_ordered_beside_takes_whose_store_is_lost(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    lose: Callable[[Path], object],
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    study.close()
    shutil.copytree(study.path, tmp_path / "copy")
    lose(study.path / NAME)
    lost = {file: file.read_bytes() for file in study.path.rglob("*") if file.is_file()}
    before = len(service.ledger)
    # Also with another journal of orders, which knows nothing of them.
    client = make_client(journal=tmp_path / "other.sqlite3")
    whole = sv.Study(tmp_path / "copy")
    ways: list[Callable[[], object]] = [
        lambda: sv.Study(study.path, client),
        lambda: study.run_sync(small_plan(songs), price=PRICE, measures=False),
        lambda: repr(study),
        study.to_frame,
        lambda: study.adopt(whole),
        lambda: whole.adopt(study),
        lambda: sv.merge([study], tmp_path / "merged"),
        lambda: study.save(tmp_path / "study.zip"),
    ]
    for way in ways:
        with pytest.raises(sv.ConfigurationError) as met:
            await asyncio.to_thread(way)
        assert f"{study.path / NAME} is gone or empty" in str(met.value)
        assert "nothing was ordered" in str(met.value)
        assert "Put study.sqlite3 back" in str(met.value)
    assert len(service.ledger) == before
    assert {file: file.read_bytes() for file in study.path.rglob("*") if file.is_file()} == lost
    # What the sentence says holds: a copy of the store, or the journal of orders once the folder is empty.
    shutil.copy(tmp_path / "copy" / NAME, study.path / NAME)
    assert repr(sv.Study(study.path)) == "Study('study', 2 of 2 trials done)"
    shutil.rmtree(study.path / "audio")
    lose(study.path / NAME)
    again = sv.Study(study.path, make_client())
    await again.run(small_plan(songs), price=PRICE, measures=False)
    assert repr(again) == "Study('study', 2 of 2 trials done)"
    assert len(service.ledger) == before


@pytest.mark.parametrize("lose", [emptied, without_tables])
async def test_a_study_whose_maker_was_killed_before_there_were_tables_is_begun(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, lose: Callable[[Path], object]
) -> None:
    (tmp_path / "study" / "audio").mkdir(parents=True)
    (tmp_path / "study" / "audio" / f".{'0' * 64}.wav.0a1b2c3d.part").touch()
    (tmp_path / "study" / NAME).touch()
    lose(tmp_path / "study" / NAME)
    study = sv.Study(tmp_path / "study", make_client())
    assert repr(study) == "Study('study', not run yet)"
    await study.run(small_plan(songs), measures=False)
    assert repr(study) == "Study('study', 2 of 2 trials done)"


def test_a_study_that_another_kernel_begins_meanwhile_is_not_taken_for_a_lost_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[StudyStore] = []

    def begin(path: Path) -> str:
        """The other kernel comes to its first take between two looks of this one."""
        monkeypatch.undo()
        begun.append(StudyStore(path.parent))
        put(path.parent, b"the song", ".wav")
        return ""

    monkeypatch.setattr("soundverse_nb.study.store_file.filesystem.no_shared_memory", begin)
    connection, _ = open_to_write(tmp_path / NAME)
    assert is_begun(tmp_path / NAME)
    connection.close()
    begun[0].close()
