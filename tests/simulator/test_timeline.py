"""The stages of a job, field by field, and what faults make of them."""

from __future__ import annotations

import pytest

from soundverse_nb.simulator.faults import Fault
from soundverse_nb.simulator.timeline import RemixFacts, hold_of, position, stage_script, with_faults

SONG = RemixFacts(
    message_id="m-1",
    song_name="Remix Title",
    album_art="http://a/art",
    stream_url="http://a/s",
    audio_url="http://a/x",
)
STEPS = stage_script(SONG, hold=30.0)
RUNNING = {"message_id": "m-1", "isComplete": False}
READY = {"stream_url": "http://a/s", "streaming_ready": True, "version": 1}
FINISHED = {"message_id": "m-1", "isComplete": True, "status": "completed"}
NAMED = {"album_art": "http://a/art", "song_name": "Remix Title"}


def chunk(status: str, progress: int | None = None) -> dict[str, object]:
    found = [dict(s.chunk) for s in STEPS if s.status == status and s.progress == progress]
    assert len(found) == 1
    found[0].pop("chunkIndex")
    return found[0]


@pytest.mark.parametrize(
    ("status", "progress", "expected"),
    [
        ("validating", None, {"isComplete": False, "status": "validating"}),
        ("queued", None, {**RUNNING, "status": "queued", **NAMED}),
        ("starting", None, {**RUNNING, "status": "starting"}),
        ("initializing", None, {**RUNNING, "status": "initializing"}),
        ("uploading", None, {**RUNNING, "status": "uploading"}),
        ("streaming", 0, {**RUNNING, "status": "streaming", "progress": 0}),
        ("streaming", 50, {**RUNNING, "status": "streaming", "progress": 50}),
        ("streaming", 100, {**RUNNING, "status": "streaming", "progress": 100, **READY}),
        ("completed", 100, {**FINISHED, "audio_url": "http://a/x", **NAMED, "progress": 100}),
    ],
)
def test_each_stage_has_exactly_the_documented_fields_in_the_documented_order(status, progress, expected):
    assert list(chunk(status, progress).items()) == list(expected.items())


def test_chunk_index_counts_from_zero_without_gaps():
    assert [step.chunk["chunkIndex"] for step in STEPS] == list(range(len(STEPS)))


def test_progress_climbs_from_0_to_100():
    progress = [step.progress for step in STEPS if step.status == "streaming"]
    assert progress == sorted(set(progress))
    assert (progress[0], progress[-2], progress[-1]) == (0, 90, 100)


def test_the_hold_lies_between_90_and_100():
    at = {step.progress: step.at for step in STEPS if step.status == "streaming"}
    assert at[100] - at[90] == pytest.approx(30.0)
    longer = {step.progress: step.at for step in stage_script(SONG, hold=600.0)}
    assert longer[90] == pytest.approx(at[90])


def test_a_remix_takes_about_a_hundred_seconds_at_speed_1():
    assert 80 <= STEPS[-1].at <= 120


@pytest.mark.parametrize(("elapsed", "said"), [(0.0, 1), (0.49, 1), (0.5, 2), (1e9, len(STEPS))])
def test_what_stands_follows_from_the_time_that_passed(elapsed, said):
    assert position(STEPS, elapsed) == said


@pytest.mark.parametrize(
    ("faults", "hold"),
    [([], 30.0), (["slow_hold"], 600.0), ([Fault("slow_hold", seconds=5.0)], 5.0), (["failure"], 30.0)],
)
def test_a_slow_hold_replaces_the_usual_one(faults, hold):
    given = [Fault(one) if isinstance(one, str) else one for one in faults]
    assert hold_of(given, 30.0) == hold


def told(name: str) -> list[dict[str, object]]:
    return [dict(step.chunk) for step in with_faults(STEPS, [Fault(name)])]


@pytest.mark.parametrize(("name", "progress"), [("failure", 50), ("failure_at_90", 90)])
def test_a_failure_is_the_last_chunk_and_carries_error_and_operation(name, progress):
    chunks = told(name)
    assert chunks[-1]["status"] == "failed"
    assert chunks[-1]["isComplete"] is True
    assert chunks[-1]["error"]
    assert chunks[-1]["operation"] == "remix_song"
    assert chunks[-1]["message_id"] == "m-1"
    assert chunks[-2]["progress"] == progress
    assert [one["chunkIndex"] for one in chunks] == list(range(len(chunks)))


@pytest.mark.parametrize(
    ("name", "audio_url"),
    [
        ("no_audio_url", None),
        ("audio_file_url", "file:///etc/passwd"),
        ("audio_relative_url", "/storage/remixes/song.mp3"),
    ],
)
def test_faults_of_the_audio_url_change_that_field_alone(name, audio_url):
    last = told(name)[-1]
    assert last.get("audio_url") == audio_url
    assert last["status"] == "completed"


def test_unknown_statuses_stand_where_known_ones_were():
    statuses = {one["status"] for one in told("unknown_status")}
    assert {"warming_up", "polishing"} <= statuses
    assert "completed" in statuses


def test_progress_can_fall_back_and_be_fractional():
    falling = [one["progress"] for one in told("progress_backwards") if "progress" in one]
    assert falling != sorted(falling)
    fractions = [one["progress"] for one in told("fractional_progress") if "progress" in one]
    assert any(isinstance(value, float) and value % 1 for value in fractions)


def test_odd_fields_are_null_wrongly_typed_and_unheard_of():
    chunks = told("odd_fields")
    assert chunks[0]["message_id"] is None
    assert isinstance(chunks[0]["trace"], dict)
    assert any(isinstance(one.get("progress"), str) for one in chunks)
    assert any(isinstance(one["chunkIndex"], str) for one in chunks)
    assert chunks[-1]["audio_url"] == "http://a/x"


def test_markup_puts_script_into_the_name_and_into_the_art():
    queued = told("markup")[1]
    assert "<script>" in str(queued["song_name"])
    assert str(queued["album_art"]).startswith("javascript:")
