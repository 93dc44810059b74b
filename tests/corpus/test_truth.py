"""The truth that songs are held against: two builds of FFmpeg count the same samples."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe
from tests.corpus.truth import seconds_by_program, tolerance, true_seconds

if TYPE_CHECKING:
    from tests.corpus.fixture import Corpus

pytest_plugins = ["tests.corpus.fixture"]

_ONE_OF_EACH = (
    "wav-PCM_24.wav", "flac-24.flac", "vorbis-stereo.ogg", "opus-mono.opus", "mp3-vbr.mp3",
    "mp3-vbr-no-xing.mp3", "mp3-vbri.mp3", "aac-44k-stereo.m4a", "aac-itunes.m4a", "opus.webm", "wma2.wma",
    "two-links.ogg", "claims-5s.mp3", "cut-at-45-percent.flac", "text.mp3",
)  # fmt: skip


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg program")
@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in all_recipes() if recipe.name in _ONE_OF_EACH],
    ids=lambda recipe: recipe.label,
)
def test_the_program_and_the_libraries_decode_the_same_length(corpus: Corpus, recipe: Recipe) -> None:
    path = corpus.case(recipe).path
    by_program = seconds_by_program(path)
    expected = None if by_program is None else pytest.approx(by_program, abs=tolerance(path, 1e-4))
    assert true_seconds(path) == expected


def test_the_corpus_has_the_files_it_promises() -> None:
    recipes = all_recipes()
    assert len(recipes) >= 250
    assert {recipe.group for recipe in recipes} == {
        "plain", "boundary", "size", "truncated", "lying", "streamed", "chained", "bomb", "junk", "name"
    }  # fmt: skip
