"""A study: what is missing is ordered once, within its budget, and what came is kept."""

from __future__ import annotations

import asyncio
import gc
import inspect
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.stream import RemixStream
from soundverse_nb.simulator import Simulator
from soundverse_nb.study.plan import Plan
from soundverse_nb.study.store import TrialState
from soundverse_nb.study.study import Study
from tests.client.conftest import Notebook
from tests.study.conftest import PRICE, small_plan, tagged, write_song

MakeClient = Callable[..., sv.Client]


def states(study: Study) -> dict[str, int]:
    return {state.value: count for state, count in Counter(t.state for t in study.trials()).items()}


async def test_a_study_orders_its_plan_keeps_the_audio_and_orders_nothing_twice(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    before = len(service.ledger)
    plan = Plan(songs, ["jazz", "waltz"], repeats=2)
    await study.run(plan, price=PRICE, measures=False)
    assert len(service.ledger) - before == 8
    frame = study.to_frame()
    assert list(frame["state"]) == ["done"] * 8
    assert set(frame["reference"]) == {"one", "two"}
    assert set(frame["prompt"]) == {"jazz", "waltz"}
    assert frame["cost"].sum() == pytest.approx(8 * PRICE)
    assert frame["simulated"].all()
    # Nobody spent it.
    assert f"simulated cost {8 * PRICE:.2f}" in study.headline()
    assert "spent" not in study.headline()
    assert frame["message_id"].nunique() == 8
    assert all(math.isfinite(seconds) for seconds in frame["seconds"])
    for file in frame["file"]:
        assert sv.Clip(study.path / file).duration > 0.5
    await study.run(plan, price=PRICE, measures=False)
    again = Study(tmp_path / "study", make_client())
    await again.run(price=PRICE, measures=False)
    assert len(service.ledger) - before == 8


async def test_remixes_are_measured_as_they_land_and_what_lacks_later(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDVERSE_NB_CACHE", str(tmp_path / "cache"))
    study = Study(tmp_path / "study", make_client())
    await study.run(Plan(songs[:1], ["jazz"]), measures=False)
    assert "remix_loudness_lufs" not in study.to_frame()
    await study.run(Plan(songs[:1], ["jazz", "waltz"]))
    frame = study.to_frame()
    assert frame["remix_loudness_lufs"].between(-60, 0).all()
    assert frame["extractor"].notna().all()
    difference = study.difference(frame["identity"][0])
    assert difference is not None
    assert difference.reference.name == "one"
    assert difference.remix.loudness == frame["remix_loudness_lufs"][0]


@pytest.mark.parametrize("kept", ["write-ahead log", "rollback journal"])
async def test_fifty_orders_at_once_with_room_for_twenty_charge_exactly_twenty(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    kept: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kept == "rollback journal":
        monkeypatch.setattr("soundverse_nb.client.journal.filesystem.maps_shared", lambda folder: False)
    study = Study(tmp_path / "study", make_client(max_streams=50))
    before = len(service.ledger)
    plan = Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(50))))
    with pytest.raises(
        sv.BudgetExceededError, match=r"20 of 50 trials are done\. What was ordered was simulated, so nothing"
    ):
        await study.run(plan, price=PRICE, budget=20 * PRICE, concurrency=50, measures=False)
    assert len(service.ledger) - before == 20
    assert states(study) == {"done": 20, "missing": 30}
    assert (study.spent, study.reserved) == (pytest.approx(2.0), 0)
    await study.run(plan, price=PRICE, budget=50 * PRICE, concurrency=50, measures=False)
    assert len(service.ledger) - before == 50


async def test_an_order_that_ends_unpaid_makes_room_for_another(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client(max_streams=4))
    before = len(service.ledger)
    refused = tagged("a", "b", fault="bad_request") | tagged("c", "d")
    plan = Plan(songs[:1], ["jazz"], parameters=refused)
    await study.run(plan, price=PRICE, budget=2 * PRICE, concurrency=4, measures=False)
    assert states(study) == {"done": 2, "failed": 2}
    assert len(service.ledger) - before == 2


async def test_a_changed_plan_orders_what_is_new_and_keeps_what_nobody_asks_for(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), measures=False)
    before = len(service.ledger)
    await study.run(Plan(songs[:1], ["waltz", "dub"]), measures=False)
    assert len(service.ledger) - before == 1
    frame = study.to_frame().set_index("prompt")
    assert dict(frame["in_plan"]) == {"jazz": False, "waltz": True, "dub": True}
    assert (frame["state"] == "done").all()


