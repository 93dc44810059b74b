"""The pages about the project name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import soundverse_nb
from tools.badges import FOLDER, badges

ROOT = Path(__file__).parent.parent
# A path in backquotes or at the head of a line of the way: with a slash or an ending, without blanks.
_PATH = re.compile(r"(?:`|^    )((?:[\w.-]+/)*[\w.-]+(?:/|\.(?:py|js|md|pyi)))(?=[`\s,])", re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_is_there(page: str) -> None:
    named = _PATH.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(named) > 10
    missing = [
        name for name in named if not any((ROOT / top / name).exists() for top in ("", "soundverse_nb"))
    ]
    assert not missing


def test_the_badges_say_what_pyproject_says() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("badge-*.svg")}
    assert kept == badges()


def test_the_citation_is_of_this_version_and_licence() -> None:
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {soundverse_nb.__version__}" in lines
    assert "license: MIT" in lines
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
