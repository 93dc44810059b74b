"""Takes that are measured later: what lacks, what is of another version, and what stays where that fails."""

from __future__ import annotations

import asyncio
import io
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import soundverse_nb as sv
from soundverse_nb.analysis import cache, kept, metrics, remove_metric
from soundverse_nb.study.audio_files import keep_audio
from soundverse_nb.study.measuring import copy_measures
from soundverse_nb.study.runner_lease import claimed
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState
from tests.study.conftest import write_song

HERE = {"executor": ThreadPoolExecutor(1), "progress": False}


@pytest.fixture(autouse=True)
def _only_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kept, "cache", cache.MeasureCache(tmp_path / "measures"))
    yield
    for each in (*metrics("clip"), *metrics("pair")):
        remove_metric(each.name)


def made(folder: Path) -> sv.Study:
    """A study of one song and two finished takes of it, of which nothing is measured; nobody has a client."""
    store = StudyStore(folder / "study")
    content, song = keep_audio(store.path.parent, write_song(folder / "song.wav"))
    store.take_song(content, "one", song, None)
    trials = []
    for number, prompt in enumerate(("jazz", "waltz"), start=1):
        audio, file = keep_audio(store.path.parent, write_song(folder / f"{prompt}.wav", 220.0 + 20 * number))
        trials.append(
            StoredTrial(
                prompt, "plan", number, "one", content, {"reference": "one", "prompt": prompt},
                {"prompt": prompt}, 1, False, TrialState.DONE, audio=audio, file=file,
            )
        )  # fmt: skip
    store.take_plan("plan", {"references": ["one"], "contents": {"one": content}}, trials, whole=True)
    store.close()
    return sv.Study(folder / "study")


@pytest.fixture
def study(tmp_path: Path) -> sv.Study:
    return made(tmp_path)


def frame_of(study: sv.Study, **settings: Any) -> Any:
    return study.measure_sync(**{**HERE, **settings}).to_frame()


def test_a_study_without_a_client_measures_its_takes(study: sv.Study, capsys: Any) -> None:
    frame = frame_of(study)
    assert frame["tune_kept"].notna().all()
    assert frame["not_measured"].isna().all()
    assert "2 of 2 takes measured" in capsys.readouterr().err
    assert not study.is_running
    frame_of(study)
    assert "nothing to measure" in capsys.readouterr().err


def test_a_metric_that_is_registered_later_comes_into_frame_and_summary(study: sv.Study) -> None:
    assert "longer" not in frame_of(study)
    sv.metric("longer", lambda song, remix: remix.duration / song.duration)
    with pytest.raises(sv.ConfigurationError, match=r"study\.measure\(\) measures it"):
        study.summary("longer")
    frame = frame_of(study)
    assert frame["longer"].notna().all()
    assert study.summary("longer").metric == "longer"
    assert [take.numbers["longer"] for take in study._takes()] == frame["longer"].tolist()


def test_a_gallery_shows_metrics_that_only_whoever_measured_has_registered(study: sv.Study) -> None:
    sv.metric("bass", lambda clip: clip.duration, unit="dB")
    sv.metric("share", lambda song, remix: 0.5)
    frame_of(study)
    remove_metric("bass")
    remove_metric("share")
    numbers = study._takes()[0].numbers
    assert list(numbers)[-2:] == ["share", "remix_bass (dB)"]
    assert None not in (numbers["share"], numbers["remix_bass (dB)"])


def test_only_takes_that_lack_something_are_measured(study: sv.Study) -> None:
    asked: list[str] = []
    sv.metric("length", lambda clip: asked.append(clip.path.name) or clip.duration)
    frame_of(study)
    assert len(set(asked)) == 3, "the song and its two takes"
    asked.clear()
    frame_of(study)
    assert not asked
    sv.metric("length", lambda clip: asked.append(clip.path.name) or 1.0, version="2")
    frame = frame_of(study)
    assert len(set(asked)) == 3
    assert frame["remix_length"].tolist() == [1.0, 1.0]
    assert {text.split('"')[3][0] for text in frame["metric_versions"]} == {"2"}


