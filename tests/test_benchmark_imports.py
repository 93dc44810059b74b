"""Benchmarks run pieces of code in processes of their own, as texts that no type checker reads."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
IMPORT = re.compile(r"^\s*from (soundverse_nb[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.py")))
def test_whatever_a_benchmark_imports_of_the_package_is_there(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    for module, words in IMPORT.findall(text):
        found = importlib.import_module(module)
        for word in re.findall(r"(?:^|[,(])\s*(\w+)", words):
            assert hasattr(found, word) or importlib.import_module(f"{module}.{word}")
