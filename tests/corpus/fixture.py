"""The corpus as a pytest plugin: files are written when a test first asks for them.

The processes of one test run share them. Where SOUNDVERSE_NB_TEST_CORPUS names a directory they are kept
there for later runs, too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from tests.corpus.build import build_one
from tests.corpus.case import Case, Recipe
from tests.corpus.truth import true_seconds


class Corpus:
    """Files by recipe, and how long they really are; each is made and decoded at most once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._notes = directory / f".seconds-by-av-{av.__version__}"
        self._notes.mkdir(parents=True, exist_ok=True)
        self._seconds: dict[Path, float | None] = {}

    def case(self, recipe: Recipe) -> Case:
        with self._alone(self._directory / recipe.group / recipe.name):
            return build_one(recipe, self._directory)

    def true_seconds(self, case: Case) -> float | None:
        """By a full decode that knows nothing of the package; 400 at most, None without sound."""
        if case.path not in self._seconds:
            with self._alone(case.path) as name:
                note = self._notes / name
                if not note.exists():
                    note.write_text(repr(true_seconds(case.path)))
                told = note.read_text()
            self._seconds[case.path] = None if told == "None" else float(told)
        return self._seconds[case.path]

    @contextmanager
    def _alone(self, path: Path) -> Iterator[str]:
        """Keep other processes from the same file meanwhile; gives a short name for it."""
        name = hashlib.sha256(os.fsencode(path.relative_to(self._directory))).hexdigest()[:24]
        with open(self._notes / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield name


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    kept = os.environ.get("SOUNDVERSE_NB_TEST_CORPUS")
    if kept:
        yield Corpus(Path(kept))
        return
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "corpus"
    directory.mkdir(exist_ok=True)
    with open(directory / ".users", "w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield Corpus(directory)
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # another process still needs it, and will clean up
        shutil.rmtree(directory, ignore_errors=True)
