"""The examples in the package's docstrings run as they stand, and every public word has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import soundverse_nb as sv
from soundverse_nb import hosting
from soundverse_nb.api.sse import EventStreamDecoder

PACKAGE = Path(sv.__file__).parent
# Found by their text, so that collecting them imports nothing.
FILES = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
WORDS = [
    "sv.preflight",
    "sv.preflight_all",
    "sv.repair",
    "sv.PreflightReport",
    "sv.Limits",
    "sv.connect",
    "sv.Client",
    "sv.Client.remix",
    "sv.Client.remix_all",
    "sv.Client.stream",
    "sv.RemixJob",
    "sv.RemixRequest",
    "sv.RemixEvent",
    "sv.Stage",
    "sv.Remix",
    "sv.RemixList",
    "sv.Clip",
    "sv.compare",
    "sv.example_song",
    "sv.enable_nested",
    "sv.SoundverseError",
    "sv.simulator.Simulator",
    "hosting.ObjectStoreHost",
    "hosting.EmbeddedHost",
    "hosting.PublishedReference",
    "hosting.as_host",
    "EventStreamDecoder",
]
HOW = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.REPORT_NDIFF


@pytest.fixture(scope="module")
def quick_embedded_service() -> Iterator[None]:
    """One embedded service for all examples, which takes no time for show and makes each remix once."""
    from soundverse_nb.client import simulated

    with sv.simulator.Simulator(speed=2000.0, take=1) as service, pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated, "_running", {os.getpid(): service})
        yield


def examples_of(module: ModuleType) -> Iterator[doctest.DocTest]:
    """Those of everything defined in a module; doctest's own search passes over what is decorated.

    They share their names: a method's example goes on with what its class's made.
    """
    finder, names = doctest.DocTestFinder(), dict(vars(module))
    for name, thing in list(vars(module).items()):
        if getattr(thing, "__module__", None) != module.__name__ or not callable(thing):
            continue
        for example in finder.find(thing, name, module=False):
            example.globs = names
            yield example


@pytest.mark.usefixtures("quick_embedded_service")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_examples_of_a_file_hold(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    runner = doctest.DocTestRunner(optionflags=HOW)
    for example in examples_of(module):
        runner.run(example, clear_globs=False)
    written = len(re.findall(r"^ *>>> (?!.*doctest: \+SKIP)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert runner.tries - getattr(runner, "skips", 0) == written  # CPython 3.13 counts the skipped ones too
    assert runner.failures == 0


@pytest.mark.parametrize("word", WORDS)
def test_a_public_word_has_an_example(word: str) -> None:
    first, *rest = word.split(".")
    thing = {"sv": sv, "hosting": hosting, "EventStreamDecoder": EventStreamDecoder}[first]
    for name in rest:
        thing = getattr(thing, name)
    assert ">>> " in (inspect.getdoc(thing) or "")
