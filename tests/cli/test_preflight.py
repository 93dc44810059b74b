"""soundverse-nb preflight: how a verdict reads in a terminal, whatever the file is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from soundverse_nb.cli.preflight import verdict_lines
from soundverse_nb.reference import AudioFacts, PreflightReport, Problem
from soundverse_nb.render.escape import one_line

AUDIO = AudioFacts(duration=31.4, size_bytes=497_000, format="mp3", sample_rate=44_100, channels=2)


def report(
    *problems: Problem, warnings: tuple[Problem, ...] = (), audio: AudioFacts | None = None
) -> PreflightReport:
    return PreflightReport("song.mp3", audio or AudioFacts(), problems=problems, warnings=warnings)


def problem(code: str, value: object = None, limit: object = None, hint: str = "Trim it.") -> Problem:
    return Problem(code, f"It is {code}.", value, limit, hint)


def test_a_good_song_is_one_line_with_what_it_is() -> None:
    assert verdict_lines("song.mp3", report(audio=AUDIO)) == [
        "PASS  song.mp3  (0:31, 497 kB, MP3, 44.1 kHz stereo)"
    ]


def test_a_problem_has_its_code_what_was_measured_the_limit_and_a_hint() -> None:
    lines = "\n".join(verdict_lines("long.mp3", report(problem("too_long", 370.25, 350.0), audio=AUDIO)))
    assert lines.startswith("FAIL  long.mp3")
    for part in ("too_long: It is too_long.", "measured 370.25, limit 350", "Trim it."):
        assert part in lines


def test_sizes_are_shown_to_the_byte() -> None:
    lines = "\n".join(verdict_lines("big.mp3", report(problem("too_large", 12_657_318, 10_485_760))))
    assert "measured 12,657,318, limit 10,485,760" in lines


@pytest.mark.parametrize(
    ("code", "audio", "value", "limit", "parts"),
    [
        ("too_short", {"duration": 79_999 / 8000}, 79_999 / 8000, 10.0,
         ["(9.9999 s", "measured 9.9999, limit 10"]),
        ("too_long", {"duration": 350 + 1 / 44_100}, 350 + 1 / 44_100, 350.0,
         ["(350.00002 s", "measured 350.00002, limit 350"]),
        ("too_large", {"size_bytes": 10_485_761}, 10_485_761, 10_485_760,
         ["(0:31, 10,485,761 bytes", "measured 10,485,761, limit 10,485,760"]),
        ("clipped", {}, 0.00034, 1e-4, ["measured 0.0003, limit 0.0001"]),
    ],
)  # fmt: skip
def test_what_was_measured_never_reads_like_the_limit_it_breaks(
    code: str, audio: dict[str, Any], value: float, limit: float, parts: list[str]
) -> None:
    measured = replace(AUDIO, **audio)
    lines = "\n".join(verdict_lines("s.mp3", report(problem(code, value, limit), audio=measured)))
    for part in parts:
        assert part in lines


def test_where_there_is_no_limit_none_is_named() -> None:
    lines = "\n".join(verdict_lines("s.mp3", report(warnings=(problem("mono", 1),), audio=AUDIO)))
    assert "measured" not in lines
    assert "limit" not in lines


def test_a_warning_does_not_fail_a_song() -> None:
    lines = verdict_lines("song.mp3", report(warnings=(problem("quiet"),), audio=AUDIO))
    assert lines[0].startswith("PASS")
    assert "note quiet" in lines[1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("song.mp3", "song.mp3"),
        ("Größe 夜.mp3", "Größe 夜.mp3"),
        ("two\nlines.mp3", r"two\nlines.mp3"),
        ("red\x1b[31m.mp3", r"red\x1b[31m.mp3"),
        ("a\u202egpj.mp3", r"a\u202egpj.mp3"),
        ("not-utf8\udcff.mp3", r"not-utf8\xff.mp3"),
        ("-rf", "-rf"),
    ],
)
def test_a_name_is_one_harmless_line_and_loses_nothing(name: str, shown: str) -> None:
    assert one_line(name) == shown


def test_colours_are_only_for_terminals() -> None:
    assert "\x1b" not in "".join(verdict_lines("song.mp3", report(problem("x"))))
    assert "\x1b[31mFAIL\x1b[0m" in verdict_lines("song.mp3", report(problem("x")), colours=True)[0]
