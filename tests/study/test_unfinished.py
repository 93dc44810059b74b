"""What a kill leaves half written is deleted by the next one, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.study.unfinished import ARCHIVE, MERGING, OWNER, UNPACKING, unfinished_folder
from tests.study.conftest import PRICE, small_plan
from tests.warm_python import run_python

MakeClient = Callable[..., sv.Client]

KILLED = """
import os, sys
from pathlib import Path
from soundverse_nb.study.unfinished import unfinished_folder
with unfinished_folder(Path(sys.argv[1]), sys.argv[2]) as folder:
    (folder / "much").write_text("half")
    os._exit(9)
"""


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


@pytest.mark.parametrize("prefix", [MERGING, ARCHIVE, UNPACKING])
def test_a_folder_of_a_killed_process_is_deleted_by_the_next_one_in_its_place(
    tmp_path: Path, prefix: str
) -> None:
    run_python(KILLED, tmp_path, prefix)
    assert len(list(tmp_path.iterdir())) == 1
    with unfinished_folder(tmp_path, MERGING) as mine:
        assert list(tmp_path.iterdir()) == [mine]
        with unfinished_folder(tmp_path, MERGING):
            assert mine.exists()  # this process is at work on it
    assert not list(tmp_path.iterdir())


def test_what_may_be_somebody_elses_stays(tmp_path: Path) -> None:
    mine = tmp_path / f"{ARCHIVE}20240101"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    empty = tmp_path / f"{MERGING}abcd1234"
    empty.mkdir()
    link = tmp_path / f"{MERGING}abcd5678"
    link.symlink_to(mine, target_is_directory=True)
    for folder in (mine, empty):
        aged(folder, 1e6)
    with unfinished_folder(tmp_path, ARCHIVE):
        pass
    assert (mine / "thesis.txt").read_text() == "mine"
    assert link.is_symlink()
    assert not empty.exists()


@pytest.mark.parametrize(("seconds", "stays"), [(600.0, True), (100_000.0, False)])
def test_a_folder_of_another_machine_is_left_over_after_a_day(
    tmp_path: Path, seconds: float, stays: bool
) -> None:
    run_python(KILLED, tmp_path, MERGING)
    (left,) = tmp_path.iterdir()
    owner = json.loads((left / OWNER).read_text())
    (left / OWNER).write_text(json.dumps({**owner, "host": "elsewhere"}))
    aged(left / OWNER, seconds)
    with unfinished_folder(tmp_path, MERGING):
        pass
    assert left.exists() is stays


async def test_half_copied_audio_is_deleted_by_the_next_run(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    audio = study.path / "audio"
    (file,) = [each for each in audio.iterdir() if each.name.startswith(study.trials()[0].audio or "?")]
    before = sorted(each.name for each in audio.iterdir())
    shutil.copy(file, audio / f".{file.name}.0a1b2c3d.part")
    (audio / "notes.part").write_text("mine")
    await study.run(measures=False)
    assert sorted(each.name for each in audio.iterdir()) == sorted([*before, "notes.part"])


async def test_an_old_half_written_page_is_deleted_by_the_next_of_its_name(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    for name in (".report.html.0a1b2c3d.part", ".other.html.0a1b2c3d.part"):
        (tmp_path / name).write_text("<p>")
        aged(tmp_path / name, 7200)
    young = tmp_path / ".report.html.11111111.part"
    young.write_text("<p>")
    study.report(tmp_path / "report.html")
    assert sorted(tmp_path.glob(".*.part")) == [tmp_path / ".other.html.0a1b2c3d.part", young]