async def test_controls_stay_controls_when_repeats_grow(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    control = {"reference": "one", "prompt": "jazz"}
    plans = [Plan(songs[:1], ["jazz", "waltz"], repeats=n, control=control, control_every=2) for n in (2, 4)]
    await study.run(plans[0], measures=False)
    first = {trial.identity for trial in study.trials() if trial.is_control}
    before = len(service.ledger)
    await study.run(plans[1], measures=False)
    assert len(service.ledger) - before == len(plans[1]) - len(plans[0])
    frame = study.to_frame().set_index("identity")
    assert len(first) == 1
    assert frame.loc[list(first), "is_control"].all()
    assert frame["in_plan"].all()
    assert not frame.duplicated(["prompt", "replicate"]).any()


async def test_a_song_that_was_replaced_under_its_name_leaves_its_old_takes_out_of_the_plan(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(Plan(songs[:1], ["jazz"]), measures=False)
    write_song(songs[0], 500.0)
    await study.run(Plan(songs[:1], ["jazz"]), measures=False)
    assert list(study.to_frame()["in_plan"]) == [True, False]
    assert study.plan is not None
    (kept,) = study.plan.references.values()
    assert Path(kept).read_bytes() == songs[0].read_bytes()


async def test_what_may_be_paid_is_never_repeated_and_stays_reserved(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    plan = Plan(songs[:1], ["jazz"], parameters=tagged("lost", fault="cut_before_id") | tagged("fine"))
    before = len(service.ledger)
    await study.run(plan, price=PRICE, measures=False)
    for _ in range(2):
        assert states(study) == {"done": 1, "unknown": 1}
        assert (study.spent, study.reserved) == (pytest.approx(PRICE), pytest.approx(PRICE))
        await study.run(plan, price=PRICE, measures=False, retry_failed=True)
    assert len(service.ledger) - before == 2


async def test_songs_that_would_be_refused_are_all_named_before_anything_is_ordered(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    short = write_song(tmp_path / "short.wav", seconds=3.0)
    before = len(service.ledger)
    study = Study(tmp_path / "study", make_client())
    with pytest.raises(sv.PreflightError) as refused:
        await study.run(Plan([*songs, short, tmp_path / "nowhere.wav"], ["jazz"]), measures=False)
    assert "2 of 4 songs" in refused.value.message
    assert "short" in refused.value.message
    assert "nowhere" in refused.value.message
    assert len(service.ledger) == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"budget": 1.0}, "budget without a price"),
        ({"budget": 0.05, "price": PRICE}, "no room for a single trial"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"price": -1}, "price=-1"),
        ({"budget": "much", "price": PRICE}, "budget='much'"),
    ],
)
async def test_a_run_that_cannot_be_meant_is_a_sentence_and_orders_nothing(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    settings: Any,
    sentence: str,
) -> None:
    before = len(service.ledger)
    with pytest.raises(sv.ConfigurationError, match=sentence):
        await Study(tmp_path / "study", make_client()).run(small_plan(songs), measures=False, **settings)
    assert len(service.ledger) == before


async def test_what_every_order_would_meet_stops_the_run_and_leaves_the_rest_missing(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client(max_streams=1))
    poor = tagged(*"abcd", fault="no_balance")
    with pytest.raises(sv.InsufficientBalanceError):
        await study.run(Plan(songs[:1], ["jazz"], parameters=poor), measures=False)
    assert states(study) == {"missing": 4}


async def test_a_paused_study_orders_nothing_more_and_goes_on_when_told(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    seen = Notebook()
    study = Study(tmp_path / "study", make_client(max_streams=1, progress=seen))
    other = Study(tmp_path / "study", make_client())
    with pytest.raises(sv.ConfigurationError, match="was not run yet"):
        study.pause()
    before = len(service.ledger)
    job = study.start(Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(30)))), measures=False)
    await seen.until(lambda: len(service.ledger) > before)
    other.stop_after_current()
    await job
    done = states(study)["done"]
    assert 0 < done < 30
    assert states(study) == {"done": done, "missing": 30 - done}
    assert len(service.ledger) - before == done


