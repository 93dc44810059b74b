"""Measuring songs and pairs: what is measured once is kept, and whatever a song may be has an answer."""

from __future__ import annotations

import asyncio
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.analysis import Features, analyse_async, compare_audio_async, measure
from soundverse_nb.remix.remix import Remix
from tests.analysis.conftest import RATE, played


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the songs that are really measured, in order."""
    seen: list[str] = []
    real = measure.do_song

    def counted(task: Any) -> Any:
        seen.extend([task.song.name] if task.is_new else [])
        return real(task)

    monkeypatch.setattr(measure, "do_song", counted)
    return seen


def test_a_song_is_what_it_is_however_it_is_given(tune: Path) -> None:
    values, rate = soundfile.read(tune, dtype="float32")
    by_path = sv.analyse(tune)
    for given in (str(tune), sv.Clip(tune), tune.read_bytes()):
        assert sv.analyse(given).content == by_path.content
    assert sv.analyse((values, rate)).tempo == by_path.tempo


def test_measured_once_it_is_found_again_under_any_name(
    tune: Path, tmp_path: Path, decodes: list[str]
) -> None:
    sv.analyse(tune)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(tune.read_bytes())
    assert sv.analyse(copy).name == "copy"
    assert decodes == ["tune"]


def test_a_file_that_was_changed_is_measured_anew(tune: Path, decodes: list[str]) -> None:
    sv.analyse(tune)
    soundfile.write(tune, played(seconds=0.3), RATE)
    sv.analyse(tune)
    assert decodes == ["tune", "tune"]


def test_the_tune_the_key_and_the_tempo_of_a_remix_are_told(tune: Path, higher: Path) -> None:
    found = sv.compare_audio(tune, higher)
    assert found.tune_kept > 0.8
    assert found.transposition == 2
    assert found.tempo_ratio == pytest.approx(1.25, rel=0.02)
    assert "+2 semitones" in found.verdict
    assert found.alignment.to_remix(5.0) == pytest.approx(4.0, abs=0.2)
    assert found.alignment.to_reference(4.0) == pytest.approx(5.0, abs=0.2)


def test_a_difference_is_one_flat_row_with_both_songs_features(tune: Path, higher: Path) -> None:
    row = sv.compare_audio(tune, higher).row
    assert row["transposition_semitones"] == 2
    assert row["reference_duration_s"] == pytest.approx(12.8)
    assert not any(isinstance(value, (dict, list, tuple)) for value in row.values())
    frame = sv.compare_audio(tune, higher).to_frame()
    assert frame.shape == (1, len(row))


def test_measures_go_to_json_and_back(tune: Path, higher: Path) -> None:
    difference = sv.compare_audio(tune, higher)
    assert sv.Difference.from_json(difference.to_json()) == difference
    assert sv.Features.from_json(difference.remix.to_json()) == difference.remix
    with pytest.raises(sv.ConfigurationError, match="holds no Features"):
        sv.Features.from_json('{"tempo": 3}')


def test_measures_are_frozen(tune: Path) -> None:
    features = sv.analyse(tune)
    with pytest.raises(ValueError, match="frozen"):
        features.duration = 3.0  # type: ignore[misc]


def test_a_remix_knows_its_difference(tune: Path, higher: Path) -> None:
    remix = Remix(
        audio=higher, reference=tune, request=sv.RemixRequest("https://songs.example.org/tune.mp3", "jazz")
    )
    assert remix.difference.row == sv.compare_audio(tune, remix).row
    assert remix.difference.remix.content == sv.analyse(higher).content
    assert str(remix.difference).startswith("tune → jazz\n"), "the take is named by what was asked"
    alone = Remix(audio=higher, request=sv.RemixRequest("https://songs.example.org/a.mp3", "jazz"))
    with pytest.raises(sv.ConfigurationError, match="not on this disk"):
        _ = alone.difference


def test_takes_of_one_prompt_are_repeats(tune: Path, higher: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, 0.5 * played(up=2, seconds=0.32), RATE)
    jazz = sv.RemixRequest("https://songs.example.org/a.mp3", "jazz")
    takes = sv.RemixList([Remix(audio=path, reference=tune, request=jazz) for path in (higher, other)])
    table = takes.differences(progress=False, workers=1)
    assert len(table) == 2
    assert table.repeats.differences["loudness_change_lu"] == (pytest.approx(6.02, abs=0.05),)
    assert "pairs of repeats" in repr(table)


def test_a_song_that_cannot_be_measured_takes_no_other_along(tune: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no song at all" * 100)
    table = sv.analyse_all([broken, tune, "gone.wav"], progress=False, workers=1)
    assert [isinstance(entry, Features) for entry in table] == [False, True, False]
    frame = table.to_frame()
    assert list(frame["problem"].astype(bool)) == [True, False, True]
    assert list(frame["name"]) == ["broken", "tune", "gone"]
    assert "tune" in repr(table)


def test_each_song_of_many_pairs_is_measured_once(tune: Path, higher: Path, decodes: list[str]) -> None:
    table = sv.compare_all([(tune, higher), (tune, tune), (higher, tune)], progress=False, workers=1)
    assert len(table.measured) == 3
    assert sorted(decodes) == ["higher", "tune"]
    assert [entry.transposition for entry in table.measured] == [2, 0, -2]


def test_what_is_no_list_of_pairs_is_a_sentence(tune: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match="no list of songs"):
        sv.analyse_all(tune)  # type: ignore[arg-type]
    with pytest.raises(sv.ConfigurationError, match="takes pairs"):
        sv.compare_all([tune])  # type: ignore[list-item]
    with pytest.raises(sv.ConfigurationError, match="an address"):
        sv.analyse("https://songs.example.org/a.mp3")


def test_a_metric_is_a_column_and_is_asked_once_for_each_version(tune: Path, higher: Path) -> None:
    calls: list[str] = []

    def loudest(clip: sv.Clip) -> float:
        calls.append(clip.name)
        return float(np.abs(clip.samples()).max())

    def ratio(reference: sv.Clip, remix: sv.Clip) -> float:
        return remix.duration / reference.duration

    sv.metric("loudest", loudest, unit="1")
    sv.metric("ratio", ratio)
    row = sv.compare_audio(tune, higher).row
    assert row["ratio"] == pytest.approx(0.8)
    assert row["reference_loudest (1)"] > 0.1
    sv.analyse(tune)
    assert calls == ["tune.wav", "higher.wav"]
    sv.metric("loudest", loudest, unit="1", version="2")
    sv.analyse(tune)
    assert calls == ["tune.wav", "higher.wav", "tune.wav"]


def test_a_metric_whose_function_changed_is_asked_again_under_the_same_version(tune: Path) -> None:
    sv.metric("number", lambda clip: 1.0)
    assert sv.analyse(tune).metrics["number"] == 1.0
    sv.metric("number", lambda clip: 2.0 + 0.0)
    assert sv.analyse(tune).metrics["number"] == 2.0


def test_a_metric_that_fails_is_nan_with_the_reason_and_is_tried_again(tune: Path) -> None:
    answers = iter([RuntimeError("no model yet"), 5.0])

    def moody(clip: sv.Clip) -> float:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sv.metric("moody", moody)
    first = sv.analyse(tune)
    assert math.isnan(first.metrics["moody"])
    assert first.reasons["moody"] == "RuntimeError: no model yet"
    assert sv.analyse(tune).metrics["moody"] == 5.0


def test_a_metric_of_samples_is_given_a_file_all_the_same() -> None:
    sv.metric("seconds", lambda clip: clip.duration)
    assert sv.analyse((played(), RATE)).metrics["seconds"] == pytest.approx(12.8)


SONGS: dict[str, np.ndarray] = {
    "silence": np.zeros(5 * RATE, np.float32),
    "a constant": np.full(5 * RATE, 0.5, np.float32),
    "noise": np.random.default_rng(1).normal(0, 0.1, 5 * RATE).astype(np.float32),
    "under a second": played()[: RATE // 2],
    "one sample": np.zeros(1, np.float32),
    "one stroke": np.concatenate([np.zeros(RATE), [1.0], np.zeros(3 * RATE)]).astype(np.float32),
    "NaN": np.where(np.arange(5 * RATE) % 7, played()[: 5 * RATE], np.nan).astype(np.float32),
    "infinity": np.where(np.arange(5 * RATE) % 7, played()[: 5 * RATE], np.inf).astype(np.float32),
}


@pytest.mark.parametrize("name", SONGS)
@pytest.mark.parametrize("rate", [8_000, RATE])
def test_whatever_a_song_is_each_measure_is_a_number_or_nan_with_the_reason(
    name: str, rate: int, tune: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        difference = sv.compare_audio(tune, (SONGS[name], rate))
        text = f"{difference}{difference.verdict}{difference.remix}"
    assert text
    for measured in (difference, difference.remix):
        row = measured.row
        unknown = {
            column
            for column, value in row.items()
            if isinstance(value, float)
            and math.isnan(value)
            and not column.startswith(("reference_", "remix_"))
            and "_null_" not in column
        }
        unexplained = {
            column
            for column in unknown
            if not any(column.startswith(explained) for explained in measured.reasons)
        }
        assert not unexplained


@pytest.mark.parametrize("name", ["silence", "noise", "a constant"])
def test_where_there_is_no_tune_it_cannot_be_told_whether_it_is_kept(name: str, tune: Path) -> None:
    difference = sv.compare_audio(tune, (SONGS[name], RATE))
    assert math.isnan(difference.tune_kept)
    assert "cannot be told" in difference.verdict
    assert difference.is_tune_kept is None


async def test_a_coroutine_measures_beside_the_event_loop(tune: Path, higher: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        features = await analyse_async(tune, executor=executor)
        difference = await compare_audio_async(tune, higher, executor=executor)
    assert features == sv.analyse(tune)
    assert difference == sv.compare_audio(tune, higher)
    assert await asyncio.to_thread(sv.analyse_all, [tune], progress=False) == [features]


def test_a_table_says_where_measures_are_of_different_versions(tune: Path) -> None:
    features = sv.analyse(tune)
    old = features.model_copy(update={"extractor": "features/0"})
    table = sv.analysis.MeasureTable([features, old])
    assert "Not all measured by one version: features/0" in repr(table)
    with pytest.warns(UserWarning, match="Not all measured by one version"):
        assert "features/0" in table.to_frame().attrs["note"]


def test_a_metric_is_kept_though_its_function_comes_back_from_a_process_without_its_source(
    tune: Path, higher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sv.metric("length", lambda clip: clip.duration)
    first = sv.compare_all([(tune, higher), (higher, tune)], progress=False, workers=2)
    assert [entry.row["remix_length"] for entry in first.measured] == pytest.approx([10.24, 12.8], abs=0.01)
    monkeypatch.setattr(measure, "do_song", None)
    assert sv.compare_audio(tune, higher).row["reference_length"] == pytest.approx(12.8)


def test_a_metric_of_clips_that_fails_has_its_column_in_a_pair_too(tune: Path, higher: Path) -> None:
    sv.metric("broken", lambda clip: 1 / 0)
    for difference in (
        sv.compare_audio(tune, higher),
        sv.compare_all([(tune, higher)], progress=False).measured[0],
    ):
        assert math.isnan(difference.row["remix_broken"])
        assert "ZeroDivisionError" in difference.remix.reasons["broken"]


def test_a_kept_value_outside_of_a_range_that_was_given_later_is_asked_again(tune: Path) -> None:
    asked: list[float] = []

    def share(clip: Any) -> float:
        asked.append(2.0)
        return 2.0

    sv.metric("share", share)
    assert sv.analyse(tune).metrics["share"] == 2.0
    sv.metric("share", share, range=(0, 1))
    assert math.isnan(sv.analyse(tune).metrics["share"])
    assert len(asked) == 2