def test_anew_asks_whatever_is_known_already(study: sv.Study) -> None:
    asked: list[str] = []
    sv.metric("length", lambda clip: asked.append(clip.path.name) or clip.duration)
    frame_of(study)
    asked.clear()
    frame_of(study, anew=True)
    assert len(set(asked)) == 3


def test_takes_of_another_version_of_the_measures_are_measured_anew(
    study: sv.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundverse_nb.analysis.kept.COMPARISON_VERSION", "1")
    seen: list[Any] = []
    frame_of(study, progress=lambda *numbers: seen.append(numbers))
    monkeypatch.undo()
    frame_of(study, progress=lambda *numbers: seen.append(numbers))
    assert seen == [(1, 2), (2, 2)] * 2


def test_a_metric_that_is_gone_keeps_its_column(study: sv.Study) -> None:
    sv.metric("length", lambda clip: clip.duration)
    sv.metric("share", lambda song, remix: 0.5)
    before = frame_of(study)
    remove_metric("length")
    remove_metric("share")
    after = frame_of(study, anew=True)
    for column in ("reference_length", "remix_length", "share", "metric_versions"):
        assert after[column].tolist() == before[column].tolist()
    difference = study.difference("jazz")
    assert difference is not None
    assert difference.metrics == {"share": 0.5}


def test_a_metric_that_fails_says_why_in_a_column_that_goes_to_a_file_and_back(study: sv.Study) -> None:
    def voice(clip: Any) -> float:
        raise ValueError("no voice; none at all")

    sv.metric("voice", voice)
    sv.metric("odd", lambda song, remix: math.nan)
    frame = frame_of(study)
    (said,) = set(frame["metric_errors"])
    assert said == (
        "odd: The function gave nan.; reference_voice: ValueError: no voice; none at all; "
        "remix_voice: ValueError: no voice; none at all"
    )
    assert frame["remix_voice"].isna().all()
    again = pd.read_csv(io.StringIO(frame.to_csv(index=False)), dtype={"metric_errors": "string"})
    assert again["metric_errors"].tolist() == frame["metric_errors"].tolist()
    sv.metric("voice", lambda clip: 1.0)
    sv.metric("odd", lambda song, remix: 2.0)
    assert frame_of(study)["metric_errors"].isna().all()


def test_a_metric_that_failed_is_asked_again_and_one_that_gave_nan_is_not(study: sv.Study) -> None:
    asked: list[str] = []

    def moody(clip: Any) -> float:
        asked.append("moody")
        raise OSError("busy")

    sv.metric("moody", moody)
    frame_of(study)
    asked.clear()
    frame_of(study)
    assert asked
    sv.metric("moody", lambda clip: asked.append("nan") or math.nan)
    frame_of(study)
    before = len(asked)
    frame_of(study)
    assert len(asked) == before


def test_where_the_new_version_of_a_metric_fails_the_value_of_the_old_one_stays(study: sv.Study) -> None:
    sv.metric("bass", lambda song, remix: -3.0, version="1")
    before = frame_of(study)
    sv.metric("bass", lambda song, remix: 1 / 0, version="2")
    frame = frame_of(study)
    assert frame["bass"].tolist() == [-3.0, -3.0]
    assert frame["metric_versions"].tolist() == before["metric_versions"].tolist()
    assert set(frame["metric_errors"]) == {
        "bass: ZeroDivisionError: division by zero Kept is what was measured before."
    }


def test_where_a_take_cannot_be_measured_anew_its_measures_stay_with_the_reason(
    study: sv.Study, capsys: Any
) -> None:
    before = frame_of(study)
    (study.path / before["file"][0]).unlink()
    frame = frame_of(study, anew=True)
    assert frame["tune_kept"].tolist() == before["tune_kept"].tolist()
    assert frame["not_measured"][0] == (
        "Not measured anew, so earlier measures stand: Its audio is gone from the study's folder."
    )
    assert pd.isna(frame["not_measured"][1])
    assert "1 take could not be measured" in capsys.readouterr().err
    assert study.difference("jazz") is not None


def test_a_take_whose_song_is_gone_says_so(study: sv.Study) -> None:
    next(
        file for file in (study.path / "audio").iterdir() if file.name[:64] == study.trials()[0].content
    ).unlink()
    assert set(frame_of(study)["not_measured"]) == {
        "Its song is gone from the study's folder, or was changed."
    }


def test_nobody_measures_a_study_that_is_being_run(study: sv.Study) -> None:
    with claimed(StudyStore(study.path)), pytest.raises(sv.ConfigurationError, match="being run"):
        study.measure_sync(progress=False)
    assert "tune_kept" not in study.to_frame()


def test_what_was_measured_before_an_interrupt_is_kept(study: sv.Study) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="1 of 2 takes are measured, and kept"):
        study.measure_sync(executor=HERE["executor"], progress=interrupt)
    assert study.to_frame()["tune_kept"].notna().sum() >= 1
    assert not study.is_running
    assert frame_of(study)["tune_kept"].notna().all()


