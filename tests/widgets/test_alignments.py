"""What the player's page is told of which second of a take is which of another."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.analysis import AlignedSegment, Alignment, Difference, Features, cache, kept
from soundverse_nb.measures.difference import NullRange
from soundverse_nb.widgets import alignments
from soundverse_nb.widgets.alignments import align, known_alignment
from soundverse_nb.widgets.player import Player
from soundverse_nb.widgets.takes import Take, read_take

INTRO, FASTER = 4.0, 1.125


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "cache", cache.MeasureCache(tmp_path / "measures"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> cache.MeasureCache:
    """What was measured of the takes below, by whichever test came first: it takes seconds."""
    return cache.MeasureCache(tmp_path_factory.mktemp("measures"))


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    """The example song, and the same faster and higher after an introduction."""
    faster = tmp_path_factory.mktemp("takes") / "faster.wav"
    song, rate = soundfile.read(sv.example_song())
    mono = song.mean(axis=1)
    noise = 0.02 * np.random.default_rng(3).standard_normal(round(INTRO * rate))
    quick = np.interp(np.arange(0, len(mono) - 1, FASTER), np.arange(len(mono)), mono)
    soundfile.write(faster, np.concatenate([noise, quick]), rate)
    return [
        read_take("Original", sv.Clip(sv.example_song()), "#000"),
        read_take("Faster", sv.Clip(faster), "#000"),
    ]


def named(*labels: str, problems: tuple[str, ...] = ()) -> list[Take]:
    problem = dict(zip(labels, problems, strict=False))
    return [
        Take(label, sv.Clip(sv.example_song()), "#000", problem=problem.get(label, "")) for label in labels
    ]


def found(**fields: Any) -> Difference:
    segments = (AlignedSegment(reference=(0.0, 10.0), remix=(4.0, 12.00049)),)
    known = {"tune_kept": 0.9, "alignment": Alignment(segments=segments), **fields}
    return Difference.unknown().model_copy(update=known)


def compared(monkeypatch: pytest.MonkeyPatch, *entries: Any, **features: Any) -> None:
    """Let comparing takes give these."""
    first = Features.unknown().model_copy(update={"bars": (0.5, 2.5004), **features})
    monkeypatch.setattr(alignments, "compare_all", lambda pairs, progress: list(entries))
    monkeypatch.setattr(alignments, "analyse", lambda clip: first)


def test_takes_of_one_song_are_aligned_and_then_known_at_once(
    takes: list[Take], measured: cache.MeasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known_alignment(takes) == {}
    monkeypatch.setattr(kept, "cache", measured)
    state = align(takes)
    json.dumps(state)  # it travels so
    (segment,) = state["takes"][1]["segments"]
    expected = INTRO + np.array(segment["reference"]) / FASTER
    assert np.abs(np.array(segment["take"]) - expected).max() < 0.1
    assert state["reference"] == 0
    assert np.diff(state["bars"]) == pytest.approx(2.4, abs=0.08)
    assert [take["problem"] for take in state["takes"]] == ["", ""]
    assert known_alignment(takes) == state


def test_numbers_travel_in_milliseconds_and_the_note_says_what_is_assumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared(monkeypatch, found(), reasons={"bars": "Bars of four beats are assumed."})
    state = align(named("Original", "Remix"))
    assert state == {
        "reference": 0,
        "takes": [
            {"segments": [], "problem": ""},
            {"segments": [{"reference": [0.0, 10.0], "take": [4.0, 12.0]}], "problem": ""},
        ],
        "bars": [0.5, 2.5],
        "note": "Bars of four beats are assumed.",
    }


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (found(tune_kept=0.1), "Remix and Original have no tune in common."),
        (found(tune_kept=0.3, tune_null=NullRange(low=0, high=0.4, count=9)), "have no tune in common."),
        (found(alignment=Alignment()), "have no tune in common."),
        (
            found(tune_kept=math.nan, reasons={"tune_kept": "cannot be told: the remix is silent"}),
            "Whether Remix and Original have a tune in common cannot be told: the remix is silent.",
        ),
        (sv.SoundverseError("It broke."), "Remix cannot be measured: It broke."),
    ],
)
def test_where_no_take_can_be_aligned_it_is_said_why(
    monkeypatch: pytest.MonkeyPatch, entry: Any, said: str
) -> None:
    compared(monkeypatch, entry)
    with pytest.raises(sv.ConfigurationError) as refused:
        align(named("Original", "Remix"))
    assert said in refused.value.message


def test_one_take_without_the_tune_keeps_no_other_from_being_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    compared(monkeypatch, found(tune_kept=0.1), found())
    state = align(named("Original", "Noise", "Remix"))
    assert [bool(take["segments"]) for take in state["takes"]] == [False, False, True]
    assert state["takes"][1]["problem"] == "Noise and Original have no tune in common."


def test_a_single_take_has_bars_to_loop(
    takes: list[Take], measured: cache.MeasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "cache", measured)
    state = align(takes[:1])
    assert len(state["bars"]) > 5
    assert state["takes"] == [{"segments": [], "problem": ""}]


def test_the_first_take_that_can_be_played_is_the_one_that_others_are_held_against(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared(monkeypatch, found())
    state = align(named("Junk", "Original", "Remix", problems=("It is no song.",)))
    assert state["reference"] == 1
    assert state["takes"][0] == {"segments": [], "problem": "It is no song."}
    assert state["takes"][2]["segments"]


class _Asked(Player):
    """A player whose answers are kept instead of sent."""

    def send(self, content: object, buffers: object = None) -> None:
        self.__dict__.setdefault("answers", []).append(content)


def test_the_page_that_asks_is_answered_and_every_page_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    compared(monkeypatch, found())
    player = _Asked(lambda: named("Original", "Remix"), "svp-test")
    player._answer({"request": "1", "want": "alignment"})
    (answer,) = player.__dict__["answers"]
    assert answer["request"] == "1"
    assert answer["alignment"] == player.alignment
    assert player.alignment["takes"][1]["segments"]


def test_the_page_is_told_in_words_that_there_is_no_common_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    compared(monkeypatch, found(tune_kept=0.1))
    player = _Asked(lambda: named("Original", "Remix"), "svp-test")
    player._answer({"request": "1", "want": "alignment"})
    (answer,) = player.__dict__["answers"]
    assert answer["problem"] == "Remix and Original have no tune in common."
    assert player.alignment == {}


def test_a_player_of_takes_that_were_compared_before_knows_so_from_the_start(
    takes: list[Take], measured: cache.MeasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "cache", measured)
    state = align(takes)
    may_read = threading.Event()

    def read() -> list[Take]:
        assert may_read.wait(60)
        return takes

    before = set(threading.enumerate())
    player = _Asked(read, "svp-test")
    # Threads of others may begin at any moment.
    begun = set(threading.enumerate()) - before
    (reading,) = [thread for thread in begun if thread.name == "soundverse-player"]
    may_read.set()
    reading.join(60)
    assert player.alignment == state


def test_whether_there_is_a_kernel_is_asked_and_never_answered() -> None:
    player = _Asked(lambda: named("Original"), "svp-test")
    player._asked(player, {"want": "nothing"}, [])
    player._answer({"request": "1", "want": "outline", "take": 0})
    assert [answer["request"] for answer in player.__dict__["answers"]] == ["1"]