async def test_a_second_runner_is_refused_and_a_reader_sees_the_study_grow(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    seen = Notebook()
    study = Study(tmp_path / "study", make_client(max_streams=3, progress=seen))
    # One trial never ends, so that the study runs for as long as it is looked at.
    endless = tagged("endless", fault="slow_hold", seconds=86_400.0)
    plan = Plan(songs[:1], ["jazz"], parameters=endless | tagged(*map(str, range(20))))
    job = study.start(plan, measures=False)
    await seen.until(lambda: bool(seen.updates))
    assert study.is_running
    reader = Study(tmp_path / "study")
    with pytest.raises(sv.ConfigurationError, match="being run by"):
        await Study(tmp_path / "study", make_client()).run(small_plan(songs), measures=False)
    grown = [len(reader.trials([TrialState.DONE]))]
    while grown[-1] < 20 and not job.done():
        # Every read is one more chance to meet a lock.
        grown.append(await asyncio.to_thread(lambda: len(reader.trials([TrialState.DONE]))))
    assert sorted(grown) == grown
    assert grown[-1] == 20
    assert reader.is_running
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert len(reader.trials([TrialState.DONE])) == 20
    assert not reader.is_running


async def test_an_interrupted_study_picks_up_what_it_sent_and_pays_for_nothing_twice(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    service: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = Notebook()
    study = Study(tmp_path / "study", make_client(max_streams=4, progress=seen))
    plan = Plan(songs[:1], ["jazz"], parameters=tagged(*map(str, range(12))))
    before = len(service.ledger)
    running = asyncio.ensure_future(study.run(plan, price=PRICE, measures=False))
    await seen.until(lambda: len(service.ledger) - before >= 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "Running the same cell again goes on" in capsys.readouterr().err
    await study.run(plan, price=PRICE, measures=False)
    # One whose POST was under way, and that the service had not named, may be paid: it stays reserved.
    unclear = states(study).get("unknown", 0)
    assert states(study)["done"] == 12 - unclear
    assert unclear <= 4
    assert len(service.ledger) - before <= 12
    assert study.spent == pytest.approx((12 - unclear) * PRICE)
    assert study.reserved == pytest.approx(unclear * PRICE)


async def test_audio_that_was_deleted_is_said_and_taken_from_where_it_was_fetched(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), measures=False)
    trial = study.trials()[0]
    (study.path / str(trial.file)).unlink()
    with pytest.raises(sv.ConfigurationError, match="is gone"):
        study.clip(trial.identity)
    before = len(service.ledger)
    await study.run(measures=False)
    assert study.clip(trial.identity).path.is_file()
    assert len(service.ledger) == before


async def test_reservations_beside_a_journal_that_is_gone_are_unknown_and_not_ordered_again(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    plan = small_plan(songs)
    await study.run(plan, price=PRICE, measures=False)
    identity = study.trials()[0].identity
    study._writing().settle(identity, TrialState.MISSING, charged=0)
    study._writing().reserve(identity, 100_000, None, journal="another machine's")
    before = len(service.ledger)
    study.client = make_client(journal=tmp_path / "new.sqlite3")
    await study.run(plan, price=PRICE, measures=False)
    assert states(study) == {"done": 1, "unknown": 1}
    assert len(service.ledger) == before


async def test_a_copied_study_is_the_same_study(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    expected = study.to_frame()
    study.close()
    shutil.copytree(tmp_path / "study", tmp_path / "copy")
    for song in songs:
        song.unlink()
    copied = Study(tmp_path / "copy", make_client())
    assert copied.to_frame().equals(expected)
    before = len(service.ledger)
    await copied.run(price=PRICE, measures=False)
    assert len(service.ledger) == before


async def test_stars_and_notes_land_in_the_frame(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), measures=False)
    first = study.trials()[0].identity
    study.mark(first, stars=4, note="good bass")
    frame = study.to_frame().set_index("identity")
    assert (frame["stars"][first], frame["note"][first]) == (4, "good bass")
    study.mark(first, stars=0)
    assert study.to_frame().set_index("identity")["stars"].isna().all()
    with pytest.raises(sv.ConfigurationError, match="stars=6"):
        study.mark(first, stars=6)


async def test_what_may_be_paid_is_ordered_again_at_the_users_word_and_counts_twice(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    plan = Plan(songs[:1], ["jazz"], parameters=tagged("lost", fault="cut_before_id", times=1))
    before = len(service.ledger)
    await study.run(plan, price=PRICE, measures=False)
    (lost,) = study.unknown
    await study.run(plan, price=PRICE, measures=False, order_again=[lost.identity])
    assert states(study) == {"done": 1}
    assert len(service.ledger) - before == 2
    assert (study.spent, study.reserved) == (pytest.approx(2 * PRICE), 0)


async def test_a_retry_that_died_before_it_was_sent_costs_nothing(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, service: Simulator
) -> None:
    study = Study(tmp_path / "study", make_client())
    plan = Plan(songs[:1], ["jazz"], parameters=tagged("broken", fault="failure"))
    await study.run(plan, price=PRICE, measures=False)
    (trial,) = study.trials()
    beside = trial.journal
    study._writing().reserve(trial.identity, 100_000, None, journal=beside)
    assert study.reserved == pytest.approx(PRICE)
    await study.run(plan, price=PRICE, measures=False)
    assert states(study) == {"failed": 1}
    assert (study.spent, study.reserved) == (pytest.approx(PRICE), 0)


async def test_a_changed_plan_is_said_before_anything_is_ordered(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    changes = study.changes(Plan(songs[:1], ["waltz", "dub"]))
    assert (len(changes.added), len(changes.kept), len(changes.orphaned)) == (1, 1, 1)
    capsys.readouterr()
    await study.run(Plan(songs[:1], ["waltz", "dub"]), price=PRICE, measures=False)
    said = capsys.readouterr().err
    assert said.index("1 added, 1 kept, 1 orphaned") < said.index("1 of 2 trials to order for 0.10")


async def test_a_plan_is_previewed_by_what_the_takes_there_are_say(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    study = Study(tmp_path / "study", make_client())
    plan = small_plan(songs, repeats=2)
    assert "SD" in repr(study.preview(plan))
    await study.run(plan, price=PRICE, measures=False)
    wider = Plan(songs[:1], ["jazz", "waltz", "dub"], repeats=4)
    shown = study.preview(wider, price=PRICE, metric="seconds")
    for said in ("8 added, 4 kept", "12 trials", "From 4 pilot takes", "1.20", "0.80 of it"):
        assert said in repr(shown)
        assert said in shown._repr_mimebundle_()["text/html"]
    # What a remix costs is known of the run.
    assert repr(study.preview(wider, metric="seconds")) == repr(shown)
    assert repr(study.precision("seconds")) == repr(study.precision("seconds", PRICE))


async def test_a_run_with_nothing_to_order_says_so_and_shows_no_progress(
    tmp_path: Path, songs: list[Path], make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    study = Study(tmp_path / "study", make_client())
    await study.run(small_plan(songs), price=PRICE, measures=False)
    capsys.readouterr()
    await study.run(small_plan(songs), price=PRICE, measures=False)
    assert "nothing to order of 2 trials; 2 done" in (said := capsys.readouterr().err)
    assert said.count("\n") == 1


class _Streams:
    """A display that counts, at the end of each batch, the orders' streams that are still in memory."""

    left: int | None = None

    def open(self, titles: list[str], cancel: Callable[[int | None], None]) -> None: ...

    def update(self, update: Any) -> None: ...

    def close(self) -> None:
        gc.collect()
        self.left = sum(type(each) in (RemixStream, RemixEvent) for each in gc.get_objects())


async def test_an_order_that_is_over_leaves_nothing_of_its_stream_in_memory(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    # A study of thousands would fill it with events that nobody asks for any longer.
    display = _Streams()
    plan = Plan(songs, ["jazz", "waltz"], repeats=3)
    await Study(tmp_path / "study", make_client(progress=display)).run(plan, measures=False)
    assert display.left == 0


async def test_in_a_notebook_what_is_as_it_should_be_is_not_said_on_the_error_stream(
    tmp_path: Path,
    songs: list[Path],
    make_client: MakeClient,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("soundverse_nb.displays.in_kernel", lambda: True)
    await Study(tmp_path / "study", make_client()).run(small_plan(songs), price=PRICE, measures=False)
    said = capsys.readouterr()
    assert "2 of 2 trials to order for 0.20" in said.out
    assert "to order" not in said.err


def test_every_way_to_run_a_study_names_the_same_settings() -> None:
    expected = list(inspect.signature(Study.run).parameters.values())
    for way in (Study.run_sync, Study.start):
        assert list(inspect.signature(way).parameters.values()) == expected


async def test_levels_come_in_the_order_of_the_plan_and_not_in_that_of_the_orders(
    tmp_path: Path, songs: list[Path], make_client: MakeClient
) -> None:
    prompts = ["waltz", "dub", "jazz", "folk"]
    for seed in (0, 1):
        study = Study(tmp_path / f"study {seed}", make_client())
        await study.run(Plan(songs[::-1], prompts, repeats=2, seed=seed), price=PRICE, measures=False)
        kept = Study(study.path).plan
        assert kept is not None
        assert list(kept.prompts) == prompts
        assert list(kept.references) == ["two", "one"]
        summary = study.summary("seconds", by="prompt")
        assert [cell.levels["prompt"] for cell in summary.cells] == prompts
