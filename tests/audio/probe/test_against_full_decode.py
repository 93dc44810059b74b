"""The probe against a full decode of the whole corpus: right, or silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soundverse_nb.audio.probe import Probed, Untrusted, probe_file
from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe
from tests.corpus.truth import STOP_SECONDS

if TYPE_CHECKING:
    from tests.corpus.fixture import Corpus

pytest_plugins = ["tests.corpus.fixture"]

_RECIPES = all_recipes()

# Sound files whose headers carry no length that can be proven, by how their names begin.
_LEFT_TO_DECODERS = (
    "wav-MS_ADPCM",
    "wav-w64",
    "wav-mp3-inside",
    "au.",
    "caf.",
    "ogg-flac",
    "aac-low-rate",
    "aac-fragmented",
    "aac-two-tracks",
    "mp3-inside",
    "mp3.mkv",
    "opus-inside",
    "opus.webm",
    "vorbis.webm",
    "aac.mka",
    "wma",
    "aac.aac",
    "ac3",
    "mp2",
    "wavpack",
    "tta",
    "debian-speex",
    "debian-vorbis.webm",
    "debian-wma1",
    "debian-adpcm",
)


def _answer(corpus: Corpus, recipe: Recipe) -> Probed | Untrusted:
    path = corpus.case(recipe).path
    with open(path, "rb") as file:
        return probe_file(file, path.stat().st_size)


@pytest.mark.parametrize("recipe", _RECIPES, ids=lambda recipe: recipe.label)
def test_what_a_probe_answers_is_what_a_full_decode_counts(corpus: Corpus, recipe: Recipe) -> None:
    answer = _answer(corpus, recipe)
    if isinstance(answer, Untrusted):
        assert answer.reason.endswith(".")
        return
    case = corpus.case(recipe)
    truth = corpus.true_seconds(case)
    assert truth is not None, f"{answer}, and nothing can be decoded"
    expected = pytest.approx(min(truth, STOP_SECONDS), abs=1e-4)
    assert min(answer.duration, STOP_SECONDS) == expected


@pytest.mark.parametrize(
    "recipe",
    [
        recipe
        for recipe in _RECIPES
        if recipe.is_sound
        and not recipe.name.startswith(_LEFT_TO_DECODERS)
        and not recipe.name.endswith((".webm", ".wma", ".aac"))
    ],
    ids=lambda recipe: recipe.label,
)
def test_a_sound_header_is_believed(corpus: Corpus, recipe: Recipe) -> None:
    assert isinstance(_answer(corpus, recipe), Probed)


@pytest.mark.parametrize(
    "recipe",
    [recipe for recipe in _RECIPES if recipe.group == "truncated"],
    ids=lambda recipe: recipe.label,
)
def test_a_cut_file_is_never_believed(corpus: Corpus, recipe: Recipe) -> None:
    assert isinstance(_answer(corpus, recipe), Untrusted)
