"""The frame of a study: one type a column, whatever is known of its trials, there and back again in files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import soundverse_nb as sv
from soundverse_nb.measures.difference import Difference
from soundverse_nb.render.gallery import NumberColumn
from soundverse_nb.study.measuring import TrialMeasures, keep_measures
from soundverse_nb.study.store import StoredTrial, StudyStore, TrialState
from soundverse_nb.study.takes import study_takes
from tests.study.conftest import write_song

STAGES = {"validating": 0.1, "streaming": 30.0, "held at 90": 40.0, "completed": 60.0}


def stored(number: int, **changed: Any) -> StoredTrial:
    prompt = {"prompt": "jazz" if number % 2 else "waltz"}
    return StoredTrial(
        **{
            "identity": f"trial-{number}", "plan": "plan-1", "number": number, "reference": "one",
            "content": "content-of-one", "factors": {"reference": "one", **prompt}, "instructions": prompt,
            "replicate": 1, "is_control": False, "state": TrialState.MISSING, "simulated": True, **changed,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> sv.Study:
    """Trials of every kind: one with measures and a slot, one that failed, one that was never run."""
    folder = tmp_path_factory.mktemp("study")
    song = write_song(folder / "song.wav")
    store = StudyStore(folder)
    done = stored(
        1, state=TrialState.DONE, started=1.75e9, finished=1.75e9 + 61, stages=STAGES, charged=100_000,
        attempts=1, stars=4, note="fine,\nreally", song_name="Blue, “one”", audio="a" * 64,
        factors={"reference": "one", "prompt": "a {mood} waltz", "mood": "no"},
    )  # fmt: skip
    failed = stored(2, state=TrialState.FAILED, started=1.75e9, error="The service refused it.", attempts=1)
    store.take_plan("plan-1", {"references": ["one"]}, [done, failed, stored(3)], whole=True)
    difference = sv.compare_audio(song, song)
    keep_measures(store, "trial-1", TrialMeasures(difference))
    store.close()
    return sv.Study(folder)


def test_every_column_has_one_type_of_its_own(study: sv.Study) -> None:
    frame = study.to_frame()
    assert [name for name in frame if frame[name].dtype == object] == []
    kinds = {name: str(frame[name].dtype) for name in frame}
    assert {kinds[name] for name in ("started", "finished")} == {"datetime64[us, UTC]"}
    assert {kinds[name] for name in ("error", "mood", "note", "extractor", "duplicate_of")} == {"string"}
    assert {kinds[name] for name in ("seconds", "s_completed", "cost", "tempo_ratio")} == {"float64"}
    assert kinds["stars"] == "Int64"
    assert "boolean" in kinds.values(), "flags of what was measured, unknown of the rest"
    assert frame["mood"].tolist() == ["no", pd.NA, pd.NA]


def test_a_frame_without_measures_or_trials_has_the_same_types(study: sv.Study, tmp_path: Path) -> None:
    frame = study.to_frame()
    store = StudyStore(tmp_path)
    store.take_plan("plan-1", {"references": ["one"]}, [stored(3)], whole=True)
    few = sv.Study(tmp_path).to_frame()
    assert {name: few[name].dtype for name in few} == {name: frame[name].dtype for name in few}
    store.take_plan("plan-2", {"references": []}, [])
    with store.writing() as connection:
        connection.execute("DELETE FROM trials")
    none = sv.Study(tmp_path).to_frame()
    assert len(none) == 0
    assert {name: none[name].dtype for name in none} == {name: frame[name].dtype for name in none}
    store.close()


def test_parquet_gives_the_very_frame_back(study: sv.Study, tmp_path: Path) -> None:
    frame = study.to_frame()
    frame.to_parquet(tmp_path / "trials.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "trials.parquet"), frame)


def test_csv_gives_every_value_back(study: sv.Study) -> None:
    frame = study.to_frame()
    text = frame.to_csv(index=False)
    dates = ["started", "finished"]
    types = {name: frame[name].dtype for name in frame if name not in dates}
    again = pd.read_csv(io.StringIO(text), dtype=types, parse_dates=dates)
    for name in dates:
        again[name] = again[name].astype(frame[name].dtype)
    pd.testing.assert_frame_equal(again, frame)


def test_a_metric_with_the_name_of_a_slot_does_not_take_its_place(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav")
    store = StudyStore(tmp_path)
    slot = {"reference": "one", "prompt": "{tempo_ratio}", "tempo_ratio": "half time"}
    store.take_plan("plan-1", {}, [stored(1, state=TrialState.DONE, factors=slot)], whole=True)
    keep_measures(store, "trial-1", TrialMeasures(sv.compare_audio(song, song)))
    store.close()
    frame = sv.Study(tmp_path).to_frame()
    assert frame["tempo_ratio"].tolist() == ["half time"]
    assert frame["measured_tempo_ratio"].tolist() == pytest.approx([1.0], abs=0.01)


@pytest.mark.parametrize("name", ["s_mood", "duplicate_of", "seconds"])
def test_a_slot_with_the_name_of_a_column_is_refused(name: str) -> None:
    with pytest.raises(sv.ConfigurationError, match=f"cannot be called '{name}'"):
        sv.Plan(["one.mp3"], [f"a {{{name}}} waltz"], slots={name: ["slow"]})


def test_a_control_that_is_the_same_file_is_the_copy_and_the_take_before_or_after_it_counts(
    tmp_path: Path,
) -> None:
    store = StudyStore(tmp_path)
    alike = {"state": TrialState.DONE, "audio": "a" * 64, "started": 1.75e9, "stages": STAGES}
    jazz = {"factors": {"reference": "one", "prompt": "jazz"}, "instructions": {"prompt": "jazz"}}
    trials = [stored(number, **jazz, **alike, is_control=number != 2) for number in (1, 2, 3)]
    store.take_plan("plan-1", {"references": ["one"]}, trials, whole=True)
    store.close()
    study = sv.Study(tmp_path)
    assert study.to_frame()["same_audio_as"].tolist() == ["trial-2", pd.NA, "trial-2"]
    assert study.summary("seconds").cells[0].takes == 1


def test_the_gallery_tells_a_trials_place_in_the_order_from_the_repeat_it_is(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    store.take_plan("plan-1", {"references": ["one"]}, [stored(3, replicate=2)])
    shown = {take.number: take for take in study_takes(store, tmp_path)}
    store.close()
    assert shown[3].title.endswith("jazz · repeat 2")
    assert shown[3].factors["repeat"] == "2"


@pytest.fixture
def named_like_measures(tmp_path: Path) -> sv.Study:
    """A measured study whose slots are called like two measures."""
    store = StudyStore(tmp_path)
    trials = []
    for number, (kept, ratio) in enumerate([("low", "0.9"), ("high", "1.25")] * 2, 1):
        factors = {"reference": "one", "prompt": "jazz", "tune_kept": kept, "tempo_ratio": ratio}
        changed = {"state": TrialState.DONE, "audio": f"{number}" * 64, "started": 1.75e9, "stages": STAGES}
        trials.append(stored(number, factors=factors, replicate=(number + 1) // 2, **changed))
    slots = {"tune_kept": ["low", "high"], "tempo_ratio": ["0.9", "1.25"]}
    plan = sv.Plan({"one": tmp_path / "one.wav"}, ["jazz {tune_kept} {tempo_ratio}"], slots=slots)
    store.take_plan("plan-1", plan.description(), trials, whole=True)
    for number in range(1, 5):
        kept_values = {"tune_kept": 0.5 + number / 100, "tempo_ratio": 1.5}
        keep_measures(
            store,
            f"trial-{number}",
            TrialMeasures(Difference.unknown().model_copy(update=kept_values)),
        )
    store.close()
    return sv.Study(tmp_path)


def test_a_level_is_never_shown_as_the_measure_that_its_slot_is_called_like(
    named_like_measures: sv.Study,
) -> None:
    store = StudyStore(named_like_measures.path, readonly=True)
    first = study_takes(store, named_like_measures.path)[0]
    store.close()
    assert first.numbers["measured_tempo_ratio"] == 1.5
    assert first.numbers["measured_tune_kept"] == pytest.approx(0.51)
    assert not {"tempo_ratio", "tune_kept"} & set(first.numbers)
    assert first.factors["tempo_ratio"] == "0.9"
    assert NumberColumn.of("measured_tempo_ratio").text(1.5) == "× 1.50"


def test_a_report_speaks_of_a_measure_that_a_slot_is_called_like(
    named_like_measures: sv.Study, tmp_path: Path
) -> None:
    page = named_like_measures.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Measured tune kept by tune_kept" in page
    with pytest.raises(sv.ConfigurationError, match="is a factor"):
        named_like_measures.report(tmp_path / "other.html", metrics="tune_kept")
    assert not (tmp_path / "other.html").exists()


def test_who_asks_for_a_measure_and_names_a_factor_is_told_the_measures_column(
    named_like_measures: sv.Study,
) -> None:
    for ask in (named_like_measures.summary, named_like_measures.plot, named_like_measures.precision):
        with pytest.raises(sv.ConfigurationError, match="'tune_kept' is a factor") as refused:
            ask("tune_kept")
        assert "'measured_tune_kept'" in str(refused.value)
    assert named_like_measures.summary("measured_tune_kept", by="tempo_ratio").cells[0].takes == 2
    plan = named_like_measures.plan
    assert plan is not None
    assert "pilot takes" in repr(named_like_measures.preview(plan)), "of the measure, by default"


def test_a_note_keeps_nothing_that_drives_a_terminal_or_turns_text_around(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    store.take_plan("plan-1", {"references": ["one"]}, [stored(1)])
    store.close()
    study = sv.Study(tmp_path)
    study.mark("trial-1", note="good\0 \u202egnp.3pm\x1b[31m, 5/5")
    assert study.to_frame()["note"][0] == "good  gnp.3pm [31m, 5/5"
    with pytest.raises(sv.ConfigurationError, match="note=3 is no text"):
        study.mark("trial-1", note=3)  # type: ignore[arg-type]
    study.mark("trial-1", note="")
    assert study.to_frame()["note"].isna().all()
