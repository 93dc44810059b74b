"""Studies put together: shards of one plan, takes adopted from another study, repeats that are one file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.audio_files import content_of
from soundverse_nb.study.store import StudyStore
from soundverse_nb.study.takes import original_of
from soundverse_nb.study.unfinished import MERGING
from tests.study.conftest import PRICE, small_plan, tagged, write_song

MakeClient = Callable[..., sv.Client]


async def test_shards_together_are_the_plan_and_cannot_overshoot_its_budget(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    before = len(service.ledger)
    plan = sv.Plan(songs, ["jazz"], parameters=tagged("fine", *"abcde"))
    shares = [plan.shard(shard, 4, budget=8 * PRICE).budget or 0.0 for shard in range(4)]
    room = sum(int(share / PRICE + 1e-6) for share in shares)  # each share is rounded down
    assert sum(shares) <= 8 * PRICE + 1e-9
    assert 6 <= room <= 8
    studies = []
    for shard in range(4):
        client = make_client(journal=tmp_path / f"orders-{shard}.sqlite3")
        study = sv.Study(tmp_path / f"shard-{shard}", client)
        with pytest.raises(sv.BudgetExceededError):
            await study.run(plan.shard(shard, 4, budget=8 * PRICE), price=PRICE, measures=False)
        studies.append(study)
    assert len(service.ledger) - before == room
    whole = sv.merge(studies, tmp_path / "whole")
    frame = whole.to_frame()
    assert len(frame) == len(plan)
    assert list(frame["number"]) == list(range(1, 13))
    assert frame["in_plan"].all()
    assert (frame["state"] == "done").sum() == room
    assert frame["cost"].sum() == pytest.approx(room * PRICE)
    assert whole.plan is not None
    assert whole.plan.hash == plan.hash
    with pytest.raises(sv.ConfigurationError, match="already"):
        sv.merge(studies, tmp_path / "whole")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0, 1), "shard 3 of 3 is not among these studies: its 2 trials are missing"),
        ((1,), "shards 1, 3 of 3 are not among these studies: their 4 trials are missing"),
        ((0, 1, 2), ""),
    ],
)
async def test_a_shard_that_is_not_there_is_named_and_its_trials_are_missing(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    capsys: pytest.CaptureFixture[str],
    given: tuple[int, ...],
    said: str,
) -> None:
    plan = sv.Plan(songs, ["jazz", "waltz", "dub"])
    studies = []
    for shard in given:
        study = sv.Study(tmp_path / f"shard-{shard}", make_client())
        studies.append(await study.run(plan.shard(shard, 3), price=PRICE, measures=False))
    capsys.readouterr()
    whole = sv.merge(studies, tmp_path / "whole")
    told = capsys.readouterr().err
    assert said in told
    assert bool(told) is bool(said)
    assert f"{2 * len(given)} of 6 trials done" in repr(whole)
    assert len(whole.to_frame()) == 6
    assert whole.to_frame()["in_plan"].all()


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_study_that_was_refused_before_it_had_a_plan_decides_nothing(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, at: int
) -> None:
    plan = sv.Plan(songs, ["jazz", "waltz"])
    refused = sv.Study(tmp_path / "refused", make_client())
    with pytest.raises(sv.PreflightError, match="cannot be ordered"):
        await refused.run(sv.Plan([tmp_path / "absent.wav"], ["jazz"]), measures=False)
    studies = []
    for shard in (1, 2):
        study = sv.Study(tmp_path / f"shard-{shard}", make_client())
        studies.append(await study.run(plan.shard(shard, 3), price=PRICE, measures=False))
    studies.insert(at, refused)
    whole = sv.merge(studies, tmp_path / "whole")
    assert len(whole.to_frame()) == 4
    assert not whole.changes(plan).added
    assert whole.plan == plan


async def test_songs_of_one_name_stay_two_songs(
    tmp_path: Path, make_client: MakeClient, service: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    studies, contents = [], []
    for name, pitch in (("ann", 220.0), ("bob", 330.0)):
        (tmp_path / name).mkdir()
        song = write_song(tmp_path / name / "song.wav", pitch)
        contents.append(content_of(song))
        study = sv.Study(tmp_path / name / "study", make_client(journal=tmp_path / f"{name}.sqlite3"))
        plan = sv.Plan([song], ["jazz", "waltz"], repeats=[({}, 1), ({"reference": "song"}, 2)])
        studies.append(await study.run(plan, price=PRICE, measures=False))
    capsys.readouterr()
    whole = sv.merge(studies, tmp_path / "whole")
    assert "told apart by their content: 'song' as 'song', 'song (2)'" in capsys.readouterr().err
    frame = whole.to_frame()
    assert frame["in_plan"].all()
    assert sorted(frame["number"]) == list(range(1, 9))
    assert frame["reference"].value_counts().to_dict() == {"song": 4, "song (2)": 4}
    assert all(trial.factors["reference"] == trial.reference for trial in whole.trials())
    store = StudyStore(whole.path, readonly=True)
    songs_heard = {
        trial.reference: original_of(store, whole.path, trial.identity) for trial in whole.trials()
    }
    store.close()
    played = {name: content_of(Path(clip)) for name, clip in songs_heard.items() if clip is not None}
    assert played == {"song": contents[0], "song (2)": contents[1]}
    whole.client = make_client()
    before = len(service.ledger)
    await whole.run(price=PRICE, measures=False)
    assert len(service.ledger) == before
    again = sv.merge([whole, studies[1]], tmp_path / "again")
    assert again.to_frame().groupby("reference")["audio"].nunique().to_dict() == {"song": 4, "song (3)": 4}


async def test_shards_of_other_songs_of_one_name_are_said_without_an_empty_number(
    tmp_path: Path, make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = []
    for shard, pitch in enumerate((220.0, 330.0)):
        (tmp_path / str(shard)).mkdir()
        song = write_song(tmp_path / str(shard) / "song.wav", pitch)
        study = sv.Study(tmp_path / str(shard) / "study", make_client())
        plan = sv.Plan([song], ["jazz", "waltz"]).shard(shard, 2)
        studies.append(await study.run(plan, price=PRICE, measures=False))
    capsys.readouterr()
    whole = sv.merge(studies, tmp_path / "whole")
    said = capsys.readouterr().err
    assert "a part of the plan is not among these studies: 2 trials are missing in the merged one" in said
    assert "told apart" in said
    assert len(whole.to_frame()) == 4


@pytest.mark.parametrize("is_there", [False, True])
async def test_a_merge_that_is_killed_half_way_leaves_nothing_that_passes_for_a_study(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, is_there: bool
) -> None:
    study = sv.Study(tmp_path / "one", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    study.close()
    into = tmp_path / "whole"
    if is_there:
        into.mkdir()
        (into / "notes.txt").write_text("mine")
    code = (
        "import os, sys, soundverse_nb as sv\n"
        "from soundverse_nb.study import merging\n"
        "real, taken = merging._take, []\n"
        "def take(*given):\n"
        "    if taken: os._exit(9)\n"
        "    taken.append(real(*given))\n"
        "merging._take = take\n"
        "sv.merge([sys.argv[1]], sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, str(study.path), str(into)]
    done = await asyncio.to_thread(subprocess.run, command, check=False)
    assert done.returncode == 9
    with pytest.raises(sv.ConfigurationError, match="no study"):
        sv.Study(into)
    assert len(list((into if is_there else tmp_path).glob(f"{MERGING}*"))) == 1
    merged = sv.merge([study], into)
    assert "2 of 2 trials done" in repr(merged)
    assert [clip.duration for clip in map(merged.clip, merged.to_frame()["identity"])]
    assert not list((into if is_there else tmp_path).glob(f"{MERGING}*"))
    assert (into / "notes.txt").exists() is is_there


async def test_a_merge_that_is_killed_before_its_store_is_in_place_is_finished_by_the_same_merge(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "one", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    study.close()
    into = tmp_path / "whole"
    into.mkdir()
    code = (
        "import os, sys, soundverse_nb as sv\n"
        "from pathlib import Path\n"
        "Path.rename = lambda *given: os._exit(9)\n"
        "sv.merge([sys.argv[1]], sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, str(study.path), str(into)]
    done = await asyncio.to_thread(subprocess.run, command, check=False)
    assert done.returncode == 9
    assert list((into / "audio").iterdir())
    with pytest.raises(sv.ConfigurationError, match="merge them into it again"):
        sv.Study(into, make_client())
    merged = sv.merge([study], into)
    assert "2 of 2 trials done" in repr(merged)
    assert [clip.duration for clip in map(merged.clip, merged.to_frame()["identity"])]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
async def test_a_merge_that_is_interrupted_before_its_store_is_in_place_takes_its_audio_back(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    study = sv.Study(tmp_path / "one", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    into = tmp_path / "whole"
    into.mkdir()

    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises((KeyboardInterrupt, sv.ConfigurationError)):
        sv.merge([study], into)
    monkeypatch.undo()
    assert not list(into.iterdir())
    assert "2 of 2 trials done" in repr(sv.merge([study], into))


async def test_a_take_that_was_made_twice_is_kept_and_marked(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    studies = []
    for name in ("one", "two"):
        study = sv.Study(tmp_path / name, make_client(journal=tmp_path / f"{name}.sqlite3"))
        studies.append(await study.run(small_plan(songs), price=PRICE, measures=False))
    frame = sv.merge([study.path for study in studies]).to_frame()
    assert len(frame) == 4
    assert frame["in_plan"].sum() == 2
    assert sorted(frame["duplicate_of"].dropna()) == sorted(frame["identity"][frame["in_plan"]])
    assert frame["cost"].sum() == pytest.approx(4 * PRICE)


async def test_paid_takes_of_another_study_are_taken_over_and_not_paid_again(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    first = sv.Study(tmp_path / "first", make_client())
    await first.run(small_plan(songs), price=PRICE, measures=False)
    second = sv.Study(tmp_path / "second", make_client())
    wider = sv.Plan(songs[:1], ["jazz", "waltz", "dub"])
    with pytest.raises(sv.BudgetExceededError):
        await second.run(wider, price=PRICE, budget=PRICE, measures=False)
    before = len(service.ledger)
    assert second.adopt(first) >= 1
    await second.run(wider, price=PRICE, budget=2 * PRICE, measures=False)
    assert len(service.ledger) - before <= 1
    frame = second.to_frame()
    assert (frame["state"] == "done").all()
    assert frame["adopted_from"].notna().sum() >= 1
    assert second.spent <= 2 * PRICE + 1e-9


@pytest.mark.parametrize("given", ["nothing", "the plan"])
async def test_takes_are_taken_over_before_the_first_run_and_never_paid_again(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator, given: str
) -> None:
    first = sv.Study(tmp_path / "first", make_client())
    await first.run(small_plan(songs), price=PRICE, measures=False)
    second = sv.Study(tmp_path / "second", make_client(journal=tmp_path / "second.sqlite3"))
    wider = sv.Plan(songs[:1], ["jazz", "waltz", "dub"])
    before = len(service.ledger)
    assert second.adopt(first, wider if given == "the plan" else None) == 2
    assert len(second.trials()) == (3 if given == "the plan" else 2)
    assert len(service.ledger) == before
    await second.run(price=PRICE, measures=False)
    await second.run(wider, price=PRICE, measures=False)
    assert len(service.ledger) - before == 1
    assert second.spent == pytest.approx(PRICE)
    assert (second.to_frame()["state"] == "done").all()


async def test_where_nothing_can_be_taken_over_it_is_said_why(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sv.Study(tmp_path / "first", make_client())
    await first.run(small_plan(songs), measures=False)
    second = sv.Study(tmp_path / "second", make_client(journal=tmp_path / "second.sqlite3"))
    await second.run(sv.Plan(songs[1:], ["jazz"]), measures=False)
    capsys.readouterr()
    assert second.adopt(first) == 0
    assert "none of its takes is of a trial of this study's plan" in capsys.readouterr().err
    assert second.adopt(first, small_plan(songs)) == 2
    capsys.readouterr()
    assert second.adopt(first.path) == 0
    assert "done or being ordered here already" in capsys.readouterr().err
    empty = sv.Study(tmp_path / "empty", make_client())
    with pytest.raises(sv.ConfigurationError):
        sv.Study(tmp_path / "third", make_client()).adopt(empty)
    with pytest.raises(sv.ConfigurationError, match="is no plan"):
        second.adopt(first, "jazz")  # type: ignore[arg-type]


async def test_repeats_that_are_the_same_file_are_flagged(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    plan = sv.Plan(songs[:1], ["jazz"], parameters={"same": {"simulate": {"take": 1}}}, repeats=3)
    await study.run(plan, measures=False)
    frame = study.to_frame()
    assert frame["audio"].nunique() == 1
    assert list(frame["same_audio_as"].isna()) == [True, False, False]
    assert set(frame["same_audio_as"].dropna()) == {frame["identity"][0]}
    different = sv.Study(tmp_path / "different", make_client())
    await different.run(sv.Plan(songs[:1], ["jazz"], repeats=3), measures=False)
    assert different.to_frame()["same_audio_as"].isna().all()


async def test_a_file_that_a_store_names_outside_of_its_study_is_not_touched(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = sv.Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), measures=False)
    identity = study.trials()[0].identity
    with study._writing().writing() as connection:
        connection.execute("UPDATE trials SET file = '../one.wav' WHERE identity = ?", (identity,))
    with pytest.raises(sv.ConfigurationError, match="no audio"):
        study.clip(identity)
    assert study.to_frame().set_index("identity")["file"].isna()[identity]
    study.close()
    merged = sv.merge([study], tmp_path / "merged")
    named = [trial.file for trial in merged.trials()]
    named += [row["file"] for row in merged._reading().songs().values()]
    assert {f"audio/{path.name}" for path in (merged.path / "audio").iterdir()} == {*named} - {None}


def planned(study: sv.Study) -> int:
    """How many trials are of the study's plan, none of which is a duplicate."""
    return sum(study.to_frame()["in_plan"] & study.to_frame()["duplicate_of"].isna())


