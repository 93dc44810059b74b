"""A study as a cell shows it: the live gallery where the kernel is connected, else a table that is saved."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb import displays
from soundverse_nb.study.store import StudyStore, TrialState
from soundverse_nb.widgets import gallery as live
from tests.study.conftest import write_song
from tests.study.stored import stored_trial


def begun(folder: Path, trials: int) -> sv.Study:
    store = StudyStore(folder)
    made = [stored_trial(number, "jazz" if number % 2 else "waltz") for number in range(1, trials + 1)]
    store.take_plan(
        "plan-1", {"references": ["one"], "contents": {"one": "content-of-one"}}, made, whole=True
    )
    (folder / "audio").mkdir()
    song = write_song(folder / "audio/song.wav", seconds=1.0)
    kept = song.rename(song.with_stem(hashlib.sha256(song.read_bytes()).hexdigest()))
    store.take_song("content-of-one", "one", f"audio/{kept.name}", 1.0)
    store.close()
    return sv.Study(folder)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (displays, live):
        monkeypatch.setattr(module, "in_kernel", lambda: True)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[sv.Study]:
    made = begun(tmp_path / "study", 3)
    yield made
    if made._live is not None:
        made._live.close()


def mark_of(study: sv.Study) -> str:
    found = re.match(r'<div class="(svgal-\w+)[ "]', study._repr_mimebundle_()["text/html"])
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("kernel")
def test_in_a_kernel_a_study_shows_its_live_gallery_and_saves_the_table(study: sv.Study) -> None:
    bundle = study._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert study._live.mark in bundle["text/html"]
    assert bundle["text/html"].count("<tr") == 3
    assert "Run the cell to filter, play and rate them." in bundle["text/html"]
    first = study._live.takes[0].key
    study._live.rate(first, 4, "good bass")
    assert study.to_frame().set_index("identity")["stars"][first] == 4
    original = study._live._open_original(first)
    assert original is not None
    assert original.duration == pytest.approx(1.0)


@pytest.mark.usefixtures("kernel")
def test_all_cells_of_a_study_show_one_gallery_with_the_takes_of_the_last(study: sv.Study) -> None:
    mark = mark_of(study)
    before = study._live.widget
    assert set(before.table["states"]) == {"missing"}
    store = StudyStore(study.path)
    with store.writing() as database:
        database.execute("UPDATE trials SET state = ? WHERE number = 1", (TrialState.FAILED.value,))
    store.close()
    assert mark_of(study) == mark
    assert study._live.widget is before
    assert before.table["states"] == ["failed", "missing", "missing"]


def test_without_a_kernel_or_a_gallery_it_is_the_table_alone(
    study: sv.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> str:
        return study._repr_mimebundle_()["text/html"]

    assert "svgal-" not in shown()
    assert "study.gallery()" in shown()
    monkeypatch.setattr(displays, "in_kernel", lambda: True)
    monkeypatch.setattr(displays, "_factories", {})
    assert "svgal-" not in shown()


@pytest.mark.usefixtures("kernel")
def test_a_thousand_takes_stay_below_two_million_bytes(tmp_path: Path) -> None:
    study = begun(tmp_path / "study", 1000)
    sent = len(json.dumps(study._repr_mimebundle_()))
    told = dict(study._live.widget.table)
    sent += len(told.pop("peaks")) + len(json.dumps(told))
    study._live.close()
    assert sent < 2_000_000
