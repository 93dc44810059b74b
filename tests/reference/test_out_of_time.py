"""Out of time the length is not decoded any more: it must still lead to the same verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import soundverse_nb as sv
from soundverse_nb.audio import decoding
from soundverse_nb.audio.decoding import WorkClock
from tests.audio.songs import file_of, tone
from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe

if TYPE_CHECKING:
    from tests.corpus.fixture import Corpus

pytest_plugins = ["tests.corpus.fixture"]

_LENGTH_RULES = {"too_short", "too_long"}
# At 10 s the cheap lengths of the limits stand, and 12 s songs of every flavour.
_SOUND = [
    recipe
    for recipe in all_recipes()
    if recipe.is_sound
    and (recipe.group == "plain" or (recipe.group == "boundary" and not recipe.name.startswith("3")))
]


class _Time:
    """A clock that the test turns; in place of the `time` module."""

    def __init__(self) -> None:
        self.work = self.wall = 0.0

    def thread_time(self) -> float:
        return self.work

    def monotonic(self) -> float:
        return self.wall


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Time:
    turned = _Time()
    monkeypatch.setattr(decoding, "time", turned)
    return turned


@pytest.mark.parametrize(
    ("work", "wall", "is_up"),
    [
        (0.5, 0.5, False),
        (1.01, 1.01, True),
        (0.4, 1e6, False),  # a busy machine kept it waiting
        (0.6, 5.9, False),
        (0.6, 6.1, True),  # half of the work, and more patience than anybody has
    ],
)
def test_work_ends_a_hearing_and_waiting_hardly_ever(
    clock: _Time, work: float, wall: float, is_up: bool
) -> None:
    watch = WorkClock(1.0)
    clock.work, clock.wall = work, wall
    assert watch.is_up() == is_up


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkClock, "is_up", lambda self: True)


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("recipe", _SOUND, ids=lambda recipe: recipe.label)
def test_out_of_time_a_sound_song_gets_the_verdict_of_a_full_decode(corpus: Corpus, recipe: Recipe) -> None:
    case = corpus.case(recipe)
    seconds = corpus.true_seconds(case)
    assert seconds is not None
    report = sv.preflight(case.path)
    codes = {problem.code for problem in report.problems}
    warnings = {warning.code for warning in report.warnings}
    assert codes <= _LENGTH_RULES
    assert ("too_short" in codes) == (round(seconds, 6) < 10.0) or "borderline" in warnings
    assert report.audio.heard_seconds is not None
    assert "partly_heard" in warnings or report.audio.heard_seconds >= seconds - 0.001


@pytest.mark.usefixtures("no_time")
def test_out_of_time_a_proven_header_tells_the_length_to_the_sample() -> None:
    song = file_of(tone(30.25), kind="OGG", subtype="VORBIS")
    assert sv.preflight(song).audio.duration == 30.25


@pytest.mark.usefixtures("no_time")
def test_out_of_time_a_header_that_lies_is_not_asked() -> None:
    song = bytearray(file_of(tone(30.0), kind="FLAC"))
    at = song.index(b"fLaC") + 18
    claim = int.from_bytes(song[at : at + 8], "big") >> 36 << 36 | 400 * 44_100
    song[at : at + 8] = claim.to_bytes(8, "big")
    assert sv.preflight(bytes(song)).audio.duration == pytest.approx(30.0, abs=0.2)