async def test_studies_of_different_plans_are_all_in_the_plan_whichever_of_these_is_run(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plans = [sv.Plan(songs[:1], ["jazz", "waltz", "dub"], repeats=2), sv.Plan(songs, ["waltz", "polka"])]
    studies = []
    for at, plan in enumerate(plans):
        study = sv.Study(tmp_path / str(at), make_client())
        with pytest.raises(sv.BudgetExceededError):
            await study.run(plan, price=PRICE, budget=3 * PRICE, measures=False)
        studies.append(study)
    capsys.readouterr()
    whole = sv.merge(studies, tmp_path / "whole")
    said = capsys.readouterr().err
    assert "these studies have 2 different plans" in said
    assert "of 4 trials; of the 5 others" in said
    assert "which study.run(plan) orders with their plan" in said
    assert planned(whole) == 9  # one of them was made twice
    whole.client = make_client()
    before = len(service.ledger)
    for plan in (None, plans[0], plans[1]):
        await whole.run(plan, price=PRICE, budget=20 * PRICE, measures=False)
        assert planned(whole) == 9
    said = capsys.readouterr().err
    assert "orphaned" not in said
    assert "5 of the plans merged with this one" in said
    assert whole.spent == pytest.approx((6 + len(service.ledger) - before) * PRICE)
    assert (whole.to_frame()["state"] == "done").all()
    # Merged once more, they are what they were.
    again = sv.merge([whole], tmp_path / "again")
    assert planned(again) == 9
    # Another plan than these is a change, as ever.
    await whole.run(sv.Plan(songs[:1], ["waltz"]), price=PRICE, budget=20 * PRICE, measures=False)
    assert planned(whole) == 1


async def test_the_same_prompts_on_other_songs_are_one_frame_when_they_are_merged(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    studies = []
    for song in songs:
        study = sv.Study(tmp_path / f"of {song.stem}", make_client())
        studies.append(await study.run(sv.Plan([song], ["jazz", "waltz"]), price=PRICE, measures=False))
    whole = sv.merge(studies, tmp_path / "whole")
    whole.client = make_client()
    await whole.run(measures=False)
    frame = whole.to_frame()
    assert frame["in_plan"].all()
    assert frame["reference"].value_counts().to_dict() == {"one": 2, "two": 2}
    assert sum(cell.takes for cell in whole.summary("seconds", by="prompt").cells) == 4