async def test_a_cancelled_call_keeps_what_is_done_and_leaves_the_study_to_others(study: sv.Study) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(
        study.measure(
            executor=HERE["executor"], progress=lambda *numbers: loop.call_soon_threadsafe(begun.set)
        )
    )
    await begun.wait()
    task.cancel()
    # Before Python 3.11 whoever awaits a task gets a cancellation of his own, without a word.
    said = "of 2 takes are measured" if sys.version_info >= (3, 11) else ""
    with pytest.raises(asyncio.CancelledError, match=said):
        await task
    await study.measure(executor=HERE["executor"], progress=False)
    assert study.to_frame()["tune_kept"].notna().all()


def test_a_study_that_was_never_run_has_nothing_to_measure(
    tmp_path: Path, make_client: Callable[..., sv.Client]
) -> None:
    with pytest.raises(sv.ConfigurationError, match="not run yet"):
        sv.Study(tmp_path / "none", make_client()).measure_sync()


async def test_a_run_brings_in_the_metrics_that_takes_lack(
    tmp_path: Path, songs: list[Path], make_client: Callable[..., sv.Client]
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    plan = sv.Plan(songs[:1], ["jazz"])
    await study.run(plan, executor=HERE["executor"])
    sv.metric("length", lambda clip: clip.duration)
    await study.run(plan, executor=HERE["executor"])
    assert study.to_frame()["remix_length"].notna().all()


def test_a_range_that_a_metric_was_given_is_known_to_whoever_opens_the_study(
    study: sv.Study, tmp_path: Path
) -> None:
    sv.metric("hit", lambda song, remix: float(remix.path.name > song.path.name), range=(0, 1))
    sv.metric("misses", lambda clip: 3.0, range=(0, None))
    frame_of(study)
    remove_metric("hit")
    remove_metric("misses")
    assert sv.Study(study.path).to_frame().attrs["metric_ranges"] == {
        "hit": [0.0, 1.0], "reference_misses": [0.0, None], "remix_misses": [0.0, None],
    }  # fmt: skip
    other = StudyStore(tmp_path / "other")  # as a merge and an adoption do it
    other.take_plan("plan", {}, study.trials(), whole=True)
    copy_measures(other, StudyStore(study.path), "jazz", "jazz")
    other.close()
    assert sv.Study(tmp_path / "other").to_frame().attrs["metric_ranges"]["hit"] == [0.0, 1.0]


def test_a_range_that_is_given_later_reaches_the_study_with_the_next_measuring(study: sv.Study) -> None:
    def share(song: Any, remix: Any) -> float:
        return 0.5

    sv.metric("share", share)
    assert frame_of(study).attrs["metric_ranges"] == {}
    sv.metric("share", share, range=(0, 1))
    frame_of(study)
    remove_metric("share")
    assert study.to_frame().attrs["metric_ranges"] == {"share": [0.0, 1.0]}
