"""The report of a study: one page with all that is known, without secrets, that is whole or not there."""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.api import secrets
from soundverse_nb.measures.difference import AlignedSegment, Alignment, Difference
from soundverse_nb.measures.features import Features
from soundverse_nb.study import report_audio
from soundverse_nb.study.intervals import holm
from soundverse_nb.study.measuring import TrialMeasures, keep_measures
from soundverse_nb.study.own_metrics import registered_stamps
from soundverse_nb.study.report_verdicts import clear_on_the_page
from soundverse_nb.study.store import MICRO, StudyStore, TrialState
from soundverse_nb.study.summary import PairDifference, Summary
from tests.study.conftest import write_song
from tests.study.stored import stored_trial

KEY = "sv-key-4711-of-nobody"
SIGNED = "https://songs.example.org/one.mp3?X-Amz-Signature=s3cretsignature"


def keep(folder: Path, song: Path) -> str:
    """The name of a song that was put into the study's folder."""
    name = f"audio/{hashlib.sha256(song.read_bytes()).hexdigest()}{song.suffix}"
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    song.rename(folder / name)
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of two prompts: two takes of each, one that failed, one of unknown outcome, one not run."""
    made = tmp_path / "study"
    store = StudyStore(made)
    song = keep(made, write_song(tmp_path / "one.wav"))
    trials = []
    for number, (prompt, seconds) in enumerate(
        [("jazz", 60.0), ("waltz", 90.0), ("jazz", 61.0), ("waltz", 93.0)], 1
    ):
        take = keep(made, write_song(tmp_path / f"take {number}.wav", 220.0 + 30 * number, 2.0))
        trials.append(
            stored_trial(
                number, prompt, replicate=(number + 1) // 2, state=TrialState.DONE, file=take,
                audio=take[6:70], charged=MICRO // 10, attempts=1, started=1.75e9 + number,
                finished=1.75e9 + number + seconds,
                stages={"streaming": seconds / 2, "completed": seconds}, song_name=f"Blue <b>{number}</b>",
            )
        )  # fmt: skip
    failed = {"state": TrialState.FAILED, "error": f"Refused: {SIGNED}", "started": 1.75e9}
    unknown = {"state": TrialState.UNKNOWN, "reserved": MICRO // 10, "started": 1.75e9}
    trials.append(stored_trial(5, "jazz", replicate=3, **failed))
    trials.append(stored_trial(6, "waltz", replicate=3, **unknown))
    trials.append(stored_trial(7, "jazz", replicate=4))
    plan = sv.Plan({"one": tmp_path / "one.wav"}, ["jazz", "waltz"], repeats=2, seed=7)
    described = {**plan.description(), "contents": {"one": "content-of-one"}, "part": [0, 1], "share": 1.0}
    store.take_plan("plan-1", described, trials, whole=True)
    store.take_song("content-of-one", "one", song, 10.5)
    store.note(id="study-1", service="https://api.example.org /remix")
    store.close()
    return made


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_verdicts_come_first_then_plan_plots_takes_failures_and_provenance(
    folder: Path, tmp_path: Path
) -> None:
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert titles == ["Verdicts", "Plan", "Plots", "Takes", "What did not come", "Provenance"]
    assert "takes less time than" in page
    assert page.count("<svg") == 2, "the time by prompt, and the timeline"
    for said in (
        "1 failed",
        "1 outcome unknown",
        "1 trial was not run",
        "api.example.org",
        "plan-1",
        "study-1",
    ):
        assert said in page
    assert "stay reserved" in page
    assert "spent 0.40" in page
    assert "Blue &lt;b&gt;1&lt;/b&gt;" in page
    assert "Simulated" not in page


def test_a_factor_whose_takes_lack_a_measure_is_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    # The times of all waltzes are lost, and only waltzes have a mood.
    for number in range(1, 8):
        mood = {"mood": "sad"} if number % 2 == 0 and number < 7 else {}
        prompt = "waltz" if mood else "jazz" if number % 4 == 1 else "dub"
        factors = json.dumps({"reference": "one", "prompt": prompt, **mood})
        with store.writing() as database:
            database.execute("UPDATE trials SET factors = ? WHERE identity = ?", (factors, f"trial-{number}"))
            if mood:
                database.execute("UPDATE trials SET stages = NULL WHERE identity = ?", (f"trial-{number}",))
    store.close()
    page = html.unescape(text_of(sv.Study(folder).report(tmp_path / "report.html")))
    assert "by mood is left out. No take with a mood has a seconds" in page
    assert "by prompt" in page


def test_the_audio_lies_beside_the_page_under_its_contents_hash(folder: Path, tmp_path: Path) -> None:
    path = sv.Study(folder).report(tmp_path / "my report.html")
    page = text_of(path)
    players = re.findall(r'<audio[^>]* src="([^"]+)"', page)
    assert len(players) == 5, "the song, and four takes"
    for address in players:
        beside, _, name = address.partition("/")
        assert beside == "my%20report_files"
        copied = tmp_path / "my report_files" / name
        assert hashlib.sha256(copied.read_bytes()).hexdigest() == copied.stem
    assert "move both together" in page


def test_under_a_cap_the_audio_is_inside_and_says_what_was_cut(folder: Path, tmp_path: Path) -> None:
    study = sv.Study(folder)
    whole = text_of(study.report(tmp_path / "whole.html", embed=True))
    assert whole.count('src="data:audio/mpeg;base64,') == 5
    assert not (tmp_path / "whole_files").exists()
    assert "media-src data:;" in whole
    cut = text_of(study.report(tmp_path / "cut.html", embed=100_000))
    assert len(cut) < len(whole)
    assert "first 0:0" in cut
    assert "as each says" in cut
    none = text_of(study.report(tmp_path / "none.html", embed=5000))
    assert "<audio" not in none
    assert "No player" in none


def measure(store: StudyStore, number: int, **changed: Any) -> None:
    """Put into the store what could have been measured of a take: it keeps the tune, half as fast again."""
    segment = AlignedSegment(reference=(0.0, 9.0), remix=(0.0, 6.0))
    reference = Features.unknown("one").model_copy(update={"bars": (0.5, 2.5, 4.5), "duration": 10.5})
    kept = {"tune_kept": 0.9, "alignment": Alignment(segments=(segment,)), "reference": reference, **changed}
    keep_measures(store, f"trial-{number}", TrialMeasures(Difference.unknown().model_copy(update=kept)))


def alignments_of(page: str) -> Any:
    found = re.search(r'data-alignments="([^"]*)"', page)
    assert found
    return json.loads(html.unescape(found[1]) or "[]")


def test_where_bars_were_measured_takes_can_be_compared_at_the_same_bar(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    measure(store, 1)
    measure(store, 2)
    measure(store, 3, tune_kept=0.05)
    store.close()
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    assert "Same bar" in page
    (state,) = alignments_of(page)
    assert state["places"] == [0, 1, 2, 3, 4]
    assert state["bars"] == [0.5, 2.5, 4.5]
    assert state["takes"][1]["segments"] == [{"reference": [0.0, 9.0], "take": [0.0, 6.0]}]
    assert [take["problem"] for take in state["takes"]] == [
        "", "", "", "Take 3 and Original have no tune in common.", "Take 4 is not measured.",
    ]  # fmt: skip


def test_where_no_bar_is_known_the_same_bar_is_not_offered(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    measure(store, 1, tune_kept=float("nan"), reasons={"tune_kept": "cannot be told"})
    store.close()
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    assert "Same bar" not in page
    assert alignments_of(page) == []


def test_keys_and_signatures_are_never_in_it(folder: Path, tmp_path: Path) -> None:
    secrets.remember_key(KEY)
    store = StudyStore(folder)
    store.mark("trial-1", 4, f"{SIGNED} {KEY}")
    store.settle(
        "trial-2",
        TrialState.DONE,
        charged=None,
        song_name=KEY,
        factors={"reference": "one", "prompt": SIGNED},
    )
    store.note(service=f"{SIGNED} {KEY}", created_on=KEY)
    store.close()
    for embed in (False, True):
        page = text_of(
            sv.Study(folder).report(tmp_path / f"{embed}.html", embed=embed, title=f"{KEY} {SIGNED}")
        )
        assert KEY not in page
        assert "s3cretsignature" not in page
        assert "★★★★" in page


def test_nothing_in_it_leads_out_of_it(folder: Path, tmp_path: Path) -> None:
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    addresses = re.findall(r"""\b(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    assert addresses
    assert all(re.match(r"data:|#|report_files/", address) for address in addresses)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; img-src data:; media-src data: file: ")


def test_a_page_that_is_there_is_replaced_by_choice_and_never_left_half(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = sv.Study(folder)
    path = tmp_path / "report.html"
    path.write_text("<!DOCTYPE html>mine")
    with pytest.raises(sv.ConfigurationError, match=r"report.html already.*overwrite=True"):
        study.report(path)
    assert path.read_text() == "<!DOCTYPE html>mine"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(report_audio.shutil, "copyfile", full)
        with pytest.raises(sv.ConfigurationError, match="could not be written: No space left"):
            study.report(path, overwrite=True)
    assert path.read_text() == "<!DOCTYPE html>mine"
    assert "Verdicts" in text_of(study.report(path, overwrite=True))
    assert [file.name for file in tmp_path.rglob("*.part")] == []


def test_plots_stand_side_by_side_and_the_timeline_has_a_row_of_its_own(folder: Path, tmp_path: Path) -> None:
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    captions = re.findall(r"<figure( class=\"wide\")?>.*?<figcaption>([^<]*)", page, re.DOTALL)
    assert [(bool(wide), caption.split(":")[0]) for wide, caption in captions] == [
        (False, "Time to make by prompt"), (True, "When each order was in which stage"),
    ]  # fmt: skip


def test_what_simulated_takes_cost_is_not_called_spent(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    with store.writing() as connection:
        connection.execute("UPDATE trials SET simulated = 1")
    store.close()
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    assert "simulated cost 0.40" in page
    assert "spent" not in page


def test_without_matplotlib_it_has_no_plots_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    assert "<svg" not in page
    assert "There are no plots: A plot needs matplotlib" in page


def test_metrics_of_ones_own_are_in_it_and_one_that_is_not_there_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    store = StudyStore(folder)
    for number in range(1, 5):
        measured = Difference.unknown().model_copy(update={"metrics": {"bass (dB)": 3.0 * number}})
        keep_measures(store, f"trial-{number}", TrialMeasures(measured))
    store.close()
    study = sv.Study(folder)
    assert "Bass (dB) by prompt" in text_of(study.report(tmp_path / "all.html"))
    chosen = text_of(study.report(tmp_path / "chosen.html", metrics="bass (dB)"))
    assert "Bass (dB) by prompt" in chosen
    assert "Time to make by prompt" not in chosen
    with pytest.raises(sv.ConfigurationError, match="no column 'treble'"):
        study.report(tmp_path / "none.html", metrics=["treble"])
    assert not (tmp_path / "none.html").exists()


def test_the_range_of_a_metric_of_somebody_elses_holds_in_the_report_too(
    folder: Path, tmp_path: Path
) -> None:
    sv.metric("share", lambda song, remix: 0.5, range=(0, 1))
    try:
        store = StudyStore(folder)
        for number in range(1, 5):
            measured = Difference.unknown().model_copy(update={"metrics": {"share": 1 - number / 100}})
            keep_measures(store, f"trial-{number}", TrialMeasures(measured, asked=registered_stamps()))
        store.close()
    finally:
        sv.analysis.remove_metric("share")
    page = text_of(sv.Study(folder).report(tmp_path / "report.html", metrics="share"))
    assert "share lies from 0 to 1" in page


def test_mixed_versions_of_measures_and_simulated_takes_are_told_of(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    for number, version in ((1, "features/1"), (2, "features/2")):
        keep_measures(store, f"trial-{number}", TrialMeasures(Difference.unknown()))
        with store.writing() as connection:
            connection.execute(
                "UPDATE measures SET extractor = ? WHERE identity = ?", (version, f"trial-{number}")
            )
    with store.writing() as connection:
        connection.execute("UPDATE trials SET simulated = 1 WHERE number < 3")
    store.close()
    page = text_of(sv.Study(folder).report(tmp_path / "report.html"))
    assert "2 versions of the measures are mixed" in page
    assert "features/1, features/2" in page
    assert "<b>Simulated.</b> 2 of 7 trials" in page
    assert page.count('<span class="badge">simulated</span>') == 2


def test_audio_that_is_gone_is_among_what_did_not_come(folder: Path, tmp_path: Path) -> None:
    study = sv.Study(folder)
    (folder / str(study.trials()[0].file)).unlink()
    page = text_of(study.report(tmp_path / "report.html"))
    assert "audio gone" in page
    assert len(re.findall("<audio", page)) == 4


def test_a_study_in_which_nothing_was_done_has_a_report_too(tmp_path: Path) -> None:
    store = StudyStore(tmp_path / "study")
    plan = sv.Plan({"one": tmp_path / "one.wav"}, ["jazz"])
    store.take_plan("plan-1", plan.description(), [stored_trial(1, "jazz")], whole=True)
    store.close()
    page = text_of(sv.Study(tmp_path / "study").report(tmp_path / "report.html"))
    assert "0 of 1 trials are done" in page
    assert "There is nothing to hear yet." in page


def test_a_study_whose_songs_are_gone_still_has_its_plan_and_its_report(folder: Path, tmp_path: Path) -> None:
    store = StudyStore(folder)
    plan = sv.Plan({"one": tmp_path / "one.wav", "two": tmp_path / "two.wav"}, ["jazz", "waltz"])
    contents = {"one": "nowhere", "two": "nowhere else"}
    store.take_plan("plan-2", {**plan.description(), "contents": contents, "part": [0, 1], "share": 1.0}, [])
    store.close()
    study = sv.Study(folder)
    assert study.plan is not None
    assert list(study.plan.references) == ["one", "two"]
    page = text_of(study.report(tmp_path / "report.html"))
    assert "2 songs" in page
    assert len(re.findall("<audio", page)) == 4, "the takes alone"


def test_a_report_of_songs_like_these_says_that_there_are_too_few_songs(folder: Path, tmp_path: Path) -> None:
    page = text_of(sv.Study(folder).report(tmp_path / "report.html", scope="songs like these"))
    assert "Time to make is left out. 1 song cannot speak for songs like these" in page.replace("\xa0", " ")
    assert "nothing to tell" not in page
    with pytest.raises(sv.ConfigurationError, match="cannot speak for songs like these"):
        sv.Study(folder).report(tmp_path / "other.html", scope="songs like these", metrics="seconds")
    assert not (tmp_path / "other.html").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scope": "everything"}, "scope='everything' is not known"),
        ({"embed": "yes"}, "embed='yes' is no number of bytes"),
        ({"embed": -1}, "embed=-1 is no number of bytes"),
        ({"title": 3}, "title=3 is no text"),
        ({"metrics": 3}, "metrics=3 names no columns"),
        ({"path": "a folder"}, "'?a folder'? is a folder"),
        ({"path": "a folder", "overwrite": True}, "'?a folder'? is a folder"),
    ],
)
def test_a_setting_that_is_none_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    (tmp_path / "a folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    path = tmp_path / settings.pop("path", "report.html")
    with pytest.raises(sv.ConfigurationError, match=said):
        sv.Study(folder).report(path, **settings)
    assert [each for each in sorted(tmp_path.rglob("*")) if not each.name.startswith("study.sqlite")] == [
        each for each in before if not each.name.startswith("study.sqlite")
    ]


def test_a_difference_is_marked_as_clear_only_where_it_is_beyond_chance_among_all_of_the_page() -> None:
    def found(*p_values: float) -> Summary:
        pairs = tuple(
            PairDifference(
                first="a",
                second="b",
                difference=1.0,
                low=0.1,
                high=1.9,
                p=p,
                p_holm=holm(p_values)[at],
                songs=5,
            )
            for at, p in enumerate(p_values)
        )
        return Summary(metric="m", by=("prompt",), scope="these songs", verdict="", cells=(), pairs=pairs)

    alone = found(0.02)
    assert alone.pairs[0].is_clear
    assert clear_on_the_page([alone]) == [True]
    others = [found(0.3, 0.5), found(0.9), found(math.nan)]
    assert clear_on_the_page([alone, *others]) == [False, False, False, False]
    assert clear_on_the_page([others[0], found(0.001, 0.9), alone]) == [False, True, False]


def test_a_page_of_several_verdicts_says_among_how_many_a_difference_is_clear(
    folder: Path, tmp_path: Path
) -> None:
    store = StudyStore(folder)
    for number in range(1, 5):
        measure(store, number, tune_kept=0.5 + number / 10)
    store.close()
    page = text_of(sv.Study(folder).report(tmp_path / "report.html")).replace("\xa0", " ")
    assert "There are 2 verdicts" in page
    assert "beyond chance among all 2 pairs (Holm)" in page
    alone = text_of(sv.Study(folder).report(tmp_path / "one.html", metrics="seconds"))
    assert "(Holm)." not in alone


def test_the_plan_of_a_report_has_the_price_and_what_the_takes_tell_of_how_they_vary(
    folder: Path, tmp_path: Path
) -> None:
    store = StudyStore(folder)
    store.note(price=str(MICRO // 10))
    store.close()
    page = text_of(sv.Study(folder).report(tmp_path / "report.html")).replace("\xa0", " ")
    plan = page[page.index('<section id="plan"') : page.index('<section id="plots"')]
    assert "From 4 pilot takes." in plan
    assert "at 0.10 a remix" in plan
    assert "which a pilot study tells" not in plan


def test_a_study_without_a_trial_has_a_report_too(tmp_path: Path) -> None:
    """As the part of a small plan on one of many machines."""
    plan = sv.Plan(["one.mp3"], ["jazz"])
    empty = next(part for part in (plan.shard(0, 2), plan.shard(1, 2)) if not len(part))
    store = StudyStore(tmp_path / "study")
    store.take_plan(empty.hash, {**empty.description(), "contents": {"one": "0" * 64}}, [])
    store.close()
    page = text_of(sv.Study(tmp_path / "study").report(tmp_path / "report.html"))
    assert "0 trials" in page
