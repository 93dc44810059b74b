"""Scripts in benchmarks/ stand first on the path of whoever runs one: none may be called as a library is."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path


def test_no_script_hides_an_installed_library() -> None:
    scripts = {
        path.stem for path in (Path(__file__).parents[2] / "benchmarks").iterdir() if path.stem[0] != "_"
    }
    libraries = {*importlib.metadata.packages_distributions(), *sys.stdlib_module_names}
    assert not scripts & libraries
