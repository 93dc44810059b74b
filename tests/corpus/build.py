"""Build the corpus: the same files each time, in a directory of the caller's."""

from __future__ import annotations

import os
from pathlib import Path

from tests.corpus import boundaries, broken, debian, hostile, plain
from tests.corpus.case import Case, Recipe


def all_recipes() -> list[Recipe]:
    """Every file of the corpus; those that need the ffmpeg program only where it is installed."""
    found = [
        *plain.recipes(),
        *boundaries.recipes(),
        *broken.recipes(),
        *hostile.recipes(),
        *debian.recipes(),
    ]
    places = [(recipe.group, recipe.name) for recipe in found]
    assert len(places) == len(set(places)), "two files of the corpus have one name"
    return found


def build_one(recipe: Recipe, directory: Path) -> Case:
    """Write one file below `directory`, in its group's folder, unless it is there already."""
    path = directory / recipe.group / recipe.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        part = path.parent / f".part{os.getpid()}"
        recipe.write(part)
        part.replace(path)
    return Case(path, recipe.group, recipe.is_sound)


def build_corpus(directory: Path) -> list[Case]:
    """Write all files below `directory`."""
    return [build_one(recipe, directory) for recipe in all_recipes()]
