"""What mybinder.org builds from fits what the package asks for; CI runs the build itself."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent.parent / "binder"


def pins() -> dict[str, str]:
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in wanted if not re.fullmatch(r"[A-Za-z0-9_.-]+==[^=\s]+", line)] == []
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in wanted)}


def test_the_interpreter_is_one_that_the_package_supports() -> None:
    assert (FOLDER / "runtime.txt").read_text().strip() in ("python-3.11", "python-3.12", "python-3.13")


@pytest.mark.parametrize("extra", ["", "lab", "archive", "hosting"])
def test_everything_the_notebooks_need_is_pinned_and_new_enough(extra: str) -> None:
    pinned = pins()
    needed = [Requirement(text) for text in requires("soundverse_nb") or []]
    # Without an extra a marker such as `extra == "lab"` is false.
    needed = [r for r in needed if r.marker is None or r.marker.evaluate({"extra": extra})]
    assert needed
    wrong = [str(r) for r in needed if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))]
    assert wrong == []


@pytest.mark.skipif(os.name != "posix", reason="Binder's images are Linux")
def test_the_build_script_is_sound_and_warms_the_first_notebook() -> None:
    script = FOLDER / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=20)
    assert "soundverse-nb demo" in script.read_text()
