"""The words other people's scripts call, and what importing the package loads."""

from __future__ import annotations

import ast
import importlib
import inspect
import pydoc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter

import soundverse_nb as sv
from benchmarks.imports import HEAVY, loaded_by

WORDS = [
    "preflight",
    "PreflightReport",
    "Limits",
    "repair",
    "preflight_all",
    "connect",
    "Client",
    "RemixJob",
    "enable_nested",
    "RemixRequest",
    "RemixEvent",
    "Stage",
    "Remix",
    "RemixList",
    "Clip",
    "compare",
    "analyse",
    "analyse_all",
    "analysis",
    "compare_all",
    "compare_audio",
    "metric",
    "Difference",
    "Features",
    "Plan",
    "Study",
    "merge",
    "example_song",
    "simulator",
    "hosting",
    "SoundverseError",
    "ConfigurationError",
    "PreflightError",
    "HostingError",
    "APIError",
    "AuthenticationError",
    "InvalidRequestError",
    "ReferenceAudioError",
    "RateLimitError",
    "InsufficientBalanceError",
    "ServiceUnavailableError",
    "GenerationFailedError",
    "TransportError",
    "UnknownOutcomeError",
    "UnreadableAnswerError",
    "DownloadError",
    "BudgetExceededError",
]


@pytest.mark.parametrize("word", WORDS)
def test_every_public_word_is_there(word: str) -> None:
    assert getattr(sv, word) is not None
    assert word in dir(sv)
    assert word in sv.__all__


def test_the_public_words_are_all_named_here() -> None:
    assert {*WORDS, "__version__"} == set(sv.__all__)


def test_the_three_ways_to_compare_take_the_same_settings() -> None:
    def settings(function: Callable[..., object]) -> list[inspect.Parameter]:
        parameters = inspect.signature(function).parameters.values()
        return [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]

    assert [each.name for each in settings(sv.compare)] == ["labels", "title"]
    for compare in (sv.compare, sv.Remix.compare, sv.RemixList.compare):
        assert settings(compare) == settings(sv.compare)
        assert all(f"{each.name} :" in str(inspect.getdoc(compare)) for each in settings(compare))


@pytest.mark.parametrize("use_jedi", [True, False])
def test_tab_shows_the_public_words_and_no_others(use_jedi: bool) -> None:
    completer = IPCompleter(namespace={"sv": sv}, global_namespace={}, use_jedi=use_jedi)
    with provisionalcompleter():
        shown = {each.text.lstrip(".") for each in completer.completions("sv.", 3)}
    assert shown == set(WORDS)


def test_help_opens_with_an_example() -> None:
    description = pydoc.plain(pydoc.render_doc(sv)).partition("DESCRIPTION")[2]
    first_lines = "\n".join(description.splitlines()[:8])
    assert "import soundverse_nb as sv" in first_lines
    assert "sv.connect()" in first_lines


def test_an_unknown_word_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="remiks"):
        sv.remiks  # noqa: B018 (the look-up is the test)


def test_a_word_with_a_typo_is_told_which_one_is_meant() -> None:
    with pytest.raises(AttributeError, match=r"has no 'preflght'\. Did you mean 'preflight'\?"):
        _ = sv.preflght
    with pytest.raises(AttributeError, match=r"has no 'xyzzy'\.$"):
        _ = sv.xyzzy


def test_every_error_is_a_soundverse_error() -> None:
    errors = [getattr(sv, word) for word in WORDS if word.endswith("Error")]
    assert all(issubclass(error, sv.SoundverseError) for error in errors)


def test_every_word_comes_from_the_home_that_type_checkers_are_told() -> None:
    stub = ast.parse(Path(sv.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        # `from x import y as y` is what makes a name public to a type checker.
        alias.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(homes) == set(WORDS)
    for word, home in homes.items():
        module = importlib.import_module(f"soundverse_nb.{home or word}")
        assert getattr(sv, word) is (getattr(module, word) if home else module)


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import soundverse_nb") & HEAVY == set()


@pytest.mark.parametrize(
    "layer", ["api.event", "api.request", "api.sse", "client", "remix", "reference", "render"]
)
def test_importing_a_layer_does_not_load_the_analysis_libraries(layer: str) -> None:
    numerics = {"librosa", "numba", "scipy", "pandas", "matplotlib"}
    assert loaded_by(f"import soundverse_nb.{layer}") & numerics == set()


@pytest.mark.parametrize("name", ["event", "request", "sse", "answers", "retry"])
def test_the_rules_of_the_wire_load_without_the_network_library(name: str) -> None:
    assert "aiohttp" not in loaded_by(f"import soundverse_nb.api.{name}")


def test_the_import_benchmark_prints_both_imports_side_by_side() -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "imports.py"
    run = subprocess.run(
        [sys.executable, str(script), "--pairs", "1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "import soundverse_nb" in run.stdout, run.stderr
    assert "import pydantic" in run.stdout
