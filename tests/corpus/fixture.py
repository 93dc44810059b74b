"""The corpus as a pytest plugin: files are written when a test first asks for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus.build import build_one
from tests.corpus.case import Case, Recipe
from tests.corpus.truth import true_seconds


class Corpus:
    """Files by recipe, and how long they really are; each is made and decoded at most once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seconds: dict[Path, float | None] = {}

    def case(self, recipe: Recipe) -> Case:
        return build_one(recipe, self._directory)

    def true_seconds(self, case: Case) -> float | None:
        """By a full decode that knows nothing of the package; 400 at most, None without sound."""
        if case.path not in self._seconds:
            self._seconds[case.path] = true_seconds(case.path)
        return self._seconds[case.path]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    directory = tmp_path_factory.mktemp("corpus")
    yield Corpus(directory)
    shutil.rmtree(directory, ignore_errors=True)
