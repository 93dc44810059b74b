"""Preflight's verdicts on the whole corpus, held against a full decode.

On lengths the two may differ only where preflight itself says that the limit is too near to tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import soundverse_nb as sv
from soundverse_nb.reference import check
from tests.corpus.boundaries import LARGEST
from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe

if TYPE_CHECKING:
    from tests.corpus.fixture import Corpus

pytest_plugins = ["tests.corpus.fixture"]

_RECIPES = all_recipes()
_LENGTH_RULES = {"too_short", "too_long"}
_NO_SOUND = {"empty", "not_audio", "no_audio_stream", "truncated", "unreadable", "damaged"}
# Decoders themselves differ here: FFmpeg does not read the AIFF that its own program writes into a pipe.
_DECODERS_DISAGREE = {"debian-pipe.aiff"}
_AGREED = [recipe for recipe in _RECIPES if recipe.name not in _DECODERS_DISAGREE]

every_file = pytest.mark.parametrize("recipe", _AGREED, ids=lambda recipe: recipe.label)
either_way = pytest.mark.parametrize("quick", [False, True], ids=["decoded", "quick"])


@pytest.fixture(scope="module", autouse=True)
def _time_to_decode() -> Iterator[None]:
    """On a busy machine preflight counts packets instead of decoding them; here it is to decode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "TIME_LIMIT", 60.0)
        yield


@cache
def _report(path: Path, quick: bool) -> sv.PreflightReport:
    """Each file is judged once each way, and looked at by several tests.

    Where the header does not tell, a quick look decodes as the other does; that once is enough.
    """
    if quick:
        return check.header_report(path, sv.Limits()) or _report(path, False)
    return sv.preflight(path)


def _codes(report: sv.PreflightReport) -> set[str]:
    return {problem.code for problem in report.problems}


def _right_length_rules(seconds: float) -> set[str]:
    if seconds < 10.0:
        return {"too_short"}
    return {"too_long"} if seconds > 350.0 else set()


@either_way
@every_file
def test_no_verdict_on_a_length_differs_from_a_full_decode(
    corpus: Corpus, recipe: Recipe, quick: bool
) -> None:
    case = corpus.case(recipe)
    seconds = corpus.true_seconds(case)
    report = _report(case.path, quick)
    codes = _codes(report)
    if seconds is None:
        assert not report.ok
        assert codes & _NO_SOUND, codes
        return
    # A float sum of frames may miss a limit by its last digit.
    expected = _right_length_rules(round(seconds, 6))
    if codes & _LENGTH_RULES != expected:
        assert "borderline" in {warning.code for warning in report.warnings}, (codes, seconds)
        assert min(abs(seconds - 10.0), abs(seconds - 350.0)) <= 0.05


@either_way
@pytest.mark.parametrize(
    "recipe", [recipe for recipe in _RECIPES if recipe.is_sound], ids=lambda recipe: recipe.label
)
def test_a_sound_file_fails_for_nothing_but_its_length_or_size(
    corpus: Corpus, recipe: Recipe, quick: bool
) -> None:
    report = _report(corpus.case(recipe).path, quick)
    assert _codes(report) <= _LENGTH_RULES | {"too_large"}


@either_way
@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in _RECIPES if recipe.group in ("plain", "boundary", "size", "streamed")],
    ids=lambda recipe: recipe.label,
)
def test_a_reported_length_is_the_decoded_one(corpus: Corpus, recipe: Recipe, quick: bool) -> None:
    case = corpus.case(recipe)
    seconds = corpus.true_seconds(case)
    duration = _report(case.path, quick).audio.duration
    if seconds is None or seconds > 351:
        return
    assert duration is not None
    assert math.isclose(duration, seconds, abs_tol=0.001)


@either_way
@pytest.mark.parametrize(
    "recipe", [recipe for recipe in _RECIPES if recipe.group == "size"], ids=lambda recipe: recipe.label
)
def test_the_size_limit_is_exact_to_the_byte(corpus: Corpus, recipe: Recipe, quick: bool) -> None:
    case = corpus.case(recipe)
    size = case.path.stat().st_size
    assert size in (LARGEST, LARGEST + 1)
    assert ("too_large" in _codes(_report(case.path, quick))) == (size > LARGEST)


@pytest.mark.parametrize(
    "recipe",
    [
        recipe
        for recipe in _RECIPES
        # An MP3 without a header announces nothing, so nothing is missing from it.
        if recipe.group == "truncated" and "percent" in recipe.name and "noxing" not in recipe.name
    ],
    ids=lambda recipe: recipe.label,
)
def test_a_file_that_misses_a_twentieth_or_more_does_not_pass(corpus: Corpus, recipe: Recipe) -> None:
    assert not _report(corpus.case(recipe).path, False).ok


@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in _RECIPES if recipe.name.startswith("last-byte") and "noxing" not in recipe.name],
    ids=lambda recipe: recipe.label,
)
def test_a_file_that_misses_its_last_byte_is_truncated(corpus: Corpus, recipe: Recipe) -> None:
    assert _codes(_report(corpus.case(recipe).path, False)) == {"truncated"}


@either_way
@pytest.mark.parametrize(
    "recipe", [recipe for recipe in _RECIPES if "then-opus" in recipe.name], ids=lambda recipe: recipe.label
)
def test_a_song_that_goes_on_in_another_coding_is_damaged(
    corpus: Corpus, recipe: Recipe, quick: bool
) -> None:
    assert "damaged" in _codes(_report(corpus.case(recipe).path, quick))
