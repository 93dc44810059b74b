"""The rules, as a table: which facts break which rule."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pytest

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.reference import AudioFacts, Limits
from soundverse_nb.reference.rules import problems_of, warnings_of

GOOD = AudioFacts(
    duration=180.0, size_bytes=4_000_000, format="mp3", codec="mp3", channels=2, sample_rate=44100, peak=0.9,
    loudness=-12.0, clipped=0, not_finite=0, heard_seconds=180.0,
)  # fmt: skip


def problems(**facts: Any) -> list[str]:
    return [problem.code for problem in problems_of(replace(GOOD, **facts), Limits(), "sv.repair('x')")]


def warnings(path: str | None = None, **facts: Any) -> list[str]:
    place = None if path is None else PurePath(path)
    facts.setdefault("heard_seconds", facts.get("duration", GOOD.duration))
    return [w.code for w in warnings_of(replace(GOOD, **facts), Limits(), "sv.repair('x')", place)]


def test_a_good_song_breaks_no_rule() -> None:
    assert problems() == []
    assert warnings("song.mp3") == []


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({"size_bytes": 10_485_760}, []),
        ({"size_bytes": 10_485_761}, ["too_large"]),
        ({"size_bytes": None}, []),
        ({"duration": 10.0}, []),
        ({"duration": 9.999}, ["too_short"]),
        ({"duration": 350.0}, []),
        ({"duration": 350.001}, ["too_long"]),
        ({"duration": 2e14}, ["too_long"]),
        ({"duration": 5.0, "size_bytes": 20_000_000}, ["too_large", "too_short"]),
        ({"missing_bytes": 5000}, ["truncated"]),
        ({"missing_seconds": 3.0}, ["truncated"]),
        ({"missing_bytes": 5000, "damage": "bits"}, ["truncated"]),
        ({"damage": "bits"}, ["damaged"]),
        ({"not_finite": 1}, ["not_finite"]),
        ({"peak": 0.0}, ["silent"]),
        ({"peak": 0.0002}, ["silent"]),
        ({"peak": 0.001}, []),
        ({"peak": None}, []),
        ({"peak": 0.0, "heard_seconds": 179.98}, ["silent"]),
        ({"peak": 0.0, "heard_seconds": 100.0}, []),
        ({"peak": 0.0, "is_part": True}, []),
        ({"peak": 0.0, "duration": 350.1, "heard_seconds": 350.1, "goes_on": True}, ["too_long"]),
    ],
)
def test_what_fails_a_song(facts: dict[str, Any], codes: list[str]) -> None:
    assert problems(**facts) == codes


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({"duration": 10.05}, ["borderline"]),
        ({"duration": 9.95}, ["borderline"]),
        ({"duration": 10.051}, []),
        ({"duration": 350.0}, ["borderline"]),
        ({"duration": 349.949}, []),
        ({"clipped": 180 * 88200 // 1000}, ["clipped"]),
        ({"clipped": 100}, []),
        ({"loudness": -40.0}, ["very_quiet"]),
        ({"loudness": -math.inf}, ["very_quiet"]),
        ({"loudness": -40.0, "peak": 0.0}, []),
        ({"channels": 1}, ["mono"]),
        ({"channels": 6}, ["multichannel"]),
        ({"sample_rate": 22050}, ["low_sample_rate"]),
        ({"heard_seconds": 60.0}, ["partly_heard"]),
    ],
)
def test_what_is_worth_knowing_and_fails_nothing(facts: dict[str, Any], codes: list[str]) -> None:
    assert warnings(**facts) == codes


@pytest.mark.parametrize(
    ("path", "kind", "codes"),
    [
        ("song.mp3", "wav", ["extension_mismatch"]),
        ("song.MP3", "mp3", []),
        ("song.m4a", "mp4", []),
        ("song.opus", "ogg", []),
        ("song.aac", "adts", []),
        ("song", "wav", []),
        ("song.backup", "wav", []),
        (None, "wav", []),
    ],
)
def test_a_name_that_promises_another_format_is_noticed(
    path: str | None, kind: str, codes: list[str]
) -> None:
    assert warnings(path, format=kind) == codes


def test_a_problem_names_value_limit_and_the_call_that_repairs_it() -> None:
    (problem,) = problems_of(replace(GOOD, duration=400.0), Limits(), "sv.repair('a.mp3')")
    assert (problem.value, problem.limit) == (400.0, 350.0)
    assert "400 s" in problem.message
    assert "350 s" in problem.message
    assert "sv.repair('a.mp3')" in problem.hint


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (79_999 / 8000, "The song lasts 9.9999 s; the service takes 10 s or more."),
        (350 + 1 / 44_100, "The song lasts 350.00002 s; the service takes at most 350 s."),
        (math.nextafter(10, 0), "The song lasts 9.999999999999998 s; the service takes 10 s or more."),
        (1.25, "The song lasts 1.25 s; the service takes 10 s or more."),
    ],
)
def test_a_length_never_reads_like_the_limit_it_breaks(duration: float, said: str) -> None:
    (problem,) = problems_of(replace(GOOD, duration=duration), Limits(), "")
    assert problem.message == said


def test_a_limit_with_many_digits_is_said_with_all_of_them() -> None:
    (problem,) = problems_of(replace(GOOD, duration=350.00015), Limits(max_seconds=350.0001), "")
    assert problem.message == "The song lasts 350.0002 s; the service takes at most 350.0001 s."


def test_a_borderline_length_reads_other_than_the_limit_unless_it_is_the_limit() -> None:
    near, at = (
        next(w for w in warnings_of(replace(GOOD, duration=d), Limits(), "", None) if w.code == "borderline")
        for d in (79_999 / 8000, 10.0)
    )
    assert near.message.startswith("9.9999 s is so near to the limit of 10 s")
    assert at.message.startswith("10 s is the limit itself")


@pytest.mark.parametrize(("duration", "is_mendable"), [(9.5, True), (9.0, True), (8.9, False), (1.0, False)])
def test_only_what_can_be_repaired_names_a_call(duration: float, is_mendable: bool) -> None:
    (problem,) = problems_of(replace(GOOD, duration=duration), Limits(), "sv.repair('a.mp3')")
    assert ("sv.repair" in problem.hint) == is_mendable


@pytest.mark.parametrize("facts", [{"channels": 1}, {"channels": 6}, {"format": "wav"}])
def test_what_has_no_limit_names_none(facts: dict[str, Any]) -> None:
    (warning,) = warnings_of(replace(GOOD, **facts), Limits(), "", PurePath("song.mp3"))
    assert warning.limit is None


def test_other_limits_may_be_set() -> None:
    facts = replace(GOOD, duration=60.0)
    assert [p.code for p in problems_of(facts, Limits(max_seconds=30.0), "")] == ["too_long"]


@pytest.mark.parametrize(
    "limits", [{"min_seconds": -1}, {"max_seconds": math.nan}, {"min_seconds": 20, "max_seconds": 10}]
)
def test_limits_that_are_none_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Limits(**limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "is_said"),
    [
        ({}, False),
        ({"duration": 400.0, "heard_seconds": 350.1}, True),
        ({"duration": 350.1, "heard_seconds": 350.1, "goes_on": True}, True),
        ({"is_part": True}, True),
        ({"duration": 400.0, "heard_seconds": 350.1, "peak": 0.1}, False),
    ],
)
def test_silence_is_said_of_what_was_heard_only(facts: dict[str, Any], is_said: bool) -> None:
    assert ("silent_start" in warnings(**{"peak": 0.0, **facts})) == is_said
